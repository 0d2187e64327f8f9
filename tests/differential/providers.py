"""The provider game and its menus against rules and programs of one's own."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

import arbmodels as arb
from arbmodels.games import (
    CascadeSet,
    Consumers,
    ProviderGame,
    Strategy,
    cascade_sets_of,
)
from tests.differential.harness import Area, Case, between, holds, same
from tests.differential.markets import AXES, SIMPLER, draw_market, market_of
from tests.differential.tolerances import ROUNDING, SAME_RATE, SEARCHED
from tests.judges import cascades
from tests.judges import providers as judge


def _draw_game(rng: np.random.Generator, models: int, rates: int) -> Case:
    whole = rng.random() < 0.3  # ties
    menus = []
    for _ in range(rates):
        single = rng.integers(1, 5, models) / 2 if whole else rng.uniform(0.5, 3, models)
        kept = rng.random(models) < 0.9
        rows = [np.eye(models)[m] * single[m] for m in range(models) if kept[m]]
        for _ in range(int(rng.integers(0, 4))):
            mixed = rng.dirichlet(np.ones(models)) * rng.uniform(0.4, 1.1)
            rows.append(np.round(mixed * single, 1) if whole else mixed * single)
        rows = [row for row in rows if row.sum() > 0] or [single.astype(float)]
        menus.append(
            {
                "expected": np.array(rows).tolist(),
                "single": [float(s) if k else None for s, k in zip(single, kept, strict=True)],
            }
        )
    firms = int(rng.integers(1, models + 1)) if rng.random() < 0.2 else models
    low = rng.choice([0.0, 0.0, 0.5], rates) * 2.0
    high = np.maximum(low, rng.uniform(1.5, 6, rates)) if rng.random() < 0.85 else low + 2.0
    overheads = [[], [0.0], [0.0, 0.0], [0.1], [0.0, 0.2], [0.05, 0.05]][int(rng.integers(6))]
    return {
        "menus": menus,
        "low": low.tolist(),
        "high": high.tolist(),
        "mass": rng.choice([1.0, 0.3], rates).tolist(),
        "captive": float(rng.choice([0.0, 0.0, 0.2])),
        "marginal": rng.choice([0.0, 0.25, 0.5, 0.9], models).tolist(),
        "overheads": overheads,
        "owner": (np.arange(models) % firms).tolist(),
        "tie_rule": str(rng.choice(["share", "low_cost"])),
    }


def game_of(case: Case) -> ProviderGame:
    """Build the package's game."""
    models = tuple(f"m{m}" for m in range(len(case["owner"])))
    rates = [0.5 + 0.1 * u for u in range(len(case["menus"]))]
    menus = tuple(
        CascadeSet(
            rate,
            models,
            menu["expected"],
            [np.inf if x is None else x for x in menu["single"]],
            True,
        )
        for rate, menu in zip(rates, case["menus"], strict=True)
    )
    consumers = Consumers(
        rates, case["low"], case["high"], mass=case["mass"], captive=case["captive"]
    )
    owned = {
        f"f{k}": tuple(m for m, o in zip(models, case["owner"], strict=True) if o == k)
        for k in sorted(set(case["owner"]))
    }
    return ProviderGame(
        menus,
        consumers,
        dict(zip(models, case["marginal"], strict=True)),
        case["overheads"],
        owned,
        tie_rule=case["tie_rule"],
    )


def draw_payoffs(rng: np.random.Generator) -> Case:
    """Profiles of multipliers, ties and zeros among them."""
    case = _draw_game(rng, int(rng.integers(1, 4)), int(rng.integers(1, 3)))
    firms = len(set(case["owner"]))
    rows = rng.uniform(0, 3, (6, firms))
    rows[0] = 1.0
    rows[1] = rng.integers(0, 4, firms) / 2
    return {**case, "multipliers": rows.tolist()}


def check_payoffs(case: Case) -> None:
    """Profits of every provider."""
    rows = np.array(case["multipliers"])
    expected = [judge.profits(case, row) for row in rows]
    scale = max(case["high"]) * sum(case["mass"])
    same("providers: profits", game_of(case).profits(rows), expected, ROUNDING, scale)


def draw_strategies(rng: np.random.Generator) -> Case:
    """Pure strategies, or mixed ones of two atoms."""
    case = _draw_game(rng, int(rng.integers(1, 4)), int(rng.integers(1, 3)))
    case["menus"] = case["menus"][:1] if rng.random() < 0.5 else case["menus"]
    for key in ("low", "high", "mass"):
        case[key] = case[key][: len(case["menus"])]
    strategies = []
    for _ in sorted(set(case["owner"])):
        size = int(rng.choice([1, 1, 2]))
        prices = np.unique(
            rng.integers(1, 8, size) / 4 if rng.random() < 0.3 else rng.random(size) * 2
        )
        odds = rng.random(len(prices)) + 0.1
        strategies.append([prices.tolist(), (odds / odds.sum()).tolist()])
    return {**case, "strategies": strategies}


