"""Images in a tar or zip, such as a shard of WebDataset or img2dataset, read without unpacking."""

import json
import lzma
import posixpath
import tarfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, BinaryIO, cast

from ....runtime.formats import HEAD_BYTES, recognise
from .beside import CAPTION_ENDINGS, Beside, read_beside
from .files import DataFile, unreadable_file
from .listing import RUBBISH, kind_of
from .names import ending_of, item_of, path_of, readable_name
from .source import ImageRecord, Unreadable, absolute
from .table import download_failure
from .text_tables import diffusiondb_names

MEMBER_BYTES = 1 << 30
"""The largest member that is read."""

_BROKEN = (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, zlib.error, lzma.LZMAError)
_SHARD = "download the shard again and ingest it again: what was whole is not read twice"


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: where its bytes begin (tar) and how many they are."""

    name: str
    start: int
    size: int


@dataclass
class ArchiveSource:
    """The images of an archive. An item is `<archive>#<member>`; the archive itself when it ends too
    early.

    Files of one key (the name up to the first dot of its last part) belong together: `.json`, `.txt` and
    `.cls` describe the image.
    """

    file: DataFile
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def location(self) -> str:
        """The path or address of the archive."""
        return absolute(self.file.path) if self.file.filesystem is None else self.file.name

    def describe(self) -> Mapping[str, Any]:
        """The archive and its state."""
        chosen = {"columns": dict(self.columns)} if self.columns else {}
        return {"archive": self.file.name, **self.file.state(), **chosen}

    def items(self) -> Sequence[str]:
        """Every image, and every file that belongs to none.

        Raises InvalidInputError for a file that is no archive.
        """
        members, problem = self._index
        found = [self._item(name) for name in members if self._is_item(name)]
        return [*found, self.file.name] if problem else found

    def read(self, items: Sequence[str]) -> Iterator[tuple[str, ImageRecord | Unreadable]]:
        """The bytes of the members, with what their siblings say."""
        members, problem = self._index
        try:
            with self._open() as opened:
                for item in items:
                    if item == self.file.name:
                        yield item, Unreadable("truncated", f"{item} {problem}", _SHARD)
                    else:
                        yield item, self._record(opened, item, members)
        except _BROKEN as error:
            raise unreadable_file(self.file, "an archive", error) from error

    def _item(self, name: str) -> str:
        return f"{self.file.name}#{item_of(name)}"

    @cached_property
    def _index(self) -> tuple[dict[str, Member], str]:
        """The members by name, and what is wrong with the end of the archive."""
        try:
            with self._open() as opened:
                return opened.members()
        except _BROKEN as error:
            raise unreadable_file(self.file, "an archive", error) from error

    def _open(self) -> "OpenTar | OpenZip":
        is_zip = ending_of(self.file.path) == "zip"
        return OpenZip(self.file.open()) if is_zip else OpenTar(self.file.open())

    @property
    def _stem(self) -> str:
        return self.file.path.replace("\\", "/").rpartition("/")[2].partition(".")[0]

    @cached_property
    def _siblings(self) -> dict[str, dict[str, str]]:
        """By key, the names of its members by ending."""
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for name in self._index[0]:
            key, ending = _key_and_ending(name)
            found[key][ending] = name
        return found

    @cached_property
    def _keys_with_image(self) -> set[str]:
        return {_key_and_ending(name)[0] for name in self._index[0] if kind_of(name) == "image"}

    @cached_property
    def _descriptions(self) -> dict[str, dict[str, Any]]:
        """What DiffusionDB's `part-000001.json` says of the images beside it, by their names."""
        found: dict[str, dict[str, Any]] = {}
        for name, member in self._index[0].items():
            folder, slash, last = name.rpartition("/")
            if last in (f"{self._stem}.json", f"{folder.rpartition('/')[2]}.json"):
                with self._open() as opened:
                    rows = _mapping(opened.read(member))
                prefix = folder + slash
                found |= {prefix + key: diffusiondb_names(row) for key, row in rows.items()}
        return {name: row for name, row in found.items() if name in self._index[0]}

    def _is_item(self, name: str) -> bool:
        """Images; files of no image, unless they describe others."""
        if kind_of(name) == "image":
            return True
        key, ending = _key_and_ending(name)
        if key in self._keys_with_image or name.rpartition("/")[2].endswith("_stats.json"):
            return False
        prefix = name.rpartition("/")[0]
        return not (
            ending == "json"
            and any(described.rpartition("/")[0] == prefix for described in self._descriptions)
        )

    def _record(
        self, opened: "OpenTar | OpenZip", item: str, members: Mapping[str, Member]
    ) -> ImageRecord | Unreadable:
        name = path_of(item[len(self.file.name) + 1 :])
        try:
            if members[name].size > MEMBER_BYTES:
                return Unreadable("too-large", f"{members[name].size:,} bytes in one file", "make it smaller")
            data = opened.read(members[name])
            beside = self._beside(opened, name, members)
        except (*_BROKEN, RuntimeError, NotImplementedError) as error:  # a password, a rare compression
            return Unreadable("unreadable", str(error), "pack the archive again")
        failed = download_failure(beside.row)
        if failed:
            return failed
        if kind_of(name) != "image" and not recognise(data[:HEAD_BYTES]):
            return Unreadable("not-an-image", f"{readable_name(name)} belongs to no image", "leave it out")
        return beside.record(item, data, self.columns)

    def _beside(self, opened: "OpenTar | OpenZip", name: str, members: Mapping[str, Member]) -> Beside:
        key, own = _key_and_ending(name)
        wanted = {"json", "cls", *CAPTION_ENDINGS}
        files = {
            ending: opened.read(members[sibling])
            for ending, sibling in self._siblings[key].items()
            if ending in wanted and (ending != own or ending == "json")
        }
        return read_beside(files, self._descriptions.get(name, {}))


