"""Influence per creator over many samples: does it go to whose work it was?"""

from typing import cast

import polars as pl

from ..query import attribute_many
from ..store import Store
from .figures import CreatorBar
from .findings import BEST, middle_samples


def creator_bars(store: Store, encoder: str, most: int = 10) -> list[CreatorBar]:
    """For each creator of an exemplar: mean influence when the exemplar is theirs, and when it is not.

    Over the middle sample of each test model, mapped and calibrated; creators with most exemplars first.
    """
    owners, shares = _owners_and_shares(store, encoder)
    every = owners.select("sample_id").unique().join(owners.select("creator").unique(), how="cross")
    bars = (
        every.join(shares, on=["sample_id", "creator"], how="left")
        .join(owners.with_columns(own=pl.lit(True)), on=["sample_id", "creator"], how="left")
        .with_columns(pl.col("influence").fill_null(0.0), pl.col("own").fill_null(False))
        .group_by("creator")
        .agg(
            pl.col("own").sum().alias("models"),
            pl.col("influence").filter(pl.col("own")).mean().alias("theirs"),
            pl.col("influence").filter(~pl.col("own")).mean().fill_null(0.0).alias("others"),
        )
        .sort(["models", "creator"], descending=[True, False])
    )
    return [CreatorBar(row["creator"], row["theirs"], row["others"]) for row in bars.head(most).to_dicts()]


def _owners_and_shares(store: Store, encoder: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(sample_id, creator) of the exemplars, and (sample_id, creator, influence) of the answers."""
    images = cast(pl.DataFrame, pl.from_arrow(store.read("images", ["image_id", "creator"])))
    models = pl.DataFrame(middle_samples(store, encoder)).select("sample_id", "exemplar_ids")
    owners = models.explode("exemplar_ids").join(images, left_on="exemplar_ids", right_on="image_id")
    ids = models["sample_id"].to_list()
    answers = attribute_many(store, ids, encoder=encoder, mapper=BEST, k=1, by="creator")
    shares = [
        (sample_id, share.name, share.influence)
        for sample_id, answer in zip(ids, answers, strict=True)
        for share in answer.shares
    ]
    schema = {"sample_id": pl.String, "creator": pl.String, "influence": pl.Float64}
    return owners.select("sample_id", "creator").unique(), pl.DataFrame(shares, schema=schema, orient="row")
