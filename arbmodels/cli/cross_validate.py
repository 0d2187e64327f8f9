"""``arbmodels cross-validate``: the margin on instances it was not fitted on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from arbmodels.cli.delivery import deliver
from arbmodels.cli.inputs import curves_of, open_market, solve_rates
from arbmodels.cli.options import (
    AccountingOption,
    Columns,
    Data,
    Force,
    Json,
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
    Literal["exact", "searched", "authors"],
    typer.Option(
        "--method",
        metavar="METHOD",
        help="exact: the cheapest cascade at every solve rate, up to four models, or the cheapest"
        " found where not every amount fits. searched:"
        " cascades of any number of models. authors: the single allocation"
        " of Olmedo et al. (2026), for two models, the cheap one first.",
    ),
]
Repeats = Annotated[
    int, typer.Option("--repeats", metavar="N", help="Divisions into folds to average over.")
]


@described(
    "cross-validate swebench-sim --models gpt5mini,deepseek",
    "cross-validate my-folder --by segments --folds 3",
    "cross-validate my-folder --method searched --repeats 1",
)
def cross_validate(
    source: Source,
    *,
    models: Models = None,
    method: Method = "exact",
    folds: Folds = 5,
    by: By = "instances",
    repeats: Repeats = 10,
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
    """Compare the margin on new instances with the margin in sample.

    Cascades, and the single model they compete with, are chosen on all folds but one, at every
    solve rate, and scored on the fold that is held out. The optimism, in sample less
    cross-validated, is by how much the margin in sample is too good. Held out a margin may be
    negative.
    """
    check_picture(plot, force=force)
    check_table(output, force=force)
    rates = None if at is None else solve_rates(at)
    if method == "authors" and accounting not in (None, "authors"):
        raise InputError(f"--method {method} has its own accounting: leave out --accounting.")
    market = open_market(source, models, columns, missing, data)
    from arbmodels.estimation import cross_validate_margin

    found = cross_validate_margin(
        market if method == "authors" else curves_of(market, accounting),
        method=method,
        folds=folds,
        by=by,
        repeats=repeats,
        seed=seed,
        solve_rates=rates,
        workers=workers,
    )

    def draw() -> Figure:
        figure, (axes,) = new_picture()
        found.plot(axes).set_title(called(market))
        return figure

    deliver(found, market, draw, plot=plot, output=output, json=json)
