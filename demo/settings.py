"""What a demo run is made of, and where it puts things."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import __version__


@dataclass(frozen=True)
class DemoSettings:
    """One demo: `models` customized generators, `samples` pictures of each, in `folder`."""

    folder: Path
    models: int = 168
    samples: int = 16
    workers: int | None = None
    encoder: str = "efficientnet-lite0"

    @property
    def store(self) -> Path:
        """Where the store is."""
        return self.folder / "store"

    @property
    def report(self) -> Path:
        """Where the page is."""
        return self.folder / "report.html"

    @property
    def marker(self) -> Path:
        """Written last: what was run and the table versions it left."""
        return self.folder / "demo.json"

    def what(self) -> dict[str, Any]:
        """The settings that decide the result (not where, nor with how many processes), and what ran them."""
        chosen = {k: v for k, v in asdict(self).items() if k not in ("folder", "workers")}
        from ..query.code_version import code_version

        return chosen | {"attribase": __version__, "ranks": code_version()}


def write_marker(settings: DemoSettings, versions: Mapping[str, int]) -> None:
    """Note, in one atomic step, that `settings` ran to the end and left `versions`."""
    text = json.dumps({"settings": settings.what(), "versions": dict(versions)}, indent=2, sort_keys=True)
    partial = settings.marker.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(settings.marker)


def read_marker(settings: DemoSettings) -> dict[str, Any] | None:
    """What the marker says, or None when there is none that can be read."""
    try:
        marker: dict[str, Any] = json.loads(settings.marker.read_text())
    except (OSError, ValueError):
        return None
    return marker
