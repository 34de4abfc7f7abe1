"""Asking the question of a pack again, of the same store, of a copy and of a changed one."""

import json
import shutil

import pytest
from attribase.packs import recompute, write_pack
from attribase.packs.canonical import to_canonical
from attribase.query import Request, Session
from attribase.store import NotFoundError, Store

from .conftest import SAMPLE, png


def test_the_same_store_and_a_copy_answer_equally(pack, pictured, tmp_path):
    copy = Store.open(shutil.copytree(pictured.store.uri, tmp_path / "elsewhere"))
    for store in (pictured.store, copy):
        found = recompute(pack, store)
        assert (found.equal, found.differences) == (True, ())


def test_a_store_that_went_on_still_answers_at_the_versions_of_the_pack(pack, pictured):
    pictured.images(["new"], "gallery", [pictured.vectors["e00"]])
    assert recompute(pack, pictured.store).equal


def test_an_answer_that_was_changed_is_named(pack, pictured):
    content = json.loads((pack / "answer.json").read_text())
    content["answer"]["results"][0]["influence"] += 0.01
    content["rights"][1]["license"] = "mine"
    (pack / "answer.json").write_bytes(to_canonical(content))
    found = recompute(pack, pictured.store)
    assert not found.equal
    assert [text.partition(":")[0] for text in found.differences] == [
        "rights[1].license",
        "answer.results[0].influence",
        "images.parquet does not say what answer.json says",
        "page.html does not say what answer.json says",
    ]


def test_last_digits_may_differ_and_are_told(pack, pictured):
    content = json.loads((pack / "answer.json").read_text())
    content["answer"]["results"][0]["similarity"] += 1e-7
    (pack / "answer.json").write_bytes(to_canonical(content))
    found = recompute(pack, pictured.store)
    assert found.largest == pytest.approx(1e-7, rel=0.01)
    assert [text for text in found.differences if "does not say" not in text] == []


def test_a_store_without_these_versions_is_an_error(pack):
    with pytest.raises(NotFoundError):
        recompute(pack, Store.create(pack.parent / "empty.store"))


def test_the_options_of_the_request_are_taken(pictured, signer, tmp_path):
    request = Request(k=3, pool="gallery", where="license = 'CC0'")
    write_pack(tmp_path / "b.pack", Session(pictured.store).snapshot(), SAMPLE, request, signer)
    content = json.loads((tmp_path / "b.pack" / "answer.json").read_text())
    assert len(content["answer"]["results"]) == 3
    assert {row["license"] for row in content["rights"]} == {"CC0"}
    assert recompute(tmp_path / "b.pack", pictured.store).equal


def test_pictures_that_are_pixels_only_need_the_encoder(pictured, signer, tmp_path):
    (tmp_path / "a.png").write_bytes(png(5))
    with pytest.raises(NotFoundError):  # this store has vectors, and no network to make them with
        write_pack(
            tmp_path / "b.pack",
            Session(pictured.store).snapshot(),
            str(tmp_path / "a.png"),
            Request(),
            signer,
        )
