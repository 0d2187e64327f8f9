"""Figure 11 (not in the paper): what more refined policies are worth, on new instances too.

The paper's policy is one block of dollars per model in a given order. Here are the margins of that
class at its best, of mixtures of two interleaved plans, of one plan per repository, and of an
oracle that knows every instance, each with a proven bound on its class. The deployable ones are
also fitted on four fifths of the issues and scored on the rest: much of what a plan per repository
promises beyond one plan for all is gone there.

Cross-validated: policies are fitted for a grid of solve rates on the training issues, each single
model likewise; what they do on the issues held out, summed over the folds, is the curve, and none
of it looked at those. Repositories without a training issue get the mixture for all. The price is
that of the cheaper model on the issues held out, so that the margin errs on the low side.
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
from paper_figures.held_out import cheapest_of, folds_of, in_points, part, rising
from paper_figures.style import BOUND, VALIDATED, footnote, heading, in_style, panels

DATA = "olmedo2026/swebench"
MODELS = ("gpt5mini", "deepseek")
QUICK = {"points": 4, "folds": 2}

#: The classes shown, and the panels' titles.
CLASSES = {
    "given order": "A block per model",
    "mixed": "Interleaved, mixed",
    "per segment": "A plan per repository",
    "oracle": "A plan per issue (oracle)",
}
_DEPLOYABLE = tuple(CLASSES)[:3]
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
    reach = arb.cascade_frontier(everyone).market_reach
    rates = np.linspace(0.9 * reach, reach, points)
    classes = arb.policies.policy_classes(everyone, rates)
    price = classes.spend[0]
    held_out = _held_out(market, rates, folds)
    alone = [held_out[model] for model in market.models]
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
            rate, spend = held_out[name]
            base = cheapest_of(alone, rate)
            inside = np.isfinite(base) & (rate >= rates[0])
            records[name]["validated_rate"] = plain(rate[inside], 100)
            margin = margin_of(base, spend)[inside]
            records[name]["validated"] = plain(margin, 100)
            curve = margin_of(price, classes.spend[row])
            drawn = np.interp(rate[inside], rates, curve, np.nan, np.nan)
            records[name]["optimism"] = plain(np.nanmean(drawn - margin), 100)
    return {
        "market": describe(market),
        "unit": "% of the market price",
        "accounting": {"exact": classes.convention},
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


def _held_out(
    market: arb.Market, rates: FloatArray, folds: int
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Return solve rate and spend, held out, of policies fitted for each solve rate.

    Single models also for lower ones: the market price must not begin where the policies do.
    """
    fold = folds_of(market, folds)
    lower = np.linspace(0.75 * rates[-1], rates[-1], 60)
    aims = dict.fromkeys(_DEPLOYABLE, rates) | dict.fromkeys(market.models, lower)
    found = {name: (np.zeros(len(aim)), np.zeros(len(aim))) for name, aim in aims.items()}
    for k in range(folds):
        train, test = (part(market, rows) for rows in (fold != k, fold == k))
        share = float(market.weight[fold == k].sum())
        known, curves = arb.dollar_curves(train), arb.dollar_curves(test)
        fitted = arb.policies.policy_classes(known, rates, oracle=False)
        alone = {each: arb.cascade_frontier(known.only([each])) for each in market.models}
        for name, aim in aims.items():
            for u, rate in enumerate(aim.tolist()):
                spare: Sequence[arb.policies.Serving] = ()
                if name in alone:
                    plan = alone[name].plan_at(min(rate, alone[name].reach))
                    servings: Sequence[arb.policies.Serving] = [arb.policies.Serving("all", plan)]
                else:
                    servings = _within(fitted, name, rate)
                    spare = _within(fitted, "mixed", rate)
                solved, spent = _scored(servings, spare, curves)
                found[name][0][u] += share * solved
                found[name][1][u] += share * spent
    return {name: rising(*each) for name, each in found.items()}


def _within(
    fitted: arb.policies.PolicyClasses, name: str, rate: float
) -> Sequence[arb.policies.Serving]:
    """Return the class's plans for a solve rate, or for the highest it reaches."""
    row = fitted.names.index(name)
    return fitted.plan_at(name, min(rate, float(fitted.reach[row]))).servings


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


@in_style
def draw(record: Record) -> Figure:
    """Draw a panel per class."""
    figure, axes = panels(2, 2, 3.4, sharex=True, sharey=True)
    for axis, (name, title) in zip(axes, CLASSES.items(), strict=True):
        entry = record["classes"][name]
        curves = drawable({key: value for key, value in entry.items() if key != "proof"})
        rate, red = curves["solve_rate"], arb.ARBITRAGEUR_COLOUR
        axis.fill_between(
            rate,
            curves["margin"],
            curves["margin_bound"],
            **BOUND,
        )
        axis.plot(rate, curves["margin"], color=red, label="In sample")
        look = {**VALIDATED, "label": "Cross-validated"}
        axis.plot(curves.get("validated_rate", []), curves.get("validated", []), **look)
        axis.set_title(title)
    axes[0].set_ylim(0, 100)
    for axis in (axes[0], axes[2]):
        axis.set_ylabel("Margin (%)")
    axes[0].xaxis.set_major_locator(MaxNLocator(4, integer=True))
    for axis in axes[2:]:
        axis.set_xlabel("Solve rate (%)")
    heading(figure, "Policy classes", record["market"], *axes[0].get_legend_handles_labels())
    footnote(figure, record)
    return figure
