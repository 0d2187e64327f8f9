"""``arbmodels margin``: market price, arbitrage cost, margin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from arbmodels.cli.inputs import curves_of, open_market, round_rates, solve_rates
from arbmodels.cli.options import (
    AccountingOption,
    Columns,
    Convention,
    Data,
    Force,
    Json,
    MethodOption,
    MissingPairs,
    Models,
    Plot,
    Refine,
    SolveRates,
    Source,
    described,
)
from arbmodels.cli.output import about, called, show, show_json, working
from arbmodels.cli.pictures import check_picture, new_picture, save_picture
from arbmodels.display import TextTable, model_label, number, percent
from arbmodels.errors import InputError

if TYPE_CHECKING:
    from arbmodels.margins import Arbitrage, Method
    from arbmodels.market import Market


@described(
    "margin swebench-sim --models gpt5mini,deepseek --at 0.7 --json",
    "margin swebench-sim --models gpt5mini,deepseek --method authors",
    "margin my-folder --accounting dollars-stop-at-record --plot my.pdf",
)
def margin(
    source: Source,
    *,
    models: Models = None,
    method: MethodOption = "exact",
    at: SolveRates = None,
    accounting: AccountingOption = None,
    refine: Refine = 1,
    plot: Plot = None,
    force: Force = False,
    columns: Columns = None,
    missing: MissingPairs = "intersection",
    data: Data = None,
    json: Json = False,
) -> None:
    """Show what an arbitrageur would earn: market price, his cost, his margin.

    At a solve rate, the market price is the least expected spend of a single model that reaches
    it, the arbitrage cost that of a cascade over all models, the margin 1 - cost / price. Peak
    and mean are over 1,000 solve rates from 68% to the best single model's reach (from 0.9 times
    that reach where it is below 70%). Above it there is no market price and no margin. Beside it
    stands the cross-validated margin and the optimism, by how much the margin in sample is too
    good.
    """
    check_picture(plot, force=force)
    rates = None if at is None else solve_rates(at)
    market = open_market(source, models, columns, missing, data)
    with working("Looking for the cheapest cascades", quiet=json):
        answer = find_margin(market, method, accounting, refine)
        if rates is None:
            rates = round_rates(float(answer.solve_rates[0]), answer.market_reach)
        found = margin_json(answer, rates)
    if plot is not None:
        figure, (axes,) = new_picture()
        answer.plot(axes).set_title(called(market))
        save_picture(figure, plot)
    if json:
        show_json(found)
        return
    show(margin_table(answer, found))
    if plot is not None:
        show(f"Figure: {plot}")


def find_margin(
    market: Market, method: Method, convention: Convention | None = None, refine: int = 1
) -> Arbitrage:
    """Compute price, cost and margin by one method in one convention."""
    from arbmodels.cascades import cascade_frontier
    from arbmodels.margins import arbitrage

    if method == "authors":
        if convention not in (None, "authors") or refine != 1:
            raise InputError(
                "The authors' method has its own accounting and grid: leave out --accounting and"
                " --refine, or use --method exact."
            )
        return arbitrage(market, method="authors")
    return arbitrage(cascade_frontier(curves_of(market, convention), refine=refine))


def at_rates(answer: Arbitrage, rates: Sequence[float]) -> Arbitrage:
    """Return the same cascades or policy, seen at other solve rates."""
    import numpy as np

    from arbmodels.margins import Arbitrage

    return Arbitrage.of(answer.source, np.array(rates, dtype=float))


def margin_json(answer: Arbitrage, rates: Sequence[float]) -> dict[str, Any]:
    """Return the answer as plain values, with the points at ``rates``."""
    from arbmodels.cascades import AuthorsPolicy

    market, source, peak = answer.market, answer.source, answer.peak
    return {
        **about(market),
        "method": answer.method,
        "unit": f"{market.currency}/instance",
        "accounting": answer.accounting,
        "in_sample": True,
        "points": _points(at_rates(answer, rates)),
        "peak": {"solve_rate": peak.solve_rate, "margin": peak.margin},
        "mean_margin": answer.mean_margin,
        "mean_margin_range": [answer.solve_rates[0], answer.solve_rates[-1]],
        "market_reach": answer.market_reach,
        "extra_reach": answer.extra_reach,
        "validation": answer.validation,
        "cross_validated": optimism_json(answer),
        "allocation": source.allocation if isinstance(source, AuthorsPolicy) else None,
    }


def optimism_json(answer: Arbitrage) -> dict[str, Any] | None:
    """Return cross-validated margin and optimism; None where ``validation`` says why not."""
    found = answer.cross_validated
    return None if found is None else found.summary()


def _points(grid: Arbitrage) -> list[dict[str, Any]]:
    from arbmodels.cascades import Frontier

    source, points = grid.source, []
    for row, rate in enumerate(grid.solve_rates.tolist()):
        price, bound, plan = float(grid.market_price[row]), None, None
        cheapest = [
            model
            for model, its in zip(grid.market.models, grid.model_prices[row], strict=True)
            if its == price
        ]
        if isinstance(source, Frontier) and rate <= source.reach:
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
    """Return the points as a table, with peak, mean and accounting below."""
    unit = found["unit"]
    note = (
        f"Peak margin {percent(answer.peak.margin, 2)} at {percent(answer.peak.solve_rate, 2)};"
        f" mean {percent(answer.mean_margin, 2)} over {percent(answer.solve_rates[0], 2)} to"
        f" {percent(answer.solve_rates[-1], 2)}.\nThe best single model reaches"
        f" {percent(answer.market_reach, 2)}, the arbitrageur {100 * answer.extra_reach:.2f}"
        f" points more.\n{answer.validation}\n"
    )
    if found["allocation"] is not None:
        dollars = ", then ".join(
            f"{number(amount, 3)} on {model_label(model)}"
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
                model_label(point["cheapest_model"] or "–"),
                number(point["arbitrage_cost"]),
                "–" if point["lower_bound"] is None else number(point["lower_bound"]),
                percent(point["margin"]),
            )
            for point in found["points"]
        ],
        f"{note}{answer.accounting}; the table is fitted and scored on the same instances.",
    )
