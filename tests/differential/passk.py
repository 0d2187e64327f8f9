"""pass@k and the curves made of it against rational numbers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

import arbmodels as arb
from tests.differential.harness import Area, Case, same
from tests.differential.tolerances import ROUNDING
from tests.judges import passk as judge


def draw_pass(rng: np.random.Generator) -> Case:
    """Counts up to thousands, extremes of c and k, every estimator."""
    most = int(rng.choice([1, 3, 40, 3000], p=[0.1, 0.4, 0.35, 0.15]))
    n = rng.integers(1, most + 1, 6)
    c = np.where(rng.random(6) < 0.4, rng.choice([0, 1], 6), rng.integers(0, n + 1))
    c = np.where(rng.random(6) < 0.15, n, np.minimum(c, n))
    limit = np.minimum(n + 3, 60) if rng.random() < 0.6 else n + 3
    k = rng.integers(0, limit + 1)
    estimator = str(rng.choice(["unbiased", "geometric", "beta-binomial", "beta-binomial-zero"]))
    if estimator != "unbiased":
        k = np.minimum(k, 400)
    prior = np.exp(rng.uniform(-5, 5, 2))
    zero = float(rng.choice([0.0, rng.random() * 0.99])) if estimator.endswith("zero") else 0.0
    return {
        "n": n.tolist(),
        "c": c.tolist(),
        "k": k.tolist(),
        "estimator": estimator,
        "prior": [*prior.tolist(), zero],
    }


def check_pass(case: Case) -> None:
    """Every estimator of pass@k, relative to its value."""
    name = case["estimator"]
    alpha, beta, zero = (Fraction(x) for x in case["prior"])
    expected = []
    for n, c, k in zip(case["n"], case["c"], case["k"], strict=True):
        left = {
            "unbiased": lambda n=n, c=c, k=k: judge.unbiased(n, c, k),
            "geometric": lambda n=n, c=c, k=k: judge.geometric(n, c, k),
            "beta-binomial": lambda n=n, c=c, k=k: judge.beta_binomial(n, c, k, alpha, beta),
            "beta-binomial-zero": lambda n=n, c=c, k=k: judge.beta_binomial_zero(
                n, c, k, alpha, beta, zero
            ),
        }[name]()
        expected.append(float(1 - left))
    prior = arb.BetaPrior(*case["prior"]) if name.startswith("beta") else None
    found = arb.pass_at_k(case["n"], case["c"], case["k"], name, prior)
    # The log of a beta function of thousands is itself some 1e4, and its last digit 1e-12.
    same(f"pass@k, {name}", found, expected, ROUNDING, scale=0.05 if prior else 0.0)


def draw_curves(rng: np.random.Generator) -> Case:
    """One model, some instances, both billings."""
    count = int(rng.integers(1, 5))
    most = int(rng.choice([1, 4, 50]))
    n = rng.integers(1, most + 1, count)
    c = rng.integers(0, n + 1)
    return {
        "n": n.tolist(),
        "c": c.tolist(),
        "cost": (10.0 ** rng.uniform(-5, 4, count)).tolist(),
        "max_attempts": None if rng.random() < 0.5 else int(rng.integers(1, most + 4)),
        "estimator": str(rng.choice(["unbiased", "geometric"])),
        "stop": bool(rng.random() < 0.5),
    }


def check_curves(case: Case) -> None:
    """F and G of attempt_curves, every cell relative to itself."""
    n, c, q = case["n"], case["c"], case["cost"]
    name = case["estimator"]
    most = case["max_attempts"] or max(n)
    market = arb.Market(
        ["m"],
        [str(i) for i in range(len(n))],
        [[x] for x in n],
        [[x] for x in c],
        [[x] for x in q],
    )
    curves = arb.attempt_curves(
        market,
        most,
        name,
        billing="stop-at-record" if case["stop"] else "pay-past-record",
    )
    formula = judge.unbiased if name == "unbiased" else judge.geometric
    failure = [[formula(a, b, k) for k in range(most + 1)] for a, b in zip(n, c, strict=True)]
    spend = [
        judge.spend(a, Fraction(price), row, stop=case["stop"] and name == "unbiased")
        for a, price, row in zip(n, q, failure, strict=True)
    ]
    amounts = np.arange(most + 1.0)
    floats = [[float(x) for x in row] for row in failure]
    same("failure by attempts", curves.models[0].failure(amounts), floats, ROUNDING)
    floats = [[float(x) for x in row] for row in spend]
    same("spend by attempts", curves.models[0].spend(amounts), floats, ROUNDING)


AREAS = (
    Area(
        "passk",
        draw_pass,
        check_pass,
        share=20,
        axes={"triple": [("n", 0), ("c", 0), ("k", 0)]},
    ),
    Area(
        "curves",
        draw_curves,
        check_curves,
        share=8,
        axes={"instance": [("n", 0), ("c", 0), ("cost", 0)]},
    ),
)
