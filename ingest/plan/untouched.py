"""The baseline without adding one in: the untouched base, with captions of exemplars in place of V*."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import cycle

from ...store import InvalidInputError, Store
from ..specs import TOKEN, UNTOUCHED, ModelSpec


def plan_untouched(store: Store, specs: Sequence[ModelSpec]) -> list[ModelSpec]:
    """For each train and val model of `specs`, the untouched base on the same prompts and seeds.

    Where V* and the words that go with it stood, the caption of an exemplar stands: the stored one, else
    BLIP's. A model's exemplars take turns. The splits are `untouched-train` and `untouched-val`, the cases
    end in `_untouched`; test models are left out, so that no mapper learns from their exemplars.

    Raises InvalidInputError for an exemplar without a caption where BLIP is not there.

    Source: arXiv:2306.09345, appendix B.5.
    """
    from ..embed.captions import Captions

    chosen = [spec for spec in specs if spec.split in ("train", "val")]
    images = list(dict.fromkeys(image for spec in chosen for image in spec.exemplar_ids))
    captions = Captions(store)
    texts = dict(zip(images, captions("image", images), strict=True))
    if captions.empty:
        missing = next(image for image in images if not texts[image])
        raise InvalidInputError(
            f"{captions.empty} exemplars have no caption, the first is {missing}",
            hint="give them captions: attribase -s STORE ingest update --metadata FILE; or fetch BLIP, which "
            "writes them, once with a network",
        )
    return [_untouched(spec, texts) for spec in chosen]


def _untouched(spec: ModelSpec, captions: Mapping[str, str]) -> ModelSpec:
    words = f"{TOKEN} {spec.category if spec.concept_kind == 'object' else 'art'}"
    own = [captions[image] for image in spec.exemplar_ids]
    turns = zip(spec.samples, cycle(own), strict=False)
    samples = tuple(
        replace(sample, prompt=sample.prompt.replace(words, caption).replace(TOKEN, caption))
        for sample, caption in turns
    )
    return replace(
        spec,
        method="none",
        split=f"{UNTOUCHED}{spec.split}",
        case_name=f"{spec.case_name}_untouched",
        training_prompts=(),
        samples=samples,
    )
