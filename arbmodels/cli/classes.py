"""``arbmodels classes``: what every class of policies saves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from arbmodels.cli.inputs import curves_of, names, open_market, solve_rates
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
    SolveRates,
    Source,
    described,
)
from arbmodels.cli.output import about, called, show, show_json, working
from arbmodels.cli.pictures import check_picture, new_picture, save_picture
from arbmodels.cli.tables import check_table, save_table

if TYPE_CHECKING:
    from arbmodels.policies import PolicyClass, PolicyClasses

Order = Annotated[
    str | None,
    typer.Option(
        "--order",
        metavar="A,B",
        show_default="cheapest attempt first",
        help="Order of the blocks of the class 'given order': every model, once.",
    ),
]


@described(
    "classes swebench-sim --models gpt5mini,deepseek --at 0.72",
    "classes my-folder --order large,small --plot classes.png",
)
def classes(
    source: Source,
    *,
    models: Models = None,
    at: SolveRates = None,
    order: Order = None,
    accounting: AccountingOption = None,
    plot: Plot = None,
    output: Output = None,
    force: Force = False,
    columns: Columns = None,
    missing: MissingPairs = "intersection",
    data: Data = None,
    json: Json = False,
) -> None:
    """Compare classes of policies: the least spend of each, and what it saves.

    The best single model; one block of attempts per model in a given order, in the greedy order
    of cost per solve, in the best order; any order of purchases; two of these mixed at random; one
    plan per segment; and an oracle that knows every instance, which cannot be deployed. Up to four
    models. Below the table is what is proven of each class.
    """
    check_picture(plot, force=force)
    check_table(output, force=force)
    rates = None if at is None else solve_rates(at)
    market = open_market(source, models, columns, missing, data)
    with working("Comparing classes of policies", quiet=json):
        from arbmodels.policies import policy_classes

        answer = policy_classes(curves_of(market, accounting), rates, names(order))
    if plot is not None:
        figure, (axes,) = new_picture()
        figure.set_size_inches(7.6, 3.7)
        answer.plot(axes).set_title(called(market))
        save_picture(figure, plot)
    if output is not None:
        save_table(answer.to_frame(), output)
    if json:
        show_json(
            {
                **about(market),
                "unit": f"{market.currency}/instance",
                "stage_unit": answer.curves.unit,
                "accounting": answer.convention,
                "in_sample": True,
                "classes": [_class(answer, row, each) for row, each in enumerate(answer.classes)],
            }
        )
        return
    show(answer.table())
    if plot is not None:
        show(f"Figure: {plot}")


def _class(answer: PolicyClasses, row: int, each: PolicyClass) -> dict[str, Any]:
    """Return a class as plain values; an oracle's plans, one per instance, are left out."""
    return {
        "name": each.name,
        "label": each.label,
        "deployable": each.deployable,
        "proof": each.proof,
        "reach": each.reach,
        "points": [
            {
                "solve_rate": rate,
                "spend": each.spend[u],
                "bound": each.bound[u],
                "saving": answer.saving[row, u],
                "plans": _plans(each, rate) if each.deployable and rate <= each.reach else None,
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
