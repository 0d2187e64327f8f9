"""``arbmodels demo``: the main job, once through, on the bundled simulated market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arbmodels.cli import options as opt
from arbmodels.cli import output as out
from arbmodels.cli.games import equilibrium_json
from arbmodels.cli.margin import at_rates, find_margin, margin_json
from arbmodels.display import ARBITRAGEUR_COLOR, TextTable, number, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from arbmodels.games import BertrandEquilibrium
    from arbmodels.margins import Arbitrage
    from arbmodels.market import Market
    from arbmodels.routing import RoutingResult

_MARKET = "swebench-sim"
_PAIR = ("gpt5mini", "deepseek")
_BUDGET = 12.0  # USD over all instances
_ATTEMPTS = 2

Output = Annotated[
    Path, typer.Option("--output", metavar="FILE", help="The figure (.png, .pdf or .svg).")
]


@dataclass(frozen=True)
class _Findings:
    """What the demo computes; ``exact`` and ``authors`` span the paper's range of solve rates."""

    market: Market
    routed: RoutingResult
    oracle: RoutingResult
    exact: Arbitrage
    authors: Arbitrage
    rates: list[float]
    equilibria: dict[int, BertrandEquilibrium]


@opt.described("demo", "demo --output demo.pdf --force", "demo --json")
def demo(
    output: Output = Path("output/demo.png"), force: opt.Force = False, json: opt.Json = False
) -> None:
    """Run the whole chain on simulated data: market, routing, cascades, margin, competition.

    Takes a few seconds and no connection. The bundled market is drawn from a generator that was
    fitted to recorded attempts on SWE-bench Verified; nothing in it is a recorded attempt.
    """
    out.check_files(plot=output, force=force)
    with out.working("Routing, cascades, arbitrage, competition", quiet=json):
        found = _compute()
        out.save_picture(_figure(found), output)
    if json:
        out.show_json(_as_json(found, output))
    else:
        _tell(found, output)


def _compute() -> _Findings:
    from arbmodels.data import load_market
    from arbmodels.games import BertrandGame
    from arbmodels.plans import attempts_up_to
    from arbmodels.routing import RoutingProblem

    market = load_market(_MARKET)
    plans = attempts_up_to(market, _ATTEMPTS)
    routed = RoutingProblem(market, plans, "per-segment").add_budget(_BUDGET).solve()
    oracle = RoutingProblem(market, plans, "oracle").add_budget(_BUDGET).solve()
    pair = market.select(models=_PAIR)
    exact, authors = find_margin(pair, "exact"), find_margin(pair, "olmedo2026")
    rates = _own_rates(exact)
    seen = at_rates(exact, rates)
    equilibria = {count: BertrandGame.from_arbitrage(seen, count).solve() for count in (1, 2)}
    return _Findings(market, routed, oracle, exact, authors, rates, equilibria)


def _own_rates(answer: Arbitrage) -> list[float]:
    """Return round solve rates over the range of an answer: reaches depend on the billing."""
    return opt.round_rates(float(answer.solve_rates[0]), answer.market_max_solve_rate)


def _as_json(found: _Findings, output: Path) -> dict[str, Any]:
    return {
        **out.about(found.market),
        "routing": {**found.routed.to_dict(), "oracle_solve_rate": found.oracle.solve_rate},
        "margin": {
            "exact": margin_json(found.exact, found.rates),
            "authors": margin_json(found.authors, _own_rates(found.authors)),
        },
        "competition": {
            str(count): equilibrium_json(equilibrium)
            for count, equilibrium in found.equilibria.items()
        },
        "figure": str(output),
    }


