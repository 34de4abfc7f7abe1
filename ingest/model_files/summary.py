"""What one run of `ingest models` did, as values and as lines to read."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..images.summary import count_of, failure_lines
from ..specs import ModelSpec


@dataclass
class ModelSummary:
    """The result of one run.

    Attributes:
        specs: of each model that is in the store now, in the order of the source, with prompts for samples.
        new: rows inserted.
        failures: models left out, by (reason, remedy).
        images_left_out: files of training folders that were left out, by (reason, remedy).
        alike: names of models whose file is stored as another model, too: of other exemplars or another name.
    """

    specs: list[ModelSpec] = field(default_factory=list)
    new: int = 0
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    images_left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    alike: list[str] = field(default_factory=list)

    def lines(self, name: str) -> list[str]:
        """The summary for people, totals last; the source is called `name`."""
        return [
            *failure_lines(self.images_left_out, 0),
            *failure_lines(self.failures, 0),
            *self._alike(),
            self._totals(name),
        ]

    def _alike(self) -> Iterator[str]:
        if self.alike:
            yield (
                f"stored before with other exemplars or another description: {_some(self.alike)}; "
                "both count in an evaluation"
            )

    def _totals(self, name: str) -> str:
        exemplars = len({image for spec in self.specs for image in spec.exemplar_ids})
        parts = [f"{self.new:,} new", f"{len(self.specs) - self.new:,} already known"]
        parts += [f"{self.failures.total():,} left out"] if self.failures else []
        count = count_of(len(self.specs) + self.failures.total(), "model")
        return f"{name}: {count} read: {', '.join(parts)}; {count_of(exemplars, 'exemplar')}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more:,} more" if more > 0 else "")
