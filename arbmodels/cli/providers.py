"""``arbmodels game providers``, ``statics``, ``entry``, ``distill``: providers who re-price."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from arbmodels.cli import options as opt
from arbmodels.cli import output as out
from arbmodels.errors import InputError

if TYPE_CHECKING:
    from arbmodels.games import Consumers, ProviderGame, Statics
    from arbmodels.market import Market

At = Annotated[
    str,
    typer.Option("--at", metavar="0.70,0.75", help="Solve rates consumers want, in equal mass."),
]
Arbitrageurs = Annotated[
    int, typer.Option("--arbitrageurs", metavar="N", min=0, help="How many resell cascades.")
]
MarginalCost = Annotated[
    str,
    typer.Option(
        "--marginal-cost",
        metavar="SHARE",
        help="Of the list price; or 'calibrated': such that list prices are best without"
        " arbitrageurs (what stays unexplained is shown).",
    ),
]
Choke = Annotated[
    float,
    typer.Option(
        "--choke",
        metavar="X",
        help="Linear demand: nobody buys at X times the cheapest price at list prices.",
    ),
]
Captive = Annotated[
    float,
    typer.Option("--captive", metavar="SHARE", help="Consumers who buy from providers only."),
]
Tolerance = Annotated[
    float, typer.Option("--tolerance", metavar="SHARE", help="Gain over profit at which to stop.")
]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        "--time-limit",
        metavar="SECONDS",
        help="Per equilibrium; then the best answer so far is shown with its epsilon."
        " By default the rounds are limited, not the time; of entry, 5 seconds.",
    ),
]


@opt.on_market(
    "game providers my-folder --at 0.5 --tolerance 0.02",
    "game providers my-folder --at 0.5,0.6 --arbitrageurs 0 --json",
    "game providers my-folder --at 0.5 --leader large --plot prices.png",
)
def providers(
    market: opt.Opened,
    *,
    at: At,
    arbitrageurs: Arbitrageurs = 2,
    marginal_cost: MarginalCost = "0.3",
    choke: Choke = 2.0,
    captive: Captive = 0.0,
    leader: Annotated[
        str | None,
        typer.Option("--leader", metavar="MODEL", help="Who sets its price before the others."),
    ] = None,
    fixed: Annotated[
        str | None,
        typer.Option("--fixed", metavar="A,B", help="Providers who keep their list prices."),
    ] = None,
    tolerance: Tolerance = 1e-3,
    time_limit: TimeLimit = None,
    plot: opt.Plot = None,
    json: opt.Json = False,
) -> None:
    """Let providers re-price what arbitrageurs buy, and find their equilibrium.

    Providers choose a multiplier of their list price; arbitrageurs buy the cheapest cascade at
    those prices and compete; consumers buy from the cheapest seller. epsilon is the most any
    provider gains by any other multiplier, exact on the continuous game. Where there is no pure
    equilibrium, the answer says so and is mixed.
    """
    rates = opt.solve_rates(at)
    with out.working("Looking for an equilibrium", quiet=json):
        game = _game(
            market,
            rates,
            arbitrageurs,
            marginal_cost=marginal_cost,
            choke=choke,
            captive=captive,
        )
        if fixed is not None:
            game = game.replace(fixed=tuple(opt.names(fixed) or ()))
        if leader is None:
            answer = game.solve(tolerance=tolerance, time_limit=_seconds(time_limit))
        else:
            answer = game.stackelberg(leader)
    if plot is not None:
        figure, (left, right) = out.new_picture(2)
        answer.outcome.plot_prices(left)
        answer.plot(right)
        out.save_picture(figure, plot)
    if json:
        out.show_json({**out.about(market), **answer.to_dict()})
        return
    out.show(answer.table())
    out.show(answer.outcome.table())


def _check_values(*, vary: str, values: str, **_: object) -> list[int] | list[float]:
    """Read the values to compare."""
    numbers = [opt.number_of(part, "A value of --values") for part in opt.names(values) or ()]
    if vary != "arbitrageurs":
        return numbers
    if any(n != int(n) or n < 0 for n in numbers):
        raise InputError("Numbers of arbitrageurs are whole and >= 0.")
    return [int(n) for n in numbers]


@opt.on_market(
    "game statics my-folder --at 0.5 --values 0,1,2 --tolerance 0.02",
    "game statics my-folder --at 0.5 --vary captive --values 0,0.5",
    check=_check_values,
)
def statics(
    market: opt.Opened,
    *,
    at: At,
    vary: Annotated[
        Literal["arbitrageurs", "overhead", "marginal cost", "captive", "heterogeneity"],
        typer.Option(
            "--vary",
            metavar="FEATURE",
            help="arbitrageurs, overhead, 'marginal cost',"
            " captive or heterogeneity (0: all pay the same, 1: linear demand).",
        ),
    ] = "arbitrageurs",
    values: Annotated[
        str, typer.Option("--values", metavar="V,V,...", help="The values to compare.")
    ] = "0,1,2",
    arbitrageurs: Arbitrageurs = 2,
    marginal_cost: MarginalCost = "0.3",
    choke: Choke = 2.0,
    captive: Captive = 0.0,
    measure: Annotated[
        str, typer.Option("--measure", metavar="NAME", help="What --plot draws.")
    ] = "mean_price",
    tolerance: Tolerance = 2e-3,
    time_limit: TimeLimit = None,
    plot: opt.Plot = None,
    json: opt.Json = False,
) -> None:
    """Show how prices, revenue and welfare move with one feature of the market.

    Every row is given twice: with providers at their list prices, and re-pricing in an equilibrium
    whose epsilon, the most any of them could gain by another price, comes first.
    """
    rates = opt.solve_rates(at)
    wanted = _check_values(vary=vary, values=values)
    with out.working("Looking for equilibria", quiet=json):
        from arbmodels.games import comparative_statics

        game = _game(
            market,
            rates,
            arbitrageurs,
            marginal_cost=marginal_cost,
            choke=choke,
            captive=captive,
        )
        answer = comparative_statics(
            game, vary, wanted, tolerance=tolerance, time_limit=_seconds(time_limit)
        )
    _finish(market, answer, measure, plot, json)


@opt.on_market(
    "game entry my-folder --at 0.4,0.6 --fixed-cost 0.01",
    "game entry my-folder --at 0.4 --fixed-cost 0.01 --json",
)
def entry(
    market: opt.Opened,
    *,
    at: At,
    fixed_cost: Annotated[
        float,
        typer.Option(
            "--fixed-cost",
            metavar="COST",
            help="Of entering, per instance, in the unit of profits summed over the solve rates.",
        ),
    ],
    arbitrageurs: Arbitrageurs = 2,
    marginal_cost: Annotated[
        float, typer.Option("--marginal-cost", metavar="SHARE", help="Of the list price.")
    ] = 0.3,
    choke: Choke = 2.0,
    repricing: Annotated[
        bool, typer.Option("--repricing", help="Entrants price in equilibrium, not at list.")
    ] = False,
    time_limit: TimeLimit = 5.0,
    json: opt.Json = False,
) -> None:
    """Find which providers enter when entering costs something: all pure equilibria.

    Every subset of the models is priced; a subset is an equilibrium if each entrant earns its
    fixed cost and nobody outside would.
    """
    rates = opt.solve_rates(at)
    with out.working("Pricing every subset of entrants", quiet=json):
        from arbmodels.games import entry_game

        answer = entry_game(
            market,
            _consumers(market, rates, choke),
            fixed_cost,
            marginal_cost=marginal_cost,
            arbitrageurs=arbitrageurs,
            repricing=repricing,
            time_limit=_seconds(time_limit),
        )
    if json:
        out.show_json({**out.about(market), **answer.to_dict()})
    else:
        out.show(answer.table())


def _teacher_and_students(*, teacher: str, students: str, **_: object) -> str:
    return ",".join([teacher, *(opt.names(students) or [])])


@opt.on_market(
    "game distill my-folder --teacher large --students small --at 0.4",
    only=_teacher_and_students,
)
def distill(
    market: opt.Opened,
    *,
    teacher: Annotated[str, typer.Option("--teacher", metavar="MODEL", show_default=False)],
    students: Annotated[
        str,
        typer.Option(
            "--students", metavar="A,B", help="One at a time, by quality.", show_default=False
        ),
    ],
    at: At,
    training_revenue: Annotated[
        list[str] | None,
        typer.Option(
            "--training-revenue",
            metavar="STUDENT=AMOUNT",
            help="What the teacher earned from the queries the student was trained on.",
        ),
    ] = None,
    student_price: Annotated[
        float, typer.Option("--student-price", metavar="X", help="Over its recorded cost.")
    ] = 1.0,
    arbitrageurs: Arbitrageurs = 2,
    marginal_cost: Annotated[
        float, typer.Option("--marginal-cost", metavar="SHARE", help="Of the list price.")
    ] = 0.3,
    choke: Choke = 2.0,
    time_limit: TimeLimit = None,
    plot: opt.Plot = None,
    json: opt.Json = False,
) -> None:
    """Let a student enter beside its teacher: resale lost, training queries gained, the answer.

    The teacher stays at list price, answers by its best price, or both price in equilibrium; each
    row says what the teacher earns from consumers and resale, and net of the market without it.
    """
    rates = opt.solve_rates(at)
    pupils = opt.names(students) or []
    with out.working("Looking for equilibria", quiet=json):
        from arbmodels.games import distillation_statics

        answer = distillation_statics(
            market,
            teacher,
            pupils,
            _consumers(market, rates, choke),
            training_revenue=opt.limits("--training-revenue", training_revenue or []),
            student_price=student_price,
            marginal_cost=marginal_cost,
            arbitrageurs=arbitrageurs,
            time_limit=_seconds(time_limit),
        )
    _finish(market, answer, "teacher_revenue", plot, json)


def _finish(market: Market, answer: Statics, measure: str, plot: Path | None, json: bool) -> None:
    if plot is not None:
        figure, (axes,) = out.new_picture()
        answer.plot(measure, axes)
        out.save_picture(figure, plot)
    if json:
        out.show_json({**out.about(market), **answer.to_dict()})
    else:
        out.show(answer.table())


def _seconds(given: float | None) -> float:
    return float("inf") if given is None else given


def _game(
    market: Market,
    rates: list[float],
    arbitrageurs: int,
    *,
    marginal_cost: str,
    choke: float,
    captive: float,
) -> ProviderGame:
    from arbmodels.games import ProviderGame, calibrate_costs

    calibrated = marginal_cost == "calibrated"
    cost = 0.0 if calibrated else opt.number_of(marginal_cost, "--marginal-cost")
    game = ProviderGame.from_market(
        market,
        rates,
        choke_multiple=choke,
        captive=captive,
        marginal_cost=cost,
        arbitrageurs=arbitrageurs,
    )
    if calibrated:
        found = calibrate_costs(game)
        typer.echo(str(found), err=True)
        return game.replace(marginal_cost=found.game.marginal_cost)
    return game


def _consumers(market: Market, rates: list[float], choke: float) -> Consumers:
    """Linear demand up to a multiple of the cheapest price at list prices."""
    from arbmodels.games import cascade_sets_of, linear_consumers

    return linear_consumers(cascade_sets_of(market, rates, most_states=200_000), choke)
