"""The rights that ingested images have: from files, from tables, and how each value is logged."""

import io
import json

import pytest
from attribase.ingest.images import OwnedSource, ingest_images, open_source, read_owners, update_images
from attribase.ingest.images.reservations import is_understood, reservation_of
from attribase.store import Store, content_id
from attribase.store.rights import FIELDS, read_log
from PIL import Image

XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:tdm="http://www.w3.org/ns/tdmrep/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmpRights:WebStatement="https://example.org/rights"
 photoshop:Source="City Archive" {reserved}>
<dc:creator><rdf:Seq><rdf:li>Ann</rdf:li></rdf:Seq></dc:creator>
<plus:CopyrightOwner><rdf:Seq><rdf:li rdf:parseType="Resource">
<plus:CopyrightOwnerName>Ann Ltd</plus:CopyrightOwnerName></rdf:li></rdf:Seq></plus:CopyrightOwner>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def picture(shade: int, reserved: str = "") -> bytes:
    buffer = io.BytesIO()
    xmp = XMP.format(reserved=reserved).encode() if reserved else b""
    Image.new("RGB", (8, 8), (shade, 0, 0)).save(buffer, "JPEG", **({"xmp": xmp} if xmp else {}))
    return buffer.getvalue()


STATED = picture(1, 'tdm:reservation="1"')
PLAIN = picture(2)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "stated.jpg").write_bytes(STATED)
    (folder / "plain.jpg").write_bytes(PLAIN)
    return folder


def rights_of(store, data):
    (row,) = store.read("images", list(FIELDS), f"image_id = '{content_id(data)}'").to_pylist()
    return {name: value for name, value in row.items() if value is not None}


def log_of(store, data):
    return {
        (row["field"], row["number"]): (row["old"], row["new"], row["provenance"], row["origin"])
        for row in read_log(store, [content_id(data)])
    }


def run(store, source, **options):
    return list(ingest_images(store, source, "gallery", **options))


def test_what_files_state_is_stored_and_logged_as_theirs(store, photos):
    run(store, open_source(str(photos)))
    assert rights_of(store, STATED) == {
        "creator": "Ann",
        "rights_holder": "Ann Ltd",
        "license": "https://example.org/rights",
        "license_url": "https://example.org/rights",
        "reservation": "tdm",
        "source": "City Archive",
    }
    assert set(log_of(store, STATED).values()) == {
        (None, value, "metadata", None) for value in rights_of(store, STATED).values()
    }
    assert len(log_of(store, STATED)) == 6
    assert (rights_of(store, PLAIN), log_of(store, PLAIN)) == ({}, {})
    assert all(row["added"] for row in store.read("images", ["added"]).to_pylist())


def test_a_table_counts_before_the_file_and_is_logged_by_its_path(store, photos, tmp_path):
    owners = tmp_path / "owners.csv"
    owners.write_text(
        "file,artist,reservation,copyright_holder,year\nstated.jpg,Bea,none,,1999\nplain.jpg,,1,Bea Ltd,\n"
    )
    run(store, OwnedSource(open_source(str(photos)), read_owners(owners)))
    assert rights_of(store, STATED) | {"creator": "Bea", "reservation": "none"} == rights_of(store, STATED)
    assert rights_of(store, PLAIN) == {"reservation": "tdm", "rights_holder": "Bea Ltd"}
    log = log_of(store, STATED)
    assert log["creator", 1] == (None, "Bea", "table", str(owners))
    assert log["rights_holder", 1] == (None, "Ann Ltd", "metadata", None)
    assert log_of(store, PLAIN)["reservation", 1] == (None, "tdm", "table", str(owners))


def test_an_update_logs_what_it_fills_and_replaces_and_nothing_else(store, photos, tmp_path):
    run(store, open_source(str(photos)))
    owners = tmp_path / "owners.csv"
    owners.write_text("file,artist,opt_out,source\nstated.jpg,Bea,yes,City Archive\nplain.jpg,Cleo,no,\n")
    before = store.count("rights_log")
    list(update_images(store, read_owners(owners), dry_run=True))
    assert store.count("rights_log") == before
    list(update_images(store, read_owners(owners)))
    assert rights_of(store, PLAIN) == {"creator": "Cleo", "reservation": "none"}
    assert rights_of(store, STATED)["creator"] == "Ann"
    assert store.count("rights_log") == before + 2
    list(update_images(store, read_owners(owners), update=True))
    log = log_of(store, STATED)
    assert log["creator", 2] == ("Ann", "Bea", "table", str(owners))
    assert log["reservation", 2] == ("tdm", "opt-out", "table", str(owners))
    assert ("source", 2) not in log
    list(update_images(store, read_owners(owners), update=True))
    assert store.count("rights_log") == before + 4


def test_a_shard_that_was_killed_after_its_log_is_logged_once(store, photos, monkeypatch):
    upsert = Store.upsert

    def die(self, table, rows, **options):
        if table == "images":
            raise KeyboardInterrupt
        return upsert(self, table, rows, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "upsert", die)
        with pytest.raises(KeyboardInterrupt):
            run(store, open_source(str(photos)))
    assert (store.count("images"), store.count("rights_log")) == (0, 6)
    run(store, open_source(str(photos)))
    assert (store.count("images"), store.count("rights_log")) == (2, 6)


def test_words_of_a_reservation_that_are_not_known_stay_in_the_metadata(store, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(PLAIN)
    (folder / "a.json").write_text(json.dumps({"reservation": "ask me first", "source": "site"}))
    run(store, open_source(str(folder)))
    assert rights_of(store, PLAIN) == {"source": "site"}
    (metadata,) = store.read("images", ["metadata"])["metadata"].to_pylist()
    assert json.loads(metadata) == {"reservation": "ask me first"}


@pytest.mark.parametrize(
    ("value", "column", "wanted"),
    [
        (1, "tdm_reservation", "tdm"),
        ("0", "tdm_reservation", "none"),
        (True, "opt_out", "opt-out"),
        (False, "opt_out", "none"),
        ("http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-GENAIMLTRAINING", "", "opt-out"),
        ("DMI-PROHIBITED", "", "tdm"),
        ("DMI-ALLOWED", "data_mining", "none"),
        ("Prohibited for AI/ML training", "data_mining", "opt-out"),
        ("Opt-Out", "reservation", "opt-out"),
        ("http://ns.useplus.org/ldf/vocab/DMI-UNSPECIFIED", "", None),
        ("DMI-SOMETHING-NEW", "", None),
        ("perhaps", "reservation", None),
        (None, "reservation", None),
    ],
)
def test_reservations_are_read_in_the_words_of_their_standards(value, column, wanted):
    assert reservation_of(value, column) == wanted
    assert is_understood(value, column) == (value not in ("perhaps", "DMI-SOMETHING-NEW"))
