"""Weight files of a release: mapper pairs and calibrators."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...runtime import MapperPair
from ...runtime.mapper_kinds import FeatureMap
from ...runtime.mapper_state import COUNTER, mapper_from_state
from ...store import InvalidInputError
from .entries import entry_error, format_value
from .tensors import load_tensors

SIDES = ("real_mapper", "synth_mapper")
BIAS_GAIN = -0.001  # lambda = BIAS_GAIN * bias: the release learns a scaled bias that is added


@dataclass(frozen=True)
class ReleasedMapper:
    """h and h~ of a mapper of one encoder."""

    encoder: str
    mapper: str
    name: str
    pair: MapperPair


@dataclass(frozen=True)
class ReleasedCalibration:
    """tau and lambda of eq. 6 for one encoder and mapper."""

    encoder: str
    mapper: str
    name: str
    tau: float
    lam: float


def read_mapper(path: Path, name: str, encoder: str, mapper: str) -> ReleasedMapper:
    """The mapper at `path`, of any kind. Raises DataError or InvalidInputError that names file and entry."""
    entries = load_tensors(path, name)
    _check_keys(name, entries, SIDES)
    try:
        pair = MapperPair(*(_map(name, side, entries[side]) for side in SIDES))
    except InvalidInputError as error:
        prefix = "" if str(error).startswith(name) else f"{name}: "
        raise InvalidInputError(f"{prefix}{error}", hint=error.hint) from error
    return ReleasedMapper(encoder, mapper, name, pair)


def read_calibrator(path: Path, name: str, encoder: str, mapper: str) -> ReleasedCalibration:
    """The calibrator at `path`: tau = 1 / inv_tau, lambda = -0.001 bias. Raises as `read_mapper`."""
    entries = load_tensors(path, name)
    _check_keys(name, entries, ("inv_tau", "bias"))
    inverse_tau, bias = (_number(name, entry, entries[entry]) for entry in ("inv_tau", "bias"))
    if not inverse_tau > 0 or not math.isfinite(1 / inverse_tau):
        raise entry_error(name, "inv_tau", f"is {inverse_tau}; tau = 1 / inv_tau has to be positive")
    if not BIAS_GAIN * bias < 1:
        raise entry_error(name, "bias", f"is {bias}; lambda = {BIAS_GAIN} * bias has to be below 1")
    return ReleasedCalibration(encoder, mapper, name, 1 / inverse_tau, BIAS_GAIN * bias)


def _check_keys(name: str, entries: Mapping[str, Any], wanted: tuple[str, ...]) -> None:
    if set(entries) != set(wanted):
        found = ", ".join(map(format_value, entries)) or "nothing"
        raise entry_error(name, "the whole file", f"has {found}, not {' and '.join(wanted)}")


def _map(name: str, side: str, state: Any) -> FeatureMap:
    if not isinstance(state, Mapping):
        raise entry_error(name, side, f"is {format_value(state)}, not a state dict")
    try:
        return mapper_from_state(
            {str(key): _array(name, f"{side}[{key!r}]", key, part) for key, part in state.items()}
        )
    except InvalidInputError as error:
        prefix = "" if str(error).startswith(name) else f"{name}: {side}: "
        raise InvalidInputError(f"{prefix}{error}", hint=error.hint) from error


def _array(name: str, entry: str, key: Any, value: Any) -> NDArray[np.float32]:
    import torch

    if not isinstance(value, torch.Tensor):
        raise entry_error(name, entry, f"is {format_value(value)}, not a tensor")
    if value.dtype != torch.float32 and not str(key).endswith(COUNTER):
        raise entry_error(name, entry, f"is {str(value.dtype).removeprefix('torch.')}, not float32")
    array: NDArray[np.float32] = value.detach().to_dense().to(torch.float32).numpy().copy()
    return array


def _number(name: str, entry: str, value: Any) -> float:
    import torch

    if isinstance(value, torch.Tensor) and value.numel() == 1 and value.is_floating_point():
        value = value.item()
    if not isinstance(value, float) or not math.isfinite(value):
        raise entry_error(name, entry, f"is {format_value(value)}, not a finite number")
    return value
