"""What one run of `ingest images` did, as values and as lines to read."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .merge import MergeCounts
from .writer import SUBFOLDERS, WriteCounts

SQL = 'attribase query sql "from failures"'


@dataclass(frozen=True)
class IngestSummary:
    """The result of one run.

    Attributes:
        source: its location.
        collection: where its images went.
        items: read by this run; 0 where the source has not changed since it was read.
        total: items of the source.
        written: new and known images, memberships and references.
        merged: values of stored images that were filled or replaced, or differ.
        failures: items left out by this run, by (reason, remedy).
        distinct: images in the collection now, each counted once.
        subfolder: what names of subfolders were taken as.
        unread: items of the source that an earlier run left out, where this one had nothing to read.
        outdated: by encoder, vectors that were made with an earlier caption.
        gone: members of the collection that came from this folder and are no longer in it.
    """

    source: str
    collection: str
    items: int
    total: int
    written: WriteCounts
    merged: MergeCounts
    failures: Counter[tuple[str, str]]
    distinct: int
    subfolder: str
    unread: int = 0
    gone: int = 0
    outdated: Mapping[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """How many items were left out by this run."""
        return sum(self.failures.values())

    def lines(self, name: str = "") -> list[str]:
        """The summary for people, totals last; the source is called `name`, or by its location."""
        return [
            *self._asides(),
            *merge_lines(self.merged),
            *outdated_lines(self.outdated),
            *failure_lines(self.failures, self.unread),
            *self._gone(name or self.source),
            self._totals(name),
        ]

    def _gone(self, folder: str) -> Iterator[str]:
        if self.gone:
            how = f"attribase ingest remove --collection {self.collection} --missing-from {folder}"
            yield f"to remove what is no longer in the folder: {how}"

    def _totals(self, name: str) -> str:
        name = name or self.source
        there = f"{self.collection!r} has {count_of(self.distinct, 'distinct image')} now"
        if self.gone:
            there += f", {self.gone:,} of them no longer in the folder"
        if not self.items:
            return f"{name}: nothing new, it was read before and has not changed; {there}"
        written = self.written
        known = f"{written.known:,} already known"
        others = written.joined - written.new
        if others > 0:
            known += f" ({others:,} of them new in {self.collection!r})"
        updated = self.merged.filled + self.merged.replaced
        parts = [f"{written.new:,} new", known, f"{updated:,} updated", f"{self.failed:,} left out"]
        before = f" ({self.total - self.items:,} others were read before)" if self.total > self.items else ""
        return f"{name}: {count_of(self.items, 'item')} read{before}: {', '.join(parts)}; {there}"

    def _asides(self) -> Iterator[str]:
        written = self.written
        if written.references_replaced:
            yield f"{count_of(written.references_replaced, 'reference')} gave way to the picture itself"
        if written.references_kept:
            kept = count_of(written.references_kept, "reference")
            yield f"{kept} stayed beside the picture itself: models, vectors or ranks name them"
        if written.subfolders:
            others = " or ".join(one for one in SUBFOLDERS if one != self.subfolder)
            images = count_of(written.subfolders, "image")
            yield (
                f"names of subfolders were taken as {self.subfolder} of {images}; "
                f"`--subfolder {others}` changes that"
            )


def failure_lines(failures: Counter[tuple[str, str]], unread: int) -> Iterator[str]:
    """What was left out and why; `unread` items of a source that was not read again were left out before."""
    for (reason, remedy), count in sorted(failures.items()):
        yield f"left out, {reason}: {count:,}; {remedy or 'see what it says'} ({SQL})"
    if unread:
        yield f"{count_of(unread, 'item')} of it could not be used then ({SQL})"


def merge_lines(merged: MergeCounts, *, written: bool = True, what: str = "known image") -> Iterator[str]:
    """What was filled and replaced in stored images, and what differs; `written` is False for a dry run."""
    would = "" if written else "would be "
    if merged.filled:
        images = count_of(merged.filled, what)
        yield f"{would}filled in {images} where there was nothing: {_columns(merged.filled_columns)}"
    if merged.replaced:
        images = count_of(merged.replaced, what)
        yield f"{would}replaced in {images}: {_columns(merged.replaced_columns)}"
    if merged.differing:
        images, one = count_of(merged.differing, what), merged.example
        yield (
            f"other values are stored for {images}: {_columns(merged.differing_columns)}"
            + (f"; {one.column} of {one.uri} is {one.stored!r}, not {one.given!r}" if one else "")
            + "; `--update` replaces them"
        )


def outdated_lines(outdated: Mapping[str, int], what: str = "caption") -> Iterator[str]:
    """What was made with captions, or prompts, that have changed since."""
    for encoder, number in outdated.items():
        yield f"{count_of(number, 'vector')} of {encoder} were made with the earlier {what} and stay"


def _columns(columns: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in columns.most_common())


def count_of(number: int, what: str) -> str:
    """The number with its noun, in the plural unless it is one."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")
