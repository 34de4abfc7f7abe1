"""What decides the clusters of a store: what is compared, from when on images are linked, by which rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...runtime.mapper import RAW
from ...store import key_id
from ...store.errors import InvalidInputError
from ..catalog import TableReader, choose_encoder, choose_mapper, encoders

METHODS = ("vectors", "phash")
STAR, CHAIN = "star", "chain"
RULES = (STAR, CHAIN)
COPY_ENCODERS = ("sscd", "sscd-320")
"""Encoders that were trained to find copies, by preference."""

COPY_THRESHOLD = 0.75
"""Of COPY_ENCODERS: 90% of the pairs above it are copies in the publishers' own test (arXiv:2202.10261)."""

THRESHOLD = 0.95
"""Of other encoders, whose cosines are also high for images that only look alike."""

BITS = 4
"""Hashes of 64 bits that differ in at most so many are linked."""

MAX_BITS = 12
"""Finding the pairs takes a pass a bit, each over more of them."""


@dataclass(frozen=True)
class ClusterSettings:
    """How clusters are made. Raises InvalidInputError for a value out of range.

    Attributes:
        method: `vectors` compares the vectors of an encoder, `phash` perceptual hashes of the pictures.
        encoder: whose vectors; of `phash` the one that has to confirm a link, or None.
        mapper: on top of it, or 'none'.
        threshold: images with at least this cosine are linked; None where no vectors are compared.
        bits: of `phash`, in how many bits linked hashes may differ; else None.
        rule: `star`: every image of a cluster is linked with the one that stands for it. `chain`: whatever
            is connected by links, however long the way.
    """

    method: str = "vectors"
    encoder: str | None = None
    mapper: str | None = None
    threshold: float | None = None
    bits: int | None = None
    rule: str = STAR

    def __post_init__(self) -> None:
        for name, value, known in (("method", self.method, METHODS), ("rule", self.rule, RULES)):
            if value not in known:
                raise InvalidInputError(f"there is no {name} {value!r}", hint=f"use {' or '.join(known)}")
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise InvalidInputError(
                f"a threshold of {self.threshold}", hint="give a cosine above 0, up to 1: 0.95 for copies"
            )
        if self.bits is not None and not 0 <= self.bits <= MAX_BITS:
            raise InvalidInputError(
                f"{self.bits} bits", hint=f"let hashes differ in 0 to {MAX_BITS} of 64 bits"
            )
        if self.bits is not None and self.method != "phash":
            raise InvalidInputError(
                "vectors have no bits to differ in", hint="use method 'phash', or a threshold"
            )
        if self.threshold is not None and self.method == "phash" and self.encoder is None:
            raise InvalidInputError(
                "a threshold is of vectors, and no encoder is named",
                hint="name the encoder that confirms links of hashes, or use bits",
            )

    @property
    def links(self) -> dict[str, Any]:
        """What decides which images are linked: all but the rule."""
        return {name: value for name, value in vars(self).items() if name != "rule"}

    def links_id(self, digest: str) -> str:
        """The id of the links of these settings between the images of a digest."""
        return key_id("links", self.links, digest)

    def run_id(self, digest: str) -> str:
        """The id of the clusters of these settings among the images of a digest."""
        return key_id("clusters", vars(self), digest)

    @property
    def least_similarity(self) -> float:
        """The least similarity of linked images: the threshold, or the share of equal bits of hashes."""
        if self.threshold is not None:
            return self.threshold
        return 1 - (self.bits or 0) / 64


def complete_settings(tables: TableReader, settings: ClusterSettings) -> ClusterSettings:
    """The settings with a value in every field that the store or the method decides.

    Raises NotFoundError for an encoder or mapper that is not there, or where there are no vectors.
    """
    encoder, mapper, threshold = settings.encoder, settings.mapper, settings.threshold
    bits = settings.bits
    if settings.method == "phash":
        bits = BITS if bits is None else bits
    if settings.method == "vectors" or encoder is not None:
        encoder = _choose_encoder(tables, encoder)
        mapper = choose_mapper(tables, encoder, mapper or RAW)
        if threshold is None:
            threshold = COPY_THRESHOLD if encoder.split("@")[0] in COPY_ENCODERS else THRESHOLD
    return ClusterSettings(settings.method, encoder, mapper, threshold, bits, settings.rule)


def _choose_encoder(tables: TableReader, name: str | None) -> str:
    known = encoders(tables)
    copies = next((one for one in COPY_ENCODERS if one in known), None)
    return choose_encoder(tables, name or copies)
