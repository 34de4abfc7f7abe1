import numpy as np
import pytest
from attribase.ingest.world.build.corpus import load_corpus
from attribase.ingest.world.build.export import export_model
from attribase.ingest.world.build.latents import load_latents
from attribase.store.errors import ConflictError, DataError, NotFoundError

pytestmark = pytest.mark.filterwarnings("ignore")


def test_missing_and_mismatched_and_broken_files_say_which_step_to_run(work, tmp_path):
    with pytest.raises(NotFoundError) as missing:
        load_corpus(tmp_path / "world.parquet", tmp_path / "icons.npy")
    assert "rasterise" in missing.value.hint
    np.save(tmp_path / "icons.npy", np.zeros((3, 32, 32, 4), np.uint8))
    with pytest.raises(ConflictError):
        load_corpus(work / "world.parquet", tmp_path / "icons.npy")
    with pytest.raises(NotFoundError) as undrawn:
        load_latents(tmp_path)
    assert "looks" in undrawn.value.hint
    with pytest.raises(NotFoundError) as untrained:
        export_model(tmp_path, tmp_path / "model")
    assert "unet" in untrained.value.hint
    (tmp_path / "unet.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(NotFoundError) as without_vae:
        export_model(tmp_path, tmp_path / "model")
    assert "vae" in without_vae.value.hint
    (tmp_path / "vae").symlink_to(work / "vae")
    with pytest.raises(DataError):
        export_model(tmp_path, tmp_path / "model")
