"""Making a pack: the answer in all its forms, a picture that names it, and the seal over all of them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..query import answer_all
from ..query.attribution.answer_rows import write_answers
from ..query.attribution.markup import data_uri, read_images
from ..query.attribution.provenance import LIMITS
from ..query.attribution.query_vectors import read_query_images
from ..runtime.formats import HEAD_BYTES, recognise
from ..store import DataError, content_id
from .canonical import parse_canonical, to_canonical
from .container import check_absent, write_pack_files
from .contents import fixed_question, pack_contents
from .credentials import can_be_signed, sign_picture
from .document import evidence_pdf
from .manifest import ANSWER, CERTIFICATE, DOCUMENT, PAGE, README, ROWS, SIGNED_PICTURE
from .page import evidence_page, page_version
from .seal import PackSigner, seal

if TYPE_CHECKING:
    from ..query import Answer, Question, Request, Snapshot

THUMBNAIL = 256
"""The longer side of a thumbnail in pixels."""

HOW_TO_VERIFY = """This is an evidence pack: an answer of Attribase to the question which training images
influenced a picture, with all that is needed to check it.

  attribase verify THIS_PACK --signer PUBLIC_KEY.pub
      finds out whether every file is as it was signed, and by whom
  attribase -s STORE verify THIS_PACK
      also asks the question again of the store, at the versions that answered, and compares

answer.json     what was asked, who answered, the answer, what is known of rights, the limits
images.parquet  the images listed, a row each
page.html       the answer as a page, answer.pdf the same to print
picture.*       the picture that was asked about, byte for byte
picture-c2pa.*  the same with a C2PA manifest that names answer.json by its sha256
certificate.pem the certificate that signed that manifest, and its issuers
thumbnails/     000 the picture that was asked about, then the images listed, by rank
manifest.json   every file above with its size and sha256
signature.json  an Ed25519 signature of manifest.json
timestamp.tsr   an RFC 3161 time stamp of signature.json, with a signature of its own beside it

Not every pack has all of them. Of this one:
{notes}

What an answer is not: {limits}
"""


@dataclass(frozen=True)
class MadePack:
    """A pack that was made: the answer, all files by their paths, and what it lacks, a line each."""

    answer: Answer
    files: dict[str, bytes]
    notes: tuple[str, ...]


def write_pack(
    target: Path, snapshot: Snapshot, question: Question, request: Request, signer: PackSigner
) -> MadePack:
    """Ask, and write the pack at `target`, which must not be there.

    It is a folder, or one file where the name ends with `.zip`; there whole or not at all.

    Raises:
        ConflictError: `target` is there.
        InvalidInputError: it cannot be written, or the question is a vector.
        MissingExtraError: a library of the extra `evidence` is not installed.
        UnreachableError: the authority gave no time stamp.
        NotFoundError, DataError and others: as `attribute`.
    """
    check_absent(target)
    made = make_pack(snapshot, question, request, signer)
    write_pack_files(target, made.files)
    return made


def make_pack(snapshot: Snapshot, question: Question, request: Request, signer: PackSigner) -> MadePack:
    """Ask, and make the files. Raises as `write_pack`."""
    state = snapshot.as_of(request.at)
    request = replace(request, at=state.pinned.versions)
    asked = fixed_question(question, request.files)
    (answer,) = answer_all(state, [asked], replace(request, files=False))
    (data,) = read_query_images(state, [asked], files=False).values()
    picture = None if data is None else (f"picture{_ending(data)}", data)
    contents = pack_contents(state, request, answer, asked, picture)
    contents |= {"signer": signer.describe(), "page": page_version()}
    files = {} if picture is None else dict([picture])
    files[ANSWER] = to_canonical(contents)
    files[ROWS] = _rows(answer)
    thumbnails = dict(_thumbnails(state, data, [result.image_id for result in answer.results]))
    files |= {f"thumbnails/{rank:03d}.{ending}": shown for rank, (ending, shown) in thumbnails.items()}
    page = evidence_page(parse_canonical(files[ANSWER], ANSWER), thumbnails)  # of the file, as it is compared
    files[PAGE] = page.encode()
    files[DOCUMENT], printed = evidence_pdf(page, answer)
    signed, unsigned = _signed_picture(picture, files[ANSWER], signer)
    files |= signed
    notes = tuple(filter(None, (printed, unsigned)))
    listed = "\n".join(f"- {note}" for note in notes) or "- it has everything that its signer can add"
    files[README] = HOW_TO_VERIFY.format(notes=listed, limits=" ".join(LIMITS)).encode()
    return MadePack(answer, seal(files, signer), notes)


def _signed_picture(
    picture: tuple[str, bytes] | None, answer: bytes, signer: PackSigner
) -> tuple[dict[str, bytes], str | None]:
    """The picture with a C2PA manifest, and the certificate; or why there is none."""
    if picture is None:
        return {}, "no C2PA manifest: the store has no picture of this sample"
    if signer.chain is None:
        return {}, "no C2PA manifest: the key has no certificate"
    name, data = picture
    if not can_be_signed(data):
        return {}, f"no C2PA manifest: the format of {name} has none"
    says = {"file": ANSWER, "sha256": content_id(answer), "picture_sha256": content_id(data)}
    try:
        signed = sign_picture(data, {**says, "limits": list(LIMITS)}, signer.key, signer.chain)
    except DataError as error:
        return {}, f"no C2PA manifest: {error}"
    return {SIGNED_PICTURE + name.removeprefix("picture"): signed, CERTIFICATE: signer.chain.pem}, None


def _rows(answer: Answer) -> bytes:
    out = io.BytesIO()
    write_answers([answer], "parquet", out)
    return out.getvalue()


def _thumbnails(
    snapshot: Snapshot, asked: bytes | None, ids: Sequence[str]
) -> Iterator[tuple[int, tuple[str, bytes]]]:
    """Ending and bytes of the pictures that can be decoded: 0 is the one asked about, then by rank."""
    found = read_images(snapshot, ids, THUMBNAIL)
    for rank, uri in enumerate((data_uri(asked, side=THUMBNAIL), *(found.get(image) for image in ids))):
        kind, _, text = (uri or "").removeprefix("data:image/").partition(";base64,")
        if text:
            yield rank, ("jpg" if kind == "jpeg" else kind, base64.b64decode(text))


def _ending(data: bytes) -> str:
    """The ending of a picture's format; none for one that is not known."""
    found = recognise(data[:HEAD_BYTES])
    return f".{found.lower()}" if found else ""
