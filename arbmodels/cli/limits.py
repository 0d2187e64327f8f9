"""``arbmodels limits``: cascades that cannot break a limit on any instance."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from arbmodels.cli.inputs import (
    attempt_curves_of,
    open_market,
    per_model,
    round_rates,
    solve_rates,
)
from arbmodels.cli.options import (
    DEFAULT_CONVENTION,
    AttemptsAccounting,
    Columns,
    Data,
    Force,
    Json,
    MissingPairs,
    Models,
    MostAttempts,
    Output,
    Plot,
    Seconds,
    SolveRates,
    Source,
    described,
)
from arbmodels.cli.output import about, called, show, show_json, working
from arbmodels.cli.pictures import check_picture, new_picture, save_picture
from arbmodels.cli.tables import check_table, save_table
from arbmodels.display import TextTable, number, percent
from arbmodels.errors import InputError

MaxSpend = Annotated[
    float | None,
    typer.Option(
        "--max-spend", metavar="D", help="Most to spend on an instance, in the market's currency."
    ),
]
MaxAttempts = Annotated[
    int | None,
    typer.Option("--max-attempts", metavar="K", help="Most attempts at an instance, in total."),
]
MaxSeconds = Annotated[
    float | None,
    typer.Option(
        "--max-seconds",
        metavar="S",
        help="Longest time of an instance, one attempt after the other; needs --seconds.",
    ),
]


@described(
    "limits swebench-sim --models gpt5mini,deepseek --max-spend 1",
    "limits my-folder --max-attempts 3 --at 0.5 --output limits.csv",
    "limits my-folder --max-spend 0.1 --attempts 4 --plot limits.png",
)
def limits(
    source: Source,
    *,
    models: Models = None,
    max_spend: MaxSpend = None,
    max_attempts: MaxAttempts = None,
    max_seconds: MaxSeconds = None,
    seconds: Seconds = None,
    at: SolveRates = None,
    accounting: AttemptsAccounting = DEFAULT_CONVENTION,
    attempts: MostAttempts = None,
    plot: Plot = None,
    output: Output = None,
    force: Force = False,
    columns: Columns = None,
    missing: MissingPairs = "intersection",
    data: Data = None,
    json: Json = False,
) -> None:
    """Find the cheapest cascades that keep limits on every instance, whatever happens.

    Exact over whole attempts. The worst case is what the dearest instance costs if every attempt
    fails; it never exceeds the limits.
    """
    check_picture(plot, force=force)
    check_table(output, force=force)
    rates = None if at is None else solve_rates(at)
    if max_spend is max_attempts is max_seconds is None:
        raise InputError(
            "Say what is limited: --max-spend D, --max-attempts K or --max-seconds S; without a"
            " limit use arbmodels frontier."
        )
    market = open_market(source, models, columns, missing, data)
    with working("Looking for the cheapest cascades", quiet=json):
        from arbmodels.policies import Limits, limited_frontier

        answer = limited_frontier(
            attempt_curves_of(market, accounting, attempts),
            Limits(max_spend, max_attempts, max_seconds),
            seconds=per_model("--seconds", seconds) if seconds else None,
        )
        if rates is None:
            rates = [*round_rates(answer.reach / 2, 0.999 * answer.reach), answer.reach]
        spend, worst = answer.spend_at(rates), answer.worst_at(rates)
        plans = [answer.plan_at(rate) if rate <= answer.reach else None for rate in rates]
    if plot is not None:
        figure, (axes,) = new_picture()
        answer.plot(axes).set_title(called(market))
        save_picture(figure, plot)
    if output is not None:
        save_table(answer.to_frame(), output)
    unit = f"{market.currency}/instance"
    if json:
        points: list[dict[str, Any]] = [
            {
                "solve_rate": rate,
                "spend": spend[row],
                "worst_spend": worst[row],
                "plan": None if plan is None else plan.summary,
                "stages": None if plan is None else plan.stages,
            }
            for row, (rate, plan) in enumerate(zip(rates, plans, strict=True))
        ]
        show_json(
            {
                **about(market),
                "unit": unit,
                "accounting": answer.curves.convention,
                "in_sample": True,
                "limits": {"spend": max_spend, "attempts": max_attempts, "seconds": max_seconds},
                "reach": answer.reach,
                "points": points,
            }
        )
        return
    show(
        TextTable(
            f"Cheapest cascades of {called(market)} with {answer.limits.label}, in {unit}",
            ("solve rate", "mean spend", "worst case", "plan (attempts)"),
            [
                (
                    percent(rate, 2),
                    number(spend[row]),
                    number(worst[row]),
                    "–" if plan is None else plan.summary,
                )
                for row, (rate, plan) in enumerate(zip(rates, plans, strict=True))
            ],
            f"Within the limits cascades reach {percent(answer.reach, 2)}. Exact over whole"
            " attempts; worst case: every attempt fails on the dearest instance.\n"
            f"{answer.curves.convention}; fitted and scored on the same instances.",
        )
    )
    if plot is not None:
        show(f"Figure: {plot}")
