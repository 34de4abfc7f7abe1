"""The paper's plan over one of its sources: its exemplars are ingested, its models planned as in Table 1."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from ...store import InvalidInputError, Step, Store, content_id
from ..images import ingest_images
from ..images.sources.folder import FolderSource
from ..images.sources.listing import Found, list_folder
from ..plan.prompts import CONCEPT
from ..specs import TOKEN, ModelSpec, SampleSpec
from .choice import Choice, choose_objects, choose_styles
from .folders import CATEGORY_HINT, by_class, by_folder, read_categories
from .prompts import Prompts
from .table1 import SAMPLES_OF_PROMPT

PAPERS = ("imagenet", "bamfg", "artchive")
"""The sources whose folders are read here; sets of MSCOCO are planned by `ingest plan --kind set`."""

_SUBFOLDER = {"imagenet": "category", "bamfg": "creator", "artchive": "creator"}
_KIND = {"imagenet": "object", "bamfg": "style", "artchive": "style"}
_PICTURE = {"imagenet": "picture", "bamfg": "picture", "artchive": "painting"}


@dataclass(frozen=True)
class PaperPlan:
    """What to plan of a source, and how.

    Attributes:
        source: one of PAPERS.
        folder: where it is.
        prompts: those of train and of test models.
        categories: of ImageNet, a table of the classes to take with their broad categories.
        scale: share of Table 1's models.
        per_prompt: samples of each prompt.
        seed: of the choice of classes, groups and pictures.
        method: how the models are customized.
    """

    source: str
    folder: Path
    prompts: Prompts
    categories: Path | None = None
    scale: float = 1.0
    per_prompt: int = SAMPLES_OF_PROMPT
    seed: int = 0
    method: str = "custom-diffusion"


def plan_paper(store: Store, plan: PaperPlan) -> Generator[Step, None, list[ModelSpec]]:
    """Choose exemplars, ingest them into the collection called as the source, and plan their models.

    Pictures that cannot be read are failures, as in every ingest, and in no model.

    Returns:
        The models, as the value of the generator.

    Raises InvalidInputError for a folder that is not the source's, fewer classes or groups than Table 1
    takes, a missing category or missing prompts.
    """
    listing = list_folder(plan.folder.resolve())
    choices = choose(plan, [found.path for found in listing if found.kind == "image"], listing)
    check_prompts(plan, choices)
    wanted = {path for choice in choices for path in choice.files}
    source = FolderSource(plan.folder.resolve(), {}, [found for found in listing if found.path in wanted])
    yield from ingest_images(store, source, plan.source, subfolder=_SUBFOLDER[plan.source])
    ids = {path: content_id((plan.folder / path).read_bytes()) for path in sorted(wanted)}
    stored = store.existing("images", sorted(set(ids.values())))
    planned = []
    for choice in choices:
        own = tuple(dict.fromkeys(ids[path] for path in choice.files if ids[path] in stored))
        if own:
            planned.append(plan_choice(plan, choice, own))
    return planned


def choose(plan: PaperPlan, images: Sequence[str], listing: Sequence[Found] = ()) -> list[Choice]:
    """The exemplars of each model, by the paths of the source's pictures below its folder.

    `listing`: its other files, which may say of which class validation pictures of ImageNet are.

    Raises InvalidInputError as `plan_paper` does.
    """
    if plan.source != "imagenet":
        return choose_styles(plan.source, by_folder(images), seed=plan.seed, scale=plan.scale)
    if plan.categories is None:
        raise InvalidInputError("nothing says which classes of ImageNet to take", hint=CATEGORY_HINT)
    others = [found.path for found in listing if found.kind != "image"]
    classes = by_class(plan.folder, images, others)
    return choose_objects(classes, read_categories(plan.categories), seed=plan.seed, scale=plan.scale)


def check_prompts(plan: PaperPlan, choices: Sequence[Choice]) -> None:
    """Raise InvalidInputError where a model would have no prompts, before anything is ingested."""
    for category, split in sorted({(choice.category, choice.split) for choice in choices}):
        plan.prompts.of(_KIND[plan.source], category, split)


def plan_choice(plan: PaperPlan, choice: Choice, exemplars: tuple[str, ...]) -> ModelSpec:
    """The model of a choice: `per_prompt` samples of each prompt, with seeds from 0."""
    kind, picture = _KIND[plan.source], _PICTURE[plan.source]
    concept = f"{TOKEN} {choice.category}" if kind == "object" else f"{TOKEN} art"
    training = concept if kind == "object" else f"A {picture} in the style of {concept}"
    prompts = plan.prompts.of(kind, choice.category, choice.split)
    return ModelSpec(
        concept_kind=kind,
        concept=choice.concept,
        category=choice.category,
        case_name=choice.case,
        split=choice.split,
        exemplar_ids=exemplars,
        training_prompts=(training,),
        samples=_samples(prompts, concept, picture, plan.per_prompt),
        method=plan.method,
    )


def _samples(
    prompts: Mapping[str, Sequence[str]], concept: str, picture: str, each: int
) -> tuple[SampleSpec, ...]:
    seeds = count()
    return tuple(
        SampleSpec(scheme, _fill(prompt, scheme, concept, picture), next(seeds))
        for scheme in sorted(prompts)
        for prompt in prompts[scheme]
        for _ in range(each)
    )


def _fill(prompt: str, scheme: str, concept: str, picture: str) -> str:
    """The prompt of a model; objects in a painter's style are paintings, not pictures."""
    if scheme == "object":
        prompt = prompt.replace("A picture of ", f"A {picture} of ", 1)
    return prompt.replace(CONCEPT, concept)
