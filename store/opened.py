"""Opening Lance tables: local ones anew each time, those of an object store with what is known of them.

Every request to an object store costs milliseconds. So the tables that a process opens there share one Lance
session (manifests, footers of data files, parts of indexes), and a version that was opened stays open: it
never changes. The newest version is looked for each time.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import TypeVar

import lance

Item = TypeVar("Item")
Result = TypeVar("Result")

OPEN_VERSIONS = 256
"""Versions of remote tables that a process keeps open."""

AT_ONCE = 16
"""Requests to an object store at the same time."""

_versions: OrderedDict[tuple[str, int], lance.LanceDataset] = OrderedDict()
_lock = Lock()


def is_remote(uri: str) -> bool:
    """Whether a table is in an object store."""
    return "://" in uri


def open_table(uri: str) -> lance.LanceDataset:
    """The newest version of the table at `uri`, to read or to write. Raises as Lance."""
    return lance.dataset(uri, session=_session()) if is_remote(uri) else lance.dataset(uri)


def open_version(uri: str, version: int) -> lance.LanceDataset:
    """A version of the table at `uri`, only to read: others may hold the same object. Raises as Lance."""
    if not is_remote(uri):
        return lance.dataset(uri, version=version)
    with _lock:
        found = _versions.get((uri, version))
    if found is not None:  # an empty table is false
        return found
    return _keep(uri, lance.dataset(uri, version=version, session=_session()))


def newest_versions(uris: Mapping[str, str]) -> dict[str, int]:
    """The newest version of each table, by the keys of `uris`; remote ones are asked for at once."""
    if not any(map(is_remote, uris.values())):
        return {table: int(lance.dataset(uri).version) for table, uri in uris.items()}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        opened = pool.map(lambda uri: _keep(uri, open_table(uri)), uris.values())
        return {table: int(dataset.version) for table, dataset in zip(uris, opened, strict=True)}


def for_each(uri: str, items: Iterable[Item], do: Callable[[Item], Result]) -> list[Result]:
    """`do` of each item, in order; where the store at `uri` is remote, AT_ONCE at the same time."""
    if not is_remote(uri):
        return [do(item) for item in items]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(do, items))


def _keep(uri: str, dataset: lance.LanceDataset) -> lance.LanceDataset:
    """`dataset`, or the same version of it that is kept already. Only for what nobody writes through."""
    with _lock:
        kept = _versions.setdefault((uri, int(dataset.version)), dataset)
        _versions.move_to_end((uri, int(dataset.version)))
        while len(_versions) > OPEN_VERSIONS:
            _versions.popitem(last=False)
    return kept


@cache
def _session() -> lance.Session:
    return lance.Session()
