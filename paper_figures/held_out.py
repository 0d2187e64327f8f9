"""What is proven of a curve and what it does on new instances: sentences, shares, and folds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

import arbmodels as arb
from paper_figures.allocations import SAME_RATE, FloatArray

IntArray = npt.NDArray[np.int64]
#: Said of figures whose exact part is the cheapest cascade of budgets, one for each stage.
CASCADES = "no cascade of budgets"


def proof(largest_gap: float, of: str = CASCADES) -> str:
    """Return the certificate in words.

    Parameters
    ----------
    largest_gap : float
        Percent of the cost, over the solve rates drawn.
    of : str
        What the bound holds for.
    """
    return f"Proven: {of} costs over {at_most(largest_gap)}% less than ours."


def at_most(value: float, digits: int = 1) -> str:
    """Return a bound in words, rounded up so that it stays one."""
    return f"{np.ceil(10**digits * value - 1e-9) / 10**digits + 0.0:.{digits}f}"


def largest_gap(cost: FloatArray, bound: FloatArray) -> float:
    """Return the largest (cost - bound) / cost, percent."""
    return 100 * float(np.nanmax(1.0 - bound / cost))


def in_points(value: float) -> str:
    """Return percentage points with one decimal, zero without a sign."""
    return f"{round(value, 1) + 0.0:.1f}"


def times(repeats: int) -> str:
    """Return how often the folds were drawn, if more than once."""
    return f", {repeats} times" if repeats > 1 else ""


def compared(found: arb.estimation.CrossValidatedMargin) -> str:
    """Return the margin in sample and cross-validated, and the optimism between them, in words."""
    what = " search" if found.method == "searched" else ""
    return (
        f"Cross-validated{what} ({found.folds} folds{times(found.repeats)}): mean margin"
        f" {100 * found.mean_margin:.1f}%, in sample {100 * found.mean_in_sample:.1f}%, optimism"
        f" {in_points(100 * found.mean_optimism)} points."
    )


def held_out_shares(found: arb.estimation.CrossValidatedMargin) -> FloatArray:
    """Return what of the price each model receives, and the arbitrageur, held out, [M + 1, U].

    Where the arbitrageur saves nothing the cheapest model sells; NaN where there is no price.
    """
    held = found.held_out
    if held.spend_by_model is None:
        raise arb.InputError(
            "The authors' cross-validated curve does not say what models are paid."
        )
    alone = np.nan_to_num(held.model_prices, nan=np.inf)
    cheapest = np.arange(alone.shape[1]) == alone.argmin(axis=1)[:, None]
    sells = (held.cost < held.price)[:, None]
    received = np.where(sells, held.spend_by_model / held.price[:, None], cheapest)
    received[~np.isfinite(held.price)] = np.nan
    return np.vstack([received.T, held.margin])


def divisions(market: arb.Market, folds: int) -> list[tuple[IntArray, IntArray]]:
    """Return what every fold leaves and what it holds out: the first division of figures 1 to 10.

    That is the first of :func:`arbmodels.estimation.cross_validate_margin`.
    """
    seed = np.random.SeedSequence(0).spawn(1)[0]
    everyone = np.arange(len(market.instances))
    held = arb.estimation.held_out(market, folds, "instances", seed)
    return [(np.setdiff1d(everyone, fold), fold) for fold in held]


def part(market: arb.Market, rows: IntArray) -> arb.Market:
    """Return a market of some of the instances."""
    return market.select(instances=[market.instances[i] for i in rows.tolist()])


def scored_policies(
    aimed: FloatArray, cost: FloatArray, solved: FloatArray, spend: FloatArray, weight: float
) -> arb.estimation.ScoredPolicies:
    """Return policies for :func:`arbmodels.estimation.compare_held_out`, spend of models together.

    Parameters
    ----------
    aimed, cost : float arrays [V]
        Solve rate and spend in training, by solve rate.
    solved, spend : float arrays [V]
        Means over the instances held out.
    weight : float
        Of these.
    """
    gains = np.concatenate([[True], np.diff(np.maximum.accumulate(aimed)) > SAME_RATE])
    return arb.estimation.ScoredPolicies(
        aimed[gains], cost[gains], weight * solved[gains], weight * spend[gains, None], weight
    )


def scored_cascades(
    fit: arb.Curves, score: arb.Curves, weight: float
) -> arb.estimation.ScoredPolicies:
    """Find the hull of the cascades of some curves, and score its vertices on others."""
    frontier = arb.cascade_frontier(fit)
    aims = np.unique(np.append(frontier.to_frame()["solve_rate"].to_numpy(), 0.0))
    cost = frontier.spend_at(aims)
    kept = arb.estimation.hull_vertices(aims, cost)
    scored = [frontier.plan_at(aim).evaluate(score) for aim in aims[kept].tolist()]
    solved, spend = (
        np.array([score.market.weight @ getattr(each, what) for each in scored])
        for what in ("solve", "spend")
    )
    return scored_policies(aims[kept], cost[kept], solved, spend, weight)
