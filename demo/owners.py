"""Influence per creator over many samples: does it go to whose work it was?"""

from collections import defaultdict
from statistics import mean

from ..query import attribute, influence_by
from ..store import Store
from .figures import CreatorBar
from .findings import BEST, middle_samples


def creator_bars(store: Store, encoder: str, most: int = 10) -> list[CreatorBar]:
    """For each creator of an exemplar: mean influence when the exemplar is theirs, and when it is not.

    Over the middle sample of each test model, mapped and calibrated; creators with most exemplars first.
    """
    creators = {
        row["image_id"]: row["creator"] for row in store.read("images", ["image_id", "creator"]).to_pylist()
    }
    own: dict[str, list[float]] = defaultdict(list)
    others: dict[str, list[float]] = defaultdict(list)
    answers = []
    for row in middle_samples(store, encoder):
        owners = {creators[item] for item in row["exemplar_ids"]}
        answer = attribute(store, row["sample_id"], encoder=encoder, mapper=BEST, k=1)
        answers.append(
            (owners, {share.name: share.influence for share in influence_by(store, answer, "creator")})
        )
    for creator in {name for owners, _ in answers for name in owners}:
        for owners, shares in answers:
            (own if creator in owners else others)[creator].append(shares.get(creator, 0.0))
    order = sorted(own, key=lambda creator: (-len(own[creator]), creator))[:most]
    return [CreatorBar(name, mean(own[name]), mean(others[name]) if others[name] else 0.0) for name in order]
