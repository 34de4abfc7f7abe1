"""The child process of the tests that need several: python writer.py ACTION URI [ARGUMENT...] NUMBER.

Prints `ready` when everything is imported, waits for a line, acts, and prints the result.
"""

import sys

import numpy as np
import pyarrow as pa
from attribase.store import Store, content_id, mapped_column, vectors_table
from attribase.store.erasure import erase
from attribase.store.maintenance import compact
from attribase.store.removal import remove
from attribase.store.removal_plan import RemovalPlan

BLOB_BYTES = 3000
DIM = 4


def payload(number: int) -> bytes:
    """The bytes of image `number`."""
    return np.random.default_rng(number).bytes(BLOB_BYTES)


def image(number: int) -> dict[str, object]:
    data = payload(number)
    return {"image_id": content_id(data), "uri": f"image-{number}", "bytes": data, "width": number}


def create(uri: str, number: str) -> object:
    """Create the store and vector tables, and write into each at once."""
    store = Store.create(uri)
    row = {"item_id": number, "item_kind": "image", "base": [1.0] * DIM}
    return sum(store.upsert(store.ensure_vectors(f"e{n}", DIM), [row]) for n in range(4))


def images(uri: str, count: str, batch: str, _: str) -> object:
    """Upsert the same images as every other child; returns how many this child inserted."""
    store, rows = Store.open(uri), [image(number) for number in range(int(count))]
    return sum(
        store.upsert("images", rows[start : start + int(batch)]) for start in range(0, len(rows), int(batch))
    )


def ranks(uri: str, batches: str, _: str) -> object:
    """The same rows under a key of three columns."""
    store = Store.open(uri)
    total = 0
    for batch in range(int(batches)):
        names = [{"run_id": "r", "sample_id": f"s{batch}", "image_id": f"i{n}"} for n in range(20)]
        total += store.upsert("ranks", [{**name, "rank": n} for n, name in enumerate(names, start=1)])
    return total


def replace(uri: str, rounds: str, number: str) -> object:
    """Replace one row again and again: the hardest contention there is."""
    store = Store.open(uri)
    for turn in range(int(rounds)):
        store.upsert("images", [{"image_id": "hot", "uri": f"{number}/{turn}"}], update=True)
    return store.count("images")


def finish(uri: str, children: str, number: str) -> object:
    """Finish every `children`-th shard of one job."""
    store = Store.open(uri)
    job = store.jobs.plan("test", {"a": 1}, [str(n) for n in range(80)], 1)
    mine = [shard for shard in job.pending() if shard.index % int(children) == int(number)]
    for shard in mine:
        job.finish(shard)
    return len(mine)


def work(uri: str, count: str, shard_size: str, _: str) -> object:
    """A whole job: images with bytes, then vectors, shard by shard; says what it writes next."""
    store = Store.create(uri)
    table = store.ensure_vectors("test", DIM)
    job = store.jobs.plan("work", {"v": 1}, [str(n) for n in range(int(count))], int(shard_size))
    for shard in job.pending():
        rows = [image(int(item)) for item in shard.items]
        say("images")
        store.upsert("images", rows)
        say("vectors")
        vectors = [
            {"item_id": row["image_id"], "item_kind": "image", "base": [float(row["width"])] * DIM}  # type: ignore[arg-type]
            for row in rows
        ]
        store.upsert(table, vectors)
        say("failures")
        store.record_failures("work", [(f"bad-{shard.index}", "empty", "no bytes")])
        say("finish")
        job.finish(shard)
    say("column")
    store.set_vector_column(table, mapped_column("axis"), axis)
    return job.done_items


def axis(batch: pa.RecordBatch) -> np.ndarray:
    """The unit vector along the axis that the base vector's first number says."""
    first = batch["base"].flatten().to_numpy().reshape(-1, DIM)[:, 0]
    return np.eye(DIM, dtype=np.float32)[first.astype(int) % DIM]


def double(batch: pa.RecordBatch) -> np.ndarray:
    return 2 * batch["base"].flatten().to_numpy().reshape(-1, DIM)


def fill(uri: str, rounds: str, _: str) -> object:
    """Fill a mapped column again and again while others append."""
    store = Store.open(uri)
    return [
        store.set_vector_column(vectors_table("test"), mapped_column("double"), double)
        for _ in range(int(rounds))
    ]


def append(uri: str, rounds: str, number: str) -> object:
    """Append vectors, one commit each."""
    store = Store.open(uri)
    rows = [
        {"item_id": f"{number}/{n}", "item_kind": "image", "base": [float(n)] * DIM}
        for n in range(int(rounds))
    ]
    return sum(store.upsert(vectors_table("test"), [row]) for row in rows)


def tidy(uri: str, rounds: str, _: str) -> object:
    """Compact again and again."""
    store = Store.open(uri)
    return sum(len(list(compact(store))) for _ in range(int(rounds)))


def take_out(uri: str, count: str, _: str) -> object:
    """Remove the first images, one removal each; nothing is erased while others write."""
    store = Store.open(uri)
    for n in range(int(count)):
        for step in remove(store, RemovalPlan({content_id(payload(n)): f"image-{n}"}), erase=True):
            say(step.note)
    return "removed"


def clean(uri: str, _: str) -> object:
    """Erase what was removed."""
    for step in erase(Store.open(uri)):
        say(step.note)
    return "erased"


ACTIONS = (create, images, ranks, replace, finish, work, fill, append, tidy, take_out, clean)


def main() -> None:
    action = next(action for action in ACTIONS if action.__name__ == sys.argv[1])
    say("ready")
    sys.stdin.readline()
    say(action(*sys.argv[2:]))


def say(answer: object) -> None:
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
