"""Find tau and lambda (eq. 5 and 6): a held-out sample's influence should go to its exemplars."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ..store import Step, Store, key_id, vectors_table
from ..store.columns import utc_now
from ..store.errors import InvalidInputError
from .mapper import READS
from .provenance import same_inputs, trained_row
from .similarities import Similarities, load_similarities

STAGE = "train-calibration"
CLIP = (1e-3, 1e6)  # of 1/tau
LAMBDA_MAX = 0.999  # at 1 the best candidate itself has no influence


@dataclass(frozen=True)
class CalibrationConfig:
    """Settings of one calibration; the defaults are the paper's (C.3).

    lr_inverse_tau, lr_lambda: Adam's, for 1/tau (which starts at 1) and lambda (which starts at 0).
    batch: samples a step. top: similarities a sample, beside its exemplars' own. beta: of the softplus
    that stands for relu while training. split, gallery: what is held out, and against which collection.
    samples: how many of them at most. epsilon: with the exact relu an exemplar can have no influence at
    all and the KL divergence would be infinite, so shares count as at least this much in it.
    """

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

    def __post_init__(self) -> None:
        for field in ("lr_inverse_tau", "steps", "batch", "top", "beta", "samples", "epsilon", "check_every"):
            if not getattr(self, field) > 0:
                raise InvalidInputError(f"{field} is too small", hint=f"give a larger {field}")


def train_calibration(
    store: Store, encoder: str, mapper: str, config: CalibrationConfig | None = None
) -> Iterator[Step]:
    """Fit tau and lambda for `mapper` ('none': raw features) and write the `calibrations` row.

    kl_before and kl_after are mean KL(S || P) over all held-out samples with the exact relu, at
    tau = 1, lambda = 0 and at the result. Yields nothing when this was done before on the same rows.

    Raises:
        NotFoundError: nothing is embedded. InvalidInputError: no held-out model, no gallery, no such mapper.
    """
    config = config or CalibrationConfig()
    settings = json.dumps(asdict(config), sort_keys=True)
    if _stands(store, encoder, mapper, settings):
        return
    read = (*READS, vectors_table(encoder), "mappers")
    versions = {table: version for table, version in store.versions().items() if table in read}
    similarities = load_similarities(
        store,
        encoder,
        mapper,
        split=config.split,
        gallery=config.gallery,
        top=config.top,
        samples=config.samples,
        seed=config.seed,
    )
    history: list[dict[str, Any]] = []
    for record in calibrate(similarities, config):
        history.append(record)
        if "kl" in record:
            yield Step(STAGE, int(record["step"]), config.steps, f"KL {record['kl']:.4f}")
    kl, tau, lam = min(_candidates(history))
    row = {
        "calibration_id": key_id(encoder, mapper),
        "encoder": encoder,
        "mapper": mapper,
        "tau": tau,
        "lambda": lam,
        "config": settings,
        "history": json.dumps(history, sort_keys=True),
        "kl_before": history[0]["kl"],
        "kl_after": kl,
        "table_versions": json.dumps(versions, sort_keys=True),
        "created": utc_now(),
    }
    store.upsert("calibrations", [row], update=True)
    yield Step(STAGE, config.steps, config.steps, f"tau {tau:.4f}, lambda {lam:.4f}")


def _candidates(history: list[dict[str, Any]]) -> Iterator[tuple[float, float, float]]:
    """(exact KL, tau, lambda) of every check, with lambda and without: a cut can cost more than it gains."""
    for record in history:
        if "kl" in record:
            yield record["kl"], record["tau"], record["lambda"]
            yield record["kl_uncut"], record["tau"], 0.0


def _stands(store: Store, encoder: str, mapper: str, settings: str) -> bool:
    """Whether this was calibrated before on the same rows, and the mapper not trained since."""
    before, trained = (trained_row(store, table, encoder, mapper) for table in ("calibrations", "mappers"))
    if before is None or not same_inputs(store, before, encoder, settings):
        return False
    return trained is None or bool(trained["created"] <= before["created"])


def calibrate(similarities: Similarities, config: CalibrationConfig) -> Iterator[dict[str, Any]]:
    """Yield a record a step, the start first: step, tau, lambda, softplus loss, and at times the exact KL.

    The smallest exact KL, with lambda or without, is the result:
    the smooth loss can go on falling while the exact one rises.
    """
    count = len(similarities.values)
    inverse_tau, lam = torch.tensor(1.0, requires_grad=True), torch.tensor(0.0, requires_grad=True)
    optimizer = torch.optim.Adam(
        [
            {"params": [inverse_tau], "lr": config.lr_inverse_tau},
            {"params": [lam], "lr": config.lr_lambda},
        ]
    )
    rng = torch.Generator().manual_seed(config.seed)
    for step in range(config.steps + 1):
        record: dict[str, Any] = {"step": step, "tau": 1 / inverse_tau.item(), "lambda": lam.item()}
        if step % config.check_every == 0 or step == config.steps:
            record["kl"] = exact_kl(similarities, record["tau"], record["lambda"], config.epsilon)
            record["kl_uncut"] = exact_kl(similarities, record["tau"], 0.0, config.epsilon)
        every = count <= config.batch
        chosen = torch.arange(count) if every else torch.randperm(count, generator=rng)[: config.batch]
        part = Similarities(similarities.values[chosen], similarities.exemplar[chosen])
        loss = kl_divergence(part, smooth_shares(part.values, inverse_tau, lam, config.beta), 1e-30)
        record["loss"] = float(loss.detach())
        yield record
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        with torch.no_grad():
            inverse_tau.clamp_(*CLIP)
            lam.clamp_(0.0, LAMBDA_MAX)


def smooth_shares(values: Tensor, inverse_tau: Tensor, lam: Tensor, beta: float) -> Tensor:
    """Eq. 6 with softplus for relu: (samples, candidates) similarities to shares that sum to 1 a row."""
    best = values.max(dim=1, keepdim=True).values
    padding = values == -torch.inf
    # padding is taken out before the product: -inf * 1/tau has no gradient but NaN
    below = (values - best).masked_fill(padding, 0.0)
    weights = softplus(torch.exp(below * inverse_tau) - lam, beta=beta).masked_fill(padding, 0.0)
    return weights / weights.sum(dim=1, keepdim=True)


def kl_divergence(similarities: Similarities, shares: Tensor, epsilon: float) -> Tensor:
    """Eq. 5, mean over samples: S is uniform over a sample's exemplars, P is `shares`, at least `epsilon`."""
    exemplar = similarities.exemplar
    count = exemplar.sum(dim=1)
    logs = torch.where(exemplar, shares.clamp_min(epsilon), 1.0).log().sum(dim=1)
    return (-count.log() - logs / count).mean()


@torch.no_grad()
def exact_kl(similarities: Similarities, tau: float, lam: float, epsilon: float) -> float:
    """Eq. 5 with the exact relu of eq. 6, in blocks of samples."""
    total = 0.0
    for start in range(0, len(similarities.values), 256):
        values = similarities.values[start : start + 256].double()
        best = values.max(dim=1, keepdim=True).values
        weights = (torch.exp((values - best) / tau) - lam).clamp_min(0.0)
        weights = weights.masked_fill(
            values == -torch.inf, 0.0
        )  # exp(-inf) - lambda is 0 only if lambda >= 0
        part = Similarities(values, similarities.exemplar[start : start + 256])
        shares = weights / weights.sum(dim=1, keepdim=True)
        total += float(kl_divergence(part, shares, epsilon)) * len(values)
    return total / len(similarities.values)
