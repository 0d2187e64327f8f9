"""``arbmodels game bertrand``: what competition leaves of the margin at list prices.

``arbmodels game finite`` and ``arbmodels game capacity``: games that need no market.

``arbmodels game logit``: prices of differentiated products under logit demand.

``arbmodels game``: the group of pricing games.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from arbmodels.cli import options as opt
from arbmodels.cli import providers
from arbmodels.cli.margin import at_rates, find_margin
from arbmodels.cli.output import (
    about,
    called,
    check_files,
    new_picture,
    save_picture,
    show,
    show_json,
    working,
)
from arbmodels.display import TextTable, number, percent
from arbmodels.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from arbmodels.games import (
        BertrandEquilibrium,
        BertrandGame,
        DeviationsByRate,
        UndercuttingPath,
    )
    from arbmodels.games.differentiated import LogitDemand
    from arbmodels.margins import Arbitrage


#: The step of the paper's figure 2.
_STEP = 0.93

Kind = Annotated[
    Literal["bertrand", "undercutting"],
    typer.Option(
        "--kind",
        metavar="KIND",
        help="bertrand: the equilibrium (limit prices). undercutting: sellers cut the market price"
        " in turn until nobody can.",
    ),
]
Arbitrageurs = Annotated[
    int, typer.Option("--arbitrageurs", metavar="N", min=0, help="How many resell the cascade.")
]
Step = Annotated[
    float | None,
    typer.Option(
        "--step",
        metavar="X",
        help="Undercutting only: every cut multiplies the price by X.",
        show_default=str(_STEP),
    ),
]
WillingnessToPay = Annotated[
    float | None,
    typer.Option(
        "--willingness-to-pay",
        metavar="PRICE",
        help="Bertrand only: the most a consumer pays per instance.",
        show_default="anything",
    ),
]
ProviderCostShare = Annotated[
    float,
    typer.Option(
        "--provider-cost-share",
        metavar="SHARE",
        help="What of their list price is the providers' cost, so how far they can cut it.",
    ),
]


def _check_bertrand(
    *, kind: Kind, step: Step, willingness_to_pay: WillingnessToPay, **_: object
) -> None:
    if kind == "bertrand" and step is not None:
        raise InputError("--step is for --kind undercutting. Leave it out, or change the kind.")
    if kind == "undercutting" and willingness_to_pay is not None:
        raise InputError(
            "--willingness-to-pay is for --kind bertrand; undercutting starts at the market price."
            " Leave it out, or change the kind."
        )


@opt.on_market(
    "game bertrand swebench-sim --models gpt5mini,deepseek",
    "game bertrand my-folder --models small,large --arbitrageurs 1",
    "game bertrand my-folder --kind undercutting --step 0.9 --json",
    check=_check_bertrand,
)
def bertrand(
    market: opt.Opened,
    *,
    kind: Kind = "bertrand",
    arbitrageurs: Arbitrageurs = 2,
    step: Step = None,
    willingness_to_pay: WillingnessToPay = None,
    provider_cost_share: ProviderCostShare = 1.0,
    at: opt.SolveRates = None,
    method: opt.MethodOption = "exact",
    billing: opt.BillingOption = None,
    json: opt.Json = False,
) -> None:
    """Let arbitrageurs and providers compete on price, at every solve rate.

    Consumers buy from the cheapest seller that reaches the solve rate they want. Providers sell
    their own model and do not go below their cost, arbitrageurs resell the cheapest cascade
    bought at list prices. An independent search over deviations certifies the answer: no player
    gains more than epsilon by another price.
    """
    rates = None if at is None else opt.solve_rates(at)
    with working("Looking for the cheapest cascades", quiet=json):
        from arbmodels.games import BertrandGame, undercut

        answer = find_margin(market, method, billing)
        if rates is None:
            rates = opt.round_rates(float(answer.solve_rates[0]), answer.market_max_solve_rate)
        answer = at_rates(answer, rates)
        played = BertrandGame.from_arbitrage(
            answer,
            arbitrageurs,
            provider_cost_share=provider_cost_share,
            willingness_to_pay=willingness_to_pay,
        )
        if kind == "bertrand":
            equilibrium = played.solve()
            found, table = equilibrium_json(equilibrium), equilibrium_table(equilibrium, answer)
        else:
            path = undercut(played, _STEP if step is None else step, answer.market_price)
            found, table = _undercutting(played, path, answer)
    if json:
        show_json({**about(market), "accounting": answer.billing, **found})
    else:
        show(table)


def equilibrium_json(equilibrium: BertrandEquilibrium) -> dict[str, Any]:
    """Return a Bertrand equilibrium as plain values."""
    found = equilibrium.to_dict()
    return {**found, "kind": "bertrand", "equilibrium": found["kind"]}


def equilibrium_table(equilibrium: BertrandEquilibrium, answer: Arbitrage) -> TextTable:
    """Return the prices at every solve rate, with who sells; epsilon below."""
    rows = []
    for row, rate in enumerate(equilibrium.solve_rates):
        served = zip(equilibrium.players, equilibrium.shares[row], strict=True)
        sellers = [player for player, share in served if share > 0]
        price = equilibrium.market_price[row]
        rows.append(
            (
                percent(rate, 2),
                number(answer.market_price[row]),
                "any price" if equilibrium.unbounded[row] else number(price),
                percent(float(equilibrium.profits[row].sum()) / price if price > 0 else price),
                _listed(sellers, answer.names),
            )
        )
    count = len(set(equilibrium.players) - set(answer.names))
    return TextTable(
        f"Bertrand competition on {called(answer.market)}, {count}"
        f" arbitrageur{'' if count == 1 else 's'}, in {equilibrium.currency}/instance",
        ("solve rate", "market price before", "price", "sellers' margin", "sold by"),
        rows,
        f"{_epsilon(equilibrium.deviations)}\n{answer.billing}; in-sample.",
    )


def _listed(sellers: Sequence[str], models: Sequence[str]) -> str:
    """Name the sellers, all arbitrageurs (who are none of the models) together."""
    labels = [seller for seller in sellers if seller in models]
    several = len(sellers) - len(labels)
    if several:
        labels.append(f"{several} arbitrageur{'s' if several > 1 else ''}")
    return ", ".join(labels) or "nobody"


def _undercutting(
    played: BertrandGame, path: UndercuttingPath, answer: Arbitrage
) -> tuple[dict[str, Any], TextTable]:
    """Return where undercutting ends, certified as posted prices, as plain values and a table."""
    import numpy as np

    from arbmodels.games import certify

    known = np.isfinite(path.limit)
    if not known.any():
        raise InputError(
            "No single model reaches any of these solve rates, so there is no price to undercut."
            f" The best one reaches {percent(answer.market_max_solve_rate, 2)}."
        )
    # Whoever holds the price posts it; the others cannot go below their cost and stay there.
    holds = path.setters[-1][:, None] == np.arange(len(played.players))
    posted = np.where(holds, path.limit[:, None], played.costs)
    certificate = certify(
        played.players,
        path.solve_rates[known],
        posted[known],
        played.costs[known],
        currency=played.currency,
    )
    profits = np.full(posted.shape, np.nan)
    profits[known] = certificate.profits
    posted[~known] = np.nan
    found = {
        "kind": "undercutting",
        "unit": f"{played.currency}/instance",
        "players": played.players,
        "solve_rates": path.solve_rates,
        "step": path.step,
        "rounds": path.rounds,
        "start": path.prices[0],
        "market_price": path.limit,
        "prices": dict(zip(played.players, posted.T, strict=True)),
        "profits": dict(zip(played.players, profits.T, strict=True)),
        "epsilon": certificate.epsilon,
        "rounds_to_cost": path.rounds_to_cost,
        "price_after_round": path.prices,
    }
    margins = path.margins
    table = TextTable(
        f"Undercutting by x {path.step:g} on {called(answer.market)}, in {found['unit']}",
        ("solve rate", "start", "lowest cost", "last price", "margin", "rounds"),
        [
            (
                percent(rate, 2),
                number(path.prices[0, row]),
                number(path.cost[row]),
                number(path.limit[row]),
                f"{percent(margins[0, row])} -> {percent(margins[-1, row])}",
                number(path.rounds_to_cost[row], 1),
            )
            for row, rate in enumerate(path.solve_rates)
        ],
        "Sellers undercut in turn, never below their own cost, until nobody can.\n"
        f"{_epsilon(certificate)}\n{answer.billing}; in-sample.",
    )
    return found, table


def _epsilon(certificate: DeviationsByRate) -> str:
    return (
        f"epsilon {number(certificate.epsilon)} {certificate.unit}: no player gains"
        f" more by another price. {certificate.words}"
    )


TimeLimit = Annotated[
    float,
    typer.Option(
        "--time-limit",
        metavar="SECONDS",
        help="Then the best answer so far is shown with its epsilon.",
    ),
]


@opt.described(
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
    plot: opt.Plot = None,
    force: opt.Force = False,
    json: opt.Json = False,
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
    check_files(plot=plot, force=force)
    with working("Looking for equilibria", quiet=json):
        from arbmodels.games.finite.game import read_game

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


@opt.described(
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
    plot: opt.Plot = None,
    force: opt.Force = False,
    json: opt.Json = False,
) -> None:
    """Let sellers with limited capacity (rate limits) compete on price.

    Nobody may serve more than the capacity, so the price is random in equilibrium unless capacity
    is ample or scarce. epsilon is the most any seller gains by any other price, on the continuous
    game.
    """
    check_files(plot=plot, force=force)
    sizes = _numbers(capacities, "--capacities")
    each, worth = _numbers(costs, "--costs"), _numbers(willingness_to_pay, "--willingness-to-pay")
    with working("Looking for an equilibrium", quiet=json):
        import numpy as np

        from arbmodels.games.bertrand_edgeworth import CapacityGame

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
    values = [
        opt.number_of(part, f"A number of {option}") for part in text.split(",") if part.strip()
    ]
    if not values:
        raise InputError(f"{option} needs at least one number.")
    return values


_KNOWN = (
    "product",
    "cost",
    "quality",
    "solve_rate",
    "firm",
    "nest",
    "fixed_price",
    "price",
    "share",
)

ProductTable = Annotated[
    Path,
    typer.Option(
        "--table",
        metavar="FILE",
        show_default=False,
        help="CSV or Parquet, a row per product. Columns: product; cost; quality (utility) or"
        " solve_rate; optionally firm, nest, fixed_price. Without quality and cost: price and"
        " share, from which both are inverted.",
    ),
]
PriceCoefficient = Annotated[
    float,
    typer.Option(
        "--price-coefficient",
        metavar="ALPHA",
        show_default=False,
        help="Utility per currency unit; the higher, the fiercer the competition.",
    ),
]
Value = Annotated[
    float | None,
    typer.Option(
        "--value",
        metavar="PRICE",
        help="What a solved instance is worth to consumers; turns solve rates into qualities.",
    ),
]
Sigma = Annotated[
    float, typer.Option("--sigma", metavar="S", help="Correlation of tastes within a nest.")
]
MarketSize = Annotated[float, typer.Option("--market-size", metavar="N", help="Consumers.")]
NoOutside = Annotated[bool, typer.Option("--no-outside", help="Consumers must buy something.")]
UnitTax = Annotated[float, typer.Option("--unit-tax", metavar="T", help="Per unit sold.")]
AdValoremTax = Annotated[
    float, typer.Option("--ad-valorem-tax", metavar="SHARE", help="Part of the price.")
]
LeaderFirm = Annotated[
    str | None, typer.Option("--leader", metavar="FIRM", help="A firm that prices first.")
]


@opt.described(
    "game logit --table products.csv --price-coefficient 2",
    "game logit --table products.csv --price-coefficient 2 --json",
    "game logit --table observed.csv --price-coefficient 5",
)
def game_logit(
    *,
    table: ProductTable,
    price_coefficient: PriceCoefficient,
    value: Value = None,
    sigma: Sigma = 0.0,
    market_size: MarketSize = 1.0,
    no_outside: NoOutside = False,
    unit_tax: UnitTax = 0.0,
    ad_valorem_tax: AdValoremTax = 0.0,
    leader: LeaderFirm = None,
    plot: opt.Plot = None,
    force: opt.Force = False,
    json: opt.Json = False,
) -> None:
    """Find the prices of firms whose products differ, under logit or nested logit demand.

    An independent search for every firm's best prices certifies the answer: no firm gains more
    than epsilon. A table of observed prices and shares is inverted into qualities and marginal
    costs first; if no cost explains a price, the command says so.
    """
    check_files(plot=plot, force=force)
    frame = _read(table)
    from arbmodels.games.differentiated import DifferentiatedGame, implied_costs

    options = {
        "nests": _names(frame, "nest"),
        "sigma": sigma,
        "outside": not no_outside,
        "market_size": market_size,
    }
    demand = _demand(frame, table, value, price_coefficient, options)
    firms = _names(frame, "firm")
    if "cost" in frame or "share" not in frame:
        _need(frame, table, "cost")
        cost = frame["cost"].to_numpy()
    else:
        cost = (
            implied_costs(
                demand, frame["price"], firms, unit_tax=unit_tax, ad_valorem_tax=ad_valorem_tax
            )
            .game()
            .costs
        )
    fixed = {}
    if "fixed_price" in frame:
        given = frame.dropna(subset="fixed_price")
        fixed = dict(zip(given["product"].astype(str), given["fixed_price"], strict=True))
    with working("Looking for the equilibrium", quiet=json):
        found = DifferentiatedGame(
            demand,
            cost,
            firms,
            unit_tax,
            ad_valorem_tax,
            fixed,
            leader,
            f"logit game on {table.name}",
        ).solve()
    if plot is not None:
        figure, axes = new_picture()
        found.plot(axes[0])
        save_picture(figure, plot)
    if json:
        show_json(found.to_dict())
    else:
        show(found.table())


def _read(path: Path) -> pd.DataFrame:
    """Read the table of products."""
    import pandas as pd

    if not path.is_file():
        raise InputError(f"{path} is no file. Name a CSV or Parquet file with a row per product.")
    try:
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (ValueError, OSError, ImportError) as error:
        raise InputError(f"{path} cannot be read as a table: {error}") from error
    if frame.empty:
        raise InputError(f"{path} has no rows; give one per product.")
    _need(frame, path, "product")
    unknown = sorted(set(map(str, frame.columns)) - set(_KNOWN))
    if unknown:
        raise InputError(f"{path}: unknown column {unknown[0]!r}. It may have {', '.join(_KNOWN)}.")
    return frame


def _need(frame: pd.DataFrame, path: Path, column: str) -> None:
    if column not in frame:
        raise InputError(
            f"{path} has no column {column!r}; it has {', '.join(map(str, frame.columns))}."
        )


def _names(frame: pd.DataFrame, column: str) -> tuple[str, ...] | None:
    return tuple(frame[column].astype(str)) if column in frame else None


def _demand(
    frame: pd.DataFrame,
    path: Path,
    value: float | None,
    price_coefficient: float,
    options: dict[str, Any],
) -> LogitDemand:
    """Return demand from observed shares, qualities or solve rates, whichever the table has."""
    from arbmodels.games.differentiated import LogitDemand

    products = frame["product"].astype(str).tolist()
    sources = [column for column in ("share", "quality", "solve_rate") if column in frame]
    if len(sources) != 1:
        raise InputError(
            f"{path} needs one of the columns share (with price), quality and solve_rate; it has"
            f" {' and '.join(sources) or 'none of them'}."
        )
    if sources != ["solve_rate"] and value is not None:
        raise InputError("--value turns solve rates into qualities; the table has no solve rates.")
    if sources == ["share"]:
        _need(frame, path, "price")
        if not options.pop("outside"):
            raise InputError("Observed shares leave an outside option; drop --no-outside.")
        observed = frame["price"], frame["share"]
        return LogitDemand.from_shares(products, *observed, price_coefficient, **options)
    if sources == ["quality"]:
        quality = frame["quality"].to_numpy()
        return LogitDemand(tuple(products), quality, price_coefficient, **options)
    if value is None:
        raise InputError("Solve rates need --value: what a solved instance is worth to consumers.")
    rates = frame["solve_rate"]
    return LogitDemand.from_solve_rates(products, rates, value, price_coefficient, **options)


app = typer.Typer(
    no_args_is_help=True,
    help="Pricing games: equilibria with the most any player could gain by deviating.",
)
app.command("bertrand", rich_help_panel="On a market")(bertrand)
app.command("providers", rich_help_panel="On a market")(providers.providers)
app.command("statics", rich_help_panel="On a market")(providers.statics)
app.command("entry", rich_help_panel="On a market")(providers.entry)
app.command("distill", rich_help_panel="On a market")(providers.distill)
app.command("finite", rich_help_panel="On numbers of your own")(finite)
app.command("capacity", rich_help_panel="On numbers of your own")(capacity)
app.command("logit", rich_help_panel="On numbers of your own")(game_logit)
