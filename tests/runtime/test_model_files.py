"""The stored files of an encoder: every one hashed, and what was hashed is what runs."""

import json

import numpy as np
import onnx
import pytest
from attribase.runtime import OnnxEncoder, Preprocessing, load_encoder
from attribase.runtime import encoder as encoder_module
from attribase.runtime.model_files import StoredFile, can_embed, files_json
from attribase.store import Store, content_id
from attribase.store.errors import DataError, NotFoundError
from onnx import TensorProto, external_data_helper, helper, numpy_helper

SIZE, DIM = 4, 5
FOLDER = "encoders/big-0123"
NAMES = {"model": "model.onnx", "weights": "weights.data", "beside": "tokenizer.json"}
TOKENIZER = b'{"not": "read here"}'


def model_and_weights(seed: int = 0) -> tuple[bytes, bytes, np.ndarray]:
    """Feature = mean colour @ weight, the weight in a file of its own."""
    weight = np.random.default_rng(seed).normal(size=(3, DIM)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["images", "axes"], ["colour"], keepdims=0),
            helper.make_node("MatMul", ["colour", "weight"], ["features"]),
        ],
        "big",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", DIM])],
        [numpy_helper.from_array(np.array([2, 3]), "axes"), numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    tensor = model.graph.initializer[1]
    external_data_helper.set_external_data(tensor, NAMES["weights"], offset=0, length=weight.nbytes)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    return model.SerializeToString(), weight.tobytes(), weight


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store.create(tmp_path / "store")
    model, weights, _ = model_and_weights()
    stored = []
    for (role, name), data in zip(NAMES.items(), (model, weights, TOKENIZER), strict=True):
        store.write_file((*FOLDER.split("/"), name), data)
        stored.append(StoredFile(f"{FOLDER}/{name}", content_id(data), role, len(data)))
    row = {
        "encoder": "big",
        "dim": DIM,
        "preprocessing": Preprocessing(SIZE, SIZE).to_json(),
        "onnx_file": stored[0].file,
        "onnx_sha256": stored[0].sha256,
        "files": files_json(stored),
    }
    store.upsert("encoders", [row])
    return store


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(6, 3, SIZE, SIZE)).astype(np.float32)


def path(store: Store, role: str):
    return store.file(*FOLDER.split("/"), NAMES[role])


def test_weights_in_a_file_of_their_own_are_used(store, pixels):
    expected = pixels.mean(axis=(2, 3)) @ model_and_weights()[2]
    encoder = load_encoder(store, "big")
    assert encoder.run(pixels) == pytest.approx(expected, abs=1e-6)
    assert encoder.extra_files == {NAMES["beside"]: TOKENIZER}


@pytest.mark.parametrize("role", NAMES)
@pytest.mark.parametrize("harm", ["one bit", "cut short", "empty", "longer", "swapped"])
def test_a_file_that_is_another_is_noticed(store, role, harm):
    file = path(store, role)
    data = file.read_bytes()
    model, weights, _ = model_and_weights(seed=1)
    swapped = {"model": weights, "weights": weights, "beside": model}[role]
    flipped = data[:7] + bytes([data[7] ^ 1]) + data[8:]
    harmed = {"one bit": flipped, "cut short": data[:-1], "empty": b"", "longer": data + b"\0"}
    harmed["swapped"] = swapped
    file.write_bytes(harmed[harm])
    with pytest.raises(DataError, match="not the one") as error:
        load_encoder(store, "big")
    assert file.name in str(error.value)


@pytest.mark.parametrize("role", NAMES)
def test_a_file_that_is_gone_is_named(store, role):
    path(store, role).unlink()
    with pytest.raises(NotFoundError, match=NAMES[role]):
        load_encoder(store, "big")


def test_what_was_hashed_is_what_runs(store, pixels, monkeypatch):
    """Files that change between the check and the load change nothing: nobody opens them again."""
    expected = load_encoder(store, "big").run(pixels)
    read = encoder_module.read_model

    def read_and_swap(*args):
        found = read(*args)
        for role in NAMES:
            path(store, role).write_bytes(model_and_weights(seed=2)[1])
        return found

    monkeypatch.setattr(encoder_module, "read_model", read_and_swap)
    assert np.array_equal(load_encoder(store, "big").run(pixels), expected)


def test_a_running_encoder_does_not_look_at_its_files_again(store, pixels):
    """A mapped file that is written to would change the weights under the network."""
    encoder = load_encoder(store, "big")
    expected = encoder.run(pixels)
    for role in NAMES:
        with path(store, role).open("r+b") as file:
            file.write(b"\xff" * 64)
    assert np.array_equal(encoder.run(pixels), expected)


@pytest.mark.parametrize("changes", [{"location": "elsewhere.data"}, {"offset": 40}, {"offset": 4000}])
def test_a_model_that_names_weights_that_are_not_there_is_refused(store, changes):
    """Never by opening a path: the model's own file was hashed, what it points at was not."""
    model = onnx.load_from_string(path(store, "model").read_bytes())
    for entry in model.graph.initializer[1].external_data:
        if entry.key in changes:
            entry.value = str(changes[entry.key])
    with pytest.raises(DataError, match="weights weight of the ONNX model are missing"):
        OnnxEncoder(
            model.SerializeToString(),
            Preprocessing(SIZE, SIZE),
            weights={NAMES["weights"]: path(store, "weights").read_bytes()},
        )


def test_the_files_column_is_json_that_others_can_read(store):
    (listed,) = (json.loads(text) for text in store.read("encoders")["files"].to_pylist())
    assert [entry["role"] for entry in listed] == ["model", "weights", "beside"]
    for entry in listed:
        data = store.file(*entry["file"].split("/")).read_bytes()
        assert (entry["sha256"], entry["bytes"]) == (content_id(data), len(data))


def test_features_without_a_model_say_so(store):
    store.upsert("encoders", [{"encoder": "released", "dim": 3}])
    with pytest.raises(NotFoundError, match="not the encoder itself") as error:
        load_encoder(store, "released")
    assert "sample_id" in error.value.hint


def test_an_encoder_can_embed_where_it_or_every_part_has_a_model(store):
    (own,) = store.read("encoders", ["encoder"])["encoder"].to_pylist()
    store.upsert("encoders", [{"encoder": "released", "dim": 3}])
    for name, parts in (("whole", [own, own]), ("half", [own, "released"])):
        said = json.dumps([{"encoder": part, "dim": 3, "onnx_sha256": ""} for part in parts])
        store.upsert("encoders", [{"encoder": name, "dim": 6, "parts": said}])
    found = {name: can_embed(store, name) for name in (own, "released", "whole", "half")}
    assert found == {own: True, "released": False, "whole": True, "half": False}
