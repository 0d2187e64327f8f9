"""``arbmodels batches``: parallel attempts within a time per instance."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from arbmodels.cli.inputs import attempt_curves_of, open_market, per_model, round_rates, solve_rates
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

MaxSeconds = Annotated[
    float, typer.Option("--max-seconds", metavar="S", help="Longest time of an instance.")
]
Largest = Annotated[
    int, typer.Option("--largest", metavar="B", min=1, help="Most attempts in one batch.")
]


@described(
    "batches my-folder --max-seconds 80 --seconds small=9,large=40",
    "batches my-folder --max-seconds 9 --seconds small=9,large=9 --json",
)
def batches(
    source: Source,
    *,
    max_seconds: MaxSeconds,
    seconds: Seconds = None,
    largest: Largest = 8,
    models: Models = None,
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
    """Find the cheapest batches of parallel attempts within a time per instance.

    The attempts of a batch run, and are paid, together, whether or not the first succeeds; a batch
    takes the time of one attempt. Exact over all sequences of batches. --seconds is needed of every
    model. --output writes the least spend by time limit and solve rate.
    """
    check_picture(plot, force=force)
    check_table(output, force=force)
    rates = None if at is None else solve_rates(at)
    market = open_market(source, models, columns, missing, data)
    waits = per_model("--seconds", seconds)
    with working("Looking for the cheapest batches", quiet=json):
        from arbmodels.policies import batch_frontier, spend_distribution

        curves = attempt_curves_of(market, accounting, attempts)
        answer = batch_frontier(curves, waits, max_seconds, largest=largest)
        reach = answer.reach()
        if rates is None:
            rates = [*round_rates(reach / 2, 0.999 * reach), reach]
        plans = [answer.plan_at(rate) if rate <= reach else None for rate in rates]
        laws = [
            None if plan is None else spend_distribution(plan, curves, parallel=True, seconds=waits)
            for plan in plans
        ]
    if plot is not None:
        figure, (axes,) = new_picture()
        figure.set_size_inches(6.8, 3.7)
        answer.plot(axes).set_title(called(market))
        save_picture(figure, plot)
    if output is not None:
        save_table(answer.to_frame(), output)
    unit = f"{market.currency}/instance"
    spend = answer.spend_at(rates)
    points: list[dict[str, Any]] = [
        {
            "solve_rate": rate,
            "spend": spend[row],
            "mean_seconds": None if law is None else law.mean("seconds"),
            "longest_seconds": None if law is None else law.worst("seconds"),
            "batches": None if law is None else law.plan.stages,
        }
        for row, (rate, law) in enumerate(zip(rates, laws, strict=True))
    ]
    if json:
        show_json(
            {
                **about(market),
                "unit": unit,
                "accounting": answer.curves.convention,
                "in_sample": True,
                "seconds": waits,
                "max_seconds": max_seconds,
                "largest_batch": largest,
                "reach": reach,
                "points": points,
            }
        )
        return
    show(
        answer.table(),
        TextTable(
            f"Cheapest batches of {called(market)} within {max_seconds:g} s, in {unit}",
            ("solve rate", "spend", "mean time [s]", "longest [s]", "batches"),
            [
                (percent(point["solve_rate"], 2), number(point["spend"]), "–", "–", "–")
                if law is None
                else (
                    percent(point["solve_rate"], 2),
                    number(point["spend"]),
                    number(point["mean_seconds"]),
                    number(point["longest_seconds"]),
                    law.plan.summary,
                )
                for point, law in zip(points, laws, strict=True)
            ],
            "Every stage is one batch.",
        ),
    )
    if plot is not None:
        show(f"Figure: {plot}")
