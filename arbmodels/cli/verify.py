"""``arbmodels verify``: the best policies under a costly verifier that errs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from arbmodels.cli import options as opt
from arbmodels.cli import output as out
from arbmodels.display import TextTable, number, percent
from arbmodels.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from arbmodels.verification import VerificationThreshold, VerifiedFrontier, VerifiedPlan


_VERIFIER, _TERMS = "The verifier", "Terms of sale"

Check = Annotated[
    list[str] | None,
    typer.Option(
        "--check",
        metavar="[MODEL=]C",
        help="Cost of one check; for all models, or small=C,large=C.",
        rich_help_panel=_VERIFIER,
    ),
]
FalseAccept = Annotated[
    list[str] | None,
    typer.Option(
        "--false-accept",
        metavar="[MODEL=]R",
        help="Probability that a wrong attempt is accepted.",
        rich_help_panel=_VERIFIER,
    ),
]
FalseReject = Annotated[
    list[str] | None,
    typer.Option(
        "--false-reject",
        metavar="[MODEL=]R",
        help="Probability that a right attempt is rejected.",
        rich_help_panel=_VERIFIER,
    ),
]
Penalty = Annotated[
    float,
    typer.Option(
        "--penalty",
        metavar="P",
        help="Cost of a wrong answer that is delivered.",
        rich_help_panel=_TERMS,
    ),
]
Price = Annotated[
    float | None,
    typer.Option(
        "--price",
        metavar="P",
        help="Find the plan that earns most at this price per delivered answer.",
        rich_help_panel=_TERMS,
    ),
]
Refund = Annotated[
    float,
    typer.Option(
        "--refund",
        metavar="SHARE",
        help="Share of the price given back for a wrong answer; with --price.",
        rich_help_panel=_TERMS,
    ),
]
BaselineOption = Annotated[
    Literal["same-verifier", "self-verification"],
    typer.Option(
        "--baseline",
        metavar="WHO",
        help="What the margin compares with. same-verifier: who buys from a single model pays for"
        " the same verifier and bears the penalty. self-verification: verifies free and perfectly.",
        rich_help_panel=_TERMS,
    ),
]
Threshold = Annotated[
    Literal["cost", "false_accept", "false_reject"] | None,
    typer.Option(
        "--threshold",
        metavar="WHAT",
        help="Find where the margin vanishes. cost: as checks get dearer. false_accept,"
        " false_reject: as errors get more frequent. The other numbers stay as given.",
        rich_help_panel="What to look for",
    ),
]


def of_models(option: str, entries: Sequence[str] | None) -> float | dict[str, float]:
    """Read ``["0.1"]`` for all models, or ``["a=0.1,b=0.2"]``; 0 if nothing is given."""
    if not entries:
        return 0.0
    if len(entries) == 1 and "=" not in entries[0]:
        return opt.number_of(entries[0], option)
    return opt.per_model(option, entries)


#: Values that the picture of a threshold shows, up to so many times the largest threshold.
_VALUES, _BEYOND = 41, 1.25


@opt.on_market(
    "verify my-folder --check 0.01 --false-accept 0.05 --at 0.5,0.6",
    "verify my-folder --at 0.6 --threshold cost",
    "verify my-folder --false-reject small=0.1,large=0 --price 1",
)
def verify(
    market: opt.Opened,
    *,
    check: Check = None,
    false_accept: FalseAccept = None,
    false_reject: FalseReject = None,
    penalty: Penalty = 0.0,
    price: Price = None,
    refund: Refund = 0.0,
    baseline: BaselineOption = "same-verifier",
    threshold: Threshold = None,
    at: opt.SolveRates = None,
    billing: opt.AttemptsBillingOption = opt.DEFAULT_BILLING,
    attempts: opt.MostAttempts = None,
    plot: opt.Plot = None,
    output: opt.Output = None,
    json: opt.Json = False,
) -> None:
    """Find the best policies when checking an answer costs money and the verifier errs.

    A solve rate counts right answers that are delivered. For each: the share of delivered answers
    that are wrong, the least cost (attempts, checks, penalties) with a proven bound, the market
    price and the margin. Up to four models; two plans may be mixed at random.
    --threshold draws the margins with --plot; without it the picture is of the costs.
    """
    rates = None if at is None else opt.solve_rates(at)
    if refund and price is None:
        raise InputError("--refund is a share of the price: give --price as well.")
    with out.working("Looking for the best policies", quiet=json):
        from arbmodels.verification import (
            Verifier,
            most_profitable_plan,
            verification_threshold,
            verified_frontier,
        )

        verifier = Verifier(
            of_models("--check", check),
            of_models("--false-accept", false_accept),
            of_models("--false-reject", false_reject),
        )
        how: dict[str, Any] = {
            "max_attempts": attempts,
            "billing": billing.removeprefix("attempts-"),
        }
        versus: dict[str, Any] = {"penalty": penalty, "baseline": baseline, **how}
        answer = verified_frontier(market, verifier, **versus)
        if rates is None:
            top = min(answer.max_solve_rate, answer.market_max_solve_rate)
            rates = [*opt.round_rates(top / 2, 0.999 * top), answer.max_solve_rate]
        points = _points(answer, rates)
        best = (
            None
            if price is None
            else most_profitable_plan(
                market, verifier, price, penalty=penalty, refund=refund, **how
            )
        )
        ends = []
        if threshold is not None:
            ends = [
                verification_threshold(market, rate, vary=threshold, verifier=verifier, **versus)
                for rate in rates
                if at is not None or rate <= answer.market_max_solve_rate
            ]

    def tables() -> list[TextTable | str]:
        shown: list[TextTable | str] = [_table(answer, points), *(end.table() for end in ends)]
        if best is not None:
            earned = number(best.profit(price or 0.0, penalty=penalty, refund=refund))
            shown += [
                best.table(),
                f"It earns {earned} {market.currency}/instance; none earns more.",
            ]
        return shown

    def values() -> dict[str, Any]:
        return {
            "unit": f"{market.currency}/instance",
            "verifier": verifier.label,
            "accounting": answer.billing,
            "in_sample": True,
            "reach": answer.max_solve_rate,
            "market_reach": answer.market_max_solve_rate,
            "points": points,
            "thresholds": [_threshold(end) for end in ends],
            "best": None if best is None else _best(best, price or 0.0, penalty, refund),
        }

    out.present(
        market,
        tables,
        values,
        json=json,
        plot=plot,
        draw=lambda: out.drawn(_picture(answer, ends), market),
        output=output,
        frame=answer.to_frame,
    )


def _points(answer: VerifiedFrontier, rates: Sequence[float]) -> list[dict[str, Any]]:
    found = []
    for rate in rates:
        plan = answer.plan_at(rate).plan if rate <= answer.max_solve_rate else None
        wrong = float(answer.wrong_at(rate))
        point = {
            "solve_rate": rate,
            "wrong_rate": wrong,
            "false_share": wrong / (rate + wrong) if rate + wrong > 0 else None,
            "cost": answer.cost_at(rate),
            "bound": answer.bound_at(rate),
            "spend": answer.spend_at(rate),
            "check_spend": answer.check_spend_at(rate),
            "market_price": answer.price_at(rate),
            "margin": answer.margin_at(rate),
            "plan": None if plan is None else plan.summary,
            "stages": None if plan is None else plan.stages,
            "plan_gap": answer.plan_gap_at(rate),
        }
        found.append(point)
    return found


def _threshold(end: VerificationThreshold) -> dict[str, Any]:
    return {
        "vary": end.comparison.vary,
        "solve_rate": end.solve_rate,
        "value": end.value,
        "below": end.below,
        "ending": end.ending,
        "start_margin": end.start_margin,
        "last_margin": end.last_margin,
    }


def _best(best: VerifiedPlan, price: float, penalty: float, refund: float) -> dict[str, Any]:
    return {
        "price": price,
        "refund": refund,
        "profit": best.profit(price, penalty=penalty, refund=refund),
        "solve_rate": best.solve_rate,
        "wrong_rate": best.wrong_rate,
        "spend": best.mean_spend,
        "plan": best.plan.summary,
        "stages": best.plan.stages,
    }


def _table(answer: VerifiedFrontier, points: Sequence[dict[str, Any]]) -> TextTable:
    return TextTable(
        f"Best policies on {out.called(answer.market)} under a verifier, in"
        f" {answer.market.currency}/instance",
        ("right", "wrong", "of all", "cost", "bound", "checks", "price", "margin", "next plan"),
        [
            (
                percent(point["solve_rate"], 2),
                percent(point["wrong_rate"], 2),
                percent(point["false_share"], 1),
                number(point["cost"]),
                number(point["bound"]),
                number(point["check_spend"]),
                number(point["market_price"]),
                percent(point["margin"]),
                point["plan"] or "–",
            )
            for point in points
        ],
        "of all: share of the delivered answers that are wrong. next plan: the cheapest that needs"
        " no mixing and reaches the rate.\n"
        f"Policies reach {percent(answer.max_solve_rate, 2)}, the best single model"
        f" {percent(answer.market_max_solve_rate, 2)}.\n"
        f"{answer.verifier.label}; {answer.billing}; fitted and scored on the same instances.",
    )


def _picture(
    answer: VerifiedFrontier, ends: Sequence[VerificationThreshold]
) -> Callable[[Axes], Axes]:
    """Return what draws the thresholds, or without any the costs."""
    finite = [end.value for end in ends if 0 < end.value < float("inf")]
    if not finite:
        return ends[0].plot if ends else answer.plot
    import numpy as np

    from arbmodels.verification import verification_sweep

    versus, most = ends[0].comparison, _BEYOND * max(finite)
    sweep = verification_sweep(
        answer.market,
        [end.solve_rate for end in ends],
        np.linspace(0, most if versus.vary == "cost" else min(most, 0.99), _VALUES),
        vary=versus.vary,
        verifier=versus.curves.verifier,
        penalty=versus.penalty,
        baseline=versus.baseline,
        max_attempts=versus.curves.max_attempts,
        billing=versus.curves.past_record,
    )
    return sweep.plot
