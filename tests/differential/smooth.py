"""Differentiated products: demands, certificates and equilibria against a search of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from arbmodels.games.differentiated import (
    DifferentiatedGame,
    LinearDemand,
    LogitDemand,
    VerticalDemand,
)
from tests.differential.harness import Area, Case, holds, same
from tests.differential.tolerances import CANCELLED, ROUNDING, SEARCHED
from tests.judges import smooth as judge


def _draw_demand(rng: np.random.Generator, count: int) -> Case:
    kind = str(rng.choice(["linear", "vertical", "logit"]))
    scale = float(rng.choice([1.0, 1.0, 1e-4, 1e4]))
    case: Case = {"kind": kind, "size": 1.0}
    if kind == "linear":
        own = rng.uniform(0.5, 2, count)
        cross = rng.random((count, count)) * (rng.random((count, count)) < 0.8)
        np.fill_diagonal(cross, 0)
        if count > 1:
            cross *= rng.uniform(0.1, 0.95) * own.min() / cross.sum(axis=1).max().clip(1e-9)
            cross *= min(1.0, 0.95 * own.min() / cross.sum(axis=0).max().clip(1e-9))
        slopes = (np.diag(own) - cross) / scale
        case |= {"intercept": rng.uniform(0.3, 2, count).tolist(), "slopes": slopes.tolist()}
        case["costs"] = (scale * rng.random(count) * 0.8).tolist()
    elif kind == "vertical":
        rates = np.sort(rng.uniform(0.1, 1, count))
        while count > 1 and np.diff(rates).min() < 0.02:
            rates = np.sort(rng.uniform(0.1, 1, count))
        rates = rng.permutation(rates)
        low = float(rng.choice([0.0, rng.uniform(0, 1)]))
        case |= {
            "rates": rates.tolist(),
            "lowest": scale * low,
            "highest": scale * (low + float(rng.uniform(0.3, 2))),
            "outside": True,
        }
        case["costs"] = (scale * rates * rng.random(count) * rng.choice([0.0, 0.3, 0.9])).tolist()
    else:
        nests = int(rng.integers(1, count + 1))
        nested = rng.random() < 0.5
        case |= {
            "quality": rng.normal(1, 2, count).tolist(),
            "alpha": float(np.exp(rng.normal(0, 1))) / scale,
            "nests": [j % nests for j in range(count)] if nested else [0] * count,
            "sigma": rng.choice([0.0, 0.3, 0.6, 0.9], nests).tolist() if nested else [0.0],
            "outside": True,
        }
        case["costs"] = (scale * rng.random(count)).tolist()
    firms = int(rng.integers(1, count + 1))
    owners = [f"f{k}" for k in rng.permutation(np.arange(count) % firms)]
    taxed = rng.random() < 0.2
    tax = {f"f{k}": float(rng.choice([0.0, 0.2])) for k in range(firms)}
    case |= {
        "owners": owners,
        "unit_tax": (scale * rng.random(count) * 0.1).tolist() if taxed else [0.0] * count,
        "ad_valorem": [tax[o] if taxed else 0.0 for o in owners],
        "prices": (scale * rng.uniform(0, 2, count)).tolist(),
    }
    return case


def draw_products(rng: np.random.Generator) -> Case:
    """One to four products of one to four firms."""
    return _draw_demand(rng, int(rng.choice([1, 2, 3, 4], p=[0.15, 0.35, 0.4, 0.1])))


def demand_of(case: Case) -> Any:
    """Build the package's demand."""
    names = [f"p{j}" for j in range(len(case["costs"]))]
    if case["kind"] == "linear":
        return LinearDemand(names, case["intercept"], case["slopes"])
    if case["kind"] == "vertical":
        return VerticalDemand(
            names, case["rates"], case["lowest"], case["highest"], case["outside"], case["size"]
        )
    sigma = {f"n{g}": value for g, value in enumerate(case["sigma"]) if g in case["nests"]}
    return LogitDemand(
        names,
        case["quality"],
        case["alpha"],
        [f"n{g}" for g in case["nests"]],
        sigma,
        case["outside"],
        case["size"],
    )


def game_of(case: Case) -> DifferentiatedGame:
    """Build the package's game."""
    return DifferentiatedGame(
        demand_of(case),
        case["costs"],
        tuple(case["owners"]),
        unit_tax=case["unit_tax"],
        ad_valorem_tax=case["ad_valorem"],
    )


def _earned(case: Case, demand: judge.Demand, prices: np.ndarray) -> dict[str, float]:
    own = judge.profits(case, demand, prices[None, :])[0]
    return {
        firm: float(sum(p for p, o in zip(own, case["owners"], strict=True) if o == firm))
        for firm in dict.fromkeys(case["owners"])
    }


def _certified(
    case: Case, game: DifferentiatedGame, prices: np.ndarray, found: Any, what: str
) -> None:
    """Profits and gains of a certificate at some prices."""
    demand = judge.demand_of(case)
    earned = _earned(case, demand, prices)
    scale = max(1e-300, *(abs(x) for x in earned.values()))
    for k, firm in enumerate(game.firms):
        own = np.flatnonzero(np.array(case["owners"]) == firm)
        same(f"{what}: profit, {case['kind']}", found.profit[k], earned[firm], ROUNDING, scale)
        most = max(judge.best(case, demand, prices, own), earned[firm])
        claimed = float(found.profit[k] + found.gain[k])
        room = SEARCHED * max(abs(most), abs(claimed), CANCELLED * scale)
        holds(f"{what}: gain is the largest, {case['kind']}", most <= claimed + room, claimed, most)
        if claimed > most + room:
            reply = game.best_response(firm, prices)
            there = _earned(case, demand, np.asarray(reply))[firm]
            holds(f"{what}: gain is there, {case['kind']}", claimed <= there + room, claimed, there)


def check_certificates(case: Case) -> None:
    """Quantities, profits and largest gains at any prices."""
    game, demand = game_of(case), judge.demand_of(case)
    prices = np.array(case["prices"])
    rows = np.stack([prices, 0.5 * prices, 2 * prices])
    found = game.demand.quantities(rows)
    same(f"demand: {case['kind']}", found, demand(rows), ROUNDING, float(np.max(demand(0 * rows))))
    _certified(case, game, prices, game.certify(prices), "certificate")


def check_equilibria(case: Case) -> None:
    """What is said of an equilibrium, and that it is one where there is always one."""
    game = game_of(case)
    answer = game.solve()
    prices = np.asarray(answer.prices)
    _certified(case, game, prices, answer.deviations, "equilibrium")
    alone = len(game.firms) == len(game.products)
    if case["kind"] == "logit" or alone or len(game.firms) == 1:
        scale = max(abs(x) for x in _earned(case, judge.demand_of(case), prices).values())
        holds(
            f"equilibrium: is none, {case['kind']}",
            answer.epsilon <= SEARCHED * scale,
            answer.epsilon,
            scale,
        )


AREAS = (
    Area("smooth-certificates", draw_products, check_certificates, share=5),
    Area("smooth", draw_products, check_equilibria, share=3),
)
