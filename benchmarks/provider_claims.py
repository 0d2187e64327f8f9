"""The paper's claims about competition when providers re-price: two and six models, real data.

Run ``python -m benchmarks.provider_claims`` with the authors' data at hand (some ten minutes of
processor time; nested logit as much again). For linear demand at the cheapest seller, and for
assumed and calibrated marginal costs: how much of the change of providers' revenue comes at fixed
list prices and how much by re-pricing; whether consumer prices fall or rise by re-pricing, and by
arbitrage once providers re-price in any case; on several grids of solve rates, and with a bootstrap
over instances; and the fixed cost up to which a small provider enters. Six models: cascade sets
certified against every policy (:func:`arbmodels.games.certified_cascade_sets`), GPT-5 mini and
DeepSeek re-price and the other four keep their list prices. Two models: exact cascade sets by the
paper's billing. Nested logit demand: on two grids of solve rates, without a bootstrap.
"""

from __future__ import annotations

import json
import math
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

import arbmodels as arb
from benchmarks._claims_page import page

RESULTS = Path(__file__).parent / "results" / "provider_claims.json"
PAGE = Path(__file__).parents[1] / "docs" / "discussion" / "claims.md"
MOVERS = ("gpt5mini", "deepseek")
#: Nested grids of solve rates, and one between them; and the one that the bootstrap uses.
SIX, TWO = np.linspace(0.60, 0.76, 9), np.linspace(0.67, 0.75, 9)
GRIDS = {"3": [0, 4, 8], "4": [1, 3, 5, 7], "5": [0, 2, 4, 6, 8], "9": list(range(9))}
COSTS: dict[str, float | None] = {"10%": 0.1, "30%": 0.3, "calibrated": None}
CHOKE, ELASTICITY, SIGMA = 2.0, 3.0, 0.3
SAMPLES, SAMPLED = 10, "5"
MARKETS = ("two", "six")
LOGIT_GRIDS, LOGIT_SAMPLES = ("3", "4"), 5
#: Gain over profit at which a search stops, of estimates and samples alike; the time is limited
#: where three providers choose, of whom no equilibrium may be found.
TOLERANCE, LOGIT_TOLERANCE, SECONDS = 0.02, 0.05, 60.0
#: Price vectors that the six-model cascade sets are certified at, drawn besides list prices.
DRAWN, SPREAD = 30, (0.3, 2.5)
ENTRY_RATES = np.linspace(0.50, 0.74, 7)

Games = arb.games.ProviderGame
Build = Callable[[arb.Market], tuple[arb.games.CascadeSet, ...]]


def main() -> None:
    """Run the parts that are named (all by default), write the record after each, and the page."""
    parts = {"entry": _entry, "six": _six, "two": _two, "logit": _logit}
    record = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in sys.argv[1:] or parts:
        began = process_time()
        record[name] = parts[name]()
        record[name]["processor_seconds"] = round(process_time() - began)
        record["setting"] = {
            "market": "olmedo2026/swebench",
            "machine": f"{platform.machine()}, Python {platform.python_version()}",
            "movers": MOVERS,
            "choke": CHOKE,
            "logit": {"elasticity": ELASTICITY, "sigma": SIGMA},
            "tolerance": {"linear": TOLERANCE, "logit": LOGIT_TOLERANCE},
        }
        RESULTS.write_text(json.dumps(record, indent=1) + "\n")
        print(name, record[name]["processor_seconds"], "s", flush=True)
    if set(record) >= set(parts):
        PAGE.write_text(page(record))


def _two() -> dict[str, Any]:
    pair, cascade_sets = _pair()
    return {
        "solve_rates": TWO.tolist(),
        "menus": "exact hulls, dollars, the paper's billing",
        "claims": _claims(pair, cascade_sets),
    }


def _pair() -> tuple[arb.Market, Build]:
    kept: dict[bytes, tuple[arb.games.CascadeSet, ...]] = {}

    def cascade_sets(market: arb.Market) -> tuple[arb.games.CascadeSet, ...]:
        key = market.weight.tobytes()
        if key not in kept:
            kept[key] = arb.games.cascade_sets_of(arb.dollar_curves(market), TWO)
        return kept[key]

    return arb.load_market("olmedo2026/swebench", models=list(MOVERS)), cascade_sets


def _all() -> tuple[arb.Market, Build, arb.games.CascadeSetSearch, list[float]]:
    """Return the six-model market, its cascade sets and a resample's, and the samples' gaps."""
    six = arb.load_market("olmedo2026/swebench")
    finder = arb.games.CascadeSetSearch(six, SIX)
    finder.certify()
    finder.certify(_drawn(six, DRAWN, 0))
    kept = {six.weight.tobytes(): finder.cascade_sets}
    gaps: list[float] = []

    def cascade_sets(market: arb.Market) -> tuple[arb.games.CascadeSet, ...]:
        key = market.weight.tobytes()
        if key not in kept:
            # The plans found on all instances, scored on these; proven at list prices.
            again = arb.games.CascadeSetSearch(market, SIX, start=finder)
            again.certify()
            gaps.append(max(float(cascade_set.gap.max()) for cascade_set in again.cascade_sets))
            kept[key] = again.cascade_sets
        return kept[key]

    return six, cascade_sets, finder, gaps


