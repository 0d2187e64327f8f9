"""``arbmodels robustness``: what a cascade earns that was learnt for a few dollars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from arbmodels.cli.delivery import deliver
from arbmodels.cli.inputs import names, number_of, open_market
from arbmodels.cli.options import (
    Columns,
    Data,
    Force,
    Json,
    MissingPairs,
    Models,
    Output,
    Plot,
    Seed,
    Source,
    Workers,
    described,
)
from arbmodels.cli.pictures import check_picture, new_picture
from arbmodels.cli.tables import check_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from arbmodels.estimation.learning import Learner

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
        help="authors: the grid search of Olmedo et al. (2026) on what was bought. pooled: the"
        " same on what was bought pooled with a prior over models and issues.",
    ),
]


@described(
    "robustness my-folder --budgets 1,10 --draws 20",
    "robustness my-folder --segment repo0 --draws 20 --json",
)
def robustness(
    source: Source,
    *,
    models: Models = None,
    segment: Segment = None,
    budgets: Budgets = "1,3,5,10,30,100,1000",
    draws: Draws = 200,
    learners: Learners = "authors,pooled",
    seed: Seed = 0,
    workers: Workers = None,
    plot: Plot = None,
    output: Output = None,
    force: Force = False,
    columns: Columns = None,
    missing: MissingPairs = "intersection",
    data: Data = None,
    json: Json = False,
) -> None:
    """Learn cascades of two models for small search budgets, and score them on a whole market.

    A search buys attempts on issues drawn at random until the budget is spent, then chooses one
    of the authors' 102 allocations. Shown are the mean margin and the band from 5% to 95% of the
    searches. The first model is the cheap one.
    """
    check_picture(plot, force=force)
    check_table(output, force=force)
    amounts = [number_of(part, "A budget of --budgets") for part in names(budgets) or ()]
    market = open_market(source, models, columns, missing, data)
    from arbmodels.estimation import robustness_study

    chosen: list[Learner] = names(learners) or []  # type: ignore[assignment]
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
