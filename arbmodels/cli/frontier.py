"""``arbmodels frontier``: the cheapest cascade for every solve rate."""

from __future__ import annotations

from typing import Any

from arbmodels.cli.inputs import curves_of, open_market, round_rates, solve_rates
from arbmodels.cli.options import (
    AccountingOption,
    Columns,
    Data,
    Force,
    Json,
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
from arbmodels.display import TextTable, number, percent


@described(
    "frontier swebench-sim --models gpt5mini,deepseek",
    "frontier my-folder --accounting authors --refine 4",
    "frontier my-folder --accounting attempts-pay-past-record",
)
def frontier(
    source: Source,
    *,
    models: Models = None,
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
    """Find the cheapest cascade for every solve rate, with a proven lower bound.

    A cascade tries models in an order, some of them several times, and stops at the first
    verified success. The spend is the least expected one of all cascades on the lattice of
    amounts (up to four models); no cascade at all costs less than the lower bound. Mixing two
    cascades at random may cost less than one alone.
    """
    check_picture(plot, force=force)
    rates = None if at is None else solve_rates(at)
    market = open_market(source, models, columns, missing, data)
    with working("Looking for the cheapest cascades", quiet=json):
        from arbmodels.cascades import cascade_frontier

        answer = cascade_frontier(curves_of(market, accounting), refine=refine)
        if rates is None:
            rates = [*round_rates(answer.reach / 2, 0.999 * answer.reach), answer.reach]
        spend, mixture = answer.spend_at(rates), answer.mixture_spend_at(rates)
        within = [rate for rate in rates if rate <= answer.reach]
        bound, gap = answer.bound_at(rates), answer.gap_at(rates)
        plans = [answer.plan_at(rate) if rate <= answer.reach else None for rate in rates]
    if plot is not None:
        figure, (axes,) = new_picture()
        answer.plot(axes).set_title(called(market))
        save_picture(figure, plot)
    unit = f"{market.currency}/instance"
    if json:
        points: list[dict[str, Any]] = [
            {
                "solve_rate": rate,
                "spend": spend[row],
                "bound": bound[row],
                "gap": gap[row],
                "mixture": mixture[row],
                "plan": None if plan is None else plan.summary,
                "stages": None if plan is None else plan.stages,
            }
            for row, (rate, plan) in enumerate(zip(rates, plans, strict=True))
        ]
        show_json(
            {
                **about(market),
                "unit": unit,
                "stage_unit": answer.curves.unit,
                "accounting": answer.convention,
                "in_sample": True,
                "reach": answer.reach,
                "market_reach": answer.market_reach,
                "proof": answer.proof(within),
                "points": points,
            }
        )
        return
    show(
        TextTable(
            f"Cheapest cascades of {called(market)}, in {unit}",
            ("solve rate", "spend", "lower bound", "gap", "mixed", f"plan ({answer.curves.unit})"),
            [
                (
                    percent(rate, 2),
                    number(spend[row]),
                    number(bound[row]),
                    percent(gap[row]),
                    number(mixture[row]),
                    "–" if plan is None else plan.summary,
                )
                for row, (rate, plan) in enumerate(zip(rates, plans, strict=True))
            ],
            "lower bound: of any one cascade. mixed: two cascades, one of them drawn at random.\n"
            f"The best single model reaches {percent(answer.market_reach, 2)}, cascades"
            f" {percent(answer.reach, 2)}. Spend: {answer.proof(within)}.\n"
            f"{answer.convention}; fitted and scored on the same instances.",
        )
    )
    if plot is not None:
        show(f"Figure: {plot}")
