"""``arbmodels bootstrap``: bands around prices, costs, margins and curves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from arbmodels.cli.delivery import deliver
from arbmodels.cli.inputs import curves_of, names, open_market, solve_rates
from arbmodels.cli.options import (
    AccountingOption,
    Columns,
    Data,
    Force,
    Json,
    MethodOption,
    MissingPairs,
    Models,
    Output,
    Plot,
    Seed,
    SolveRates,
    Source,
    Workers,
    described,
)
from arbmodels.cli.output import called
from arbmodels.cli.pictures import check_picture, new_picture
from arbmodels.cli.tables import check_table
from arbmodels.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from arbmodels.estimation import CurveBands, MarginBands

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


@described(
    "bootstrap my-folder --resamples 20 --plot bands.pdf",
    "bootstrap my-folder --resamples 20 --curves --json",
)
def bootstrap(
    source: Source,
    *,
    models: Models = None,
    method: MethodOption = "exact",
    curves: OfCurves = False,
    resamples: Resamples = 200,
    over: Over = "instances,attempts",
    seed: Seed = 0,
    at: SolveRates = None,
    accounting: AccountingOption = None,
    workers: Workers = None,
    plot: Plot = None,
    output: Output = None,
    force: Force = False,
    columns: Columns = None,
    missing: MissingPairs = "intersection",
    data: Data = None,
    json: Json = False,
) -> None:
    """Say how far prices, costs and margins could be off, by drawing the data anew.

    Every resample is a market of its own, on which the cascade is chosen and scored. Bands hold
    90% of the resamples. They are in-sample, like the margin they are around; `cross-validate`
    says by how much that is too good.
    """
    check_picture(plot, force=force)
    check_table(output, force=force)
    rates = None if at is None else solve_rates(at)
    if method == "authors" and (accounting not in (None, "authors") or curves):
        raise InputError(
            "The authors' method has its own accounting and no curves apart from it: leave out"
            " --accounting and --curves."
        )
    if curves and rates is not None:
        raise InputError("--curves are by amount, not by solve rate: leave out --at.")
    market = open_market(source, models, columns, missing, data)
    from arbmodels.estimation import bootstrap_curves, bootstrap_margin

    make = partial(curves_of, convention=accounting)
    drawn = {"resamples": resamples, "over": names(over), "seed": seed, "workers": workers}
    found: CurveBands | MarginBands
    if curves:
        found = bootstrap_curves(market, curves=make, **drawn)  # type: ignore[arg-type]
    else:
        found = bootstrap_margin(
            market,
            method=method,
            curves=None if method == "authors" else make,
            solve_rates=rates,
            **drawn,  # type: ignore[arg-type]
        )
    draw = partial(_figure, found, called(market))
    deliver(found, market, draw, plot=plot, output=output, json=json)


def _figure(found: CurveBands | MarginBands, title: str) -> Figure:
    from arbmodels.estimation import MarginBands

    if not isinstance(found, MarginBands):
        figure, (axes,) = new_picture()
        found.plot(axes).set_title(title)
        return figure
    figure, (left, right) = new_picture(2)
    found.plot_costs(left).set_title(f"{title}: prices and cost")
    found.plot(right).set_title("Margin")
    return figure
