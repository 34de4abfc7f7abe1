"""The settings of a demo run, its mappers, the files it writes, and the marker that says it is complete."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..ingest.plan import plan_controls
from ..ingest.specs import ModelSpec
from ..ingest.world.plan import plan_world
from ..query.evaluation.runs import code_version

PAPERS_RECIPE, UNREGULARISED, TUNED = "paper", "unregularised", "tuned"
MAPPERS = (PAPERS_RECIPE, UNREGULARISED, TUNED)


@dataclass(frozen=True)
class DemoSettings:
    """One demo in `folder`: `models` customized generators, `samples` samples of each by each scheme."""

    folder: Path
    models: int = 168
    samples: int = 8
    workers: int | None = None
    encoder: str = "efficientnet-lite0"

    @property
    def store(self) -> Path:
        """The store's folder."""
        return self.folder / "store"

    @property
    def report(self) -> Path:
        """The report, an HTML page."""
        return self.folder / "report.html"

    @property
    def marker(self) -> Path:
        """The file written last: the settings that ran, and the table versions afterwards."""
        return self.folder / "demo.json"

    def specs(self) -> list[ModelSpec]:
        """The customized models, then a control for each test model."""
        customized = plan_world(models=self.models, samples=self.samples)
        return customized + plan_controls(customized)

    def to_dict(self) -> dict[str, Any]:
        """What decides the result: the settings without folder and workers, and the versions of the code."""
        chosen = {name: value for name, value in asdict(self).items() if name not in ("folder", "workers")}
        return chosen | {"attribase": __version__, "ranks": code_version()}


def write_marker(settings: DemoSettings, versions: Mapping[str, int]) -> None:
    """Record, atomically, that `settings` ran to the end and left the tables at `versions`."""
    marker = {"settings": settings.to_dict(), "versions": dict(versions)}
    partial = settings.marker.with_suffix(".partial")
    partial.write_text(json.dumps(marker, indent=2, sort_keys=True))
    partial.replace(settings.marker)


def read_marker(settings: DemoSettings) -> dict[str, Any] | None:
    """The recorded marker, or None when there is none that can be read."""
    try:
        marker: dict[str, Any] = json.loads(settings.marker.read_text())
    except (OSError, ValueError):
        return None
    return marker
