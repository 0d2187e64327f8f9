"""``arbmodels margin``, ``cross-validate``, ``bootstrap`` and ``robustness``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from arbmodels.cli import options as opt
from arbmodels.cli.output import (
    about,
    called,
    deliver,
    drawn,
    new_picture,
    present,
    working,
)
from arbmodels.display import TextTable, number, percent
from arbmodels.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from arbmodels.estimation import CurveBands, MarginBands
    from arbmodels.estimation.learning import Learner
    from arbmodels.margins import Arbitrage
    from arbmodels.margins import Method as MarginMethod
    from arbmodels.market import Market


Folds = Annotated[int, typer.Option("--folds", metavar="K", help="Parts, each held out once.")]
By = Annotated[
    Literal["instances", "segments"],
    typer.Option(
        "--by",
        metavar="WHAT",
        help="Hold out instances at random, within each segment; or whole segments, to see how a"
        " policy does on a kind of task it was not fitted on.",
    ),
]
Method = Annotated[
    Literal["exact", "searched", "olmedo2026"],
    typer.Option(
        "--method",
        metavar="METHOD",
        help="exact: the cheapest cascade at every solve rate, up to four models, or the cheapest"
        " found where not every amount fits. searched:"
        " cascades of any number of models. olmedo2026: the single allocation"
        " of Olmedo et al. (2026), for two models, the cheap one first.",
    ),
]
Repeats = Annotated[
    int, typer.Option("--repeats", metavar="N", help="Divisions into folds to average over.")
]


@opt.on_market(
    "cross-validate swebench-sim --models gpt5mini,deepseek",
    "cross-validate my-folder --by segments --folds 3",
    "cross-validate my-folder --method searched --repeats 1",
)
def cross_validate(
    market: opt.Opened,
    *,
    method: Method = "exact",
    folds: Folds = 5,
    by: By = "instances",
    repeats: Repeats = 10,
    seed: opt.Seed = 0,
    at: opt.SolveRates = None,
    billing: opt.BillingOption = None,
    workers: opt.Workers = None,
    plot: opt.Plot = None,
    output: opt.Output = None,
    json: opt.Json = False,
) -> None:
    """Compare the margin on new instances with the margin in sample.

    Cascades, and the single model they compete with, are chosen on all folds but one, at every
    solve rate, and scored on the fold that is held out. The optimism, in sample less
    cross-validated, is by how much the margin in sample is too good. Held out a margin may be
    negative.
    """
    rates = None if at is None else opt.solve_rates(at)
    if method == "olmedo2026" and billing not in (None, "olmedo2026"):
        raise InputError(f"--method {method} has its own billing: leave out --billing.")
    from arbmodels.estimation import cross_validate_margin

    found = cross_validate_margin(
        market if method == "olmedo2026" else opt.curves_of(market, billing),
        method=method,
        folds=folds,
        by=by,
        repeats=repeats,
        seed=seed,
        solve_rates=rates,
        workers=workers,
    )

    draw = partial(drawn, found.plot, market)
    deliver(found, market, draw, plot=plot, output=output, json=json)


Resamples = Annotated[
    int, typer.Option("--resamples", metavar="N", help="Markets drawn, at least 2.")
]
Over = Annotated[
    str,
    typer.Option(
        "--over",
        metavar="WHAT",
        help="instances: other issues with their records. attempts: other outcomes on these very"
        " issues. instances,attempts: both, a cautious band.",
    ),
]
OfCurves = Annotated[
    bool,
    typer.Option(
        "--curves", help="Bands of every model's solve rate and spend, instead of the margin."
    ),
]


@opt.on_market(
    "bootstrap my-folder --resamples 20 --plot bands.pdf",
    "bootstrap my-folder --resamples 20 --curves --json",
)
def bootstrap(
    market: opt.Opened,
    *,
    method: opt.MethodOption = "exact",
    curves: OfCurves = False,
    resamples: Resamples = 200,
    over: Over = "instances,attempts",
    seed: opt.Seed = 0,
    at: opt.SolveRates = None,
    billing: opt.BillingOption = None,
    workers: opt.Workers = None,
    plot: opt.Plot = None,
    output: opt.Output = None,
    json: opt.Json = False,
) -> None:
    """Say how far prices, costs and margins could be off, by drawing the data anew.

    Every resample is a market of its own, on which the cascade is chosen and scored. Bands hold
    90% of the resamples. They are in-sample, like the margin they are around; `cross-validate`
    says by how much that is too good.
    """
    rates = None if at is None else opt.solve_rates(at)
    if method == "olmedo2026" and (billing not in (None, "olmedo2026") or curves):
        raise InputError(
            "The paper's method has its own billing and no curves apart from it: leave out"
            " --billing and --curves."
        )
    if curves and rates is not None:
        raise InputError("--curves are by amount, not by solve rate: leave out --at.")
    from arbmodels.estimation import bootstrap_curves, bootstrap_margin

    make = partial(opt.curves_of, billing=billing)
    how = {"resamples": resamples, "over": opt.names(over), "seed": seed, "workers": workers}
    found: CurveBands | MarginBands
    if curves:
        found = bootstrap_curves(market, curves=make, **how)  # type: ignore[arg-type]
    else:
        found = bootstrap_margin(
            market,
            method=method,
            curves=None if method == "olmedo2026" else make,
            solve_rates=rates,
            **how,  # type: ignore[arg-type]
        )
    draw = partial(_figure, found, market)
    deliver(found, market, draw, plot=plot, output=output, json=json)


def _figure(found: CurveBands | MarginBands, market: Market) -> Figure:
    from arbmodels.estimation import MarginBands

    if not isinstance(found, MarginBands):
        return drawn(found.plot, market)
    figure, (left, right) = new_picture(2)
    found.plot_costs(left).set_title(f"{called(market)}: prices and cost")
    found.plot(right).set_title("Margin")
    return figure


Segment = Annotated[
    str | None,
    typer.Option(
        "--segment",
        metavar="NAME",
        help="Also learn on this segment and score on the others, and the reverse.",
    ),
]
Budgets = Annotated[
    str, typer.Option("--budgets", metavar="1,10,100", help="Spent on the search, per search.")
]
Draws = Annotated[
    int, typer.Option("--draws", metavar="N", help="Searches per budget and panel, at least 2.")
]
Learners = Annotated[
    str,
    typer.Option(
        "--learners",
        metavar="A,B",
        help="olmedo2026: the grid search of Olmedo et al. (2026) on what was bought. pooled: the"
        " same on what was bought pooled with a prior over models and issues.",
    ),
]


@opt.on_market(
    "robustness my-folder --budgets 1,10 --draws 20",
    "robustness my-folder --segment repo0 --draws 20 --json",
)
def robustness(
    market: opt.Opened,
    *,
    segment: Segment = None,
    budgets: Budgets = "1,3,5,10,30,100,1000",
    draws: Draws = 200,
    learners: Learners = "olmedo2026,pooled",
    seed: opt.Seed = 0,
    workers: opt.Workers = None,
    plot: opt.Plot = None,
    output: opt.Output = None,
    json: opt.Json = False,
) -> None:
    """Learn cascades of two models for small search budgets, and score them on a whole market.

    A search buys attempts on issues drawn at random until the budget is spent, then chooses one
    of the paper's 102 allocations. Shown are the mean margin and the band from 5% to 95% of the
    searches. The first model is the cheap one.
    """
    amounts = [opt.number_of(part, "A budget of --budgets") for part in opt.names(budgets) or ()]
    from arbmodels.estimation import robustness_study

    chosen: list[Learner] = opt.names(learners) or []  # type: ignore[assignment]
    found = robustness_study(
        market,
        segment,
        budgets=amounts,
        draws=draws,
        learners=chosen,
        seed=seed,
        workers=workers,
    )

    def draw() -> Figure:
        figure, panels = new_picture(len(found.panels))
        found.plot(panels)
        return figure

    deliver(found, market, draw, plot=plot, output=output, json=json)


@opt.on_market(
    "margin swebench-sim --models gpt5mini,deepseek --at 0.7 --json",
    "margin swebench-sim --models gpt5mini,deepseek --method olmedo2026",
    "margin my-folder --billing dollars-stop-at-record --plot my.pdf",
)
def margin(
    market: opt.Opened,
    *,
    method: opt.MethodOption = "exact",
    at: opt.SolveRates = None,
    billing: opt.BillingOption = None,
    refine: opt.Refine = 1,
    plot: opt.Plot = None,
    json: opt.Json = False,
) -> None:
    """Show what an arbitrageur would earn: market price, his cost, his margin.

    At a solve rate, the market price is the least expected spend of a single model that reaches
    it, the arbitrage cost that of a cascade over all models, the margin 1 - cost / price. Of more
    than four models, cascades are searched for, which takes seconds, with a bound on all. Peak
    and mean are over 1,000 solve rates from 68% to the best single model's largest solve rate (from
    0.9 times that where it is below 70%). Above it there is no market price and no margin. Beside
    it stands the cross-validated margin and the optimism, by how much the margin in sample is too
    good.
    """
    rates = None if at is None else opt.solve_rates(at)
    with working("Looking for the cheapest cascades", quiet=json):
        answer = find_margin(market, method, billing, refine)
        if rates is None:
            rates = opt.round_rates(float(answer.solve_rates[0]), answer.market_max_solve_rate)
        found = margin_json(answer, rates)
    draw = partial(drawn, answer.plot, market)
    present(
        market,
        lambda: [margin_table(answer, found)],
        lambda: found,
        json=json,
        plot=plot,
        draw=draw,
    )


def find_margin(
    market: Market, method: MarginMethod, billing: opt.Billing | None = None, refine: int = 1
) -> Arbitrage:
    """Compute price, cost and margin by one method in one billing."""
    from arbmodels.cascades import cascade_frontier
    from arbmodels.margins import arbitrage

    if method == "olmedo2026":
        if billing not in (None, "olmedo2026") or refine != 1:
            raise InputError(
                "The paper's method has its own billing and grid: leave out --billing and"
                " --refine, or use --method exact."
            )
        return arbitrage(market, method="olmedo2026")
    curves = opt.curves_of(market, billing)
    return arbitrage(curves if refine == 1 else cascade_frontier(curves, refine=refine))


def at_rates(answer: Arbitrage, rates: Sequence[float]) -> Arbitrage:
    """Return the same cascades or policy, seen at other solve rates."""
    import numpy as np

    from arbmodels.margins import Arbitrage

    return Arbitrage.of(answer.source, np.array(rates, dtype=float))


def margin_json(answer: Arbitrage, rates: Sequence[float]) -> dict[str, Any]:
    """Return the answer as plain values, with the points at ``rates``."""
    from arbmodels.cascades import PaperPolicy

    market, source, peak = answer.market, answer.source, answer.peak
    return {
        **about(market),
        "method": answer.method,
        "unit": f"{market.currency}/instance",
        "accounting": answer.billing,
        "in_sample": True,
        "points": _points(at_rates(answer, rates)),
        "peak": {"solve_rate": peak.solve_rate, "margin": peak.margin},
        "mean_margin": answer.mean_margin,
        "mean_margin_range": [answer.solve_rates[0], answer.solve_rates[-1]],
        "market_reach": answer.market_max_solve_rate,
        "extra_reach": answer.extra_solve_rate,
        "validation": answer.validation,
        "cross_validated": optimism_json(answer),
        "allocation": source.allocation if isinstance(source, PaperPolicy) else None,
    }


def optimism_json(answer: Arbitrage) -> dict[str, Any] | None:
    """Return cross-validated margin and optimism; None where ``validation`` says why not."""
    found = answer.cross_validated
    return None if found is None else found.summary()


def _points(grid: Arbitrage) -> list[dict[str, Any]]:
    from arbmodels.cascades import Frontier, SearchedFrontier

    source, points = grid.source, []
    for row, rate in enumerate(grid.solve_rates.tolist()):
        price, bound, plan = float(grid.market_price[row]), None, None
        cheapest = [
            model
            for model, its in zip(grid.market.models, grid.model_prices[row], strict=True)
            if its == price
        ]
        if isinstance(source, Frontier | SearchedFrontier) and rate <= source.max_solve_rate:
            bound, plan = float(source.bound_at(rate)), source.plan_at(rate).summary
        points.append(
            {
                "solve_rate": rate,
                "market_price": price,
                "cheapest_model": cheapest[0] if cheapest else None,
                "arbitrage_cost": float(grid.arbitrage_cost[row]),
                "lower_bound": bound,
                "margin": float(grid.margin[row]),
                "plan": plan,
            }
        )
    return points


def margin_table(answer: Arbitrage, found: dict[str, Any]) -> TextTable:
    """Return the points as a table, with peak, mean and billing below."""
    unit = found["unit"]
    note = (
        f"Peak margin {percent(answer.peak.margin, 2)} at {percent(answer.peak.solve_rate, 2)};"
        f" mean {percent(answer.mean_margin, 2)} over {percent(answer.solve_rates[0], 2)} to"
        f" {percent(answer.solve_rates[-1], 2)}.\nThe best single model reaches"
        f" {percent(answer.market_max_solve_rate, 2)}, the arbitrageur"
        f" {100 * answer.extra_solve_rate:.2f}"
        f" points more.\n{answer.validation}\n"
    )
    if found["allocation"] is not None:
        dollars = ", then ".join(
            f"{number(amount, 3)} on {model}"
            for model, amount in zip(answer.market.models, found["allocation"], strict=True)
        )
        note += f"Allocation in {unit}: {dollars}.\n"
    return TextTable(
        f"Arbitrage on {called(answer.market)}, {answer.method} method, in {unit}",
        ("solve rate", "market price", "of", "arbitrage cost", "lower bound", "margin"),
        [
            (
                percent(point["solve_rate"], 2),
                number(point["market_price"]),
                (point["cheapest_model"] or "–"),
                number(point["arbitrage_cost"]),
                "–" if point["lower_bound"] is None else number(point["lower_bound"]),
                percent(point["margin"]),
            )
            for point in found["points"]
        ],
        f"{note}{answer.billing}; the table is fitted and scored on the same instances.",
    )
