"""The whole method as commands, small: each stage with the state of the store before and after it."""

import io
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from attribase.store import content_id
from PIL import Image

from .commands import POLL, Files, Launcher, Patches

ENCODER = "onnx:tiny"
PIXELS = 16
SMALL_SHARDS: Patches = (
    ("attribase.ingest.images.job", "ingest_images", {"shard_size": 5}),
    ("attribase.ingest.generated.job", "ingest_samples", {"shard_size": 3}),
    ("attribase.ingest.embed.job", "embed", {"shard_size": 6}),
    ("attribase.ingest.embed.views", "SHARD_SIZE", 8),
    ("attribase.query.evaluation.evaluate", "evaluate", {"shard_size": 2}),
    ("attribase.ingest.release.parts", "CHUNK", 8),
    ("attribase.store.maintenance", "compact", {"keep": {"seconds": 0}}),
)
"""Few rows a commit, so that a command of a second has many; and compaction that removes what it may."""


@dataclass(frozen=True)
class Stage:
    """One writing command; @ in a word stands for the folder of the sources.

    Attributes:
        argv: what follows `attribase -s store`.
        again: the error that the same command ends with once it did its work.
        slow: takes seconds, so that it is killed less often.
    """

    name: str
    argv: str
    again: str = ""
    slow: bool = False


EMBED = f"ingest embed --encoder {ENCODER} --workers 0"
STAGES = (
    Stage("images of a folder", "ingest images @gallery --collection gallery"),
    Stage("images of a table", "ingest images @exemplars.parquet --collection exemplars"),
    Stage("update", "ingest update --metadata @owners.csv --collection gallery"),
    Stage("plan", "ingest plan --kind object --samples 2 plan.jsonl"),
    Stage(
        "customize",
        "ingest customize --base world --plan plan.jsonl --iterations 1 --batch-size 2 --workers 2",
        slow=True,
    ),
    Stage("sample", "ingest sample --base world --plan plan.jsonl --steps 1 --workers 2", slow=True),
    Stage(
        "embed",
        "ingest embed --encoder onnx:@tiny.onnx --workers 0 --mean 0.5 0.5 0.5 --std 0.2 0.2 0.2",
    ),
    Stage("train mapper", f"train mapper --encoder {ENCODER} --epochs 2 --views 1", slow=True),
    Stage("train calibration", f"train calibration --encoder {ENCODER} --steps 3"),
    Stage("query eval", f"query eval --encoder {ENCODER}"),
    Stage("tag", "tag before", again="the tag 'before' exists already"),
    Stage("index", "index --min-rows 10 --kind IVF_SQ"),
    Stage("images of a second folder", "ingest images @more --collection gallery"),
    Stage("embed more", EMBED),
    Stage("query eval again", f"query eval --encoder {ENCODER}"),
    Stage("query prune", "query prune"),
    Stage("index more", "index --min-rows 10 --kind IVF_SQ"),
    Stage("compact", "compact"),
    Stage("remove", "ingest remove --ids @removed.txt --reason opt-out --erase --delete-tags --yes"),
)


def stage(name: str) -> Stage:
    """The stage of that name."""
    return next(stage for stage in STAGES if stage.name == name)


def picture(seed: int, kind: str = "PNG", side: int = PIXELS) -> bytes:
    """Noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def write_sources(folder: Path) -> None:
    """Folders and a table of pictures, some of which are broken, and a network of one layer."""
    for name, seeds in (("gallery", range(24)), ("more", range(20, 32))):
        for seed in seeds:
            path = folder / name / f"{seed % 3}" / f"{seed:02d}.{'png' if seed % 2 else 'jpg'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(seed, "PNG" if seed % 2 else "JPEG"))
        (folder / name / "cut.png").write_bytes(picture(99)[:200])
        (folder / name / "empty.jpg").touch()
    exemplars = [*(picture(100 + n) for n in range(5)), picture(3)]
    columns = {
        "image": exemplars,
        "caption": [f"a thing of number {n}" for n in range(6)],
        "category": ["cat", "dog", "cup"] * 2,
        "creator": [f"creator {n % 2}" for n in range(6)],
    }
    pq.write_table(pa.table(columns), folder / "exemplars.parquet", row_group_size=3)
    owners = [f"{seed:02d}.{'png' if seed % 2 else 'jpg'},owner {seed % 5},CC-BY\n" for seed in range(24)]
    (folder / "owners.csv").write_text("file_name,artist,license\n" + "".join(owners))
    removed = [content_id(picture(seed, "PNG")) for seed in (1, 5, 9, 21)]
    (folder / "removed.txt").write_text("\n".join(removed))
    _write_network(folder / "tiny.onnx")


def _write_network(path: Path) -> None:
    """(n, 3, 8, 8) to (n, 16): a random projection."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(0).normal(size=(192, 16)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["pixels"], ["flat"]),
            helper.make_node("MatMul", ["flat", "w"], ["out"]),
        ],
        "projection",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ("n", 3, 8, 8))],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ("n", 16))],
        [numpy_helper.from_array(weights, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


@dataclass
class Method:
    """Stages, run one after the other in `folder`: what the store was after each is kept.

    write: makes the folder of what they ingest.
    """

    launcher: Launcher
    folder: Path
    stages: Sequence[Stage] = STAGES
    write: Callable[[Path], None] = write_sources
    events: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def sources(self) -> Path:
        """The folder of what is ingested."""
        return self.folder / "sources"

    def argv(self, stage: Stage) -> list[str]:
        """The whole command line, to be run in a folder with `store`."""
        return ["-s", "store", *stage.argv.replace("@", f"{self.sources}/").split()]

    def run(self) -> None:
        """Run all stages, none of which is harmed."""
        self.write(self.sources)
        working = self.folder / "working"
        working.mkdir()
        for stage in self.stages:
            files, began = Files(working), time.monotonic()
            command = self.launcher.start(self.argv(stage), working, patches=SMALL_SHARDS)
            ended = command.wait(lambda files=files: files.new() < 0, POLL)
            assert ended.status == 0, (stage.name, ended.output)
            self.events[stage.name], self.seconds[stage.name] = files.new(), time.monotonic() - began
            command.log.unlink()
            shutil.copytree(working, self.after(stage))

    def after(self, stage: Stage) -> Path:
        """The folder as the stage left it."""
        return self.folder / "after" / stage.name

    def start(self, stage: Stage, folder: Path) -> Path:
        """A folder of its own, as it was before the stage."""
        number = self.stages.index(stage)
        if number == 0:
            folder.mkdir(parents=True)
            return folder
        return shutil.copytree(self.after(self.stages[number - 1]), folder)
