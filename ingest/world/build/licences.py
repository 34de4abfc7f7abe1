"""Licences of the icon sets, as their packages state them, and the NOTICE.md that credits them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .sets import SETS, SetSpec, read_package

LICENCE_URLS = {
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
    """A set's title and author, its source page, its SPDX licence and the address of the licence's text."""

    title: str
    author: str
    source: str
    spdx: str
    url: str

    @property
    def creator(self) -> str:
        """Author and set, the creator that images are credited to."""
        return f"{self.author} ({self.title})"


def read_licence(data: Path, spec: SetSpec) -> Licence:
    """The licence of an unpacked package."""
    info = read_package(data, spec, "info.json")
    spdx = info["license"]["spdx"]
    return Licence(
        info["name"],
        info["author"]["name"],
        info["author"]["url"],
        spdx,
        info["license"].get("url", LICENCE_URLS[spdx]),
    )


def notice(data: Path) -> str:
    """The text of NOTICE.md: one row a package, and the rule for share-alike sets."""
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
