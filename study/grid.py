"""What a plan means on one store: the encoders, the mappers that are trained on each, and the cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..query import Features
from ..query.catalog import encoders, mappers, require_known
from ..query.evaluation.cases import NOT_EVALUATED
from ..runtime.mapper import RAW
from ..runtime.model_files import can_embed
from ..store import InvalidInputError, NotFoundError, Store
from ..train import MapperConfig
from ..train.variants import VARIANTS
from .folder import Skipped
from .plan import StudyPlan

MAIN_VARIANT = "object+style"
"""The paper's final mapper: the one that answers are given with."""


@dataclass(frozen=True)
class Training:
    """A variant that is to be trained on an encoder."""

    encoder: str
    config: MapperConfig

    @property
    def features(self) -> Features:
        """The encoder with this mapper."""
        return Features(self.encoder, self.config.name)


@dataclass(frozen=True)
class Grid:
    """A plan on a store.

    Attributes:
        embedded: encoders whose network the store has, so that items without a vector can be embedded.
        trainings: variants to train.
        features: all encoders and mappers to evaluate, in the order of the tables.
        cases: test cases.
        skipped: what the plan asks for and cannot be done.
    """

    embedded: tuple[str, ...]
    trainings: tuple[Training, ...]
    features: tuple[Features, ...]
    cases: tuple[str, ...]
    skipped: tuple[Skipped, ...]

    def checked(self) -> tuple[Features, ...]:
        """What checks are made with: raw features, the main variant and stored mappers, given a network."""
        trained = {one.features for one in self.trainings if one.config.name != MAIN_VARIANT}
        return tuple(one for one in self.features if one.encoder in self.embedded and one not in trained)

    def calibrated(self) -> tuple[Features, ...]:
        """Raw features and those of the main variant: what figures show the influence with."""
        return tuple(one for one in self.features if one.mapper in (RAW, MAIN_VARIANT))


def plan_grid(store: Store, plan: StudyPlan) -> Grid:
    """What is to be done for `plan` on `store`.

    Raises:
        NotFoundError: an encoder, mapper or case that the store does not have, or no vectors at all.
        InvalidInputError: an unknown variant.
    """
    chosen = _choose("encoder", plan.encoders, encoders(store))
    variants = _choose("variant", plan.variants, list(VARIANTS))
    networks = tuple(name for name in chosen if can_embed(store, name))
    trainings: list[Training] = []
    features: list[Features] = []
    skipped: list[Skipped] = []
    for encoder in chosen:
        for name in variants:
            config = None if name == RAW else VARIANTS[name].config(plan.recipe, encoder)
            if config is not None:
                config = replace(config, seed=plan.seed)
                if encoder not in networks and config.views:
                    if config.augment != "mild":
                        skipped.append(Skipped(f"{encoder}/{name}", NO_VIEWS))
                        continue
                    config = replace(config, views=0)
                trainings.append(Training(encoder, config))
            features.append(Features(encoder, name))
        there = mappers(store, encoder)
        features += [Features(encoder, name) for name in plan.mappers if name in there]
    _check_mappers(plan, features)
    return Grid(networks, tuple(trainings), tuple(features), _cases(store, plan), tuple(skipped))


NO_VIEWS = "its features were made elsewhere, so that no augmented views can be embedded"


def _choose(what: str, wanted: tuple[str, ...] | None, known: Sequence[str]) -> tuple[str, ...]:
    """The `known` names, or those that are wanted. NotFoundError for one that is not known."""
    require_known(what, wanted or (), known)
    return tuple(known) if wanted is None else wanted


def _check_mappers(plan: StudyPlan, features: Sequence[Features]) -> None:
    found = {one.mapper for one in features}
    if missing := [name for name in plan.mappers if name not in found]:
        raise NotFoundError(
            f"no encoder of the study has a mapper {missing[0]!r}",
            hint="train it first (attribase -s STORE train mapper --name NAME), or take it out of the plan",
        )


def _cases(store: Store, plan: StudyPlan) -> tuple[str, ...]:
    """Test cases by name; those that checks made are left out."""
    rows = store.read("models", ["case_name", "split"]).to_pylist()
    names = {row["case_name"] for row in rows if row["case_name"] and row["split"] not in NOT_EVALUATED}
    known = sorted(names)
    if not known:
        raise InvalidInputError(
            "the store has no test cases: no models with a case and a split that is not for training",
            hint="plan, customize and sample models first, or leave out -s: the embedded world is made then",
        )
    return _choose("case", plan.cases, known)
