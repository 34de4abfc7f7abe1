"""The image files of a release, where they are there: found under any of their names, decoded once."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath

from ...runtime.decode import PIXEL_LIMIT, BadImageError, decode_image
from ..images.source import Unreadable

ENDINGS = (".png", ".jpg", ".jpeg")  # the gallery comes as PNG and, smaller, as JPEG
GALLERY_FOLDERS = ("dataset/laion_subset_jpeg", "dataset/laion_subset")
READ_AHEAD = 64


@dataclass(frozen=True)
class Picture:
    """Encoded bytes that decode, and their size in pixels."""

    data: bytes
    width: int
    height: int


@dataclass
class Pictures:
    """The image files below `folder`; larger ones than `pixel_limit` are refused by their header."""

    folder: Path
    pixel_limit: int = PIXEL_LIMIT
    _folders: dict[str, bool] = field(default_factory=dict, repr=False)

    def find(self, path: str, *, gallery: bool = False) -> Path | None:
        """The file that the release calls `path`, None where it is not there. Never one outside `folder`.

        A gallery path is also looked for in the gallery's own folders, where the release's demo expects it.
        """
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or "\\" in path:
            return None
        places = [pure]
        if gallery:
            above = next((one for one in GALLERY_FOLDERS if pure.is_relative_to(one)), ".")
            inside = pure.relative_to(above)
            places += [PurePosixPath(one) / inside for one in GALLERY_FOLDERS]
        for place in places:
            folder = os.path.join(self.folder, *place.parts[:-1])  # noqa: PTH118 - a million times: str is fast
            if folder not in self._folders:
                self._folders[folder] = os.path.isdir(folder)  # noqa: PTH112
            if not self._folders[folder]:
                continue
            for name in (place.name, *(place.stem + ending for ending in ENDINGS)):
                file = os.path.join(folder, name)  # noqa: PTH118
                if os.path.isfile(file):  # noqa: PTH113
                    return Path(file)
        return None

    def read(
        self, paths: Sequence[str], *, gallery: bool = False
    ) -> Iterator[tuple[str, Picture | Unreadable | None]]:
        """Each path with its picture, with why it is unusable, or with None where there is no file."""
        stream = iter(paths)
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            while ahead := list(islice(stream, READ_AHEAD)):
                yield from zip(ahead, pool.map(lambda path: self._read(path, gallery), ahead), strict=True)

    def _read(self, path: str, gallery: bool) -> Picture | Unreadable | None:
        file = self.find(path, gallery=gallery)
        if file is None:
            return None
        try:
            data = file.read_bytes()
            return Picture(data, *decode_image(data, self.pixel_limit).size)
        except OSError as error:
            return Unreadable("unreadable", str(error.strerror))
        except BadImageError as error:
            return Unreadable(error.reason, str(error))
