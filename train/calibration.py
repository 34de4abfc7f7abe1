"""Fit a calibration: a held-out sample's influence should go to its exemplars (eq. 5 and 6, or spread.py)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ..runtime.influence import PAPER, influence_terms
from ..runtime.mapper import RAW, mapper_names
from ..runtime.moments import ensure_moments, mapper_digest
from ..runtime.spread import ALL_KINDS, CENTRE, SpreadCalibration, SpreadParameters
from ..store import NotFoundError, Step, Store, key_id
from ..store.columns import utc_now
from .config import CalibrationConfig
from .data import encoder_table
from .losses import calibration_loss
from .provenance import input_versions, read_trained_row, same_inputs
from .similarities import Similarities, compare, load_held_out, load_similarities
from .spread import fit_kinds, image_kl, spread_data

STAGE = "train-calibration"
CLIP = (1e-3, 1e6)  # of 1/tau
LAMBDA_MAX = 0.999  # at 1 the best candidate itself has no influence
LEAST_SHARE = 1e-30  # in the logarithm of the smooth loss
BLOCK = 1 << 22
"""Similarities worked on at once: 16 MB in float32."""


def train_calibration(
    store: Store, encoder: str, mapper: str, config: CalibrationConfig | None = None
) -> Iterator[Step]:
    """Fit the law of `config` for `mapper` ('none': raw features) and write the `calibrations` row.

    kl_before and kl_after are mean KL(S || P) over all held-out samples with the exact relu, at
    tau = 1, lambda = 0 and at the result; by the law `spread`, of the shares of the images given that it is
    not the null. Yields nothing when this was done before on the same rows.

    Raises:
        NotFoundError: nothing is embedded.
        InvalidInputError: no held-out model, no gallery, no such mapper.
    """
    config = config or CalibrationConfig()
    settings = json.dumps(asdict(config), sort_keys=True)
    if _is_current(store, encoder, mapper, settings):
        return
    versions = input_versions(store, encoder_table(store, encoder), "mappers")
    found: dict[str, Any] = {}
    for step in (_fit_paper if config.law == PAPER else _fit_spread)(store, encoder, mapper, config):
        if isinstance(step, Step):
            yield step
        else:
            found = step
    row = {
        "calibration_id": key_id(encoder, mapper),
        "encoder": encoder,
        "mapper": mapper,
        "config": settings,
        "table_versions": json.dumps(versions, sort_keys=True),
        "created": utc_now(),
        "law": config.law,
    }
    store.upsert("calibrations", [row | found], update=True)
    yield Step(STAGE, config.steps, config.steps, _note(found))


def _note(found: dict[str, Any]) -> str:
    if "parameters" not in found:
        return f"tau {found['tau']:.4f}, lambda {found['lambda']:.4f}"
    return f"KL {found['kl_before']:.3f} before, {found['kl_after']:.3f} after, given that it is not the null"


def _fit_paper(
    store: Store, encoder: str, mapper: str, config: CalibrationConfig
) -> Iterator[Step | dict[str, Any]]:
    """Steps, then the columns of the row."""
    similarities = load_similarities(store, encoder, mapper, config)
    history: list[dict[str, Any]] = []
    for record in calibrate(similarities, config):
        history.append(record)
        if "kl" in record:
            yield Step(STAGE, int(record["step"]), config.steps, f"KL {record['kl']:.4f}")
    kl, tau, lam = min(_candidates(history))
    yield {
        "tau": tau,
        "lambda": lam,
        "history": json.dumps(history, sort_keys=True),
        "kl_before": history[0]["kl"],
        "kl_after": kl,
    }


def _fit_spread(
    store: Store, encoder: str, mapper: str, config: CalibrationConfig
) -> Iterator[Step | dict[str, Any]]:
    """Steps, then the columns of the row."""
    digest = mapper_digest(store, encoder, mapper) if mapper in (RAW, *mapper_names(store, encoder)) else ""
    held_out = load_held_out(store, encoder, mapper, config)
    similarities = compare(store, encoder, mapper, held_out, config)
    moments = ensure_moments(store, encoder, mapper, config.gallery)
    data = spread_data(held_out, similarities, moments)
    fitted: dict[str, SpreadParameters] = {}
    history = []
    for kind, parameters in fit_kinds(data, config):
        fitted[kind] = parameters
        mine = data if kind == ALL_KINDS else data.of(data.kinds == kind)
        kl = float(image_kl(mine, parameters, config.epsilon).mean())
        history.append({"kind": kind, "kl": kl} | asdict(parameters))
        yield Step(STAGE, 0, config.steps, f"fitted on {kind} samples")
    calibration = SpreadCalibration(fitted, digest)
    after = [
        float(image_kl(data.of(data.kinds == kind), calibration.of_kind(kind), config.epsilon).sum())
        for kind in set(data.kinds.tolist())
    ]
    uncrowded = float(fitted[ALL_KINDS].steepness(CENTRE))
    yield {
        "tau": 1 / uncrowded,
        "lambda": 0.0,
        "history": json.dumps(history, sort_keys=True),
        "kl_before": exact_kl(similarities, 1.0, 0.0, config.epsilon),
        "kl_after": sum(after) / len(data.kinds),
        "parameters": calibration.to_json(),
        "mapper_digest": digest,
    }


def _candidates(history: list[dict[str, Any]]) -> Iterator[tuple[float, float, float]]:
    """(exact KL, tau, lambda) of every check, with lambda and with 0, which can have the smaller KL."""
    for record in history:
        if "kl" in record:
            yield record["kl"], record["tau"], record["lambda"]
            yield record["kl_uncut"], record["tau"], 0.0


def _is_current(store: Store, encoder: str, mapper: str, settings: str) -> bool:
    """Whether this was calibrated before on the same rows, and with the mapper as it is now."""
    calibrated = read_trained_row(store, "calibrations", encoder, mapper)
    if calibrated is None or not same_inputs(store, calibrated, encoder, settings):
        return False
    version = json.loads(calibrated["table_versions"]).get("mappers")
    try:
        before = read_trained_row(store, "mappers", encoder, mapper, version)
    except NotFoundError:  # the version is gone
        return False
    return before == read_trained_row(store, "mappers", encoder, mapper)


def calibrate(similarities: Similarities, config: CalibrationConfig) -> Iterator[dict[str, Any]]:
    """Yield a record a step, the start first: step, tau, lambda, softplus loss, and at times the exact KL.

    The smallest exact KL, with lambda or without, is the result: the smooth loss can go on falling while
    the exact one rises.
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
        batch = None if count <= config.batch else torch.randperm(count, generator=rng)[: config.batch]
        optimizer.zero_grad()
        record["loss"] = _backward(similarities, batch, inverse_tau, lam, config.beta)
        yield record
        optimizer.step()
        with torch.no_grad():
            inverse_tau.clamp_(*CLIP)
            lam.clamp_(0.0, LAMBDA_MAX)


