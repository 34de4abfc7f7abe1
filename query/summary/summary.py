"""The figures of a training-data summary, read from SQL views that anyone can ask again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...store import Store
from ...store.errors import ConflictError
from ...store.layout import software_version
from ..sql.connection import open_connection
from ..sql.statements import load_sql
from ..time_travel import At, name_state, versions_at
from .kinds import SOURCE_KINDS, UNSAID, SourceKinds

if TYPE_CHECKING:
    import duckdb

SHOWN = 50
"""Rows of a table in the summary; the view has all."""

TOP_DOMAINS = 0.10
"""Of the domains that images were taken from, the part that is listed, those with most images first."""

IMAGE_RANGES = ((1_000_000, "less than 1 million images"), (1_000_000_000, "1 million to 1 billion images"))
LARGEST_RANGE = "more than 1 billion images"

FIELDS = ("license", "rights_holder", "creator", "reservation", "category", "side", "month")

Row = dict[str, Any]


@dataclass(frozen=True)
class Provider:
    """What a store does not know, and the template asks for: who provides which model. Empty: to be said."""

    name: str = ""
    contact: str = ""
    model: str = ""
    placed: str = ""


@dataclass(frozen=True)
class TrainingSummary:
    """The summary's figures.

    Attributes:
        provider: as it was given.
        store: its name, and the state (a tag, or a moment) that the figures are of.
        made: when, and by which version.
        overview: the row of `summary_overview`.
        image_range: of the number of images, as the template has them.
        sources: by kind (SOURCE_KINDS, or UNSAID) rows of source, images, share, link and note.
        domains: the largest TOP_DOMAINS of the domains: domain, images, share; `domain_count` are all.
        fields: by name of FIELDS, the rows of `training_summary`, most images first, at most SHOWN, with
            `more`, the number of further ones, in `further`.
        removals: the rows of `summary_removals`.
    """

    provider: Provider
    store: str
    state: str
    made: datetime
    version: str
    overview: Row
    image_range: str
    sources: Mapping[str, Sequence[Row]]
    domains: Sequence[Row]
    domain_count: int
    fields: Mapping[str, Sequence[Row]]
    further: Mapping[str, int]
    removals: Sequence[Row]

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON has it, under the headings of the template."""
        plain = _plain(asdict(self))
        kinds = {SOURCE_KINDS[kind][1]: rows for kind, rows in plain["sources"].items() if kind != UNSAID}
        overview = plain["overview"]
        return {
            "form": "Regulation (EU) 2024/1689, Article 53(1)(d): template of the AI Office, July 2025",
            "store": {"name": plain["store"], "state": plain["state"]},
            "made": {"at": plain["made"], "attribase": plain["version"]},
            "1 general information": {
                "1.1 provider": {name: plain["provider"][name] for name in ("name", "contact")},
                "1.2 model": {
                    "name": plain["provider"]["model"],
                    "placed on the market": plain["provider"]["placed"],
                    "base models": overview["bases"],
                    "customized models": overview["customized"],
                },
                "1.3 modalities and size": {
                    "image": {"images": overview["images"], "range": plain["image_range"]},
                    "text": {"captions": overview["captioned"]},
                    "first acquired": overview["first_added"],
                    "last acquired": overview["last_added"],
                    "images without a time": overview["undated"],
                    "by size": plain["fields"]["side"],
                    "by category": plain["fields"]["category"],
                    "by month": plain["fields"]["month"],
                },
            },
            "2 list of data sources": {
                "sources by kind": kinds,
                "sources whose kind is not said": plain["sources"].get(UNSAID, []),
                "domains": {"count": plain["domain_count"], "largest tenth": plain["domains"]},
                "images that state that they were generated": overview["generated"],
            },
            "3 data processing aspects": {
                "3.1 reservations": {
                    "by reservation": plain["fields"]["reservation"],
                    "in use with a reservation": overview["reserved"],
                    "removed with a reservation": overview["removed_reserved"],
                },
                "3.2 removed images": {"images": overview["removed"], "by reason": plain["removals"]},
                "3.3 other": {
                    "by licence": plain["fields"]["license"],
                    "by rights holder": plain["fields"]["rights_holder"],
                    "by creator": plain["fields"]["creator"],
                    "inputs left out": overview["left_out"],
                },
            },
            "further rows": plain["further"],
        }


def summarise(
    store: Store,
    made: datetime,
    *,
    at: At = None,
    provider: Provider | None = None,
    kinds: SourceKinds | None = None,
) -> TrainingSummary:
    """The summary of a store, as it is or as it was `at` a tag or a moment.

    Raises ConflictError for a store without training data, and as `versions_at`.
    """
    versions = versions_at(store, at)
    with open_connection(store, at, mentioned_in="") as con:
        (overview,) = _rows(con, load_sql("summary_overview"))
        if not overview["images"]:
            raise ConflictError(
                "no model of this store was trained on a stored image",
                hint="attribase -s STORE ingest images FOLDER --collection gallery",
            )
        by_field = load_sql("summary_field")
        counted = {name: _rows(con, by_field, field=name) for name in (*FIELDS, "source", "domain")}
        removals = _rows(con, load_sql("summary_removals"))
    said = kinds or SourceKinds()
    domains = [row for row in counted["domain"] if row["value"] is not None]
    return TrainingSummary(
        provider=provider or Provider(),
        store=store.name,
        state=name_state(store, versions),
        made=made,
        version=software_version(),
        overview=overview,
        image_range=image_range(overview["images"]),
        sources=_by_kind(counted["source"], said),
        domains=domains[: math.ceil(TOP_DOMAINS * len(domains))][:SHOWN],
        domain_count=len(domains),
        fields={name: counted[name][:SHOWN] for name in FIELDS},
        further={name: len(counted[name]) - SHOWN for name in FIELDS if len(counted[name]) > SHOWN},
        removals=removals,
    )


def image_range(images: int) -> str:
    """The range of the template that a number of images is in."""
    return next((words for limit, words in IMAGE_RANGES if images < limit), LARGEST_RANGE)


def _by_kind(sources: Sequence[Row], kinds: SourceKinds) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in sources:
        said = kinds.of(row["value"])
        found.setdefault(said.kind, []).append(
            {"source": row["value"], "images": row["images"], "share": row["share"]}
            | {"link": said.link, "note": said.note}
        )
    return found


def _rows(con: duckdb.DuckDBPyConnection, statement: str, **params: str) -> list[Row]:
    rows: list[Row] = con.sql(statement, params=params or None).to_arrow_table().to_pylist()
    return rows


def _plain(value: Any) -> Any:
    """Times as text, in mappings and lists too."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, datetime) else value
