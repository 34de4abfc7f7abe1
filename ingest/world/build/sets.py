"""The icon sets of the world: the package of each, its use, and its name in captions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....store.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class SetSpec:
    """One design team's drawings in one style.

    Attributes:
        package: the npm package's name without its scope.
        use: "team" (draws the gallery's concepts), "seen" (a style: a part of it is in the gallery, other
            images of it are exemplars) or "unseen" (a style that is never trained on).
        spoken: the set's name in captions.
        drawing: its kind of drawing in captions.
        emoji: whether its files are named as emoji.
        ending: picks a variant by the end of file names: "duo" keeps those, "-duo" drops them.
    """

    name: str
    package: str
    version: str
    use: str
    spoken: str
    drawing: str
    emoji: bool = True
    ending: str = ""

    def keeps(self, file: str) -> bool:
        """Whether the icon called `file` belongs to this variant."""
        if not self.ending:
            return True
        return file.endswith("-" + self.ending.lstrip("-")) != self.ending.startswith("-")


def _team(name: str, version: str, spoken: str, drawing: str = "flat icon") -> SetSpec:
    return SetSpec(name, name, version, "team", spoken, drawing)


def _icons(
    name: str, package: str, version: str, drawing: str, *, use: str = "seen", ending: str = ""
) -> SetSpec:
    return SetSpec(name, package, version, use, name, drawing, emoji=False, ending=ending)


# The order matters: one random generator draws the splits of all sets in turn.
SETS: tuple[SetSpec, ...] = (
    _team("noto", "1.2.9", "noto"),
    _team("noto-v1", "1.2.5", "blob"),
    _team("fxemoji", "1.2.2", "firefox"),
    _team("fluent-emoji", "1.2.7", "fluent", "glossy render"),
    _team("fluent-emoji-flat", "1.2.6", "fluent flat"),
    _team("twemoji", "1.2.5", "twemoji"),
    _team("emojione", "1.2.3", "emojione"),
    _team("streamline-emojis", "1.2.4", "streamline", "outlined icon"),
    SetSpec("openmoji", "openmoji", "1.2.29", "unseen", "openmoji", "outlined icon"),
    SetSpec("emojione-v1", "emojione-v1", "1.2.3", "unseen", "emojione v1", "flat icon"),
    SetSpec("emojione-monotone", "emojione-monotone", "1.2.1", "seen", "monotone", "black glyph"),
    SetSpec(
        "fluent-emoji-high-contrast",
        "fluent-emoji-high-contrast",
        "1.2.6",
        "unseen",
        "high contrast",
        "black glyph",
    ),
    _icons("ultimate", "streamline-ultimate-color", "1.2.2", "line drawing"),
    _icons("plump", "streamline-plump-color", "1.2.2", "duotone icon", ending="-flat"),
    _icons("sharp", "streamline-sharp-color", "1.2.2", "duotone icon", ending="flat"),
    _icons("flex", "streamline-flex-color", "1.2.2", "duotone icon", ending="-flat"),
    _icons("kameleon", "streamline-kameleon-color", "1.2.2", "round badge", ending="-duo"),
    _icons("kameleon duo", "streamline-kameleon-color", "1.2.2", "round badge", ending="duo"),
    _icons("stickies", "streamline-stickies-color", "1.2.2", "outlined icon", ending="-duo"),
    _icons("freehand", "streamline-freehand-color", "1.2.2", "line drawing"),
    _icons("cyber", "streamline-cyber-color", "1.2.2", "line drawing"),
    _icons("fluent color", "fluent-color", "1.2.21", "glossy icon"),
    _icons("flat color icons", "flat-color-icons", "1.2.3", "flat icon", use="unseen"),
    _icons("game icons", "game-icons", "1.2.4", "black glyph", use="unseen"),
)


def get_set(name: str) -> SetSpec:
    """The set called `name`. Raises KeyError when there is none."""
    return {spec.name: spec for spec in SETS}[name]


def read_package(data: Path, spec: SetSpec, name: str) -> Any:
    """The JSON file `name` of the set's package, unpacked under `data`. Raises NotFoundError without it."""
    path = data / spec.package / name
    if not path.exists():
        raise NotFoundError(f"no {name} of {spec.package} in {data}", hint="run the `fetch` step first")
    return json.loads(path.read_text())