def _tell(found: _Findings, output: Path) -> None:
    market, currency = found.market, found.market.currency
    best, cheapest = int(market.solve_rate.argmax()), int(market.mean_cost.argmin())
    out.show(
        f"A market of {len(market.models)} AI models on {len(market.instances)} software issues."
        " SIMULATED data: drawn from a generator fitted to recorded attempts.\n",
        market.table(),
        f"=> {market.models[best]} solves most at one attempt"
        f" ({percent(market.solve_rate[best])} for {number(market.mean_cost[best], 3)} {currency}),"
        f" {market.models[cheapest]} costs least ({percent(market.solve_rate[cheapest])} for"
        f" {number(market.mean_cost[cheapest], 3)} {currency}).\n",
        found.routed.table(),
    )
    price = found.routed.shadow_prices["budget"]
    out.show(
        f"=> Choosing a plan per repository, {_BUDGET:g} {currency} over all issues solve"
        f" {percent(found.routed.solve_rate)}, proven optimal within a gap of"
        f" {found.routed.gap:.1g}; one {currency} more would bring about {100 * price:.2f} points."
        " Knowing every issue's own solve probabilities (an oracle) one could reach"
        f" {percent(found.oracle.solve_rate)}.\n",
        _margins(found),
        f"=> An arbitrageur who cascades {' and '.join(_PAIR)} undercuts the"
        f" cheapest single model by up to {percent(found.exact.peak.margin)} (at a solve rate of"
        f" {percent(found.exact.peak.solve_rate, 2)}; mean {percent(found.exact.mean_margin)}),"
        f" in-sample.\n{found.exact.validation}\n"
        "In the paper's billing, which goes on paying past the record and buys dollars' worth by"
        " each issue's own cost, its single allocation undercuts by up to"
        f" {percent(found.authors.peak.margin)} (mean {percent(found.authors.mean_margin)}),"
        f" in-sample.\n{found.authors.validation}\n",
        _competition(found),
    )
    alone, several = found.equilibria[1], found.equilibria[2]
    out.show(
        f"=> One arbitrageur sells at the cheapest model's price; two compete it down to the cost"
        f" of the cascade, and consumers keep the margin: at {percent(found.rates[-1])} the price"
        f" falls from {number(alone.market_price[-1], 3)} to"
        f" {number(several.market_price[-1], 3)} {currency}. No seller gains more than epsilon ="
        f" {max(alone.epsilon, several.epsilon):.2g} {currency} by another price.\n",
        f"Figure: {output} (simulated data)",
    )


def _margins(found: _Findings) -> TextTable:
    exact = at_rates(found.exact, found.rates)
    bound = found.exact.source.bound_at(found.rates)  # type: ignore[union-attr]
    return TextTable(
        f"Cheapest cascades of {' and '.join(_PAIR)}, in {found.market.currency}/instance",
        ("solve rate", "price", "cost", "lower bound", "margin"),
        [
            (
                percent(rate),
                number(exact.market_price[row]),
                number(exact.arbitrage_cost[row]),
                number(bound[row]),
                percent(exact.margin[row]),
            )
            for row, rate in enumerate(found.rates)
        ],
        "price: of the cheapest single model. cost: of the cheapest cascade.\n"
        f"{found.exact.billing}; fitted and scored on the same instances.",
    )


def _competition(found: _Findings) -> TextTable:
    alone, several = found.equilibria[1], found.equilibria[2]
    return TextTable(
        f"Bertrand competition, in {found.market.currency}/instance",
        ("solve rate", "price with 1", "1 earns", "price with 2 arbitrageurs", "2 earn"),
        [
            (
                percent(rate),
                number(alone.market_price[row]),
                number(_earned(alone, row)),
                number(several.market_price[row]),
                number(_earned(several, row)),
            )
            for row, rate in enumerate(found.rates)
        ],
        f"Providers do not sell below list price. {several.deviations.words}",
    )


def _earned(equilibrium: BertrandEquilibrium, row: int) -> float:
    return float(equilibrium.profits[row].sum())


def _figure(found: _Findings) -> Figure:
    figure, (left, right) = out.new_picture(2)
    found.exact.plot(left)
    left.set_title("Price of each model, cost of the cascade", fontsize="medium")
    curves: Sequence[tuple[str, Arbitrage, str]] = (
        ("Exact, attempts on record", found.exact, "-"),
        ("Paper's allocation and billing", found.authors, "--"),
    )
    for label, answer, style in curves:
        right.plot(
            100 * answer.solve_rates,
            100 * answer.margin,
            color=ARBITRAGEUR_COLOR,
            ls=style,
            label=f"{label}: mean {percent(answer.mean_margin)}",
        )
    peak = found.exact.peak
    right.annotate(
        percent(peak.margin),
        (100 * peak.solve_rate, 100 * peak.margin),
        xytext=(-6, 0),
        textcoords="offset points",
        ha="right",
        va="center",
    )
    right.set_xlabel("Solve rate (%)")
    right.set_ylabel("Margin (% of the market price)")
    right.set_title("Arbitrage margin", fontsize="medium")
    right.set_ylim(bottom=0)
    right.legend(frameon=False, loc="upper left")
    figure.suptitle(f"{found.market.name}: simulated market, not recorded data")
    return figure
