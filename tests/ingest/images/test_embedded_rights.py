"""Rights that files state, in files written here, by Pillow or byte by byte."""

import io
import json
import struct
import zlib

import pytest
from attribase.ingest.images.embedded_rights import read_embedded_rights
from PIL import Image

from .stored import images_of, ingest

XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/"
 xmlns:cc="http://creativecommons.org/ns#" xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmpRights:WebStatement="https://example.org/rights"
 plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED">
<dc:creator><rdf:Seq><rdf:li>Łucja Ż</rdf:li><rdf:li>B. Second</rdf:li></rdf:Seq></dc:creator>
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">(c) 2020 Łucja</rdf:li></rdf:Alt></dc:rights>
<cc:license rdf:resource="https://creativecommons.org/licenses/by/4.0/"/>
<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""
STATED = {
    "copyright": "(c) 2020 Łucja",
    "web_statement": "https://example.org/rights",
    "digital_source_type": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    "data_mining": "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED",
}


def saved(kind: str = "JPEG", colour: str = "red", **options) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, kind, **options)
    return buffer.getvalue()


def with_xmp(kind: str, xmp: str) -> bytes:
    if kind != "PNG":
        return saved(kind, xmp=xmp.encode())
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp.encode()
    return with_chunk(b"iTXt", text)


def with_chunk(name: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk after its header."""
    data = saved("PNG")
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return data[:33] + chunk + data[33:]


def with_segment(kind: int, body: bytes) -> bytes:
    """A JPEG with one more segment after its first bytes."""
    data = saved()
    return data[:2] + struct.pack(">BBH", 0xFF, kind, len(body) + 2) + body + data[2:]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_xmp_states_creator_licence_and_the_rest(kind):
    data = saved("TIFF", tiffinfo={700: XMP.encode()}) if kind == "TIFF" else with_xmp(kind, XMP)
    found = read_embedded_rights(data)
    assert found.creator == "Łucja Ż; B. Second"
    assert found.license == "https://creativecommons.org/licenses/by/4.0/"
    assert found.others == STATED


def test_without_a_licence_the_web_statement_is_one():
    found = read_embedded_rights(with_xmp("JPEG", XMP.replace("cc:license", "cc:other")))
    assert found.license == "https://example.org/rights"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_states_artist_and_copyright(kind):
    exif = Image.Exif()
    exif[0x013B], exif[0x8298] = "Mueller", "Museum"
    found = read_embedded_rights(saved(kind, exif=exif))
    assert (found.creator, found.license, found.others) == ("Mueller", None, {"copyright": "Museum"})


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_exif_is_read_in_the_encodings_that_cameras_write(encoding):
    name = "Müller".encode(encoding)
    exif = Image.Exif()
    exif[0x013B] = "#" * len(name)
    data = saved(exif=exif)
    assert data.count(b"#" * len(name)) == 1
    assert read_embedded_rights(data.replace(b"#" * len(name), name)).creator == "Müller"


def test_windows_states_the_author_in_utf_16():
    exif = Image.Exif()
    exif[0x9C9D] = "Zoë\0".encode("utf-16-le")
    assert read_embedded_rights(saved(exif=exif)).creator == "Zoë"


def test_iptc_states_byline_copyright_and_credit():
    def record(number: int, text: bytes) -> bytes:
        return b"\x1c\x02" + bytes([number]) + struct.pack(">H", len(text)) + text

    iptc = record(80, "José".encode()) + record(116, b"(c) Agency") + record(110, b"Agency")
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    found = read_embedded_rights(with_segment(0xED, b"Photoshop 3.0\0" + block))
    assert found.creator == "José"
    assert found.others == {"copyright": "(c) Agency", "credit": "Agency"}


def test_png_texts_state_author_and_copyright():
    data = with_chunk(b"tEXt", b"Author\0Anna")
    assert read_embedded_rights(data).creator == "Anna"
    assert read_embedded_rights(with_chunk(b"tEXt", b"Copyright\0Anna 2020")).others == {
        "copyright": "Anna 2020"
    }


def test_xmp_counts_before_exif():
    exif = Image.Exif()
    exif[0x013B] = "Scanner"
    assert read_embedded_rights(saved(exif=exif, xmp=XMP.encode())).creator == "Łucja Ż; B. Second"


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "'
    + "a" * 1000
    + '">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{("&" + chr(97 + n) + ";") * 50}">' for n in range(5))
    + "]>"
)


@pytest.mark.parametrize(
    "xmp",
    [
        BOMB + XMP.split("?>", 1)[1].replace("B. Second", "&f;"),
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
        + XMP.split("?>", 1)[1].replace("B. Second", "&a;"),
        "<x",
        "\0\0\0",
        "<a>" * 20_000,
    ],
    ids=["entities", "file", "cut", "zeros", "deep"],
)
def test_hostile_xmp_states_nothing(xmp):
    found = read_embedded_rights(with_xmp("PNG", xmp))
    assert (found.creator, found.license, found.others) == (None, None, {})


def test_long_and_odd_texts_are_cut_and_cleaned():
    found = read_embedded_rights(with_chunk(b"tEXt", b"Author\0A\x1b[31m" + b"x" * 5000))
    assert found.creator.startswith("A[31mx")
    assert len(found.creator) == 2000


def boxes(*parts: tuple[bytes, bytes]) -> bytes:
    return b"".join(struct.pack(">I4s", 8 + len(body), name) + body for name, body in parts)


MANIFEST = boxes((b"jumb", boxes((b"jumd", b"c2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\x03c2pa\0"))))


@pytest.mark.parametrize(
    "data",
    [
        with_segment(0xEB, b"JP\0\1\0\0\0\1" + MANIFEST),
        with_chunk(b"caBX", MANIFEST),
        saved("WEBP") + struct.pack("<4sI", b"C2PA", len(MANIFEST)) + MANIFEST,
        saved("AVIF") + boxes((b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + MANIFEST)),
        saved("TIFF", tiffinfo={52545: MANIFEST}),
    ],
    ids=["jpeg", "png", "webp", "avif", "tiff"],
)
def test_a_manifest_of_content_credentials_is_seen(data):
    assert read_embedded_rights(data).others == {"content_credentials": True}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "GIF", "BMP", "PPM"])
def test_plain_files_state_nothing_whole_or_cut(kind):
    whole = saved(kind)
    for data in [whole, *(whole[:end] for end in range(0, len(whole), max(1, len(whole) // 40)))]:
        found = read_embedded_rights(data)
        assert (found.creator, found.license, found.others) == (None, None, {})


def test_ingest_fills_what_nothing_else_says(store, tmp_path):
    exif = Image.Exif()
    exif[0x013B], exif[0x8298] = "Anna", "(c) Anna"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(saved(exif=exif))
    (tmp_path / "in" / "b.jpg").write_bytes(saved(colour="blue", exif=exif))
    rows = [{"file_name": "a.jpg"}, {"file_name": "b.jpg", "creator": "Berta", "license": "CC0"}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "in" / "metadata.jsonl").write_text(lines, encoding="utf-8")
    ingest(store, tmp_path / "in")
    found = images_of(store, ("uri", "creator", "license", "metadata"))
    assert (found["a.jpg"]["creator"], found["a.jpg"]["license"]) == ("Anna", None)
    assert json.loads(found["a.jpg"]["metadata"])["rights"] == {"copyright": "(c) Anna"}
    assert (found["b.jpg"]["creator"], found["b.jpg"]["license"]) == ("Berta", "CC0")