def _backward(
    similarities: Similarities, batch: Tensor | None, inverse_tau: Tensor, lam: Tensor, beta: float
) -> float:
    """Add the gradient of eq. 5 over the samples `batch` (None: all), block by block; returns the loss."""
    total, samples = 0.0, len(similarities.values) if batch is None else len(batch)
    for block in _blocks(similarities, batch):
        shares = smooth_shares(block.values, inverse_tau, lam, beta)
        part = calibration_loss(shares, block.exemplar, LEAST_SHARE) * (len(shares) / samples)
        part.backward()  # type: ignore[no-untyped-call]
        total += float(part.detach())
    return total


def _blocks(similarities: Similarities, rows: Tensor | None = None) -> Iterator[Similarities]:
    """The samples `rows` (None: all, as views) in blocks of about BLOCK similarities."""
    values, exemplar = similarities.values, similarities.exemplar
    step = max(1, BLOCK // max(1, values.shape[1]))
    for start in range(0, len(values) if rows is None else len(rows), step):
        part = slice(start, start + step) if rows is None else rows[start : start + step]
        yield Similarities(values[part], exemplar[part])


def smooth_shares(values: Tensor, inverse_tau: Tensor, lam: Tensor, beta: float) -> Tensor:
    """Eq. 6 with softplus for relu: (samples, candidates) similarities to shares that sum to 1 a row."""
    return _shares(values, 1 / inverse_tau, lam, partial(softplus, beta=beta))


def _shares(values: Tensor, tau: Tensor | float, lam: Tensor | float, relu: Any) -> Tensor:
    """Eq. 6 over each row; -inf is padding and has no share."""
    best = values.max(dim=1, keepdim=True).values
    padding = values == -torch.inf
    scores = torch.where(padding, best, values)  # -inf / tau would have NaN for a gradient
    terms = influence_terms(scores, best, tau, lam, exp=torch.exp, relu=relu).masked_fill(padding, 0.0)
    return terms / terms.sum(dim=1, keepdim=True)


@torch.no_grad()
def exact_kl(similarities: Similarities, tau: float, lam: float, epsilon: float) -> float:
    """Eq. 5 with the exact relu of eq. 6, in float64, block by block."""
    total = 0.0
    for block in _blocks(similarities):
        shares = _shares(block.values.double(), tau, lam, torch.relu)
        total += float(calibration_loss(shares, block.exemplar, epsilon)) * len(shares)
    return total / len(similarities.values)
