"""``arbmodels frontier``, ``search``, ``classes``, ``limits``, ``cvar`` and ``batches``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arbmodels.cli import options as opt
from arbmodels.cli.output import called, drawn, present, working
from arbmodels.display import TextTable, number, percent
from arbmodels.errors import InputError

if TYPE_CHECKING:
    from arbmodels.cascades.frontier import CascadeFrontier
    from arbmodels.policies import PolicyClass, PolicyClasses


SearchBilling = Annotated[
    opt.Billing,
    typer.Option(
        "--billing",
        metavar="RULE",
        help="How spend is counted: attempts-stop-at-record, attempts-pay-past-record (whole"
        " attempts; the bound is tight); olmedo2026, dollars-pay-past-record,"
        " dollars-stop-at-record (budgets; it is looser).",
    ),
]
Gap = Annotated[
    float, typer.Option("--gap", metavar="SHARE", help="Gap between policy and bound to reach.")
]
States = Annotated[
    int, typer.Option("--states", metavar="N", help="States of a lattice; more close more gaps.")
]
TimeLimit = Annotated[
    float,
    typer.Option("--time-limit", metavar="SECONDS", help="Then answer with the best so far."),
]


@opt.on_market(
    "search swebench-sim",
    "search swebench-sim --at 0.6,0.7,0.75 --gap 0.005",
    "search my-folder --states 2000000 --plot cascades.png",
)
def search(
    market: opt.Opened,
    *,
    at: opt.SolveRates = None,
    billing: SearchBilling = opt.DEFAULT_BILLING,
    gap: Gap = 0.01,
    states: States = 300_000,
    time_limit: TimeLimit = 60.0,
    plot: opt.Plot = None,
    json: opt.Json = False,
) -> None:
    """Search cascades of any number of models, and bound what every policy must spend.

    Where the exact frontier tabulates up to four models, this looks at few amounts per model and
    adds some where the bound loses most. The bound holds for every order, every number of
    attempts and every random choice among cascades.
    """
    rates = None if at is None else opt.solve_rates(at)
    with working("Searching for cascades", quiet=json):
        from arbmodels.cascades import search_frontier

        answer = search_frontier(
            opt.curves_of(market, billing),
            rates,
            gap=gap,
            most_states=states,
            time_limit=time_limit,
        )
        rates = rates or _up_to(answer.max_solve_rate)
        spend, mixture = answer.spend_at(rates), answer.mixture_spend_at(rates)
        bound, gaps = answer.bound_at(rates), answer.gap_at(rates)
        plans = [answer.plan_at(rate) for rate in rates]
    points = [
        {
            "solve_rate": rate,
            "spend": spend[row],
            "mixture": mixture[row],
            "bound": bound[row],
            "gap": gaps[row],
            "plan": plan.summary,
            "stages": plan.stages,
        }
        for row, (rate, plan) in enumerate(zip(rates, plans, strict=True))
    ]
    headings = {
        "solve_rate": "solve rate",
        "spend": "one plan",
        "mixture": "mixed",
        "bound": "lower bound",
        "gap": "gap",
        "plan": "plan",
    }
    converged = answer.converged
    note = (
        "mixed: two plans, one of them drawn at random. lower bound: of every policy, mixtures"
        " included; gap: of the mixtures.\n"
        f"A gap of {percent(gap, 1)} is reached at {int(converged.sum())} of {len(converged)} solve"
        f" rates looked at, in {answer.seconds:.1f} s. The best single model reaches"
        f" {percent(answer.market_max_solve_rate, 2)}, all together"
        f" {percent(answer.max_solve_rate, 2)}."
    )

    def values() -> dict[str, Any]:
        for point in points:
            point["mixed_plans"] = [
                {"share": share, "stages": each.stages}
                for each, share in answer.mixture_at(point["solve_rate"])
            ]
        return {
            **_scored(answer),
            "stage_unit": answer.curves.unit,
            "wanted_gap": gap,
            "closed": int(converged.sum()),
            "looked_at": len(answer.solve_rates),
            "seconds": answer.seconds,
            "points": points,
        }

    table = _table(f"Searched cascades of {called(market)}", answer, headings, points, note)
    draw = partial(drawn, answer.plot, market)
    present(market, lambda: [table], values, json=json, plot=plot, draw=draw)


Order = Annotated[
    str | None,
    typer.Option(
        "--order",
        metavar="A,B",
        show_default="cheapest attempt first",
        help="Order of the blocks of the class 'given order': every model, once.",
    ),
]


@opt.on_market(
    "classes swebench-sim --models gpt5mini,deepseek --at 0.72",
    "classes my-folder --order large,small --plot classes.png",
)
def classes(
    market: opt.Opened,
    *,
    at: opt.SolveRates = None,
    order: Order = None,
    billing: opt.BillingOption = None,
    plot: opt.Plot = None,
    output: opt.Output = None,
    json: opt.Json = False,
) -> None:
    """Compare classes of policies: the least spend of each, and what it saves.

    The best single model; one block of attempts per model in a given order, in the greedy order
    of cost per solve, in the best order; any order of purchases; two of these mixed at random; one
    plan per segment; and an oracle that knows every instance, which cannot be deployed. Up to four
    models. Below the table is what is proven of each class.
    """
    rates = None if at is None else opt.solve_rates(at)
    with working("Comparing classes of policies", quiet=json):
        from arbmodels.policies import policy_classes

        answer = policy_classes(opt.curves_of(market, billing), rates, opt.names(order))

    def values() -> dict[str, Any]:
        return {
            "unit": f"{market.currency}/instance",
            "stage_unit": answer.curves.unit,
            "accounting": answer.billing,
            "in_sample": True,
            "classes": [_class(answer, row, each) for row, each in enumerate(answer.classes)],
        }

    present(
        market,
        lambda: [answer.table()],
        values,
        json=json,
        plot=plot,
        draw=partial(drawn, answer.plot, market, (7.6, 3.7)),
        output=output,
        frame=answer.to_frame,
    )


def _class(answer: PolicyClasses, row: int, each: PolicyClass) -> dict[str, Any]:
    """Return a class as plain values; an oracle's plans, one per instance, are left out."""
    return {
        "name": each.name,
        "label": each.label,
        "deployable": each.deployable,
        "proof": each.proof,
        "reach": each.max_solve_rate,
        "points": [
            {
                "solve_rate": rate,
                "spend": each.spend[u],
                "bound": each.bound[u],
                "saving": answer.saving[row, u],
                "plans": _plans(each, rate)
                if each.deployable and rate <= each.max_solve_rate
                else None,
            }
            for u, rate in enumerate(answer.solve_rates.tolist())
        ],
    }


