"""Figure 11 (not in the paper): what more refined policies are worth, on new instances too.

The paper's policy is one block of dollars per model in a given order. Here are the margins of that
class at its best, of mixtures of two interleaved plans, of one plan per repository, and of an
oracle that knows every instance, each with a proven bound on its class. The deployable ones are
also fitted on four fifths of the issues and scored on the rest: much of what a plan per repository
promises beyond one plan for all is gone there.

Cross-validated by the protocol of all figures (:func:`arbmodels.estimation.compare_held_out`), on
the division into folds that theirs begin with: policies of a class are fitted for a grid of solve
rates on the training issues, and so is every single model; at a solve rate aimed at, both are
compared at what the model that sells solves on the issues held out. Between two neighbours of the
grid policies are mixed. Repositories without a training issue get the mixture for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

import arbmodels as arb
from paper_figures.allocations import FloatArray, margin_of
from paper_figures.common import Published, Record, describe, drawable, plain
from paper_figures.held_out import divisions, in_points, scored_cascades, scored_policies
from paper_figures.style import BOUND, VALIDATED, legend, panels

TITLE = "Finer policies"
CAPTION = (
    "Margins of ever finer policies, fitted on all issues (line) and scored on issues they were not"
    " fitted on (dotted): what finer policies add is mostly gone there."
)
DATA = "olmedo2026/swebench"
MODELS = ("gpt5mini", "deepseek")
QUICK = {"points": 4, "folds": 2}

#: The classes shown, and the panels' titles.
CLASSES = {
    "given order": "A block of dollars per model",
    "mixed": "Models in turn, plans mixed",
    "per segment": "A plan per repository",
    "oracle": "A plan per issue (oracle)",
}
_DEPLOYABLE = tuple(CLASSES)[:3]
#: Solve rates aimed at in training: how many, and the lowest as a share of the lowest shown.
_AIMS, _LOWEST = 25, 0.95
#: Nothing of this figure is in the paper.
PUBLISHED: tuple[Published, ...] = ()


def compute(market: arb.Market, points: int = 17, folds: int = 5) -> Record:
    """Return margin, bound and cross-validated margin of every class.

    Parameters
    ----------
    market : Market
        With segments.
    points : int
        Solve rates up to the better model's reach.
    folds : int
    """
    everyone = arb.dollar_curves(market)
    reach = arb.cascade_frontier(everyone).market_max_solve_rate
    rates = np.linspace(0.9 * reach, reach, points)
    classes = arb.policies.policy_classes(everyone, rates)
    price = classes.spend[0]
    held_out = held_out_gains(everyone, rates, folds)
    records: dict[str, dict[str, Any]] = {}
    for name in CLASSES:
        row = classes.names.index(name)
        records[name] = {
            "solve_rate": plain(rates, 100),
            "margin": plain(margin_of(price, classes.spend[row]), 100),
            "margin_bound": plain(margin_of(price, classes.bound[row]), 100),
            "proof": classes.classes[row].proof,
        }
        if name in held_out:
            gain = held_out[name]
            records[name]["validated"] = plain(gain, 100)
            optimism = margin_of(price, classes.spend[row]) - gain
            records[name]["optimism"] = plain(np.nanmean(optimism), 100)
    return {
        "market": describe(market),
        "unit": "% of the market price",
        "accounting": {"exact": classes.billing},
        "certificate": "Proven: no policy of its class has a margin above the shaded area.",
        "validation": f"Cross-validated ({folds} folds), mean optimism in points:"
        f" {_listed(records)}. The oracle knows every issue's outcome, so it has no value on new"
        " ones.",
        "optimism": records["mixed"]["optimism"],
        "folds": folds,
        "values": {"authors": {}, "exact": {}},
        "classes": records,
    }


def _listed(records: dict[str, dict[str, Any]]) -> str:
    """Return the classes' optimism in words."""
    return ", ".join(
        f"{CLASSES[name].lower()} {in_points(record['optimism'])}"
        for name, record in records.items()
        if "optimism" in record
    )


