"""Settings of the two trainings: the paper's recipe, and one for a few dozen models."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from ..runtime.influence import PAPER as PAPER_LAW
from ..runtime.influence import SPREAD
from ..runtime.mapper import RAW
from ..runtime.spread import NULL_WEIGHT
from ..store import mapped_column
from ..store.errors import InvalidInputError
from ..store.ids import AUGMENTATIONS
from .pairs import CUSTOMIZED, SOURCES

LAWS = (SPREAD, PAPER_LAW)
CENTRES = ("none", "gallery", "each")
STARTS = ("identity", "whitened", "both")
POSITIVES = ("pair", "each", "sum", "mean")
KEPT = ("best", "last")
MAPS = ("linear", "channel", "mlp")
LINEAR_ALONE: dict[str, tuple[str, ...]] = {
    "channel": ("centre", "rank", "start", "weight_decay"),
    "mlp": ("centre", "rank", "start", "weight_decay", "average", "negatives"),
}
"""Settings that other maps than linear ones do not have: biases and matrices that start at the identity; an
MLP's running statistics have no average, and are of the items that samples are paired with."""
RUNGS = (
    "learn_temperature",
    "start",
    "ridge",
    "negatives",
    "mined",
    "duplicate",
    "negative_images",
    "positives",
    "samples",
    "average",
    "blocks",
    "hub_weight",
    "hub_neighbours",
    "keep",
    "on",
    "pairs",
    "map",
    "augment",
)
"""The fields of `MapperConfig` that the paper's recipe does not have: rows of older mappers may lack them."""


@dataclass(frozen=True)
class MapperConfig:
    """Settings of one training of h and h~; the defaults are the paper's (C.1).

    name: what the mapper is called. kinds: concept kinds of the models to learn from.
    temperature: nu of eq. 3. regulariser: weight of eq. 4. batch: models a step, all different.
    epochs, draws: an epoch draws `draws` pairs from each model. views: augmented views to draw from
    beside the plain picture (0: the plain picture alone). augment: how these are altered, "mild" or "strong".
    map: what h and h~ are: "linear"; "channel", one factor a channel, whose regulariser is that of the
    diagonal matrix; or "mlp" of two layers (`map_kinds`), which has no regulariser: eq. 4 is of a matrix.
    centre: where biases start: at zero ("none"), both at minus the gallery's mean feature ("gallery": it is
    common to all images), or h there and h~ at minus the mean of the samples ("each").
    rank: learn inside the `rank` leading principal directions of the gallery, identity outside; None
    learns the whole matrix. weight_decay: of AdamW, towards identity. gallery: the collection that
    validation searches, `validation_images` of it at most; every `validate_every` epochs.
    on: "customized" learns from customized models, "none" from the untouched base on captions of exemplars
    (B.5). pairs: train samples, each a pair with an exemplar of its model; None takes all.
    recipe: where the settings that were not given come from; stored with them, without effect.

    The rungs above the paper's recipe (docs/recipe.md), each off by default:

    learn_temperature: nu is learned too, from `temperature`, at least 0.01. start: "whitened" begins at the
    closed form of `whitening`, with its `ridge`, inside `rank` directions, "both" with that and the identity
    side by side. negatives: gallery images that a
    step compares the samples with, the share `mined` of them near ones; those more alike to an exemplar
    than `duplicate` are none; `negative_images` of the gallery are in memory. positives: "pair" draws one
    exemplar and one sample of a model, the others all exemplars and `samples` samples: "each", "sum" and
    "mean" as in `set_loss`. average: decay of the average of the weights, 0 for none. blocks: each part of
    a composite encoder has maps of its own, and a learned weight. hub_weight, hub_neighbours: of the shift
    in `hubness`, 0 for none. keep: the "best" epoch on the validation models, or the "last" one.
    """

    name: str = "tuned"
    kinds: tuple[str, ...] = ("object", "style")
    temperature: float = 1.0
    regulariser: float = 0.05
    lr: float = 1e-3
    weight_decay: float = 0.0
    epochs: int = 100
    batch: int = 1024
    draws: int = 1
    views: int = 4
    centre: str = "none"
    rank: int | None = None
    seed: int = 0
    gallery: str = "gallery"
    validate_every: int = 5
    validation_images: int = 20_000
    recipe: str = "paper"
    learn_temperature: bool = False
    start: str = "identity"
    ridge: float = 1.0
    negatives: int = 0
    mined: float = 0.0
    duplicate: float = 1.0
    negative_images: int = 20_000
    positives: str = "pair"
    samples: int = 4
    average: float = 0.0
    blocks: bool = False
    hub_weight: float = 0.0
    hub_neighbours: int = 10
    keep: str = "best"
    on: str = CUSTOMIZED
    pairs: int | None = None
    map: str = "linear"
    augment: str = "mild"

    def __post_init__(self) -> None:
        if self.name == RAW:
            raise InvalidInputError(f"{RAW!r} means raw features", hint="choose another name for the mapper")
        choices = (
            ("centre", CENTRES),
            ("start", STARTS),
            ("positives", POSITIVES),
            ("keep", KEPT),
            ("on", SOURCES),
            ("map", MAPS),
            ("augment", AUGMENTATIONS),
        )
        for field, known in choices:
            if getattr(self, field) not in known:
                raise InvalidInputError(
                    f"{field} is {getattr(self, field)!r}", hint=f"use one of {', '.join(known)}"
                )
        mapped_column(self.name)  # raises for a name that no column can have
        _check_positive(
            {
                "temperature": self.temperature,
                "lr": self.lr,
                "epochs": self.epochs + 1,  # none: the start
                "batch": self.batch - 1,  # a single pair has no negative
                "draws": self.draws,
                "validate_every": self.validate_every,
                "rank": 1 if self.rank is None else self.rank,
                "ridge": self.ridge,
                "samples": self.samples,
                "pairs": 1 if self.pairs is None else self.pairs,
                "hub_neighbours": self.hub_neighbours,
            }
        )
        self._check_map()

    def with_map(self, kind: str) -> MapperConfig:
        """These settings for another kind of map: what it does not have is off."""
        off: dict[str, Any] = {name: _DEFAULTS[name] for name in LINEAR_ALONE.get(kind, ())}
        return replace(self, map=kind, **off | ({"regulariser": 0.0} if kind == "mlp" else {}))

    def _check_map(self) -> None:
        """Raise InvalidInputError for settings that this kind of map or view does not have."""
        for name in LINEAR_ALONE.get(self.map, ()):
            if getattr(self, name) != _DEFAULTS[name]:
                raise InvalidInputError(
                    f"a map of the kind {self.map!r} has no {name} ({getattr(self, name)!r})",
                    hint=f"leave {name} out, or train a linear map",
                )
        if self.map == "mlp" and self.regulariser not in (0, _DEFAULTS["regulariser"]):
            raise InvalidInputError(
                "the regulariser (eq. 4) is of matrices, an MLP has none", hint="leave regulariser out"
            )
        if self.augment != "mild" and not self.views:
            raise InvalidInputError(
                f"{self.augment} augmentation of no views", hint="ask for views: the paper has 4"
            )


_DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(MapperConfig)}


@dataclass(frozen=True)
class CalibrationConfig:
    """Settings of one calibration; the defaults of the law `paper` are C.3 of the paper.

    law: `spread` (runtime/spread.py: by the query's own spread of similarities, with a null share) or `paper`
    (eq. 6). lr_inverse_tau, lr_lambda: Adam's, for 1/tau (which starts at 1) and lambda (which starts at 0).
    batch: samples a step. top: similarities a sample, beside its exemplars' own. beta: of the softplus
    that stands for relu while training. split: of the held-out models. gallery: the collection that
    their samples are compared with. samples: how many at most. epsilon: with the exact relu an exemplar can
    have no influence at all and the KL divergence would be infinite, so shares count as at least this much.
    Of `spread` alone: null_weight: of samples without their exemplars in the pool, beside those with them;
    kind_models: a concept kind with at least so many held-out models has parameters of its own.
    """

    law: str = SPREAD

    lr_inverse_tau: float = 0.5
    lr_lambda: float = 0.0005
    steps: int = 200
    batch: int = 4096
    top: int = 100_000
    beta: float = 100.0
    samples: int = 4096
    split: str = "val"
    gallery: str = "gallery"
    epsilon: float = 1e-8
    check_every: int = 5
    seed: int = 0
    null_weight: float = NULL_WEIGHT
    kind_models: int = 5

    def __post_init__(self) -> None:
        if self.law not in LAWS:
            raise InvalidInputError(f"there is no law {self.law!r}", hint=f"use {' or '.join(LAWS)}")
        if not 0 < self.null_weight < 1:
            raise InvalidInputError(
                f"null_weight is {self.null_weight}", hint="give a number between 0 and 1"
            )
        names = ("lr_inverse_tau", "steps", "batch", "top", "beta", "samples", "epsilon", "check_every")
        _check_positive({"kind_models": self.kind_models})
        _check_positive({name: getattr(self, name) for name in names})


def _check_positive(settings: dict[str, float]) -> None:
    for name, value in settings.items():
        if not value > 0:
            raise InvalidInputError(f"{name} is too small", hint=f"give a larger {name}")


PAPER = MapperConfig()
"""arXiv:2306.09345, C.1: 100 epochs of one pair a model, batch 1024, temperature 1."""

WORLD = MapperConfig(temperature=0.1, lr=3e-4, draws=4, centre="gallery", rank=256, recipe="world")
"""For the embedded world's few dozen models, a batch of all of them; the best on its validation models
(docs/world.md)."""

BEST = MapperConfig(
    recipe="best",
    start="both",
    centre="each",
    rank=384,
    blocks=True,
    positives="sum",
    temperature=0.07,
    learn_temperature=True,
    lr=7.5e-4,
    epochs=30,
    draws=2,
    batch=256,
    samples=3,
    views=0,
    negatives=512,
    duplicate=0.95,
    hub_weight=0.5,
    hub_neighbours=50,
    keep="last",
)
"""Every rung that helps in cross-validation (docs/recipe.md), for any encoder."""

RECIPES = {"paper": PAPER, "world": WORLD, "best": BEST}
"""Settings by the name that `--recipe` takes."""
