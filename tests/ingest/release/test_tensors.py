"""Rows of a file of tensors are read where they lie."""

import numpy as np
import pytest
import torch
from attribase.ingest.release import tensors
from attribase.store import DataError


@pytest.fixture
def file(tmp_path):
    torch.manual_seed(0)
    whole = torch.randn(9, 4)
    data = {
        "whole": whole,
        "part": whole[3:7],
        "other": torch.randn(5, 3),
        "grown": torch.nn.Parameter(whole),
    }
    torch.save(data, tmp_path / "a.pth")
    return tmp_path / "a.pth", data


@pytest.mark.parametrize(
    "opened", [tensors._load_empty, pytest.param(tensors._load_fake, marks=pytest.mark.slow)]
)
def test_a_tensor_is_found_in_the_file_also_a_part_of_another(file, opened, monkeypatch):
    path, data = file
    monkeypatch.setattr(tensors, "BLOCK_ROWS", 2)
    entries = opened(path, "a.pth")
    for name, tensor in data.items():
        rows = tensors.open_matrix(path, "a.pth", name, entries[name], rows=len(tensor))
        assert (rows.count, rows.dim) == tuple(tensor.shape)
        assert np.array_equal(rows.read(1, 3), tensor[1:3].detach().numpy())
        blocks = np.concatenate([block for _, block in rows.blocks()])
        assert np.array_equal(blocks, tensor.detach().numpy())


def test_a_digest_is_the_contents_and_not_the_files_name(file, tmp_path):
    _, data = file
    torch.save(data, tmp_path / "b.pth")
    torch.save(data | {"other": data["other"] + 1}, tmp_path / "c.pth")
    same, again, other = (
        tensors.load_without_values(tmp_path / name, "")[1] for name in ("a.pth", "b.pth", "c.pth")
    )
    assert same == again != other


def test_a_file_that_shrinks_while_it_is_read_is_an_error(file):
    path, _ = file
    rows = tensors.open_matrix(
        path, "a.pth", "other", tensors.load_without_values(path, "")[0]["other"], rows=5
    )
    path.write_bytes(path.read_bytes()[: rows.offset + 8])
    with pytest.raises(DataError, match=r"a\.pth: other is cut short"):
        rows.read(0, 5)
