"""``arbmodels cvar``: the cheapest cascade whose worst outcomes stay within a limit on average."""

from __future__ import annotations

from typing import Annotated

import typer

from arbmodels.cli.inputs import attempt_curves_of, open_market, solve_rates
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
    Source,
    described,
)
from arbmodels.cli.output import about, called, show, show_json, working
from arbmodels.cli.pictures import check_picture, new_picture, save_picture
from arbmodels.cli.tables import check_table, save_table
from arbmodels.errors import InputError

Rate = Annotated[str, typer.Option("--at", metavar="0.70", help="The solve rate, between 0 and 1.")]
Limit = Annotated[
    float,
    typer.Option("--limit", metavar="L", help="Most to spend in the mean over the worst outcomes."),
]
Level = Annotated[
    float,
    typer.Option(
        "--level", metavar="A", help="The worst outcomes are a share 1 - A of all: 0.95 for 5%."
    ),
]
Cells = Annotated[
    int,
    typer.Option("--cells", metavar="C", min=1, help="More cells prove a tighter lower bound."),
]


@described(
    "cvar my-folder --at 0.6 --limit 0.1 --json",
    "cvar my-folder --at 0.6 --limit 0.1 --level 0.8 --plot spend.png",
)
def cvar(
    source: Source,
    *,
    at: Rate,
    limit: Limit,
    level: Level = 0.95,
    cells: Cells = 100,
    models: Models = None,
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
    """Find the cheapest cascade for a solve rate whose worst outcomes stay within a limit.

    The limit is on the conditional value at risk (CVaR) of the spend on one instance: its mean over
    the worst outcomes. Comes with a proven lower bound. --plot draws the distribution of the
    spend, --output writes mean and worst case of every instance.
    """
    check_picture(plot, force=force)
    check_table(output, force=force)
    rates = solve_rates(at)
    if len(rates) > 1:
        raise InputError(f"--at {at}: give one solve rate.")
    market = open_market(source, models, columns, missing, data)
    with working("Looking for the cheapest cascade", quiet=json):
        from arbmodels.policies import cvar_plan, spend_distribution

        curves = attempt_curves_of(market, accounting, attempts)
        answer = cvar_plan(curves, rates[0], limit, level=level, cells=cells)
        law = spend_distribution(answer.plan, curves)
    if plot is not None:
        figure, (axes,) = new_picture()
        law.plot(axes).set_title(called(market))
        save_picture(figure, plot)
    if output is not None:
        save_table(law.to_frame(), output)
    if json:
        show_json(
            {
                **about(market),
                "unit": f"{market.currency}/instance",
                "accounting": answer.convention,
                "in_sample": True,
                "asked": {"solve_rate": answer.asked, "limit": limit, "level": level},
                "plan": answer.plan.summary,
                "stages": answer.plan.stages,
                "solve_rate": answer.solve_rate,
                "spend": answer.spend,
                "bound": answer.bound,
                "gap": answer.gap,
                "cvar": answer.cvar,
                "worst_spend": law.worst(),
            }
        )
        return
    show(answer.table(), law.table())
    if plot is not None:
        show(f"Figure: {plot}")
