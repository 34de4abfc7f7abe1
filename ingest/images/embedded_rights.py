"""Rights that an image file states about itself, in EXIF, XMP, IPTC IIM, texts of PNG and a C2PA manifest.

Only headers are read, within limits: XMP is parsed without entities or DTDs, long texts are cut, and what
cannot be read counts as absent, because broken metadata does not spoil a picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element

from PIL import Image, IptcImagePlugin

from ...runtime.decode import open_image
from .content_credentials import has_content_credentials
from .reservations import reservation_of

METADATA_KEY = "rights"
"""Where the metadata of an image has what its columns have no place for."""

LARGEST_XMP = 1 << 20
LONGEST_TEXT = 2000
MOST_VALUES = 20

_NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "cc": "http://creativecommons.org/ns#",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
    "tdm": "http://www.w3.org/ns/tdmrep/",
}
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_XMP = {  # property -> what it states
    "dc:creator": "creator",
    "dc:rights": "copyright",
    "xmpRights:UsageTerms": "usage_terms",
    "xmpRights:WebStatement": "web_statement",
    "xmpRights:Owner": "rights_holder",
    "plus:CopyrightOwnerName": "rights_holder",
    "cc:license": "license",
    "photoshop:Credit": "credit",
    "photoshop:Source": "source",
    "Iptc4xmpExt:DigitalSourceType": "digital_source_type",
    "plus:DataMining": "data_mining",
    "tdm:reservation": "tdm_reservation",
    "tdm:policy": "tdm_policy",
}
_EXIF = {0x013B: "creator", 0x8298: "copyright", 0x9C9D: "creator"}  # Artist, Copyright, Windows' author
_IPTC = {(2, 80): "creator", (2, 116): "copyright", (2, 110): "credit", (2, 115): "source"}
_PNG = {"Author": "creator", "Copyright": "copyright"}


@dataclass(frozen=True)
class EmbeddedRights:
    """What a file says of its rights.

    Attributes:
        creator: who made it; several are joined by '; '.
        license: the licence's address or terms: cc:license, else the usage terms, else the web statement.
        rights_holder: PLUS's copyright owner, or the owner of XMP's rights; several are joined by '; '.
        license_url: cc:license where it is an address, else the web statement.
        reservation: of TDMRep and PLUS's "Data Mining", the stricter one; None where they say nothing.
        source: photoshop:Source, or that of IPTC IIM.
        others: the rest by name: 'copyright', 'credit', 'usage_terms', 'web_statement',
            'digital_source_type', 'data_mining', 'tdm_reservation', 'tdm_policy' (as the file has them) and
            'content_credentials' (True where there is a C2PA manifest; it is not verified).
    """

    creator: str | None = None
    license: str | None = None
    rights_holder: str | None = None
    license_url: str | None = None
    reservation: str | None = None
    source: str | None = None
    others: Mapping[str, Any] = field(default_factory=dict)


def read_embedded_rights(data: bytes) -> EmbeddedRights:
    """The rights that the image file `data` states: XMP counts before IPTC, that before EXIF and texts."""
    found: dict[str, list[str]] = {}
    with suppress(Exception):  # the header was read before; parsers of metadata raise many types
        image = open_image(data)
        for read in (_read_xmp, _read_iptc, _read_exif, _read_png):
            with suppress(Exception):
                stated: dict[str, list[str]] = {}
                for name, text in read(image):
                    stated.setdefault(name, []).append(text)
                found = {**{name: _clean(texts) for name, texts in stated.items()}, **found}
    texts = {name: "; ".join(values) for name, values in found.items() if values}
    terms = ("license", "usage_terms", "web_statement")
    own = ("creator", "license", "rights_holder", "source")
    others: dict[str, Any] = {name: text for name, text in texts.items() if name not in own}
    if has_content_credentials(data):
        others["content_credentials"] = True
    return EmbeddedRights(
        creator=texts.get("creator"),
        license=next((texts[name] for name in terms if name in texts), None),
        rights_holder=texts.get("rights_holder"),
        license_url=_address(texts.get("license")) or _address(texts.get("web_statement")),
        reservation=_stricter(texts.get("tdm_reservation"), texts.get("data_mining")),
        source=texts.get("source"),
        others=others,
    )


def _address(text: str | None) -> str | None:
    """The text where it is one address of the web."""
    return text if text and text.startswith(("http://", "https://")) and " " not in text else None


def _stricter(*stated: str | None) -> str | None:
    """The reservation of a file that may state several."""
    found = {reservation_of(text) for text in stated}
    return next((one for one in ("opt-out", "tdm", "none") if one in found), None)


def _read_xmp(image: Image.Image) -> Iterator[tuple[str, str]]:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if packet is None and getattr(image, "tag_v2", None):
        packet = image.tag_v2.get(700)  # type: ignore[attr-defined]
    if not packet or len(packet) > LARGEST_XMP:
        return
    from defusedxml.ElementTree import fromstring

    text = packet if isinstance(packet, str) else packet.decode("utf-8", "replace")
    root = fromstring(text.strip("\0 \r\n\ufeff"), forbid_dtd=True)
    wanted = {_expand(name): what for name, what in _XMP.items()}
    for element in root.iter():
        if element.tag in wanted:
            for value in _values(element):
                yield wanted[element.tag], value
        for name, value in element.attrib.items():
            if name in wanted:
                yield wanted[name], value


def _values(element: Element) -> Iterator[str]:
    """The texts of a property: its own, those of a list, or the address that it points to."""
    if resource := element.get(f"{_RDF}resource"):
        yield resource
    items = list(element.iter(f"{_RDF}li"))
    for item in items or [element]:
        if item.text and item.text.strip():
            yield item.text


def _read_iptc(image: Image.Image) -> Iterator[tuple[str, str]]:
    for key, value in (IptcImagePlugin.getiptcinfo(image) or {}).items():  # type: ignore[arg-type]
        if what := _IPTC.get(key):
            for one in value if isinstance(value, list) else [value]:
                yield what, _decode(one)


def _read_exif(image: Image.Image) -> Iterator[tuple[str, str]]:
    exif = image.getexif()
    for tag, what in _EXIF.items():
        value = exif.get(tag)
        if isinstance(value, bytes):
            yield what, value.decode("utf-16-le", "replace")
        elif isinstance(value, str):
            yield what, _decode(value.encode("latin-1", "replace"))  # Pillow reads Latin-1, writers use UTF-8


def _read_png(image: Image.Image) -> Iterator[tuple[str, str]]:
    if image.format == "PNG":
        for name, what in _PNG.items():
            if isinstance(value := image.info.get(name), str):
                yield what, value


def _expand(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"


def _decode(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _clean(values: list[str]) -> list[str]:
    """Values without control characters and repetitions, cut to a length; at most `MOST_VALUES`."""
    texts = ("".join(c for c in value if c.isprintable() or c == " ").strip() for value in values)
    return list(dict.fromkeys(text[:LONGEST_TEXT] for text in texts if text))[:MOST_VALUES]