def held_out_gains(everyone: arb.Curves, rates: FloatArray, folds: int) -> dict[str, FloatArray]:
    """Return what every deployable class saves held out, of the price there, [U]."""
    market = everyone.market
    alone: list[list[arb.estimation.ScoredPolicies]] = []
    classes: dict[str, list[arb.estimation.ScoredPolicies]] = {name: [] for name in _DEPLOYABLE}
    for rest, fold in divisions(market, folds):
        known, new = everyone.on(rest), everyone.on(fold)
        weight = float(market.weight[fold].sum())
        alone.append([scored_cascades(known.only([each]), new, weight) for each in market.models])
        frontier = arb.cascade_frontier(known)
        # Below the rates, too: policies solve less on new issues than they aim at, or more.
        aims = np.linspace(
            min(_LOWEST * rates[0], frontier.max_solve_rate), frontier.max_solve_rate, _AIMS
        )
        fitted = arb.policies.policy_classes(frontier, aims, oracle=False)
        for name, scored in classes.items():
            scored.append(_fitted(fitted, name, new, weight))
    return {
        name: arb.estimation.compare_held_out(alone, scored, rates).gain
        for name, scored in classes.items()
    }


def _fitted(
    fitted: arb.policies.PolicyClasses, name: str, new: arb.Curves, weight: float
) -> arb.estimation.ScoredPolicies:
    """Score a class's plans for all solve rates within its reach, from buying nothing on."""
    row = fitted.names.index(name)
    inside = np.isfinite(fitted.spend[row])
    aims, cost = (each[inside] for each in (fitted.solve_rates, fitted.spend[row]))
    found = [
        _scored(fitted.plan_at(name, aim).servings, fitted.plan_at("mixed", aim).servings, new)
        for aim in aims.tolist()
    ]
    solved, spend = np.array([(0.0, 0.0), *found]).T
    return scored_policies(
        np.append(0.0, aims), np.append(0.0, cost[inside]), solved, spend, weight
    )


def _scored(
    servings: Sequence[arb.policies.Serving],
    spare: Sequence[arb.policies.Serving],
    curves: arb.Curves,
) -> tuple[float, float]:
    """Return solve rate and spend of plans on the instances held out."""
    market = curves.market
    segments = np.array(market.segment if market.segment is not None else (), dtype=object)
    known = {each.group for each in servings if each.kind == "segment"}
    strangers = ~np.isin(segments, list(known)) if known else np.zeros(len(market.instances), bool)
    solved, spent = 0.0, 0.0
    groups: list[tuple[arb.policies.Serving, npt.NDArray[np.bool_]]] = [
        (each, segments == each.group if each.kind == "segment" else np.ones(len(segments), bool))
        for each in servings
    ]
    groups += [(each, strangers) for each in spare]
    for serving, rows in groups:
        if rows.any():
            result = serving.plan.evaluate(curves)
            weight = np.where(rows, serving.probability * market.weight, 0.0)
            solved += float(weight @ result.solve)
            spent += float(weight @ result.spend)
    return solved, spent


def draw(record: Record) -> Figure:
    """Draw a panel per class."""
    figure, axes = panels(2, 2, 3.4, sharex=True, sharey=True)
    lowest = 0.0
    for axis, (name, title) in zip(axes, CLASSES.items(), strict=True):
        entry = record["classes"][name]
        curves = drawable({key: value for key, value in entry.items() if key != "proof"})
        rate, red = curves["solve_rate"], arb.ARBITRAGEUR_COLOR
        axis.fill_between(
            rate,
            curves["margin"],
            curves["margin_bound"],
            **BOUND,
        )
        axis.plot(rate, curves["margin"], color=red, label="Fitted and scored on all issues")
        lowest = min(lowest, np.nanmin(curves.get("validated", [0.0])))
        look = {**VALIDATED, "label": "Scored on new issues"}
        axis.plot(rate, curves.get("validated", np.full(len(rate), np.nan)), **look)
        axis.set_title(title)
    # Whoever follows a policy fitted elsewhere may lose.
    axes[0].set_ylim(min(0.0, lowest), 100)
    for axis in (axes[0], axes[2]):
        axis.set_ylabel("Margin (%)")
    axes[0].xaxis.set_major_locator(MaxNLocator(4, integer=True))
    for axis in axes[2:]:
        axis.set_xlabel("Solve rate (%)")
    legend(figure, *axes[0].get_legend_handles_labels())
    return figure
