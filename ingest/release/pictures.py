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
    _folders: dict[tuple[str, bool], list[Path]] = field(default_factory=dict, repr=False)

    def find(self, path: str, *, gallery: bool = False) -> Path | None:
        """The file that the release calls `path`, None where it is not there. Never one outside `folder`.

        A gallery path is also looked for in the gallery's own folders, where the release's demo expects it.
        """
        parent, _, name = path.rpartition("/")
        if (parent, gallery) not in self._folders:  # asked a million times, of few folders
            self._folders[parent, gallery] = [one for one in self._places(parent, gallery) if one.is_dir()]
        for folder in self._folders[parent, gallery]:
            stem = name.rpartition(".")[0] or name
            for called in (name, *(stem + ending for ending in ENDINGS)):
                if (folder / called).is_file():
                    return folder / called
        return None

    def _places(self, parent: str, gallery: bool) -> Iterator[Path]:
        """The folders that may hold what the release has in `parent`."""
        pure = PurePosixPath(parent)
        if pure.is_absolute() or ".." in pure.parts or "\\" in parent:
            return
        yield self.folder / pure
        if gallery:
            above = next((one for one in GALLERY_FOLDERS if pure.is_relative_to(one)), ".")
            yield from (self.folder / one / pure.relative_to(above) for one in GALLERY_FOLDERS)

    def read(
        self, paths: Sequence[str], *, gallery: bool = False
    ) -> Iterator[tuple[str, Picture | Unreadable | None]]:
        """Each path with its picture, with why it is unusable, or with None where there is no file."""
        stream = iter(paths)
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            while ahead := list(islice(stream, READ_AHEAD)):
                files = [self.find(path, gallery=gallery) for path in ahead]
                pictures = pool.map(self._read, [file for file in files if file])
                for path, file in zip(ahead, files, strict=True):
                    yield path, next(pictures) if file else None

    def _read(self, file: Path) -> Picture | Unreadable:
        try:
            data = file.read_bytes()
            return Picture(data, *decode_image(data, self.pixel_limit).size)
        except OSError as error:
            return Unreadable("unreadable", str(error.strerror))
        except BadImageError as error:
            return Unreadable(error.reason, str(error))