def _plans(each: PolicyClass, rate: float) -> list[dict[str, Any]]:
    return [
        {
            "serves": serving.group,
            "probability": serving.probability,
            "plan": serving.plan.summary,
            "stages": serving.plan.stages,
        }
        for serving in each.servings_at(rate)
    ]


MaxSpend = Annotated[
    float | None,
    typer.Option(
        "--max-spend", metavar="D", help="Most to spend on an instance, in the market's currency."
    ),
]
MaxAttempts = Annotated[
    int | None,
    typer.Option("--max-attempts", metavar="K", help="Most attempts at an instance, in total."),
]
MaxSeconds = Annotated[
    float | None,
    typer.Option(
        "--max-seconds",
        metavar="S",
        help="Longest time of an instance, one attempt after the other; needs --seconds.",
    ),
]


@opt.on_market(
    "limits swebench-sim --models gpt5mini,deepseek --max-spend 1",
    "limits my-folder --max-attempts 3 --at 0.5 --output limits.csv",
    "limits my-folder --max-spend 0.1 --attempts 4 --plot limits.png",
)
def limits(
    market: opt.Opened,
    *,
    max_spend: MaxSpend = None,
    max_attempts: MaxAttempts = None,
    max_seconds: MaxSeconds = None,
    seconds: opt.Seconds = None,
    at: opt.SolveRates = None,
    billing: opt.AttemptsBillingOption = opt.DEFAULT_BILLING,
    attempts: opt.MostAttempts = None,
    plot: opt.Plot = None,
    output: opt.Output = None,
    json: opt.Json = False,
) -> None:
    """Find the cheapest cascades that keep limits on every instance, whatever happens.

    Exact over whole attempts. The worst case is what the dearest instance costs if every attempt
    fails; it never exceeds the limits.
    """
    rates = None if at is None else opt.solve_rates(at)
    if max_spend is max_attempts is max_seconds is None:
        raise InputError(
            "Say what is limited: --max-spend D, --max-attempts K or --max-seconds S; without a"
            " limit use arbmodels frontier."
        )
    with working("Looking for the cheapest cascades", quiet=json):
        from arbmodels.policies import Limits, limited_frontier

        answer = limited_frontier(
            opt.attempt_curves_of(market, billing, attempts),
            Limits(max_spend, max_attempts, max_seconds),
            seconds=opt.per_model("--seconds", seconds) if seconds else None,
        )
        rates = rates or _up_to(answer.max_solve_rate)
        spend, worst = answer.spend_at(rates), answer.worst_at(rates)
        plans = _plans_at(answer, rates)
    points = [
        {
            "solve_rate": rate,
            "spend": spend[row],
            "worst_spend": worst[row],
            "plan": None if plan is None else plan.summary,
            "stages": None if plan is None else plan.stages,
        }
        for row, (rate, plan) in enumerate(zip(rates, plans, strict=True))
    ]
    headings = {
        "solve_rate": "solve rate",
        "spend": "mean spend",
        "worst_spend": "worst case",
        "plan": "plan (attempts)",
    }
    note = (
        f"Largest solve rate within the limits: {percent(answer.max_solve_rate, 2)}. Exact over"
        " whole attempts; worst case: every attempt fails on the dearest instance."
    )
    table = _table(
        f"Cheapest cascades of {called(market)} with {answer.limits.label}",
        answer,
        headings,
        points,
        note,
    )
    asked = {"spend": max_spend, "attempts": max_attempts, "seconds": max_seconds}
    present(
        market,
        lambda: [table],
        lambda: {**_scored(answer), "limits": asked, "points": points},
        json=json,
        plot=plot,
        draw=partial(drawn, answer.plot, market),
        output=output,
        frame=answer.to_frame,
    )


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


