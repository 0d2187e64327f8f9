"""Random small markets, extremes included, as plain values."""

from __future__ import annotations

import numpy as np

import arbmodels as arb
from tests.differential.harness import Case

#: What can be left out of a market together.
AXES = {
    "model": [("attempts", 1), ("successes", 1), ("cost", 1)],
    "instance": [
        ("attempts", 0),
        ("successes", 0),
        ("cost", 0),
        ("weight", 0),
        ("segment", 0),
    ],
}
SIMPLER = {"weight": None}


def draw_market(
    rng: np.random.Generator,
    instances: tuple[int, int] = (1, 4),
    models: tuple[int, int] = (1, 3),
    most: int = 4,
    *,
    missing: bool = True,
    zero_weights: bool = True,
    segments: int = 0,
) -> Case:
    """Draw counts, prices and weights; ranges are inclusive."""
    shape = (
        int(rng.integers(*instances, endpoint=True)),
        int(rng.integers(*models, endpoint=True)),
    )
    n = rng.integers(1, most + 1, shape)
    kind = rng.random()
    if kind < 0.15:
        n[:] = 1
    elif kind < 0.25:
        n[:] = most
    p = rng.beta(0.5, 0.5, shape) if rng.random() < 0.7 else rng.integers(0, 2, shape) * 1.0
    c = rng.binomial(n, p)
    kind = rng.random()
    if kind < 0.3:  # ties
        cost = rng.integers(1, 4, shape) * float(rng.choice([1.0, 0.5, 1e-3]))
    elif kind < 0.5:  # one price per model
        cost = np.broadcast_to(np.exp(rng.normal(0, 2, shape[1])), shape).copy()
    elif kind < 0.65:  # nine orders of magnitude
        cost = 10.0 ** rng.uniform(-5, 4, shape)
    else:
        cost = np.exp(rng.normal(0, 0.5, shape) + rng.normal(0, 1, shape[1]))
    if shape[1] > 1 and rng.random() < 0.15:  # identical models
        n[:, 1], c[:, 1], cost[:, 1] = n[:, 0], c[:, 0], cost[:, 0]
    if missing and rng.random() < 0.25:
        absent = rng.random(shape) < 0.3
        absent[np.arange(shape[0]), np.arange(shape[0]) % shape[1]] = False
        absent[np.arange(shape[1]) % shape[0], np.arange(shape[1])] = False
        n[absent] = c[absent] = 0
        cost[absent] = 1.0
    weight = None
    if rng.random() < 0.5:
        weight = rng.uniform(0.1, 1, shape[0])
        kind = rng.random()
        if kind < 0.2:
            weight = 10.0 ** rng.uniform(-6, 3, shape[0])
        elif kind < 0.4 and zero_weights and shape[0] > 1:
            row = int(rng.integers(shape[0]))
            if (np.delete(n, row, axis=0) > 0).any(axis=0).all():
                weight[row] = 0.0
    return {
        "attempts": n.tolist(),
        "successes": c.tolist(),
        "cost": cost.tolist(),
        "weight": None if weight is None else weight.tolist(),
        **({"segment": [f"s{i % segments}" for i in range(shape[0])]} if segments else {}),
    }


def market_of(case: Case) -> arb.Market:
    """Build the package's market."""
    rows, columns = len(case["attempts"]), len(case["attempts"][0])
    return arb.Market(
        [f"m{m}" for m in range(columns)],
        [f"i{i}" for i in range(rows)],
        case["attempts"],
        case["successes"],
        case["cost"],
        weight=case.get("weight"),
        segment=case.get("segment"),
    )
