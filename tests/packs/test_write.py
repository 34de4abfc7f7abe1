"""What a pack holds, and that it is there whole or not at all."""

import io
import json
import os

import pyarrow.parquet as pq
import pytest
from attribase.packs import container, write_pack
from attribase.query import Request, Session, attribute
from attribase.store import ConflictError, NotFoundError, content_id
from PIL import Image
from pypdf import PdfReader

from .conftest import SAMPLE, png


def test_a_pack_holds_question_answer_rights_and_how_to_verify(pack, pictured_once):
    found = {path.relative_to(pack).as_posix() for path in pack.rglob("*") if path.is_file()}
    thumbnails = {f"thumbnails/{rank:03d}.png" for rank in range(6)}
    documents = {"answer.json", "images.parquet", "page.html", "answer.pdf", "README.txt"}
    documents |= {"picture.png", "picture-c2pa.png", "certificate.pem"}
    assert found == documents | thumbnails | {"manifest.json", "signature.json"}
    content = json.loads((pack / "answer.json").read_text())
    asked = {
        "kind": "sample",
        "question": SAMPLE,
        "prompt": "a cat",
        "file": "picture.png",
        "sha256": content_id(png(999)),
    }
    assert content["asked"] == asked
    assert (pack / "picture.png").read_bytes() == png(999)
    assert content["store"]["versions"] == pictured_once.store.versions()
    rights = {row["image_id"]: row["license"] for row in content["rights"]}
    stored = dict(
        zip(*pictured_once.store.read("images", ["image_id", "license"]).to_pydict().values(), strict=True)
    )
    assert rights == {one: stored[one] for one in rights}


def test_the_answer_is_that_of_attribute(pack, pictured_once):
    answer = attribute(pictured_once.store, SAMPLE, k=5)
    content = json.loads((pack / "answer.json").read_text())["answer"]
    assert [one["image_id"] for one in content["results"]] == [one.image_id for one in answer.results]
    assert [one["influence"] for one in content["results"]] == [one.influence for one in answer.results]
    rows = pq.read_table(io.BytesIO((pack / "images.parquet").read_bytes()))
    assert rows["image_id"].to_pylist() == [one.image_id for one in answer.results]


def test_documents_say_what_no_answer_is(pack):
    text = "".join(page.extract_text() for page in PdfReader(pack / "answer.pdf").pages)
    for document in (text, (pack / "page.html").read_text(), (pack / "README.txt").read_text()):
        assert "This is no proof." in " ".join(document.split())


def test_thumbnails_are_the_images_by_rank(pack, pictured_once):
    first = attribute(pictured_once.store, SAMPLE, k=1).results[0].image_id
    ((_, data),) = pictured_once.store.blobs("images", "bytes", [first])
    assert list(Image.open(pack / "thumbnails" / "001.png").convert("RGB").getdata()) == list(
        Image.open(io.BytesIO(data)).getdata()
    )


def test_an_existing_pack_is_never_replaced(pack, pictured_once, signer):
    before = (pack / "manifest.json").read_bytes()
    with pytest.raises(ConflictError, match="is there already"):
        write_pack(pack, Session(pictured_once.store).snapshot(), SAMPLE, Request(), signer)
    assert (pack / "manifest.json").read_bytes() == before


def test_a_writer_that_fails_leaves_nothing(tmp_path, pictured_once, signer, monkeypatch):
    def fail(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(container, "write_folder", fail)
    with pytest.raises(Exception, match="No space left"):
        write_pack(tmp_path / "b.pack", Session(pictured_once.store).snapshot(), SAMPLE, Request(), signer)
    assert not list(tmp_path.iterdir())


def test_a_question_that_is_not_there_is_an_error_before_anything_is_written(tmp_path, pictured_once, signer):
    with pytest.raises(NotFoundError):
        write_pack(tmp_path / "b.pack", Session(pictured_once.store).snapshot(), "nosuch", Request(), signer)
    assert not list(tmp_path.iterdir())