@opt.on_market(
    "cvar my-folder --at 0.6 --limit 0.1 --json",
    "cvar my-folder --at 0.6 --limit 0.1 --level 0.8 --plot spend.png",
)
def cvar(
    market: opt.Opened,
    *,
    at: Rate,
    limit: Limit,
    level: Level = 0.95,
    cells: Cells = 100,
    billing: opt.AttemptsBillingOption = opt.DEFAULT_BILLING,
    attempts: opt.MostAttempts = None,
    plot: opt.Plot = None,
    output: opt.Output = None,
    json: opt.Json = False,
) -> None:
    """Find the cheapest cascade for a solve rate whose worst outcomes stay within a limit.

    The limit is on the conditional value at risk (CVaR) of the spend on one instance: its mean over
    the worst outcomes. Comes with a proven lower bound. --plot draws the distribution of the
    spend, --output writes mean and worst case of every instance.
    """
    rates = opt.solve_rates(at)
    if len(rates) > 1:
        raise InputError(f"--at {at}: give one solve rate.")
    with working("Looking for the cheapest cascade", quiet=json):
        from arbmodels.policies import cvar_plan, spend_distribution

        curves = opt.attempt_curves_of(market, billing, attempts)
        answer = cvar_plan(curves, rates[0], limit, level=level, cells=cells)
        distribution = spend_distribution(answer.plan, curves)

    def values() -> dict[str, Any]:
        return {
            "unit": f"{market.currency}/instance",
            "accounting": answer.billing,
            "in_sample": True,
            "asked": {"solve_rate": answer.asked, "limit": limit, "level": level},
            "plan": answer.plan.summary,
            "stages": answer.plan.stages,
            "solve_rate": answer.solve_rate,
            "spend": answer.spend,
            "bound": answer.bound,
            "gap": answer.gap,
            "cvar": answer.cvar,
            "worst_spend": distribution.worst(),
        }

    present(
        market,
        lambda: [answer.table(), distribution.table()],
        values,
        json=json,
        plot=plot,
        draw=partial(drawn, distribution.plot, market),
        output=output,
        frame=distribution.to_frame,
    )


