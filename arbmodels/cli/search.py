"""``arbmodels search``: cascades of many models, and a bound for every policy."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from arbmodels.cli.inputs import curves_of, open_market, round_rates, solve_rates
from arbmodels.cli.options import (
    DEFAULT_CONVENTION,
    Columns,
    Convention,
    Data,
    Force,
    Json,
    MissingPairs,
    Models,
    Plot,
    SolveRates,
    Source,
    described,
)
from arbmodels.cli.output import about, called, show, show_json, working
from arbmodels.cli.pictures import check_picture, new_picture, save_picture
from arbmodels.display import TextTable, number, percent

Accounting = Annotated[
    Convention,
    typer.Option(
        "--accounting",
        metavar="RULE",
        help="How spend is counted: attempts-stop-at-record, attempts-pay-past-record (whole"
        " attempts; the bound is tight); authors, dollars-pay-past-record, dollars-stop-at-record"
        " (budgets; it is looser).",
    ),
]
Gap = Annotated[
    float, typer.Option("--gap", metavar="SHARE", help="Gap between policy and bound to reach.")
]
States = Annotated[
    int, typer.Option("--states", metavar="N", help="States of a lattice; more close more gaps.")
]
TimeLimit = Annotated[
    float,
    typer.Option("--time-limit", metavar="SECONDS", help="Then answer with the best so far."),
]


@described(
    "search swebench-sim",
    "search swebench-sim --at 0.6,0.7,0.75 --gap 0.005",
    "search my-folder --states 2000000 --plot cascades.png",
)
def search(
    source: Source,
    *,
    models: Models = None,
    at: SolveRates = None,
    accounting: Accounting = DEFAULT_CONVENTION,
    gap: Gap = 0.01,
    states: States = 300_000,
    time_limit: TimeLimit = 60.0,
    plot: Plot = None,
    force: Force = False,
    columns: Columns = None,
    missing: MissingPairs = "intersection",
    data: Data = None,
    json: Json = False,
) -> None:
    """Search cascades of any number of models, and bound what every policy must spend.

    Where the exact frontier tabulates up to four models, this looks at few amounts per model and
    adds some where the bound loses most. The bound holds for every order, every number of
    attempts and every random choice among cascades.
    """
    check_picture(plot, force=force)
    rates = None if at is None else solve_rates(at)
    market = open_market(source, models, columns, missing, data)
    with working("Searching for cascades", quiet=json):
        from arbmodels.cascades import search_frontier

        answer = search_frontier(
            curves_of(market, accounting),
            rates,
            gap=gap,
            most_states=states,
            time_limit=time_limit,
        )
        if rates is None:
            rates = [*round_rates(answer.reach / 2, 0.999 * answer.reach), answer.reach]
        spend, mixture = answer.spend_at(rates), answer.mixture_spend_at(rates)
        bound, gaps = answer.bound_at(rates), answer.gap_at(rates)
        plans = [answer.plan_at(rate) for rate in rates]
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
                "mixture": mixture[row],
                "bound": bound[row],
                "gap": gaps[row],
                "plan": plan.summary,
                "stages": plan.stages,
                "mixed_plans": [
                    {"share": share, "stages": each.stages}
                    for each, share in answer.mixture_at(rate)
                ],
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
                "wanted_gap": gap,
                "closed": int(answer.closed.sum()),
                "looked_at": len(answer.solve_rates),
                "seconds": answer.seconds,
                "points": points,
            }
        )
        return
    closed = answer.closed
    show(
        TextTable(
            f"Searched cascades of {called(market)}, in {unit}",
            ("solve rate", "one plan", "mixed", "lower bound", "gap", "plan"),
            [
                (
                    percent(rate, 2),
                    number(spend[row]),
                    number(mixture[row]),
                    number(bound[row]),
                    percent(gaps[row], 2),
                    plan.summary,
                )
                for row, (rate, plan) in enumerate(zip(rates, plans, strict=True))
            ],
            "mixed: two plans, one of them drawn at random. lower bound: of every policy, mixtures"
            " included; gap: of the mixtures.\n"
            f"A gap of {percent(gap, 1)} is reached at {int(closed.sum())} of {len(closed)} solve"
            f" rates looked at, in {answer.seconds:.1f} s. The best single model reaches"
            f" {percent(answer.market_reach, 2)}, all together {percent(answer.reach, 2)}.\n"
            f"{answer.convention}; fitted and scored on the same instances.",
        )
    )
    if plot is not None:
        show(f"Figure: {plot}")
