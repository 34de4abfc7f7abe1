"""Stores whose ranks are written row by row, beside what was drawn: no vectors, no evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from attribase.store import Store, key_id, run_number

SCHEMES = ("gpt", "media")
POOL = 400


@dataclass
class Ranked:
    """`drawn` holds, by (encoder, mapper, sample_id), the sample's pool: scores and which are exemplars."""

    store: Store
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    models: dict[str, dict] = field(default_factory=dict)
    samples: dict[str, dict] = field(default_factory=dict)
    drawn: dict[tuple[str, str, str], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    moment: datetime = datetime(2026, 1, 1)

    def model(
        self,
        name: str,
        exemplars: Sequence[str],
        case: str,
        *,
        split: str = "test",
        samples: int = 4,
        **more: str,
    ) -> None:
        """A model, its images and `samples` samples for each scheme."""
        images = [{"image_id": one, "uri": f"file:{one}", "creator": f"by {one}"} for one in exemplars]
        self.store.upsert("images", images)
        self.store.upsert("members", [{"collection": case, "image_id": one} for one in exemplars])
        row = {"model_id": name, "method": "custom-diffusion", "case_name": case, "split": split}
        row |= {
            "exemplar_ids": list(exemplars),
            "concept": f"concept of {name}",
            "concept_kind": "object",
        } | more
        self.store.upsert("models", [row])
        self.models[name] = row
        made = [
            {
                "sample_id": f"{name}-{scheme}{n}",
                "model_id": name,
                "scheme": scheme,
                "prompt": f"{scheme} prompt {n}",
            }
            for scheme in SCHEMES
            for n in range(samples)
        ]
        self.store.upsert("samples", made)
        self.samples |= {one["sample_id"]: one for one in made}

    def run(
        self,
        encoder: str,
        mapper: str,
        case: str,
        scheme: str,
        *,
        split: str = "test",
        skill: float = 1.0,
        finished: bool = True,
        only: Sequence[str] | None = None,
    ) -> str:
        """Rank a case's samples of a split and scheme in pools drawn afresh, exemplars `skill` above."""
        self.moment += timedelta(minutes=1)
        run_id = key_id(encoder, mapper, case, scheme, split, self.moment.isoformat())
        asked = [
            name
            for name, row in self.samples.items()
            if row["scheme"] == scheme
            and (self.models[row["model_id"]]["case_name"], self.models[row["model_id"]]["split"])
            == (case, split)
            and (only is None or name in only)
        ]
        rows = [row for name in asked for row in self._ranks(run_id, (encoder, mapper, name), skill)]
        self.store.upsert("ranks", rows)
        if finished:
            run = {"run_id": run_id, "encoder": encoder, "mapper": mapper, "case_name": case, "split": split}
            run |= {"scheme": scheme, "run_number": run_number(run_id), "samples": len(asked)}
            self.store.upsert(
                "runs", [run | {"started": self.moment, "seconds": 1.5, "table_versions": '{"samples": 2}'}]
            )
        return run_id

    def _ranks(self, run_id: str, key: tuple[str, str, str], skill: float) -> list[dict]:
        exemplars = self.models[self.samples[key[2]]["model_id"]]["exemplar_ids"]
        right = np.arange(POOL) < len(exemplars)
        scores = self.rng.normal(size=POOL) + skill * right
        self.drawn[key] = (scores, right)
        ranks = [int((scores >= score).sum()) for score in scores[right]]
        order = np.argsort(ranks)
        return [
            {
                "run_id": run_id,
                "sample_id": key[2],
                "image_id": exemplars[at],
                "rank": ranks[at],
                "similarity": float(scores[at]),
                "pool_size": POOL,
                "run_number": run_number(run_id),
                "place": place,
                "exemplars": len(exemplars),
            }
            for place, at in enumerate(order, start=1)
        ]

    def scores(self, sample: str, encoder: str, mapper: str) -> dict[str, float]:
        """A sample's metrics from its pool, by sorting and by sklearn."""
        from sklearn.metrics import average_precision_score

        scores, right = self.drawn[encoder, mapper, sample]
        ranked = right[np.argsort(-scores)]
        recalls = {f"recall_{k}": float(ranked[:k].sum() / right.sum()) for k in (5, 10, 100)}
        return recalls | {"ap": float(average_precision_score(right, scores))}


def fill(ranked: Ranked, near: str = "near", far: str = "far", mapper: str = "tuned") -> Ranked:
    """Two cases, two splits, a good and a worse encoder, three mappers (one ranked half the samples)."""
    for n in range(6):
        ranked.model(f"o{n}", [f"o{n}e"], "objects", category="toy")
    style = {"concept_kind": "style", "category": "art"}
    for n in range(5):
        ranked.model(f"s{n}", [f"s{n}e{i}" for i in range(2 + 2 * n)], "styles", **style)
    ranked.model("v0", ["v0e0", "v0e1"], "styles", split="val")
    ranked.model(
        "s5", ["s0e0", "s0e1"], "styles", concept="concept of s0", **style
    )  # the exemplars of s0 again
    for encoder, skill in ((near, 3.0), (far, 0.5)):
        for learned, more in (("none", 0.0), (mapper, 1.0)):
            for case, split in (("objects", "test"), ("styles", "test"), ("styles", "val")):
                for scheme in SCHEMES:
                    ranked.run(encoder, learned, case, scheme, split=split, skill=skill + more)
    some = [name for name in ranked.samples if name.endswith(("0", "1"))]
    ranked.run(near, "half", "objects", "gpt", skill=3.0, only=some)
    return ranked
