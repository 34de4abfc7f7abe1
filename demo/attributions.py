"""Attributions of many test samples: influence by creator."""

from typing import cast

import polars as pl

from ..query import Features, attribute_many
from ..store import Store
from .figures import CreatorBar
from .findings import median_samples


def creator_bars(store: Store, features: Features, count: int = 10) -> list[CreatorBar]:
    """For each creator of an exemplar: mean influence when an exemplar is theirs, and when none is.

    Over the median sample of each test model, mapped and calibrated; creators with most models first.
    """
    owners, shares = _owners_and_shares(store, features)
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
    return [CreatorBar(row["creator"], row["theirs"], row["others"]) for row in bars.head(count).to_dicts()]


def _owners_and_shares(store: Store, features: Features) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(sample_id, creator) of the exemplars, and (sample_id, creator, influence) of the answers."""
    images = cast(pl.DataFrame, pl.from_arrow(store.read("images", ["image_id", "creator"])))
    models = pl.DataFrame(median_samples(store, features)).select("sample_id", "exemplar_ids")
    owners = models.explode("exemplar_ids").join(images, left_on="exemplar_ids", right_on="image_id")
    ids = models["sample_id"].to_list()
    answers = attribute_many(store, ids, k=1, by="creator", encoder=features.encoder, mapper=features.mapper)
    shares = [
        (sample_id, share.name, share.influence)
        for sample_id, answer in zip(ids, answers, strict=True)
        for share in answer.shares
    ]
    schema = {"sample_id": pl.String, "creator": pl.String, "influence": pl.Float64}
    return owners.select("sample_id", "creator").unique(), pl.DataFrame(shares, schema=schema, orient="row")
