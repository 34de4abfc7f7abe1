"""The captions that encoders of images and captions look at: the stored one, else BLIP's, else none."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...runtime import BadImageError, decode_image
from ...runtime.decode import stored_pixel_limit
from ...store import Store
from ...store.errors import InvalidInputError
from ...store.lookup import FEW, is_in
from ...store.schema import ITEM_TABLES
from ..encoders.silence import silence_loading
from ..encoders.weights import hub_folder

if TYPE_CHECKING:
    from PIL import Image

BLIP = "Salesforce/blip-image-captioning-base"
BLIP_FILES = (
    "config.json",
    "preprocessor_config.json",
    "pytorch_model.bin",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
)
BATCH = 8
MAX_TOKENS = 30


@dataclass
class Captions:
    """Captions of stored items, in the order given; the captioner is loaded when the first one is missing.

    The stored caption of an image or prompt of a sample comes first. Where there is none, BLIP
    (arXiv:2201.12086) describes the image: greedily, so the same image always gets the same caption. Where
    its weights are missing, too, the caption is empty. Nothing is written to the store.
    """

    store: Store
    weights: Path | None = None  # a folder of BLIP in transformers' layout, instead of the hub
    empty: int = 0
    warning: str | None = None  # why captions were left empty, once one was
    _captioner: Captioner | None = field(default=None, repr=False)

    def __call__(self, kind: str, ids: Sequence[str]) -> list[str]:
        """Captions of `ids`, items of `kind` 'image' or 'sample'."""
        captions = stored_captions(self.store, kind, ids)
        missing = [item for item in ids if not captions[item]]
        if missing and self._load_captioner():
            captions |= self._describe(ITEM_TABLES[kind].table, missing)
        self.empty += sum(not captions[item] for item in ids)
        return [captions[item] for item in ids]

    def _load_captioner(self) -> bool:
        """Whether there is a captioner."""
        if self._captioner is None and self.warning is None:
            try:
                self._captioner = Captioner.load(self.weights)
            except InvalidInputError as error:
                self.warning = f"items without a caption get an empty one: {error} ({error.hint})"
        return self._captioner is not None

    def _describe(self, table: str, ids: Sequence[str]) -> dict[str, str]:
        """Generated captions of those of `ids` that decode."""
        assert self._captioner is not None
        captions: dict[str, str] = {}
        images: dict[str, Image.Image] = {}
        blobs, pixel_limit = self.store.blobs(table, "bytes", ids), stored_pixel_limit(self.store)
        while chunk := list(islice(blobs, BATCH)):
            images.clear()
            for item, data in chunk:
                with suppress(BadImageError):  # embedding it records why
                    images[item] = decode_image(data or b"", pixel_limit)
            if images:
                captions |= zip(images, self._captioner(list(images.values())), strict=True)
        return captions


def stored_captions(store: Store, kind: str, ids: Sequence[str]) -> dict[str, str]:
    """The stored caption or prompt of each of `ids`, stripped; '' where there is none."""
    table, key, column = ITEM_TABLES[kind]
    found = dict.fromkeys(ids, "")
    for start in range(0, len(ids), FEW):
        where = is_in(key, ids[start : start + FEW])
        rows = store.read(table, [key, column], where).to_pylist()
        found |= {row[key]: (row[column] or "").strip() for row in rows}
    return found


@dataclass(frozen=True)
class Captioner:
    """BLIP's captioning model."""

    model: Any
    processor: Any

    @classmethod
    def load(cls, weights: Path | None = None) -> Captioner:
        """From a folder in transformers' layout, the hub's cache or the hub. Raises InvalidInputError."""
        from transformers import BlipForConditionalGeneration, BlipProcessor

        instead = "give the images captions, or fetch it once with a network"
        folder = weights or hub_folder("BLIP", BLIP, BLIP_FILES, instead)
        try:
            with silence_loading():
                model, info = BlipForConditionalGeneration.from_pretrained(
                    folder, local_files_only=True, output_loading_info=True
                )
                processor = BlipProcessor.from_pretrained(folder, local_files_only=True)
            if info["missing_keys"]:  # left at random
                raise ValueError(f"it lacks {sorted(info['missing_keys'])[0]}")
        except Exception as error:  # transformers raises many
            raise InvalidInputError(
                f"{folder} holds no BLIP: {error}", hint="give a folder as on the hub"
            ) from error
        return cls(model.eval(), processor)

    def __call__(self, images: Sequence[Image.Image]) -> list[str]:
        """A caption of each of `images`, RGB."""
        import torch

        inputs = self.processor(images=list(images), return_tensors="pt")
        with torch.inference_mode():
            tokens = self.model.generate(**inputs, do_sample=False, num_beams=1, max_new_tokens=MAX_TOKENS)
        texts: list[str] = self.processor.batch_decode(tokens, skip_special_tokens=True)
        return [text.strip() for text in texts]