def _drawn(market: arb.Market, count: int, seed: int) -> Any:
    """Draw multipliers of the movers; the others keep their list prices."""
    movers = [market.models.index(name) for name in MOVERS]
    rng = np.random.default_rng(seed)
    prices = np.ones((count, len(market.models)))
    low, high = np.log(SPREAD)
    prices[:, movers] = np.exp(rng.uniform(low, high, (count, len(movers))))
    return prices


def _six() -> dict[str, Any]:
    six, cascade_sets, finder, gaps = _all()
    between = np.array(
        [cascade_set.gap_at(_drawn(six, 100, 1)) for cascade_set in finder.cascade_sets]
    )
    columns = [len(cascade_set.expected) for cascade_set in finder.cascade_sets]
    largest = max(float(cascade_set.gap.max()) for cascade_set in finder.cascade_sets)
    claims = _claims(six, cascade_sets)
    return {
        "solve_rates": SIX.tolist(),
        "menus": "certified, whole attempts, mixtures of two plans",
        "price_vectors": 1 + DRAWN,
        "columns": columns,
        "largest_gap": largest,
        "gap_between": {
            "median": float(np.median(between)),
            "largest": float(between.max()),
            "at": "100 fresh vectors of the movers' multipliers in the same box",
        },
        "largest_gap_at_list_prices_of_samples": max(gaps),
        "equilibrium": _certified(finder),
        "claims": claims,
    }


def _certified(finder: arb.games.CascadeSetSearch) -> dict[str, Any]:
    """One equilibrium whose visited prices are all certified, against the one without."""
    rates = SIX[GRIDS["3"]]
    small = arb.games.CascadeSetSearch(finder.curves, rates, start=finder)
    small.certify()
    game = _game(small.cascade_sets, 0.3)
    found = arb.games.solve_certified(small, game, tolerance=TOLERANCE)
    plain = game.solve(tolerance=TOLERANCE)
    return {
        "solve_rates": rates.tolist(),
        "largest_gap": float(found.gap.max()),
        "visited": len(found.gap),
        "trace": list(found.trace),
        "epsilon": found.equilibrium.relative_epsilon,
        "mean_price": found.equilibrium.outcome.mean_price,
        "mean_price_before_columns": plain.outcome.mean_price,
    }


def _claims(market: arb.Market, cascade_sets: Build) -> list[dict[str, Any]]:
    whole, rows = cascade_sets(market), []
    for name, cost in COSTS.items():
        shares = _costs([whole[k] for k in GRIDS[SAMPLED]], cost)
        row: dict[str, Any] = {
            "cost": name,
            "shares": dict(zip(market.models, np.round(shares, 3).tolist(), strict=True)),
            "grids": {
                grid: _point([whole[k] for k in positions], shares)
                for grid, positions in GRIDS.items()
            },
            "bootstrap": _sampled(market, cascade_sets, shares, SAMPLED, SAMPLES),
        }
        print(name, _signs(row), flush=True)
        rows.append(row)
    return rows


def _logit() -> dict[str, Any]:
    """Return the grids again under nested logit."""
    rows = []
    for models in MARKETS:
        market, cascade_sets, *_ = _pair() if models == "two" else _all()
        whole = cascade_sets(market)
        for name, cost in COSTS.items():
            shares = _costs([whole[k] for k in GRIDS[LOGIT_GRIDS[0]]], cost, logit=True)
            row = {
                "models": models,
                "cost": name,
                "grids": {
                    grid: _point([whole[k] for k in GRIDS[grid]], shares, logit=True)
                    for grid in LOGIT_GRIDS
                },
                "bootstrap": _sampled(
                    market, cascade_sets, shares, LOGIT_GRIDS[0], LOGIT_SAMPLES, logit=True
                ),
            }
            print(models, name, _signs(row), flush=True)
            rows.append(row)
    return {"rows": rows}


def _game(cascade_sets: Any, cost: Any, arbitrageurs: int = 2, *, logit: bool = False) -> Games:
    models = cascade_sets[0].models
    consumers = (
        arb.games.logit_consumers(cascade_sets, elasticity=ELASTICITY, sigma=SIGMA)
        if logit
        else arb.games.linear_consumers(cascade_sets, CHOKE)
    )
    if not np.isscalar(cost):
        cost = dict(zip(models, cost, strict=True))
    fixed = tuple(m for m in models if m not in MOVERS)
    return Games(tuple(cascade_sets), consumers, cost, arbitrageurs, fixed=fixed)


