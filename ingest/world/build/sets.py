"""The icon sets of the world: which package holds each, what it is used for, how captions call it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SetSpec:
    """One design team's drawings in one style.

    `package` is the npm package's name without its scope. `use` is "team" (draws the gallery's
    concepts), "seen" (a style: a part of it is in the gallery, other images of it are exemplars) or
    "unseen" (a style that is never trained on). `ending` picks a variant by how file names end:
    "duo" keeps those, "-duo" drops them. `spoken` and `drawing` are the words in captions.
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


# The order is part of the data: one random generator, going through the sets, draws every split.
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
    """The spec called `name`; a KeyError names one that is not in SETS."""
    return {spec.name: spec for spec in SETS}[name]


LICENCE_TEXTS = {
    "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "CC-BY-3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "MIT": "https://opensource.org/license/mit",
}
_USES = {
    "team": "trained on (gallery); held-out concepts as exemplars",
    "seen": "a part trained on (gallery), other images as style exemplars",
    "unseen": "never trained on; style exemplars only",
}


@dataclass(frozen=True, slots=True)
class Licence:
    """Title and author of a set, the page it comes from, its SPDX licence and that licence's text."""

    title: str
    author: str
    source: str
    spdx: str
    url: str

    @property
    def creator(self) -> str:
        """Author and set, which is what a style is credited to."""
        return f"{self.author} ({self.title})"


def read_licence(data: Path, spec: SetSpec) -> Licence:
    """The licence of an unpacked package."""
    info = json.loads((data / spec.package / "info.json").read_text())
    spdx = info["license"]["spdx"]
    return Licence(
        info["name"],
        info["author"]["name"],
        info["author"]["url"],
        spdx,
        info["license"].get("url", LICENCE_TEXTS[spdx]),
    )


def notice(data: Path) -> str:
    """NOTICE.md: a row a set, and what the share-alike ones were kept out of."""
    lines = [
        "# Notice: the images of the embedded world",
        "",
        "The images in `data/world.parquet` were rasterised at 64 x 64, on white, from the icon sets below",
        "(SVG as packaged by Iconify, npm scope `@iconify-json`). Each row repeats its creator and licence.",
        "The drawings stay under their creators' licences; rasterising is the only change.",
        "Share-alike sets (CC-BY-SA-4.0) were never trained on: they are exemplars of unseen styles only.",
        "",
        "| set | package | author | licence | source | use |",
        "|---|---|---|---|---|---|",
    ]
    seen: set[str] = set()
    for spec in SETS:
        if spec.package in seen:
            continue
        seen.add(spec.package)
        licence = read_licence(data, spec)
        lines.append(
            f"| {licence.title} | {spec.package} {spec.version} | {licence.author}"
            f" | [{licence.spdx}]({licence.url}) | {licence.source} | {_USES[spec.use]} |"
        )
    return "\n".join(
        [
            *lines,
            "",
            "The generator's weights in `model/` were trained by this project and are Apache-2.0.",
            "",
        ]
    )
