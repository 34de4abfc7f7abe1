"""A training whose inputs have not changed is not done again; one whose inputs have is."""

from dataclasses import replace

import numpy as np
from attribase.train import CalibrationConfig, MapperConfig, train_calibration, train_mapper

from .conftest import vectors

CONFIG = MapperConfig(temperature=0.1, epochs=5, views=0, validate_every=5)


def steps(generator):
    return len(list(generator))


def test_a_mapper_is_trained_once_whatever_other_mappers_come(made):
    assert steps(train_mapper(made, "made", CONFIG))
    assert steps(train_mapper(made, "made", replace(CONFIG, name="other")))
    before = made.versions()
    assert not steps(train_mapper(made, "made", CONFIG))
    assert made.versions() == before


def test_other_settings_or_new_vectors_train_it_again(made):
    assert steps(train_mapper(made, "made", CONFIG))
    assert steps(train_mapper(made, "made", replace(CONFIG, epochs=6)))
    width = made.schema("vectors_made").field("base").type.list_size
    new = {"item_id": ["new"], "item_kind": ["image"], "base": vectors(np.ones((1, width), np.float32))}
    import pyarrow as pa

    names = made.schema("vectors_made").names
    new |= {name: vectors(np.eye(1, width, dtype=np.float32)) for name in names if name.startswith("mapped_")}
    made.upsert("vectors_made", pa.table(new))
    assert steps(train_mapper(made, "made", replace(CONFIG, epochs=6)))


def test_a_calibration_is_fitted_once_and_again_when_its_mapper_changes(made):
    list(train_mapper(made, "made", CONFIG))
    assert steps(train_calibration(made, "made", CONFIG.name, CalibrationConfig(steps=5)))
    assert not steps(train_calibration(made, "made", CONFIG.name, CalibrationConfig(steps=5)))
    list(train_mapper(made, "made", replace(CONFIG, epochs=6)))
    assert steps(train_calibration(made, "made", CONFIG.name, CalibrationConfig(steps=5)))
