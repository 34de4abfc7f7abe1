"""Further tables of a report: differences that hold, labelled retrieval, and checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...query import Features
from ...query.evaluation.significance import ALL, Significance, significance
from ...runtime.mapper import RAW
from ...store.errors import NotFoundError
from ..check_results import CheckResult
from ..grid import MAIN_VARIANT
from .data import StudyData
from .paper_tables import variant_title


@dataclass(frozen=True)
class NumberTable:
    """A table of numbers that the paper does not have in this form.

    Attributes:
        name: as a file name.
        title, text: above it.
        heads: of its columns.
        groups: rows of text by the title of their group, as they are shown.
        data: every number, as rows with the same columns.
        svgs: drawings that go with it, by name.
        drawn: the numbers of each drawing.
    """

    name: str
    title: str
    text: str
    heads: tuple[str, ...]
    groups: Mapping[str, Sequence[tuple[str, ...]]]
    data: Sequence[Mapping[str, Any]] = field(repr=False)
    svgs: Mapping[str, str] = field(default_factory=dict, repr=False)
    drawn: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class NoTable:
    """A table that cannot be made from this store, and why, in one sentence."""

    title: str
    reason: str


def differences_that_hold(study: StudyData) -> NumberTable | NoTable:
    """Every two mappers of an encoder, corrected for all of them; some of the rows are shown."""
    title = "Which differences hold"
    mappers = list(dict.fromkeys(one.mapper for one in study.features))
    try:
        found = significance(
            study.con,
            split=study.data.split,
            metric=study.plan.metric,
            encoders=study.encoders,
            mappers=mappers,
            cases=study.cases,
        )
    except NotFoundError:
        return NoTable(
            title, "It needs an encoder that two mappers, or raw and mapped features, were measured of."
        )
    groups: dict[str, list[tuple[str, ...]]] = {}
    for row in found:
        if row.group == ALL and {row.first, row.second} & {RAW, MAIN_VARIANT}:
            groups.setdefault(row.encoder, []).append(_difference_cells(row))
    holding = sum(row.test.holds is True for row in found)
    text = (
        "Every two mappers of an encoder on the same samples, objects and styles apart and together: "
        f"{len(found):,} comparisons, of which {holding:,} hold. A model counts once; p values are of a "
        "test that flips signs over models, corrected for all comparisons (Holm). The effect is the "
        "difference in standard deviations of models. Shown are all cases together, against raw features "
        "and against object+style; the file has all."
    )
    heads = ("First", "Second", "Difference", "95% interval", "Effect", "p, corrected", "Holds")
    return NumberTable("differences", title, text, heads, groups, [row.to_dict() for row in found])


def _difference_cells(row: Significance) -> tuple[str, ...]:
    test = row.test
    return (
        variant_title(row.first),
        variant_title(row.second),
        signed_points(test.difference),
        interval_points(test.low, test.high),
        "–" if test.effect is None else f"{test.effect:+.2f}".replace("-", "−"),
        "–" if test.adjusted is None else f"{test.adjusted:.3f}",
        "holds" if test.holds else test.note or "",
    )


def labelled_retrieval(study: StudyData) -> NumberTable | NoTable:
    """mAP@K by label, for the study's features (WikiArt and WeArt in the paper)."""
    title = "Labelled retrieval"
    rows = study.con.sql("from label_metrics").to_arrow_table().to_pylist()
    order = {(one.encoder, one.mapper): at for at, one in enumerate(study.features)}
    mine = [row for row in rows if (row["encoder"], row["mapper"]) in order]
    if not mine:
        reason = (
            "No images with labels (artist, style, genre, set, category) were compared: give them with "
            "attribase -s STORE ingest update --metadata FILE, or name others in the plan's `labels`."
        )
        return NoTable(title, reason)
    mine.sort(key=lambda row: order[row["encoder"], row["mapper"]])
    groups: dict[str, list[tuple[str, ...]]] = {}
    for row in mine:
        where = f"{row['query_collection'] or 'all images'} in {row['gallery'] or 'all images'}"
        name = f"{row['label']}, {where}; {row['queries']:,} queries, chance {row['chance']:.3f}"
        cells = [
            f"{row[f'map_{k}']:.3f}{_ends(row[f'map_{k}_low'], row[f'map_{k}_high'])}"
            for k in (1, 5, 10, 100)
        ]
        groups.setdefault(name, []).append((row["encoder"], variant_title(row["mapper"]), *cells))
    text = (
        "Are images of one label, as an artist or a style, near each other? mAP@K of retrieval by label, "
        "with 95% intervals over labels."
    )
    data = [{name: value for name, value in row.items() if name != "created"} for row in mine]
    heads = ("Encoder", "Mapper", "mAP@1", "mAP@5", "mAP@10", "mAP@100")
    return NumberTable("labelled-retrieval", title, text, heads, groups, data)


def check_table(result: CheckResult) -> NumberTable:
    """The rows of a check by question."""
    groups: dict[str, list[tuple[str, ...]]] = {}
    for row in result.rows:
        cells = (
            str(Features(row.encoder, row.mapper)),
            row.case_name,
            f"{row.value:.3f}{_ends(row.low, row.high)}",
            "–" if row.reference is None else f"{row.reference:.3f}",
            str(row.models),
            {None: "", True: "passed", False: "failed"}[row.passed],
        )
        groups.setdefault(row.question, []).append(cells)
    judged = [row.passed for row in result.rows if row.passed is not None]
    text = f"{sum(judged)} of {len(judged)} rows passed." if judged else ""
    heads = ("Features", "Of", "Value", "Reference", "Models", "")
    svgs = {figure.name: figure.svg for figure in result.figures}
    drawn = {figure.name: figure.rows for figure in result.figures}
    data = [row.to_dict() for row in result.rows]
    title = f"Check: {result.title}"
    return NumberTable(f"check-{result.name}", title, text, heads, groups, data, svgs, drawn)


def signed_points(value: float | None) -> str:
    """A difference in [-1, 1] as percentage points with its sign."""
    return "–" if value is None else f"{100 * value:+.1f}".replace("-", "−")


def interval_points(low: float | None, high: float | None) -> str:
    """The ends of an interval in percentage points."""
    return "" if low is None or high is None else f"{signed_points(low)} to {signed_points(high)}"


def _ends(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