BatchSeconds = Annotated[
    float, typer.Option("--max-seconds", metavar="S", help="Longest time of an instance.")
]
Largest = Annotated[
    int, typer.Option("--largest", metavar="B", min=1, help="Most attempts in one batch.")
]


@opt.on_market(
    "batches my-folder --max-seconds 80 --seconds small=9,large=40",
    "batches my-folder --max-seconds 9 --seconds small=9,large=9 --json",
)
def batches(
    market: opt.Opened,
    *,
    max_seconds: BatchSeconds,
    seconds: opt.Seconds = None,
    largest: Largest = 8,
    at: opt.SolveRates = None,
    billing: opt.AttemptsBillingOption = opt.DEFAULT_BILLING,
    attempts: opt.MostAttempts = None,
    plot: opt.Plot = None,
    output: opt.Output = None,
    json: opt.Json = False,
) -> None:
    """Find the cheapest batches of parallel attempts within a time per instance.

    The attempts of a batch run, and are paid, together, whether or not the first succeeds; a batch
    takes the time of one attempt. Exact over all sequences of batches. --seconds is needed of every
    model. --output writes the least spend by time limit and solve rate.
    """
    rates = None if at is None else opt.solve_rates(at)
    waits = opt.per_model("--seconds", seconds)
    with working("Looking for the cheapest batches", quiet=json):
        from arbmodels.policies import batch_frontier, spend_distribution

        curves = opt.attempt_curves_of(market, billing, attempts)
        answer = batch_frontier(curves, waits, max_seconds, largest=largest)
        rates = rates or _up_to(answer.max_solve_rate)
        plans = _plans_at(answer, rates)
        distributions = [
            None if plan is None else spend_distribution(plan, curves, parallel=True, seconds=waits)
            for plan in plans
        ]
    spend = answer.spend_at(rates)
    points = [
        {
            "solve_rate": rate,
            "spend": spend[row],
            "mean_seconds": None if each is None else each.mean("seconds"),
            "longest_seconds": None if each is None else each.worst("seconds"),
            "batches": None if each is None else each.plan.stages,
            "plan": None if each is None else each.plan.summary,
        }
        for row, (rate, each) in enumerate(zip(rates, distributions, strict=True))
    ]
    headings = {
        "solve_rate": "solve rate",
        "spend": "spend",
        "mean_seconds": "mean time [s]",
        "longest_seconds": "longest [s]",
        "plan": "batches",
    }

    title = f"Cheapest batches of {called(market)} within {max_seconds:g} s"
    table = _table(title, answer, headings, points, "Every stage is one batch.")
    present(
        market,
        lambda: [answer.table(), table],
        lambda: {
            **_scored(answer),
            "seconds": waits,
            "max_seconds": max_seconds,
            "largest_batch": largest,
            "points": points,
        },
        json=json,
        plot=plot,
        draw=partial(drawn, answer.plot, market, (6.8, 3.7)),
        output=output,
        frame=answer.to_frame,
    )