def _costs(cascade_sets: Any, cost: float | None, *, logit: bool = False) -> Any:
    if cost is not None:
        return np.full(len(cascade_sets[0].models), cost)
    return arb.games.calibrate_costs(_game(cascade_sets, 0.3, logit=logit)).cost


def _point(cascade_sets: Any, shares: Any, *, logit: bool = False) -> dict[str, float | bool]:
    """Return the decomposition, and what arbitrage does where providers re-price anyway."""
    game = _game(cascade_sets, shares, logit=logit)
    tolerance = LOGIT_TOLERANCE if logit else TOLERANCE
    parts = arb.games.decompose_revenue(game, tolerance=tolerance, time_limit=math.inf)
    without = game.replace(arbitrageurs=0).solve(tolerance=tolerance)
    after = parts.frame.to_dict("index")["re-pricing"]
    return {
        "at_list_prices": parts.at_list_prices,
        "by_repricing": parts.by_repricing,
        "price_change": parts.price_change,
        "epsilon": float(after["relative_epsilon"]),
        "settled": parts.converged,
        "equilibrium_price_change": float(after["mean_price"]) / without.outcome.mean_price - 1,
        "equilibrium_revenue_change": float(after["revenue"])
        / float(without.outcome.total_revenue.sum())
        - 1,
        "epsilon_without": without.relative_epsilon,
        "settled_without": without.converged,
    }


def _sampled(
    market: arb.Market,
    cascade_sets: Build,
    shares: Any,
    grid: str,
    samples: int,
    *,
    logit: bool = False,
) -> dict[str, Any]:
    def build(drawn: arb.Market) -> Games:
        found = cascade_sets(drawn)
        return _game([found[k] for k in GRIDS[grid]], shares, logit=logit)

    found = arb.games.bootstrap_decomposition(
        market,
        build,
        samples=samples,
        tolerance=LOGIT_TOLERANCE if logit else TOLERANCE,
        time_limit=math.inf,
    )
    rows = found.samples
    assert rows is not None
    prices = rows.pivot_table(index="sample", columns="state", values="mean_price")
    change = prices["re-pricing"] / prices["list prices"] - 1
    return {
        "samples": samples,
        **{
            what: list(found.interval(what, 1.0 if logit else 0.9))  # of few samples all
            for what in ("at_list_prices", "by_repricing", "price_change")
        },
        "share_of_samples_with_rising_prices": float((change > 0).mean()),
        "largest_epsilon": float(rows["relative_epsilon"].max()),
        "unsettled": found.samples_not_converged,
    }


def _signs(row: dict[str, Any]) -> str:
    return " ".join(f"{g}:{p['price_change']:+.2f}" for g, p in row["grids"].items()) + (
        f" sampled {row['bootstrap']['price_change']}"
    )


def _entry() -> dict[str, Any]:
    """Largest fixed cost of a small provider beside both incumbents."""
    rows = []
    for small in ("qwen3-coder-30b", "minicoder4b"):
        market = arb.load_market("olmedo2026/swebench", models=[*MOVERS, small])
        cascade_sets = _sets_of_three(market)
        for name, cost in {"10%": 0.1, "30%": 0.3}.items():
            for grid, positions in {"7": range(7), "4": range(0, 7, 2)}.items():
                chosen = [cascade_sets[k] for k in positions]
                game = Games(tuple(chosen), arb.games.linear_consumers(chosen, CHOKE), cost)
                for moves in (False, True) if grid == "7" else (False,):
                    found = arb.games.entry_threshold(
                        game,
                        small,
                        (0, 2),
                        entrant_moves=moves,
                        tolerance=TOLERANCE,
                        time_limit=SECONDS if moves else math.inf,
                    ).to_frame()
                    kept = [
                        "value",
                        "providers",
                        "threshold",
                        "relative_epsilon",
                        "settled",
                        "kind",
                    ]
                    rows += [
                        {
                            "entrant": small,
                            "cost": name,
                            "grid": grid,
                            "entrant_moves": moves,
                            **r,
                            "relative_epsilon": _finite(r["relative_epsilon"]),
                        }
                        for r in found[kept].to_dict("records")
                        if not (moves and r["providers"] == "list prices")
                    ]
                print(small, name, grid, flush=True)
    return {
        "solve_rates": ENTRY_RATES.tolist(),
        "unit": "USD/instance x mass",
        "rows": rows,
    }


def _finite(gain: float) -> float | None:
    """Return a gain over profit; None where something is gained from no profit."""
    return gain if math.isfinite(gain) else None


def _sets_of_three(market: arb.Market) -> tuple[arb.games.CascadeSet, ...]:
    rng = np.random.default_rng(0)
    low, high = np.log(SPREAD)
    drawn = np.exp(rng.uniform(low, high, (DRAWN, 3)))
    finder = arb.games.CascadeSetSearch(market, ENTRY_RATES)
    finder.certify()
    finder.certify(drawn)
    return finder.cascade_sets


if __name__ == "__main__":
    main()
