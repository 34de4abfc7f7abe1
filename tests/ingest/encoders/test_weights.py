import http.server
import threading

import pytest
import torch
from attribase.ingest.encoders import weights
from attribase.ingest.encoders.weights import read_checkpoint
from attribase.store.errors import InvalidInputError


@pytest.fixture
def server():
    """Serves two files: one whole, one that ends before it said it would."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path in ("/whole.pt", "/torn.pt") else 404)
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(b"0123456789" if self.path == "/whole.pt" else b"01234")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "_offline", lambda: False)
    return tmp_path / "hub" / "checkpoints"


def test_a_download_is_kept_and_not_fetched_again(server, home, monkeypatch):
    assert weights.url_file("x", f"{server}/whole.pt").read_bytes() == b"0123456789"
    monkeypatch.setattr(weights, "_download", None)  # would fail if it were called
    assert weights.url_file("x", f"{server}/whole.pt") == home / "whole.pt"


@pytest.mark.parametrize("name", ["torn.pt", "gone.pt"])
def test_a_download_that_fails_leaves_nothing_and_says_what_to_get(server, home, name):
    with pytest.raises(InvalidInputError, match="weights of x are not here") as error:
        weights.url_file("x", f"{server}/{name}")
    assert error.value.hint == f"get {server}/{name} and pass --weights FILE"
    assert list(home.iterdir()) == []


def test_all_files_of_a_folder_must_be_cached(tmp_path, monkeypatch):
    for name in ("a.json", "part/b.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def cached(repository, name):
        assert repository == "some/where"
        return str(tmp_path / name) if (tmp_path / name).exists() else None

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", cached)
    monkeypatch.setattr(weights, "_hub_answers", lambda: False)
    for order in (["a.json", "part/b.bin"], ["part/b.bin", "a.json"]):
        assert weights.hub_folder("x", "some/where", order, "give up") == tmp_path
    with pytest.raises(InvalidInputError) as error:
        weights.hub_folder("x", "some/where", ["a.json", "c.json"], "give up")
    assert error.value.hint == "get a.json, c.json of the Hugging Face repository some/where and give up"


class Runs:
    def __reduce__(self):
        return (open, ("ran", "w"))


def test_code_in_a_checkpoint_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {}, "extra": Runs()}, tmp_path / "evil.pt")
    with pytest.raises(Exception, match=r"(?i)weights.only"):
        read_checkpoint(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()
    torch.save(torch.zeros(3), tmp_path / "tensor.pt")
    with pytest.raises(ValueError, match="not named tensors"):
        read_checkpoint(tmp_path / "tensor.pt")


def test_old_and_new_files_and_safetensors_read_alike(tmp_path):
    from safetensors.torch import save_file

    state = {"a": torch.arange(3.0)}
    torch.save(state, tmp_path / "new.pt")
    torch.save(state, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / "it.safetensors")
    for name in ("new.pt", "old.pt", "it.safetensors"):
        assert torch.equal(read_checkpoint(tmp_path / name)["a"], state["a"])
