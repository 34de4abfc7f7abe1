"""Images that a command is asked about: by a condition, by ids and uris, by collection."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from .errors import InvalidInputError
from .lookup import SCAN_ROWS, quote
from .store import Store


def select_images(
    store: Store,
    *,
    where: str | None = None,
    ids: Sequence[str] | None = None,
    collection: str | None = None,
) -> tuple[list[str], list[str]]:
    """The ids of the images that meet all given conditions, sorted; and those of `ids` that are of none.

    Raises InvalidInputError where no condition is given, or one that cannot be evaluated.
    """
    if where is None and ids is None and collection is None:
        raise InvalidInputError(
            "nothing says which images are meant", hint="give a condition, a list of ids or a collection"
        )
    chosen = images_where(store, where)
    unknown: list[str] = []
    if ids is not None:
        found, unknown = find_images(store, ids)
        chosen &= found
    if collection is not None:
        members = store.read("members", ["image_id"], f"collection = {quote(collection)}")
        chosen &= set(members["image_id"].to_pylist())
    return sorted(chosen), unknown


def images_where(store: Store, where: str | None) -> set[str]:
    """The images that satisfy `where`; all when left out. Raises InvalidInputError."""
    try:
        return set(store.read("images", ["image_id"], where)["image_id"].to_pylist())
    except (ValueError, OSError, RuntimeError) as error:  # Lance's, for a bad filter
        if where is None:
            raise
        store.read("images", ["image_id"])  # raises again where it is the table that cannot be read
        reason = str(error).splitlines()[0].split(", /")[0]
        raise InvalidInputError(
            f"images cannot be selected by {where!r}: {reason}",
            hint=f"images have {', '.join(store.schema('images').names)}",
        ) from error


def find_images(store: Store, names: Sequence[str]) -> tuple[set[str], list[str]]:
    """The images whose id or uri is one of `names`, and the names that are of none."""
    wanted = pa.array(list(dict.fromkeys(names)), pa.string())
    found: set[str] = set()
    used: set[str] = set()
    for batch in store.scan("images", ["image_id", "uri"], batch_rows=SCAN_ROWS):
        by_id, by_uri = (pc.is_in(batch[name], wanted) for name in ("image_id", "uri"))
        hit = batch.filter(pc.or_(by_id, by_uri))
        found.update(hit["image_id"].to_pylist())
        used.update(hit["image_id"].to_pylist())
        used.update(uri for uri in hit["uri"].to_pylist() if uri)
    return found, [name for name in wanted.to_pylist() if name not in used]
