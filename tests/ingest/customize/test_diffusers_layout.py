import pickle

import numpy as np
import pytest
import torch
from attribase.ingest.customize import customize, export_diffusers_layout, import_diffusers_layout
from attribase.ingest.customize.generator import load_generator
from attribase.ingest.customize.train import train
from attribase.ingest.customize.weights import apply, extract, unpack
from attribase.store import DataError, InvalidInputError, NotFoundError, Store
from PIL import Image

TOKEN = "<new1>"
WEIGHTS = "pytorch_custom_diffusion_weights.pt"


@pytest.fixture
def made(store, make_spec, config):
    """The id of a stored model."""
    list(customize(store, [make_spec()], config, workers=0))
    return store.read("models", ["model_id"])["model_id"][0].as_py()


def weights_of(store, model):
    return unpack(dict(store.blobs("models", "weights", [model]))[model])[0]


def test_export_and_import_give_the_same_model(store, made, make_spec, config, tmp_path):
    files = export_diffusers_layout(store, made, tmp_path / "tom")
    assert [file.name for file in files] == [WEIGHTS, "<new1>.bin"]
    other = Store.create(tmp_path / "other")
    name = import_diffusers_layout(other, tmp_path / "tom", make_spec(), config)
    before, after = weights_of(store, made), weights_of(other, name)
    assert set(before) == set(after)
    assert all(torch.equal(before[key].float(), after[key].float()) for key in before)
    assert import_diffusers_layout(other, tmp_path / "tom", make_spec(), config) == name
    assert other.count("models") == 1


def test_diffusers_reads_the_exported_files(store, made, config, tmp_path):
    """diffusers' own processors, built from the file, give the same output for the same noise."""
    weights, embedding = export_diffusers_layout(store, made, tmp_path / "tom")
    state = torch.load(weights, weights_only=True)
    tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    assert all(
        name.endswith(
            ("attn2.processor.to_k_custom_diffusion.weight", "attn2.processor.to_v_custom_diffusion.weight")
        )
        for name in tensors
    )
    assert list(torch.load(embedding, weights_only=True)) == [TOKEN]

    ours, theirs = load_generator(config.base, TOKEN), load_generator(config.base, TOKEN)
    apply(ours, weights_of(store, made))
    theirs.unet.set_attn_processor(theirs.unet._process_custom_diffusion(state))
    noise, text = torch.randn(1, 4, 4, 4), torch.randn(1, 5, 16)
    with torch.no_grad():
        expected = theirs.unet(noise, 10, text).sample
        untouched = load_generator(config.base, TOKEN).unet(noise, 10, text).sample
        assert torch.allclose(ours.unet(noise, 10, text).sample, expected, atol=1e-5)
    assert not torch.allclose(untouched, expected, atol=1e-4)


def test_a_low_rank_model_is_exported_whole(store, make_spec, config, tmp_path):
    list(customize(store, [make_spec()], config.with_changes(rank=1), workers=0))
    model = store.read("models", ["model_id"])["model_id"][0].as_py()
    weights, _ = export_diffusers_layout(store, model, tmp_path / "low")
    generator = load_generator(config.base, TOKEN)
    apply(generator, weights_of(store, model))
    state = torch.load(weights, weights_only=True)
    name = next(iter(generator.kv))
    released = name.replace("to_", "processor.to_").replace(".weight", "_custom_diffusion.weight")
    assert torch.equal(state[released], generator.kv[name])


class _Evil:
    def __reduce__(self):
        return (print, ("this ran",))


@pytest.mark.parametrize("file", [WEIGHTS, "<new1>.bin"])
def test_a_pickle_with_code_is_refused(store, made, make_spec, config, tmp_path, file, capsys):
    export_diffusers_layout(store, made, tmp_path / "tom")
    (tmp_path / "tom" / file).write_bytes(pickle.dumps({TOKEN: _Evil()}, protocol=2))
    with pytest.raises(DataError):
        import_diffusers_layout(store, tmp_path / "tom", make_spec(), config)
    torch.save({TOKEN: _Evil()}, tmp_path / "tom" / file)
    with pytest.raises(DataError) as error:
        import_diffusers_layout(store, tmp_path / "tom", make_spec(), config)
    assert error.value.hint
    assert "this ran" not in capsys.readouterr().out


def test_files_without_a_customized_model_are_refused(store, made, make_spec, config, tmp_path):
    with pytest.raises(NotFoundError, match=WEIGHTS):
        import_diffusers_layout(store, tmp_path, make_spec(), config)
    with pytest.raises(NotFoundError):
        export_diffusers_layout(store, "unknown", tmp_path)
    weights, _ = export_diffusers_layout(store, made, tmp_path / "tom")
    state = torch.load(weights, weights_only=True)
    generator = load_generator(config.base, TOKEN)
    for name, value in generator.original.items():
        state[name.replace("to_", "processor.to_").replace(".weight", "_custom_diffusion.weight")] = value
    torch.save(state, weights)
    with pytest.raises(DataError, match="base's own"):
        import_diffusers_layout(store, tmp_path / "tom", make_spec(), config)
    torch.save({}, weights)
    with pytest.raises(InvalidInputError, match="do not fit"):
        import_diffusers_layout(store, tmp_path / "tom", make_spec(), config)


def test_stored_weights_are_the_weights_in_memory(make_spec, config):
    from attribase.ingest.customize.weights import pack
    from attribase.ingest.sample import SampleConfig
    from attribase.ingest.sample.ddim import draw_samples

    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8))
    generator, other = load_generator(config.base, TOKEN), load_generator(config.base, TOKEN)
    settings = SampleConfig(steps=3, guidance=2.0, batch_size=2, resolution=8)
    train(generator, make_spec(), [image], config)
    data = pack(extract(generator), {})
    apply(generator, unpack(data)[0])
    apply(other, unpack(data)[0])
    assert draw_samples(generator, ["V* cat"], [1], settings) == draw_samples(
        other, ["V* cat"], [1], settings
    )
    other.reset()
    assert draw_samples(generator, ["V* cat"], [1], settings) != draw_samples(
        other, ["V* cat"], [1], settings
    )
