"""The encoders of a store at one version: parts, text towers, profiles, and whether each is the same now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import runtime
from ..runtime.color_profiles import IGNORE
from ..runtime.model_files import (
    EXTRA,
    MODEL,
    TEXT_EXTRA,
    TEXT_MODEL,
    TEXT_WEIGHTS,
    WEIGHTS,
    encoder_row,
    stored_files,
)
from ..runtime.preprocess import Preprocessing
from ..store.errors import ConflictError
from .features import Pinned

if TYPE_CHECKING:
    from ..runtime import EncoderPart
    from ..store import Store

COLUMNS = ("encoder", "onnx_sha256", "preprocessing", "parts", "files", "variant_of", "variant_of_sha256")
"""The columns of `encoders` that are read."""

IMAGE_ROLES = (MODEL, WEIGHTS, EXTRA)
TEXT_ROLES = (TEXT_MODEL, TEXT_WEIGHTS, TEXT_EXTRA)


@dataclass(frozen=True)
class EncoderRows:
    """The rows of `encoders` by name, in part; earlier versions of a store lack some columns."""

    rows: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, pinned: Pinned) -> EncoderRows:
        """The rows at the pinned version."""
        there = pinned.dataset("encoders").schema.names
        found = pinned.read("encoders", [name for name in COLUMNS if name in there]).to_pylist()
        return cls({row["encoder"]: row for row in found})

    def row(self, encoder: str) -> Mapping[str, Any]:
        """Its row; empty where there is none."""
        return self.rows.get(encoder, {})

    def parts(self, encoder: str) -> list[EncoderPart]:
        """The parts of a composite; none of an encoder that is no composite."""
        return runtime.composite_parts(self.row(encoder))

    def profiles(self, encoder: str) -> str:
        """What `encoder` does with ICC profiles, as `decode_image` takes it; known without its network."""
        if parts := self.parts(encoder):  # they agree
            return self.profiles(parts[0].name)
        text = self.row(encoder).get("preprocessing")
        return Preprocessing.from_json(text).profiles if text else IGNORE

    def text_towers(self) -> dict[str, str]:
        """For each encoder that takes texts the one whose tower it uses: a variant its fp32 encoder's."""
        rows = self.rows.values()
        own = {row["encoder"]: row["onnx_sha256"] for row in rows if runtime.has_text_tower(row)}
        variants = {
            row["encoder"]: row["variant_of"]
            for row in rows
            if row.get("variant_of") in own and row["variant_of_sha256"] == own[row["variant_of"]]
        }
        return variants | {name: name for name in own}

    def image_network(self, encoder: str) -> tuple[object, ...]:
        """What decides the features of pictures: the parts, or the files and the preprocessing."""
        return _image_network(self.row(encoder))

    def text_network(self, encoder: str) -> tuple[object, ...]:
        """What decides the features of texts: the files of the text tower."""
        return _digests(self.row(encoder), TEXT_ROLES)

    def check_image_network(self, encoder: str, newest: Mapping[str, Any]) -> None:
        """Raise ConflictError where `newest`, the row as it is by now, has another network of this name."""
        if encoder in self.rows and self.image_network(encoder) != _image_network(newest):
            raise _exported_again(encoder, "a stored sample, which has its vector of then")

    def check_text_network(self, store: Store, encoder: str) -> None:
        """Raise ConflictError where the store has another text tower under this name by now."""
        if self.text_network(encoder) != _digests(encoder_row(store, encoder), TEXT_ROLES):
            raise _exported_again(encoder, "a picture")


def _image_network(row: Mapping[str, Any]) -> tuple[object, ...]:
    text = row.get("preprocessing")
    preprocessing = Preprocessing.from_json(text) if text else None
    return row.get("parts") or row.get("onnx_sha256"), preprocessing, _digests(row, IMAGE_ROLES)


def _digests(row: Mapping[str, Any], roles: tuple[str, ...]) -> tuple[object, ...]:
    """Role and sha256 of the files of these roles, in the order of the row."""
    files = stored_files(row) if row.get("files") else []
    return tuple((file.role, file.sha256) for file in files if file.role in roles)


def _exported_again(encoder: str, instead: str) -> ConflictError:
    return ConflictError(
        f"the encoder {encoder!r} was exported again since this state of the store, as another network",
        hint=f"ask for the store as it is now, or with {instead}",
    )
