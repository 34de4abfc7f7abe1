"""`attribase train export`: a mapper as an ONNX file."""

import numpy as np
import onnxruntime
from attribase.cli import cli
from attribase.runtime import LinearMapper, MapperPair
from attribase.store import Store, key_id
from click.testing import CliRunner


def store_with_mapper(folder) -> str:
    store = Store.create(folder / "a.store")
    one = LinearMapper(np.eye(3, dtype=np.float32), np.ones(3, np.float32))
    data = MapperPair(one, one).to_bytes()
    row = {"mapper_id": key_id("enc", "m"), "encoder": "enc", "mapper": "m", "weights": data}
    store.upsert("mappers", [row])
    return store.uri


def export(store, target):
    command = ["-s", store, "train", "export", "m", "--encoder", "enc", "-o", str(target)]
    return CliRunner().invoke(cli, command)


def test_a_mapper_becomes_a_file_that_onnx_runtime_reads(tmp_path):
    target = tmp_path / "m.onnx"
    result = export(store_with_mapper(tmp_path), target)
    assert result.exit_code == 0, result.output
    assert "linear" in result.output
    names = [one.name for one in onnxruntime.InferenceSession(target).get_outputs()]
    assert names == ["real", "synth"]


def test_a_folder_that_is_not_there_is_no_traceback(tmp_path):
    target = tmp_path / "no" / "m.onnx"
    result = export(store_with_mapper(tmp_path), target)
    assert result.exit_code == 1
    assert "cannot write" in result.stderr
