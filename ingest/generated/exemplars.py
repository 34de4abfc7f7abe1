"""Which stored images a table means: by image id, uri, path or file name."""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from ...store import InvalidInputError, NotFoundError, Store
from ..images.sources.names import local_path

SCAN_ROWS = 1 << 16
SHOWN = 3


class StoredImages:
    """Finds images by what tables call them. What was found is remembered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._found: dict[str, str] = {}

    def find(self, names: Iterable[str]) -> Mapping[str, str]:
        """The image_id of each of `names`: an id, a uri, or the end of the path of one uri alone.

        Raises:
            NotFoundError: no stored image is called so.
            InvalidInputError: several are.
        """
        wanted = sorted(set(names) - self._found.keys())
        if wanted:
            self._found |= self._search(wanted)
        return self._found

    def _search(self, wanted: Sequence[str]) -> dict[str, str]:
        exact: dict[str, set[str]] = {name: set() for name in wanted}
        by_path: dict[str, dict[str, str]] = {name: {} for name in wanted}
        ends: dict[str, list[str]] = {}
        for name in wanted:
            ends.setdefault(_file_name(name), []).append(name)
        for batch in self._store.scan("images", ["image_id", "uri"], batch_rows=SCAN_ROWS):
            rows = pl.DataFrame(pl.from_arrow(batch)).with_columns(
                pl.col("uri").fill_null("").str.replace_all("\\", "/", literal=True)
            )
            last = pl.col("uri").str.split("/").list.last()
            names = pl.lit(pl.Series(wanted)).implode()
            hits = rows.filter(
                pl.col("image_id").is_in(names)
                | pl.col("uri").is_in(names)
                | last.is_in(pl.lit(pl.Series(list(ends), dtype=pl.String)).implode())
            )
            for image_id, uri in hits.iter_rows():
                for name in (image_id, uri):
                    if name in exact:
                        exact[name].add(image_id)
                for name in ends.get(_file_name(uri), ()):
                    if f"/{uri}".endswith(f"/{_path(name)}"):
                        by_path[name][image_id] = uri
        return {name: _only(name, exact[name], by_path[name]) for name in wanted}


def _only(name: str, exact: set[str], by_path: Mapping[str, str]) -> str:
    found = {one: by_path.get(one, one) for one in exact} or dict(by_path)
    if not found:
        raise NotFoundError(
            f"no stored image is called {name!r}",
            hint="ingest the exemplars first: attribase ingest images DIR --collection exemplars",
        )
    if len(found) > 1:
        some = ", ".join(sorted(found.values())[:SHOWN])
        raise InvalidInputError(
            f"{name!r} is the name of {len(found)} stored images: {some}",
            hint="name it by more of its path, or by its image_id",
        )
    return next(iter(found))


def _path(name: str) -> str:
    """A name as the end of a path, with forward slashes and no `./`."""
    return local_path(name).replace("\\", "/").removeprefix("./").lstrip("/")


def _file_name(name: str) -> str:
    return _path(name).rpartition("/")[2]
