"""Figure 12 (not in the paper): the price of verification.

The paper's verification is free and never errs, and it leaves open what happens otherwise. Here the
margin of the best policy falls as a check gets dearer, wrong answers get accepted, or right ones
rejected, one at a time. Against models whose makers check their own answers, free of charge and
error, arbitrage ends at the values marked; where the customer would have to verify a single model's
answers in the same way, a cost per check does not end it at all.

Circles are the margins on issues that neither the policies nor the models' attempts were chosen on:
both are fitted on four fifths of the issues, and compared at what the model that sells solves on
the rest (:func:`arbmodels.estimation.compare_held_out`, the protocol of all figures).

Source: ours; accounting in whole attempts (:mod:`arbmodels.verification`), curves in sample.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure

import arbmodels as arb
from paper_figures.common import Published, Record, describe, plain
from paper_figures.held_out import divisions, in_points, part, scored_policies
from paper_figures.style import legend, panels

TITLE = "Imperfect checks"
CAPTION = (
    "The arbitrageur's margin, by what a check costs and how often it errs. Above: only the"
    " arbitrageur needs it, the models' makers check their own answers for nothing and without"
    " error. Below: whoever sells answers uses the same check; lines end where no single model"
    " delivers so many right answers."
)
DATA = "olmedo2026/swebench"
MODELS = ("gpt5mini", "deepseek")
QUICK = {"points": 4, "rates": (0.72,), "tolerance": 0.2, "folds": 2}

_VARIED: dict[Literal["cost", "false_accept", "false_reject"], float] = {
    "cost": 0.06,
    "false_accept": 0.10,
    "false_reject": 0.50,
}
#: The paper pays past the record; so do the curves here, that figures compare.
_RECORD: Literal["pay-past-record"] = "pay-past-record"
_BASELINES: dict[Literal["self-verification", "same-verifier"], str] = {
    "self-verification": "Only the arbitrageur needs the check",
    "same-verifier": "All sellers use the same check",
}
#: Darker for higher rates; none is the colour of a model.
_COLOURS = ("#C2A5CF", "#9970AB", "#40004B")
_HELD_OUT: dict[str, Any] = {
    "marker": "o",
    "ms": 3.5,
    "mfc": "white",
    "mew": 0.9,
    "ls": "",
    "zorder": 4,
}
#: Nothing of this figure is in the paper.
PUBLISHED: tuple[Published, ...] = ()


def compute(
    market: arb.Market,
    points: int = 16,
    rates: tuple[float, ...] = (0.70, 0.72, 0.74),
    tolerance: float = 0.02,
    folds: int = 5,
) -> Record:
    """Return margins along each number of the verifier, and where they end.

    Parameters
    ----------
    market : Market
    points : int
        Values of each number.
    rates : tuple of float
        Rates of right answers.
    tolerance : float
        Of the ends: relative for a cost, a tenth of it absolute for a rate.
    folds : int
    """
    targets = np.array(rates)
    parts = [
        (part(market, rest), part(market, fold), float(market.weight[fold].sum()))
        for rest, fold in divisions(market, folds)
    ]
    perfect = arb.verification.Verifier()
    free = [_scored(*each, perfect) for each in parts]
    alone = [
        [_scored(train.select(models=[model]), test, weight, perfect) for model in market.models]
        for train, test, weight in parts
    ]
    optimism = []
    panels_: dict[str, Any] = {}
    for vary, last in _VARIED.items():
        values = np.linspace(0.0, last, points)
        entry: dict[str, Any] = {"values": plain(values)}
        for baseline in _BASELINES:
            sweep = arb.verification.verification_sweep(
                market, rates, values, vary=vary, baseline=baseline, billing=_RECORD
            )
            entry[baseline] = plain(sweep.margin.T, 100)
        ends = [
            arb.verification.verification_threshold(
                market,
                rate,
                vary=vary,
                baseline="self-verification",
                billing=_RECORD,
                tolerance=tolerance if vary == "cost" else tolerance / 10,
            )
            for rate in rates
        ]
        inside = [end.value for end in ends if end.value is not None and end.value < last]
        few = max(inside, default=last) * np.array([0.0, 1.0, 2.0]) / 3.0
        sweep = arb.verification.verification_sweep(
            market, rates, few, vary=vary, baseline="self-verification", billing=_RECORD
        )
        found = [free] + [
            [_scored(*each, arb.verification.Verifier(**{vary: value})) for each in parts]
            for value in few[1:].tolist()
        ]
        held_out = np.stack(
            [arb.estimation.compare_held_out(alone, each, targets).gain for each in found]
        )
        optimism.append(sweep.margin - held_out)
        entry["held out at"] = plain(few)
        entry["held out"] = plain(held_out.T, 100)
        entry["ends"] = [plain(end.value) for end in ends]
        entry["margin left up to"] = [plain(end.below) for end in ends]
        panels_[vary] = entry
    mean = 100 * float(np.nanmean(optimism))
    return {
        "certificate": "Proven: no policy of whole attempts costs less (Lagrangian bounds, met"
        f" up to rounding); ends are enclosed to {100 * tolerance:g}% of a cost,"
        f" {10 * tolerance:g} points of a rate.",
        "validation": f"Held out ({folds} folds): mean optimism {in_points(mean)} points, panels"
        " above.",
        "optimism": mean,
        "market": describe(market),
        "unit": "% of the market price",
        "rates": [plain(rate, 100) for rate in rates],
        "values": {"authors": {}, "exact": {}},
        "panels": panels_,
    }


def _scored(
    train: arb.Market, test: arb.Market, weight: float, verifier: arb.verification.Verifier
) -> arb.estimation.ScoredPolicies:
    """Find the policies that are best in training, and score them on the issues held out."""
    frontier = arb.verification.verified_frontier(
        train, verifier, baseline="self-verification", billing=_RECORD
    )
    scored = [
        arb.verification.verified_plan(each.plan, test, verifier, billing=_RECORD)
        for each in frontier.vertices
    ]
    return scored_policies(
        frontier.hull.rate,
        frontier.hull.cost,
        np.array([each.solve_rate for each in scored]),
        np.array([each.mean_spend for each in scored]),
        weight,
    )


def draw(record: Record) -> Figure:
    """Draw a column per number of the verifier, a row per group of those who need to check."""
    figure, axes = panels(2, 3, 3.3, sharex="col", sharey="row")
    titles = {
        "cost": f"Cost of a check\n({record['market']['currency']})",
        "false_accept": "Wrong answers\naccepted (%)",
        "false_reject": "Right answers\nrejected (%)",
    }
    lowest = 0.0
    rows = dict(zip(_BASELINES, (axes[:3], axes[3:]), strict=True))
    for column, (vary, entry) in enumerate(record["panels"].items()):
        scale = 1.0 if vary == "cost" else 100.0
        values = scale * np.array(entry["values"], dtype=float)
        alone = rows["self-verification"][column]
        for k, rate in enumerate(record["rates"]):
            name = f"{rate:.0f}% right answers"
            for baseline, row in rows.items():
                margins = np.array(entry[baseline][k], dtype=float)
                row[column].plot(values, margins, color=_COLOURS[k], lw=1.1, label=name)
            new = np.array(entry["held out"][k], dtype=float)
            at = scale * np.array(entry["held out at"])
            lowest = min(lowest, float(np.nanmin(new, initial=0.0)))
            alone.plot(at, new, **_HELD_OUT, color=_COLOURS[k], clip_on=False)
            end = entry["ends"][k]
            if end is not None and scale * end <= values[-1]:
                alone.plot(scale * end, 0, "v", ms=4, color=_COLOURS[k], clip_on=False, zorder=3)
        rows["same-verifier"][column].set_xlabel(titles[vary])
        alone.set_xlim(0, values[-1])
    # Whoever follows a policy fitted elsewhere may lose; its circles lie below zero.
    axes[0].set_ylim(bottom=min(0.0, 1.1 * lowest))
    axes[3].set_ylim(bottom=0)
    for title, row in zip(_BASELINES.values(), rows.values(), strict=True):
        row[0].set_ylabel("Margin (%)")
        row[1].set_title(title)
    axes[0].plot([], [], "v", ms=4, color="0.4", ls="", label="Arbitrage ends")
    axes[0].plot([], [], **_HELD_OUT, color="0.4", label="Cross-validated")
    legend(figure, *axes[0].get_legend_handles_labels())
    return figure
