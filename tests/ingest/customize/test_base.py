import pytest
from attribase.ingest.customize import customize
from attribase.ingest.customize.generator import prepare_generator
from attribase.store import InvalidInputError

TOKEN = "<new1>"


def test_bases_without_cross_attention_are_refused(store, make_spec, config, make_pipeline, tmp_path):
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    make_pipeline(blocks=("DownBlock2D", "UpBlock2D")).save_pretrained(tmp_path / "plain")
    unet = UNet2DModel(
        sample_size=8,
        block_out_channels=(8,),
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
        norm_num_groups=4,
    )
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(tmp_path / "ddpm")
    for folder, says in (("plain", "no cross-attention"), ("ddpm", "not a Stable Diffusion pipeline")):
        with pytest.raises(InvalidInputError, match=says) as error:
            list(customize(store, [make_spec()], config.with_changes(base=str(tmp_path / folder)), workers=0))
        assert error.value.hint
    assert store.jobs.unfinished() == []
    with pytest.raises(InvalidInputError, match="no cross-attention"):
        prepare_generator(make_pipeline(blocks=("DownBlock2D", "UpBlock2D")), TOKEN)