def _certified(case: Case, game: ProviderGame, strategies: list, found: object, what: str) -> None:  # type: ignore[type-arg]
    scale = max(case["high"]) * sum(case["mass"])
    for k in range(len(strategies)):
        own = _expected(case, strategies, k, None)
        same(f"{what}: profit", found.profit[k], own, ROUNDING, scale)  # type: ignore[attr-defined]
        most = max(judge.best(case, strategies, k), 0.0)
        claimed = float(found.profit[k] + found.gain[k])  # type: ignore[attr-defined]
        holds(
            f"{what}: gain is the largest", most <= claimed + SEARCHED * scale * 1e-3, claimed, most
        )
        at = found.deviation[k]  # type: ignore[attr-defined]
        if found.gain[k] > 1e-6 * scale and at is not None:  # type: ignore[attr-defined]
            near = [at * (1 + side) for side in (-1e-8, 0.0, 1e-8)]
            there = max(_expected(case, strategies, k, x) for x in near)
            holds(f"{what}: gain is there", claimed <= there + SEARCHED * scale, claimed, there)


def _expected(case: Case, strategies: list, player: int, at: float | None) -> float:  # type: ignore[type-arg]
    total = 0.0
    rows: list[tuple[list[float], float]] = [([], 1.0)]
    for k, (prices, odds) in enumerate(strategies):
        some = [(at, 1.0)] if k == player and at is not None else zip(prices, odds, strict=True)
        some = list(some)
        rows = [([*row, x], c * o) for row, c in rows for x, o in some]
    for row, chance in rows:
        total += chance * float(judge.profits(case, np.array(row))[player])
    return total


def check_strategies(case: Case) -> None:
    """Profit and largest gain of the certificate."""
    game = game_of(case)
    strategies = [Strategy(np.array(p), np.array(o)) for p, o in case["strategies"]]
    found = game.certify(strategies)
    _certified(case, game, case["strategies"], found, "provider certificate")


def draw_solved(rng: np.random.Generator) -> Case:
    """Two providers, one solve rate."""
    return _draw_game(rng, 2, 1)


def check_solved(case: Case) -> None:
    """What is said of an answer is so, and an answer called settled is an equilibrium."""
    game = game_of(case)
    answer = game.solve(time_limit=0.5)
    strategies = [
        [s.price[s.probability > 0].tolist(), s.probability[s.probability > 0].tolist()]
        for s in answer.strategies
    ]
    if np.prod([len(p) for p, _ in strategies]) > 200:
        return  # too many profiles for a search
    scale = max(case["high"]) * sum(case["mass"])
    for k in range(len(strategies)):
        own = _expected(case, strategies, k, None)
        same("provider equilibrium: profits", answer.profits[k], own, ROUNDING, scale)
    _certified(case, game, strategies, answer.deviations, "provider equilibrium")


def draw_menu(rng: np.random.Generator) -> Case:
    """Markets of one or two models in attempts; multipliers from a hundredth to a hundred."""
    case = draw_market(rng, (1, 3), (1, 2), 4)
    width = len(case["attempts"][0])
    rows = 10.0 ** rng.uniform(-2, 2, (4, width))
    rows[0] = 1.0
    return {
        **case,
        "stop": bool(rng.random() < 0.5),
        "share": float(rng.uniform(0.05, 1)),
        "multipliers": rows.tolist(),
    }


def check_menu(case: Case) -> None:
    """The arbitrage cost at any prices is the cheapest cascade's at these prices."""
    stop = case["stop"]
    table = (case["attempts"], case["successes"])
    truth = cascades.frontier(cascades.in_attempts(*table, case["cost"], case["weight"], stop=stop))
    if truth.max_solve_rate <= SAME_RATE:
        return
    rate = float(truth.max_solve_rate) * case["share"]
    billing = "stop-at-record" if stop else "pay-past-record"
    curves = arb.attempt_curves(market_of(case), billing=billing)
    (menu,) = cascade_sets_of(curves, [rate])
    near = Fraction(SAME_RATE)
    for row in case["multipliers"]:
        w = row[: len(case["cost"][0])]
        cost = [[q * x for q, x in zip(each, w, strict=True)] for each in case["cost"]]
        own = cascades.frontier(cascades.in_attempts(*table, cost, case["weight"], stop=stop))
        low = own.spend_at(Fraction(rate) - near)
        high = own.spend_at(min(Fraction(rate) + near, own.max_solve_rate))
        between(
            "menu: cost at prices", float(low or 0), menu.cost([w])[0], float(high or 0), ROUNDING
        )


_RATES = {"rate": [("menus", 0), ("low", 0), ("high", 0), ("mass", 0)]}
AREAS = (
    Area(
        "provider-payoffs",
        draw_payoffs,
        check_payoffs,
        share=8,
        axes={**_RATES, "row": [("multipliers", 0)]},
        simpler={"captive": 0.0},
    ),
    Area(
        "provider-certificates",
        draw_strategies,
        check_strategies,
        share=1.5,
        axes=_RATES,
        simpler={"captive": 0.0},
    ),
    Area("providers", draw_solved, check_solved, share=0.6, simpler={"captive": 0.0}),
    Area(
        "menu",
        draw_menu,
        check_menu,
        share=4,
        axes={**AXES, "row": [("multipliers", 0)]},
        simpler=SIMPLER,
    ),
)
