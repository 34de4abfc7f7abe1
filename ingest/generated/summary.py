"""What one run of `ingest samples` did, as values and as lines to read."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..images.merge import MergeCounts
from ..images.summary import count_of, failure_lines, merge_lines, outdated_lines
from .writer import SampleCounts


@dataclass(frozen=True)
class SampleSummary:
    """The result of one run.

    Attributes:
        source: its location.
        items: read by this run; 0 where the source has not changed since it was read.
        total: items of the source.
        written: new and known pictures, and of how many the prompt and the exemplars are known.
        models: rows of models that are new.
        merged: values of stored samples that were filled or replaced, or differ.
        failures: items left out by this run, by (reason, remedy).
        elsewhere: samples in the store now that no model of it drew.
        unread: items of the source that an earlier run left out, where this one had nothing to read.
        outdated: by encoder, vectors that were made with an earlier prompt.
    """

    source: str
    items: int
    total: int
    written: SampleCounts
    models: int
    merged: MergeCounts
    failures: Counter[tuple[str, str]]
    elsewhere: int
    unread: int = 0
    outdated: Mapping[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """How many items were left out by this run."""
        return sum(self.failures.values())

    def lines(self, name: str = "") -> list[str]:
        """The summary for people, totals last; the source is called `name`, or by its location."""
        return [
            *merge_lines(self.merged, what="known sample"),
            *outdated_lines(self.outdated, "prompt"),
            *failure_lines(self.failures, self.unread),
            *self._unknown(),
            self._totals(name or self.source),
        ]

    def _unknown(self) -> Iterator[str]:
        written = self.written
        silent = written.new + written.known - written.prompted
        if silent:
            yield f"without a prompt: {silent:,}; neither the source nor the file says how it was made"
        if written.of_models:
            yield (
                f"of models whose exemplars are known: {count_of(written.of_models, 'picture')}, "
                f"{count_of(self.models, 'new model')}; they are evaluated as others are"
            )

    def _totals(self, name: str) -> str:
        there = f"the store has {count_of(self.elsewhere, 'sample')} of no model of its own now"
        if not self.items:
            return f"{name}: nothing new, it was read before and has not changed; {there}"
        updated = self.merged.filled + self.merged.replaced
        parts = [f"{self.written.new:,} new", f"{self.written.known:,} already known"]
        parts += [f"{updated:,} updated", f"{self.failed:,} left out"]
        before = f" ({self.total - self.items:,} others were read before)" if self.total > self.items else ""
        return f"{name}: {count_of(self.items, 'item')} read{before}: {', '.join(parts)}; {there}"
