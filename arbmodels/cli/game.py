"""``arbmodels game bertrand``: what competition leaves of the margin at list prices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from arbmodels.cli.inputs import open_market, round_rates, solve_rates
from arbmodels.cli.margin import at_rates, find_margin
from arbmodels.cli.options import (
    AccountingOption,
    Columns,
    Data,
    Json,
    MethodOption,
    MissingPairs,
    Models,
    SolveRates,
    Source,
    described,
)
from arbmodels.cli.output import about, called, show, show_json, working
from arbmodels.display import TextTable, model_label, number, percent
from arbmodels.errors import InputError

if TYPE_CHECKING:
    from arbmodels.games import BertrandGame, Certificate, Equilibrium, UndercuttingPath
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


@described(
    "game bertrand swebench-sim --models gpt5mini,deepseek",
    "game bertrand my-folder --models small,large --arbitrageurs 1",
    "game bertrand my-folder --kind undercutting --step 0.9 --json",
)
def bertrand(
    source: Source,
    *,
    models: Models = None,
    kind: Kind = "bertrand",
    arbitrageurs: Arbitrageurs = 2,
    step: Step = None,
    willingness_to_pay: WillingnessToPay = None,
    provider_cost_share: ProviderCostShare = 1.0,
    at: SolveRates = None,
    method: MethodOption = "exact",
    accounting: AccountingOption = None,
    columns: Columns = None,
    missing: MissingPairs = "intersection",
    data: Data = None,
    json: Json = False,
) -> None:
    """Let arbitrageurs and providers compete on price, at every solve rate.

    Consumers buy from the cheapest seller that reaches the solve rate they want. Providers sell
    their own model and do not go below their cost, arbitrageurs resell the cheapest cascade
    bought at list prices. An independent search over deviations certifies the answer: no player
    gains more than epsilon by another price.
    """
    if kind == "bertrand" and step is not None:
        raise InputError("--step is for --kind undercutting. Leave it out, or change the kind.")
    if kind == "undercutting" and willingness_to_pay is not None:
        raise InputError(
            "--willingness-to-pay is for --kind bertrand; undercutting starts at the market price."
            " Leave it out, or change the kind."
        )
    rates = None if at is None else solve_rates(at)
    market = open_market(source, models, columns, missing, data)
    with working("Looking for the cheapest cascades", quiet=json):
        from arbmodels.games import BertrandGame, undercut

        answer = find_margin(market, method, accounting)
        if rates is None:
            rates = round_rates(float(answer.solve_rates[0]), answer.market_reach)
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
        show_json({**about(market), "accounting": answer.accounting, **found})
    else:
        show(table)


def equilibrium_json(equilibrium: Equilibrium) -> dict[str, Any]:
    """Return a Bertrand equilibrium as plain values."""
    found = equilibrium.to_dict()
    return {**found, "kind": "bertrand", "equilibrium": found["kind"]}


def equilibrium_table(equilibrium: Equilibrium, answer: Arbitrage) -> TextTable:
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
        f"{_epsilon(equilibrium.certificate)}\n{answer.accounting}; in-sample.",
    )


def _listed(sellers: Sequence[str], models: Sequence[str]) -> str:
    """Name the sellers, all arbitrageurs (who are none of the models) together."""
    labels = [model_label(seller) for seller in sellers if seller in models]
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
            f" The best one reaches {percent(answer.market_reach, 2)}."
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
    profits[known] = certificate.profit
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
        f"{_epsilon(certificate)}\n{answer.accounting}; in-sample.",
    )
    return found, table


def _epsilon(certificate: Certificate) -> str:
    return (
        f"epsilon {number(certificate.epsilon)} {certificate.currency}/instance: no player gains"
        f" more by another price. {certificate.words}"
    )
