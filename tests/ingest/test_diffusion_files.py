"""Bases as people have them on disk: variants, shards, and what downloads leave behind."""

import shutil

import pytest
import torch
from attribase.ingest.diffusion import load_pipeline
from attribase.ingest.diffusion_files import check_weights, find_variant, weight_bytes
from attribase.store import DataError

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def copy(tiny_base, tmp_path):
    """A copy of the tiny base that a test may damage."""
    return shutil.copytree(tiny_base, tmp_path / "base")


def weights_of(folder):
    pipeline = load_pipeline(folder)
    parts = (pipeline.text_encoder, pipeline.unet, pipeline.vae)
    return [tensor for part in parts for tensor in part.state_dict().values()]


def same(first, second) -> bool:
    return all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_a_folder_of_the_fp16_variant_is_loaded(make_pipeline, tmp_path):
    pipeline = make_pipeline().to(torch.float16)
    pipeline.save_pretrained(tmp_path / "half", variant="fp16")
    assert find_variant(tmp_path / "half") == "fp16"
    expected = make_pipeline().to(torch.float16).to(torch.float32)
    parts = (expected.text_encoder, expected.unet, expected.vae)
    assert same(weights_of(tmp_path / "half"), [one for part in parts for one in part.state_dict().values()])


def test_the_plain_weights_are_taken_where_both_are_there(make_pipeline, tiny_base, copy, tmp_path):
    other = tmp_path / "other"
    make_pipeline(seed=1).to(torch.float16).save_pretrained(other, variant="fp16")
    for path in other.glob("*/*.fp16.safetensors"):
        shutil.copy(path, copy / path.relative_to(other))
    assert len(list(copy.glob("*/*.fp16.safetensors"))) == 3
    assert find_variant(copy) is None
    assert same(weights_of(copy), weights_of(tiny_base))


def test_one_part_may_be_of_a_variant(make_pipeline, copy):
    (copy / UNET).unlink()
    half = make_pipeline().to(torch.float16)
    half.unet.save_pretrained(copy / "unet", variant="fp16")
    assert find_variant(copy) == "fp16"
    assert same([load_pipeline(copy).unet.conv_in.weight], [half.unet.conv_in.weight.float()])


def test_shards_are_loaded(make_pipeline, tiny_base, copy):
    (copy / UNET).unlink()
    make_pipeline().unet.save_pretrained(copy / "unet", max_shard_size="40KB")
    assert len(list((copy / "unet").glob("*-of-*"))) > 1
    assert same(weights_of(copy), weights_of(tiny_base))


def test_the_weights_of_a_base_count_as_large_as_its_unet(tiny_base):
    pipeline = load_pipeline(tiny_base)
    parameters = sum(parameter.numel() for parameter in pipeline.unet.parameters())
    assert 4 * parameters <= weight_bytes(tiny_base) <= 4 * parameters + 50_000  # float32, and the headers


def test_a_pointer_of_git_lfs_is_named(copy):
    (copy / UNET).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(DataError, match=r"unet/diffusion_pytorch_model\.safetensors is a pointer of Git LFS"):
        load_pipeline(copy)


@pytest.mark.parametrize("part", ["unet", "text_encoder", "vae"])
@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_a_cut_file_is_named(copy, part, share):
    (path,) = (copy / part).glob("*.safetensors")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match=rf"{part}/{path.name} is cut off"):
        check_weights(copy)


def test_a_cut_pickle_is_named(copy, make_pipeline):
    (copy / UNET).unlink()
    torch.save(make_pipeline().unet.state_dict(), path := copy / "unet" / "diffusion_pytorch_model.bin")
    check_weights(copy)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(DataError, match=r"diffusion_pytorch_model\.bin is cut off"):
        check_weights(copy)


def test_a_missing_shard_and_missing_weights_are_named(copy, make_pipeline):
    (copy / UNET).unlink()
    with pytest.raises(DataError, match=r"unet has no weights, only config\.json"):
        check_weights(copy)
    make_pipeline().unet.save_pretrained(copy / "unet", max_shard_size="40KB")
    lost = min((copy / "unet").glob("*-of-*"))
    lost.unlink()
    with pytest.raises(DataError, match=f"names {lost.name}, which is not there"):
        check_weights(copy)
