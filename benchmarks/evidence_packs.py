"""What making and verifying evidence packs of a store takes, and what changes of one byte do.

    python benchmarks/evidence_packs.py STORE [--changes 50] [-k 10] [--seed 0]

A pack is made of a stored sample's picture, as a folder and as a zip file. Both are verified with a copy of
the store at another place. Then one byte of one file is changed, at random, as often as asked for: half of
the changes take a file at random, half a byte of the whole zip file. Each must be refused.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attribase.packs import (
    PackSigner,
    Trust,
    create_certified_key,
    fingerprint,
    recompute,
    verify_pack,
    write_pack,
)
from attribase.query import Request, Session
from attribase.store import Store


def main() -> None:
    """Measure and print; the exit code is 1 where a change passes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        create_certified_key(folder / "office.pem", "The office")
        signer = PackSigner.read(folder / "office.pem")
        trust = Trust(fingerprint(signer.key.public))
        snapshot, picture = Session(Store.open(given.store)).snapshot(), stored_picture(given.store, folder)
        packs = [folder / "a.pack", folder / "a.zip"]
        for pack in packs:
            with timed(f"made {pack.name}"):
                write_pack(pack, snapshot, str(picture), Request(k=given.k), signer)
        files = sorted(one for one in packs[0].rglob("*") if one.is_file())
        print(f"{len(files)} files, {packs[1].stat().st_size:,} bytes")
        copy = Store.open(shutil.copytree(given.store, folder / "copy"))
        for pack in packs:
            with timed(f"verified {pack.name}"):
                demand(holds(pack, trust), "it does not hold")
            with timed(f"asked {pack.name} again of a copy of the store"):
                demand(recompute(pack, copy).equal, "another answer")
        refused = count_refused(packs, files, trust, random.Random(given.seed), given.changes)
        print(f"{refused} of {given.changes} changes of one byte were refused")
        demand(refused == given.changes, "a change passed")


def count_refused(
    packs: list[Path], files: list[Path], trust: Trust, chosen: random.Random, changes: int
) -> int:
    """How many changes of one byte are refused: in turn of a file of the folder, and of the zip file."""
    refused = 0
    for turn in range(changes):
        pack = packs[turn % 2]
        path = chosen.choice(files) if pack.is_dir() else pack
        whole = path.read_bytes()
        changed, at = bytearray(whole), chosen.randrange(len(whole))
        changed[at] ^= chosen.randrange(1, 256)
        path.write_bytes(changed)
        refused += not holds(pack, trust)
        path.write_bytes(whole)
        demand(holds(pack, trust), "what was changed back does not hold")
    return refused


def holds(pack: Path, trust: Trust) -> bool:
    """Whether everything that can be checked without the store holds."""
    return all(finding.holds for finding in verify_pack(pack, trust))


def demand(good: bool, text: str) -> None:
    """End with 1 unless it is so."""
    if not good:
        sys.exit(text)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print what was done, and the seconds that it took: of the clock, and of all cores."""
    began, used = time.perf_counter(), time.process_time()
    yield
    print(f"{what}: {time.perf_counter() - began:.2f} s, {time.process_time() - used:.2f} s of CPU")


def stored_picture(uri: str, folder: Path) -> Path:
    """The first stored sample's picture as a file."""
    store = Store.open(uri)
    (sample,) = store.read("samples", ["sample_id"])["sample_id"].to_pylist()[:1]
    ((_, data),) = store.blobs("samples", "bytes", [sample])
    path = folder / "asked.png"
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    main()
