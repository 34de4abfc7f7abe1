"""What `answer.json` of a pack holds: what was asked, who answered, the answer, the rights of each image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from ..query.attribution.abstention import verdict
from ..query.attribution.parsed_question import parse_question
from ..query.attribution.provenance import LIMITS, MEANING_TEXT
from ..query.attribution.query_vectors import sample_ids
from ..query.attribution.request import NamedImage
from ..store import InvalidInputError, content_id
from ..store.layout import software_version

if TYPE_CHECKING:
    from ..query import Answer, Question, Request, Snapshot
    from ..query.attribution.evidence import Evidence

FORMAT = 2
LEVEL = 0.95
"""Of intervals."""

ENGINES = ("pylance", "onnxruntime-gpu", "onnxruntime", "numpy", "pillow")
"""The packages whose versions may change the last digits of an answer."""

RIGHTS = (
    "uri",
    "creator",
    "rights_holder",
    "license",
    "license_url",
    "reservation",
    "source",
    "metadata",
)
"""What the table of images says of who holds rights in one."""

SAMPLE, PICTURE = "sample", "picture"
"""What can be asked about."""

METHOD = (
    "The picture and every image compared are turned into vectors by the encoder, mapped by the mapper, and "
    "compared by cosine. Influence is what the calibration makes of these similarities, with a share for "
    "what is not among the images (arXiv:2306.09345, eq. 6, or the law that is named)."
)
"""How an answer comes about, in two sentences."""


def pack_contents(
    snapshot: Snapshot,
    request: Request,
    answer: Answer,
    question: NamedImage | str,
    picture: tuple[str, bytes] | None,
) -> dict[str, Any]:
    """The content of `answer.json`.

    `question`: as `fixed_question` returns it; `picture`: the pack's file of the picture, and its bytes.
    """
    sample = question if isinstance(question, str) else None
    prompt = None if sample is None else _prompt(snapshot, sample)
    kind = PICTURE if sample is None else SAMPLE
    asked: dict[str, Any] = {"kind": kind, "question": answer.query, "prompt": prompt}
    if picture is not None:
        asked |= {"file": picture[0], "sha256": content_id(picture[1])}
    options = {name: value for name, value in asdict(request).items() if name not in ("at", "files")}
    return {
        "format": FORMAT,
        "asked": asked,
        "request": options,
        "store": {"name": snapshot.store.name, "at": snapshot.at, "versions": dict(snapshot.pinned.versions)},
        "features": _features(snapshot, answer.encoder, answer.mapper),
        "software": _software(),
        "answer": answer.to_dict(),
        "verdict": list(verdict(answer)),
        "interval": _interval(answer.evidence),
        "rights": _rights(snapshot, [result.image_id for result in answer.results]),
        "method": METHOD,
        "meaning": MEANING_TEXT,
        "limits": list(LIMITS),
    }


def fixed_question(question: Question, files: bool) -> NamedImage | str:
    """A stored sample by its name, else the picture itself: a file may change while it is asked about.

    `files`: whether text may name a file of this machine. Raises InvalidInputError for a raw feature, which
    nobody can look at, and what `attribute` raises for what cannot be read.
    """
    parsed = parse_question(question, files)
    if parsed.error is not None:
        raise parsed.error
    if parsed.data is not None:
        return NamedImage(parsed.name, parsed.data)
    if parsed.sample is None:
        raise InvalidInputError(
            "a pack is of a picture or a stored sample, not of a vector", hint="give the picture's file"
        )
    return parsed.sample


def _prompt(snapshot: Snapshot, sample: str) -> str | None:
    """The prompt of a stored sample, by its id or uri."""
    ids = list(sample_ids(snapshot, [sample]).values())
    rows = snapshot.finder("samples", "sample_id").rows(ids, ["prompt"]).to_pylist()
    return rows[0]["prompt"] if rows else None


def _interval(evidence: Evidence | None) -> dict[str, Any] | None:
    """The interval of how often answers like this one were right; None where that is not known.

    Source: Wilson, Probable inference, 1927.
    """
    if evidence is None or evidence.right is None or not evidence.pictures:
        return None
    right, n = evidence.right, evidence.pictures
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    middle, half = right + z * z / (2 * n), z * math.sqrt(right * (1 - right) / n + (z / (2 * n)) ** 2)
    scale = 1 + z * z / n
    low, high = max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)
    return {"level": LEVEL, "method": "Wilson", "low": low, "high": high}


def _features(snapshot: Snapshot, encoder: str, mapper: str) -> dict[str, Any]:
    columns = ["source", "license", "onnx_sha256", "preprocessing", "precision", "parts"]
    row = _row(snapshot, "encoders", columns, encoder=encoder)
    mapped = {"name": mapper, "weights_sha256": None}
    if mapper != "none":
        mapped["weights_sha256"] = snapshot.mapper_digest(encoder, mapper)
    law = ["law", "tau", "lambda", "parameters", "created"]
    calibration = _row(snapshot, "calibrations", law, encoder=encoder, mapper=mapper)
    return {"encoder": {"name": encoder, **(row or {})}, "mapper": mapped, "calibration": calibration}


def _row(snapshot: Snapshot, table: str, columns: list[str], **key: str) -> dict[str, Any] | None:
    """The columns of the row with these values as JSON has them; None where there is none."""
    rows = snapshot.pinned.read(table, [*key, *columns]).to_pylist()
    found = next((row for row in rows if all(row[name] == value for name, value in key.items())), None)
    return None if found is None else {name: _plain(found[name]) for name in columns}


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _rights(snapshot: Snapshot, ids: list[str]) -> list[dict[str, Any]]:
    """What the store knows of the rights in each image, in the order of `ids`."""
    schema = snapshot.pinned.dataset("images").schema
    columns = [name for name in RIGHTS if name in schema.names]
    found = snapshot.finder("images", "image_id").rows(ids, columns).to_pylist()
    by_id: Mapping[str, dict[str, Any]] = {row["image_id"]: row for row in found}
    return [{"image_id": one, **{name: by_id.get(one, {}).get(name) for name in columns}} for one in ids]


def _software() -> dict[str, str]:
    versions = {"attribase": software_version()}
    for name in ENGINES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