@opt.on_market(
    "frontier swebench-sim --models gpt5mini,deepseek",
    "frontier my-folder --billing olmedo2026 --refine 4",
    "frontier my-folder --billing attempts-pay-past-record",
)
def frontier(
    market: opt.Opened,
    *,
    at: opt.SolveRates = None,
    billing: opt.BillingOption = None,
    refine: opt.Refine = 1,
    plot: opt.Plot = None,
    json: opt.Json = False,
) -> None:
    """Find the cheapest cascade for every solve rate, with a proven lower bound.

    A cascade tries models in an order, some of them several times, and stops at the first
    verified success. The spend is the least expected one of all cascades on the lattice of
    amounts (up to four models); no cascade at all costs less than the lower bound. Mixing two
    cascades at random may cost less than one alone.
    """
    rates = None if at is None else opt.solve_rates(at)
    with working("Looking for the cheapest cascades", quiet=json):
        from arbmodels.cascades import cascade_frontier

        answer = cascade_frontier(opt.curves_of(market, billing), refine=refine)
        rates = rates or _up_to(answer.max_solve_rate)
        spend, mixture = answer.spend_at(rates), answer.mixture_spend_at(rates)
        within = [rate for rate in rates if rate <= answer.max_solve_rate]
        bound, gap = answer.bound_at(rates), answer.gap_at(rates)
        plans = _plans_at(answer, rates)
    points = [
        {
            "solve_rate": rate,
            "spend": spend[row],
            "bound": bound[row],
            "gap": gap[row],
            "mixture": mixture[row],
            "plan": None if plan is None else plan.summary,
            "stages": None if plan is None else plan.stages,
        }
        for row, (rate, plan) in enumerate(zip(rates, plans, strict=True))
    ]
    headings = {
        "solve_rate": "solve rate",
        "spend": "spend",
        "bound": "lower bound",
        "gap": "gap",
        "mixture": "mixed",
        "plan": f"plan ({answer.curves.unit})",
    }
    proof = answer.proof(within)
    note = (
        "lower bound: of any one cascade. mixed: two cascades, one of them drawn at random.\n"
        f"The best single model reaches {percent(answer.market_max_solve_rate, 2)}, cascades"
        f" {percent(answer.max_solve_rate, 2)}. Spend: {proof}."
    )
    table = _table(f"Cheapest cascades of {called(market)}", answer, headings, points, note)
    present(
        market,
        lambda: [table],
        lambda: {
            **_scored(answer),
            "stage_unit": answer.curves.unit,
            "proof": proof,
            "points": points,
        },
        json=json,
        plot=plot,
        draw=partial(drawn, answer.plot, market),
    )


def _up_to(largest: float) -> list[float]:
    """Return round solve rates in the upper half, and the largest itself."""
    return [*opt.round_rates(largest / 2, 0.999 * largest), largest]


def _plans_at(answer: CascadeFrontier, rates: Sequence[float]) -> list[Any]:
    """Return the plan of every solve rate; None above the largest."""
    return [answer.plan_at(rate) if rate <= answer.max_solve_rate else None for rate in rates]


def _scored(answer: CascadeFrontier) -> dict[str, Any]:
    """Return what the numbers of a frontier are, and how far it and its models get."""
    return {
        "unit": f"{answer.market.currency}/instance",
        "accounting": answer.billing,
        "in_sample": True,
        "reach": answer.max_solve_rate,
        "market_reach": answer.market_max_solve_rate,
    }


def _table(
    title: str,
    answer: CascadeFrontier,
    headings: dict[str, str],
    points: Sequence[dict[str, Any]],
    note: str,
) -> TextTable:
    """Return points as a table; a column's key says how it is printed."""

    def cell(key: str, value: Any) -> str:
        if value is None:
            return "–"
        if key == "plan":
            return str(value)
        return percent(value, 2) if key in {"solve_rate", "gap"} else number(value)

    return TextTable(
        f"{title}, in {answer.market.currency}/instance",
        tuple(headings.values()),
        [tuple(cell(key, point[key]) for key in headings) for point in points],
        f"{note}\n{answer.billing}; fitted and scored on the same instances.",
    )
