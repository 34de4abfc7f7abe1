"""Making a pack: the answer in all its forms, the manifest of them, and the signature."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..query import answer_all
from ..query.attribution.answer_document import answer_document
from ..query.attribution.answer_pdf import write_answer_pdf
from ..query.attribution.answer_rows import write_answers
from ..query.attribution.markup import read_images
from ..query.attribution.page import answer_page
from ..query.attribution.provenance import LIMITS
from ..query.attribution.query_vectors import read_query_images
from ..query.attribution.request import NamedImage
from ..runtime.formats import HEAD_BYTES, recognise
from ..store.layout import software_version
from .canonical import to_canonical
from .container import check_absent, write_pack_files
from .contents import fixed_question, pack_contents
from .manifest import ANSWER, DOCUMENT, MANIFEST, PAGE, README, ROWS, SIGNATURE, FileDigest, Manifest
from .signing import SigningKey

if TYPE_CHECKING:
    from ..query import Answer, Question, Request, Snapshot

THUMBNAIL = 256
"""The longer side of a thumbnail in pixels."""

HOW_TO_VERIFY = """This folder is an evidence pack: an answer of Attribase to the question which training
images influenced a picture, with all that is needed to check it.

  attribase verify THIS_FOLDER --signer PUBLIC_KEY.pub
      finds out whether every file is as it was signed, and by whom
  attribase -s STORE verify THIS_FOLDER
      also asks the question again of the store, at the versions that answered, and compares

answer.json     what was asked, who answered, the answer, what is known of rights, the limits
images.parquet  the images listed, a row each
page.html       the answer as a page, answer.pdf the same to print
thumbnails/     the images listed, by rank
manifest.json   every file with its size and sha256
signature.json  an Ed25519 signature of manifest.json

What an answer is not: {limits}
"""


def write_pack(
    target: Path, snapshot: Snapshot, question: Question, request: Request, key: SigningKey
) -> Answer:
    """Ask, and write the pack at `target`, which must not be there; the answer.

    It is a folder, or one file where the name ends with `.zip`; there whole or not at all.

    Raises:
        ConflictError: `target` is there.
        InvalidInputError: it cannot be written, or the question is a vector.
        MissingExtraError: the library that writes PDFs, or the one that signs, is not installed.
        NotFoundError, DataError and others: as `attribute`.
    """
    check_absent(target)
    answer, files = make_pack(snapshot, question, request, key)
    write_pack_files(target, files)
    return answer


def make_pack(
    snapshot: Snapshot, question: Question, request: Request, key: SigningKey
) -> tuple[Answer, dict[str, bytes]]:
    """Ask; the answer, and all files of its pack. Raises as `write_pack`."""
    state = snapshot.as_of(request.at)
    request = replace(request, at=state.pinned.versions)
    asked = fixed_question(question, request.files)
    (answer,) = answer_all(state, [asked], replace(request, files=False))
    return answer, seal(dict(pack_files(state, asked, request, answer)), key)


def seal(files: Mapping[str, bytes], key: SigningKey) -> dict[str, bytes]:
    """The files with the manifest of them and its signature."""
    created = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    digests = {path: FileDigest.of(data) for path, data in files.items()}
    manifest = Manifest(digests, created, f"attribase {software_version()}").to_bytes()
    return {**files, MANIFEST: manifest, SIGNATURE: key.sign(manifest)}


def pack_files(
    snapshot: Snapshot, question: NamedImage | str, request: Request, answer: Answer
) -> Iterator[tuple[str, bytes]]:
    """Every file of a pack but manifest and signature, by its path."""
    images = read_query_images(snapshot, [question], files=False)
    data = next(iter(images.values()))
    picture = None if data is None else (f"picture{_ending(data)}", data)
    if picture is not None:
        yield picture
    yield ANSWER, to_canonical(pack_contents(snapshot, request, answer, question, picture))
    yield ROWS, _rows(answer)
    yield PAGE, answer_page(snapshot, [answer], images, f"Attribution: {answer.query}").encode()
    yield DOCUMENT, _document(answer)
    yield from _thumbnails(snapshot, [result.image_id for result in answer.results])
    yield README, HOW_TO_VERIFY.format(limits=" ".join(LIMITS)).encode()


def _rows(answer: Answer) -> bytes:
    out = io.BytesIO()
    write_answers([answer], "parquet", out)
    return out.getvalue()


def _document(answer: Answer) -> bytes:
    out = io.BytesIO()
    write_answer_pdf(answer_document([answer], {}), out)
    return out.getvalue()


def _thumbnails(snapshot: Snapshot, ids: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """The images that have bytes and can be decoded, by rank."""
    found = read_images(snapshot, ids, THUMBNAIL)
    for rank, image in enumerate(ids, 1):
        kind, _, text = (found.get(image) or "").removeprefix("data:image/").partition(";base64,")
        if text:
            yield f"thumbnails/{rank:03d}.{kind}", base64.b64decode(text)


def _ending(data: bytes) -> str:
    """The ending of a picture's format; none for one that is not known."""
    found = recognise(data[:HEAD_BYTES])
    return f".{found.lower()}" if found else ""
