"""The settings of a demo, the features it compares, the files it writes, and the marker of a complete one."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..ingest.encoders.composite import JOINT
from ..ingest.plan import plan_controls
from ..ingest.specs import ModelSpec
from ..ingest.world.plan import plan_world
from ..query import Features
from ..query.evaluation.runs import code_version

PAPERS_RECIPE, BEST = "paper", "best"
"""The mappers, named after their recipes."""
THUMBNAIL, HISTOGRAM = "thumbnail", "colour-histogram"
"""Encoders that know nothing but pixels: what a network has to beat."""
OTHERS = (THUMBNAIL, HISTOGRAM, "sd-unet:world")
"""The encoders that are joined with the demo's own."""


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
    def several(self) -> str:
        """The composite encoder: the demo's own and OTHERS."""
        return JOINT.join((self.encoder, *OTHERS))

    @property
    def raw(self) -> Features:
        """The encoder without a mapper."""
        return Features(self.encoder)

    @property
    def paper(self) -> Features:
        """The encoder with the paper's recipe."""
        return Features(self.encoder, PAPERS_RECIPE)

    @property
    def best(self) -> Features:
        """The encoder with the recipe that measured best on validation models."""
        return Features(self.encoder, BEST)

    @property
    def joint(self) -> Features:
        """All encoders in one vector, with that recipe: what the report's answers are given with."""
        return Features(self.several, BEST)

    @property
    def compared(self) -> dict[str, Features]:
        """Everything that is evaluated, by its name in tables; the last mapper is the one that answers."""
        return {
            "raw": self.raw,
            "paper": self.paper,
            "colours": Features(HISTOGRAM),
            "thumbnails": Features(THUMBNAIL),
            "thumbnails, best": Features(THUMBNAIL, BEST),
            "best": self.best,
            "several": self.joint,
        }

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
