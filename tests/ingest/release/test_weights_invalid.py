"""Mappers and calibrators that are not as they have to be, or that the store has otherwise."""

import pytest
import torch
from attribase.ingest.release import ingest_release
from attribase.store.errors import ConflictError, InvalidInputError

from .corruption import CALIBRATOR, CHANNEL, LINEAR, MLP, change, check_refused, entry, set_value, without
from .official import copy_parts

BAD_WEIGHTS = {
    "a mapper of another length": (
        LINEAR,
        lambda _: {side: torch.nn.Linear(9, 9).state_dict() for side in ("real_mapper", "synth_mapper")},
        "takes 9 dimensions",
    ),
    "unknown keys": (
        LINEAR,
        entry("real_mapper", value={"fc.weight": torch.eye(8)}),
        "real_mapper: these are no mapper's keys",
    ),
    "a key too many": (LINEAR, entry("real_mapper", "scale", value=torch.ones(8)), "bias, scale, weight"),
    "a side too few": (
        LINEAR,
        without("synth_mapper"),
        "has 'real_mapper', not real_mapper and synth_mapper",
    ),
    "a side too many": (LINEAR, entry("optimizer", value={}), "'optimizer'"),
    "sides of two kinds": (
        CHANNEL,
        entry("synth_mapper", value={"weight": torch.eye(8), "bias": torch.zeros(8)}),
        "maps of real images",
    ),
    "a module for a state": (LINEAR, entry("real_mapper", value=torch.eye(8)), "real_mapper is a Tensor"),
    "a list in a state": (
        LINEAR,
        entry("real_mapper", "bias", value=[0.0] * 8),
        "real_mapper['bias'] is a list",
    ),
    "half precision": (
        LINEAR,
        entry("real_mapper", "weight", value=lambda w: w.half()),
        "real_mapper['weight'] is float16",
    ),
    "NaN": (
        LINEAR,
        entry("synth_mapper", "weight", value=set_value(float("nan"))),
        "synth_mapper: weight has NaN",
    ),
    "a bias of another length": (
        LINEAR,
        entry("real_mapper", "bias", value=torch.ones(7)),
        "bias of shape (7,)",
    ),
    "a channel too few": (
        CHANNEL,
        entry("real_mapper", "weights", value=torch.ones(1, 7)),
        "clip_channel.pth",
    ),
    "channels in a column": (
        CHANNEL,
        entry("real_mapper", "weights", value=torch.ones(8, 1)),
        "weights of shape (8, 1)",
    ),
    "layers that do not meet": (
        MLP,
        entry("real_mapper", "4.weight", value=torch.ones(4, 9)),
        "weight of shape (4, 9)",
    ),
    "an MLP's missing layer": (MLP, without("real_mapper", "4.weight"), "no mapper's keys"),
    "an MLP's missing statistics": (MLP, without("real_mapper", "1.running_var"), "no mapper's keys"),
    "a negative variance": (
        MLP,
        entry("real_mapper", "5.running_var", value=-torch.ones(4)),
        "running_var of shape (4,)",
    ),
    "tau without end": (CALIBRATOR, entry("inv_tau", value=torch.tensor(0.0)), "inv_tau is 0.0"),
    "a negative tau": (CALIBRATOR, entry("inv_tau", value=torch.tensor(-1.0)), "inv_tau is -1.0"),
    "lambda of one": (CALIBRATOR, entry("bias", value=torch.tensor(-1000.0)), "bias is -1000.0"),
    "no number": (CALIBRATOR, entry("bias", value=torch.tensor(float("nan"))), "bias is nan"),
    "two numbers": (CALIBRATOR, entry("bias", value=torch.ones(2)), "bias is a Tensor"),
    "no bias": (CALIBRATOR, without("bias"), "has 'inv_tau', not inv_tau and bias"),
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_invalid_weights_are_refused(copy, full, name):
    file, edit, says = BAD_WEIGHTS[name]
    change(copy, file, edit)
    check_refused(copy.folder, [full], InvalidInputError, file, says)


def test_a_mapper_that_does_not_fit_the_stores_vectors(copy, full, tmp_path):
    state = torch.nn.Linear(9, 9).state_dict()
    torch.save({"real_mapper": state, "synth_mapper": state}, copy.folder / "weights/mapper/clip_new.pth")
    before = full.versions()
    with pytest.raises(InvalidInputError, match=r"clip_new.pth: real_mapper takes 9 dimensions, the store's"):
        list(ingest_release(full, copy_parts(copy, tmp_path / "part", "weights/mapper")))
    assert full.versions() == before


@pytest.mark.parametrize(
    ("file", "edit"),
    [
        (LINEAR, entry("real_mapper", "bias", value=torch.ones(8))),
        (CALIBRATOR, entry("bias", value=torch.tensor(2.0))),
    ],
)
def test_weights_that_the_store_has_otherwise_are_not_replaced(copy, full, file, edit):
    change(copy, file, edit)
    before = full.versions()
    with pytest.raises(ConflictError, match=file):
        list(ingest_release(full, copy.folder))
    assert full.versions() == before
