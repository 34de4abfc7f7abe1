"""Names of files as items and uris: text that Arrow can hold, for names that are no UTF-8, too.

A name that is UTF-8 stays as it is. Any other is percent-escaped behind `./` (in items) or `file://` (in
uris), which the path of a listed file never begins with: no two files share a name, and each leads back.
"""

import os
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

_ESCAPED = "./"


def item_of(path: str) -> str:
    """The item of a relative path with forward slashes, as the file system gives it."""
    plain = _is_text(path) and not path.startswith(_ESCAPED)  # members of a tar can begin so
    return path if plain else _ESCAPED + quote(os.fsencode(path))


def path_of(item: str) -> str:
    """The relative path that `item_of` made the item from."""
    escaped = item.startswith(_ESCAPED)
    return os.fsdecode(unquote_to_bytes(item[len(_ESCAPED) :])) if escaped else item


def uri_of(path: Path) -> str:
    """The uri of an absolute path: the path itself, or a `file://` uri where it is no UTF-8."""
    text = str(path)
    return text if _is_text(text) else "file://" + quote(os.fsencode(path))


def local_path(uri: str) -> str:
    """The path that a `file://` uri or a path of any system names."""
    if uri.lower().startswith("file://"):
        return os.fsdecode(unquote_to_bytes("/" + uri[7:].partition("/")[2]))
    return uri if os.sep == "\\" else uri.replace("\\", "/")


def readable_name(name: str) -> str:
    """The name as people read it; bytes that are no UTF-8 are taken as Windows-1252."""
    return name if _is_text(name) else os.fsencode(name).decode("cp1252", errors="replace")


def ending_of(name: str) -> str:
    """The part after the last dot in lower case; empty for names without one."""
    return name.rpartition("/")[2].lower().rpartition(".")[2] if "." in name.rpartition("/")[2] else ""


def stem_of(path: str) -> str:
    """The path without the ending of its last part."""
    folder, slash, name = path.rpartition("/")
    stem, dot, _ = name.rpartition(".")
    return folder + slash + (stem if dot else name)


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