def _key_and_ending(name: str) -> tuple[str, str]:
    """WebDataset's key of a member, and all that follows it, in lower case."""
    folder, slash, last = name.rpartition("/")
    key, _, ending = last.partition(".")
    return folder + slash + key, ending.lower()


def _mapping(data: bytes) -> dict[str, dict[str, Any]]:
    """A JSON object of objects; empty for any other bytes."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    rows = document if isinstance(document, dict) else {}
    return {name: row for name, row in rows.items() if isinstance(row, dict)}


def _is_rubbish(name: str) -> bool:
    return any(part.startswith(".") or part.lower() in RUBBISH for part in name.split("/") if part != ".")


class OpenTar:
    """A tar, plain or compressed, whose members are read by position."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._tar = tarfile.open(fileobj=file, mode="r:*")  # noqa: SIM115

    def __enter__(self) -> "OpenTar":
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()
        self._file.close()

    def members(self) -> tuple[dict[str, Member], str]:
        """Every whole file by name, and what is wrong with the end of the tar."""
        found: dict[str, Member] = {}
        links: dict[str, str] = {}
        plain = cast(BinaryIO, self._tar.fileobj)
        try:
            end = plain.seek(0, 2)
        except _BROKEN:  # a compressed one that was cut off
            end = -1
        plain.seek(0)
        try:
            while (info := self._tar.next()) is not None:
                self._tar.members = []  # type: ignore[attr-defined]  # tarfile keeps all of them else
                if _is_rubbish(info.name) or not (info.isfile() or info.islnk() or info.issym()):
                    continue
                if not info.isfile():
                    below = posixpath.dirname(info.name) if info.issym() else ""
                    links[info.name] = posixpath.normpath(posixpath.join(below, info.linkname))
                    continue
                if 0 <= end < info.offset_data + info.size:
                    return found, f"ends in the middle of {readable_name(info.name)}"
                found[info.name] = Member(info.name, info.offset_data, info.size)
        except _BROKEN as error:
            return self._whole(found), f"is damaged: {error}"
        by_path = {posixpath.normpath(name): member for name, member in found.items()} if links else {}
        found |= {name: by_path[target] for name, target in links.items() if target in by_path}
        if end < 0:
            return self._whole(found), "ends too early"
        plain.seek(max(end - 512, 0))
        return found, "" if not plain.read(512).strip(b"\0") else "has no end: it was cut off"

    def _whole(self, found: dict[str, Member]) -> dict[str, Member]:
        """Without the last, if its bytes are cut off: of a compressed tar only reading shows that."""
        last = next(reversed(found.values()), None)
        try:
            whole = last is None or len(self.read(last)) == last.size
        except _BROKEN:
            whole = False
        return found if whole else dict(list(found.items())[:-1])

    def read(self, member: Member) -> bytes:
        """The bytes of a member."""
        plain = cast(BinaryIO, self._tar.fileobj)
        plain.seek(member.start)
        return plain.read(member.size)


class OpenZip:
    """A zip, whose directory is at its end: one that is cut off cannot be read at all."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._zip = zipfile.ZipFile(file)

    def __enter__(self) -> "OpenZip":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()
        self._file.close()

    def members(self) -> tuple[dict[str, Member], str]:
        """Every file by name."""
        files = [
            info for info in self._zip.infolist() if not info.is_dir() and not _is_rubbish(info.filename)
        ]
        return {info.filename: Member(info.filename, 0, info.file_size) for info in files}, ""

    def read(self, member: Member) -> bytes:
        """The bytes of a member. Raises BadZipFile when their checksum is wrong."""
        return self._zip.read(member.name)
