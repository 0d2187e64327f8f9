"""``arbmodels game finite`` and ``arbmodels game capacity``: games that need no market."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from arbmodels.cli.inputs import number_of
from arbmodels.cli.options import Force, Json, Plot, described
from arbmodels.cli.output import show, show_json, working
from arbmodels.cli.pictures import check_picture, new_picture, save_picture
from arbmodels.errors import InputError

TimeLimit = Annotated[
    float,
    typer.Option(
        "--time-limit",
        metavar="SECONDS",
        help="Then the best answer so far is shown with its epsilon.",
    ),
]


@described(
    "game finite payoffs.csv",
    "game finite payoffs.json --method lemke_howson --json",
    "game finite payoffs.csv --kind correlated --objective welfare",
)
def finite(
    payoffs: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV with a row per profile: a column PLAYER with each player's action and a"
            " column 'payoff PLAYER'; or JSON with 'payoffs' as nested lists.",
            show_default=False,
        ),
    ],
    *,
    kind: Annotated[
        Literal["nash", "correlated", "coarse"],
        typer.Option("--kind", metavar="KIND", help="nash, correlated or coarse (correlated)."),
    ] = "nash",
    method: Annotated[
        Literal[
            "auto",
            "pure",
            "enumeration",
            "lemke_howson",
            "zero_sum",
            "polymatrix",
            "smoothed",
            "regret",
        ],
        typer.Option(
            "--method",
            metavar="METHOD",
            help="Nash only. auto: all equilibria of two players with few actions, else pure ones"
            " first, then what suits the number of players; or pure, enumeration, lemke_howson,"
            " zero_sum, polymatrix, smoothed, regret.",
        ),
    ] = "auto",
    objective: Annotated[
        str,
        typer.Option(
            "--objective",
            metavar="WHAT",
            help="Correlated only: welfare, or the player whose payoff is maximised.",
        ),
    ] = "welfare",
    time_limit: TimeLimit = 10.0,
    plot: Plot = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Solve any finite game: all pure equilibria, a mixed one, or the best correlated one.

    Every answer has epsilon: the most any player could gain by deviating, found apart from the
    solver. That there is no pure equilibrium is an answer too (--method pure gives the profile of
    least epsilon).
    """
    if kind != "nash" and method != "auto":
        raise InputError("--method is for --kind nash. Leave it out, or change the kind.")
    if kind == "nash" and objective != "welfare":
        raise InputError("--objective is for --kind correlated or coarse. Leave it out.")
    check_picture(plot, force=force)
    with working("Looking for equilibria", quiet=json):
        from arbmodels.games.finite.reading import read_game

        game = read_game(payoffs)
        answer = (
            game.solve(method, time_limit=time_limit)
            if kind == "nash"
            else game.correlated(objective, coarse=kind == "coarse", time_limit=time_limit)
        )
    if plot is not None:
        figure, (axes,) = new_picture()
        answer.plot(axes)
        save_picture(figure, plot)
    if json:
        show_json(answer.to_dict())
        return
    show(answer.table())
    for other in answer.others:
        show(other.table())


@described(
    "game capacity --capacities 0.8,0.6",
    "game capacity --capacities 0.9,0.7,0.5 --plot prices.png",
    "game capacity --capacities 0.5,0.4 --willingness-to-pay 0.4,1",
)
def capacity(
    *,
    capacities: Annotated[
        str,
        typer.Option(
            "--capacities",
            metavar="K,K,...",
            help="What each seller can serve, as a share of all consumers.",
            show_default=False,
        ),
    ],
    costs: Annotated[
        str, typer.Option("--costs", metavar="C,C,...", help="One per seller, or one for all.")
    ] = "0",
    willingness_to_pay: Annotated[
        str,
        typer.Option(
            "--willingness-to-pay",
            metavar="V,V,...",
            help="The most consumers pay: one number, or one per equally large group.",
        ),
    ] = "1",
    method: Annotated[
        Literal["auto", "closed_form", "double_oracle"],
        typer.Option("--method", metavar="METHOD", help="auto, closed_form or double_oracle."),
    ] = "auto",
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            metavar="SHARE",
            help="Double oracle: gain over profit at which to stop.",
        ),
    ] = 0.005,
    time_limit: TimeLimit = 20.0,
    plot: Plot = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Let sellers with limited capacity (rate limits) compete on price.

    Nobody may serve more than the capacity, so the price is random in equilibrium unless capacity
    is ample or scarce. epsilon is the most any seller gains by any other price, on the continuous
    game.
    """
    check_picture(plot, force=force)
    sizes = _numbers(capacities, "--capacities")
    each, worth = _numbers(costs, "--costs"), _numbers(willingness_to_pay, "--willingness-to-pay")
    with working("Looking for an equilibrium", quiet=json):
        import numpy as np

        from arbmodels.games.capacity import CapacityGame

        game = CapacityGame(np.array(sizes), np.array(each), np.array(worth))
        answer = game.solve(method, tolerance=tolerance, time_limit=time_limit)
    if plot is not None:
        figure, (axes,) = new_picture()
        answer.plot(axes)
        save_picture(figure, plot)
    if json:
        show_json(answer.to_dict())
    else:
        show(answer.table())


def _numbers(text: str, option: str) -> list[float]:
    values = [number_of(part, f"A number of {option}") for part in text.split(",") if part.strip()]
    if not values:
        raise InputError(f"{option} needs at least one number.")
    return values
