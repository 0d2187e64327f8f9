"""One policy of some class: who is served by which plan, with which probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from arbmodels.curves import Curves
from arbmodels.display import Displayed, TextTable, number, percent
from arbmodels.errors import InputError
from arbmodels.plans import Plan


@dataclass(frozen=True)
class Serving:
    """A plan for a group of instances.

    Parameters
    ----------
    group : str
        "all", a segment, or an instance.
    plan : Plan
    probability : float
        With which the group's instances get this plan; those of a group sum to one.
    kind : {"all", "segment", "instance"}
        What the group is.
    """

    group: str
    plan: Plan
    probability: float = 1.0
    kind: Literal["all", "segment", "instance"] = "all"


@dataclass(frozen=True, repr=False)
class Policy(Displayed):
    """Plans for everybody.

    Parameters
    ----------
    name : str
        Of the class.
    solve_rate, spend : float
        Expected over the instances; the spend in currency units per instance.
    servings : tuple of Serving
    deployable : bool
        Whether it can be run without knowing the solve probabilities of the instance at hand.
    currency : str
    """

    name: str
    solve_rate: float
    spend: float
    servings: tuple[Serving, ...]
    deployable: bool
    currency: str

    @property
    def plan(self) -> Plan:
        """The plan, where one plan serves everything.

        Raises
        ------
        InputError
            If there are several; they are in ``servings``.
        """
        if len(self.servings) > 1:
            raise InputError(
                f"The policy {self.name!r} has {len(self.servings)} plans: look at its servings."
            )
        return self.servings[0].plan

    def table(self) -> TextTable:
        """Return up to 40 of the plans with their groups."""
        rows = [
            (serving.group, percent(serving.probability), serving.plan.summary)
            for serving in self.servings[:40]
        ]
        left = len(self.servings) - len(rows)
        use = "deployable" if self.deployable else "oracle: knows the instance, not deployable"
        return TextTable(
            f"Policy '{self.name}': solve rate {percent(self.solve_rate, 2)}, spend"
            f" {number(self.spend)} {self.currency}/instance",
            ("serves", "probability", "plan"),
            rows,
            f"{use}; in-sample." + (f" {left} more in servings." if left else ""),
        )


def score(servings: Sequence[Serving], curves: Curves) -> tuple[float, float]:
    """Return solve rate and expected spend per instance of plans for everybody."""
    market = curves.market
    instances = {name: row for row, name in enumerate(market.instances)}
    segments = np.array(market.segment if market.segment is not None else (), dtype=object)
    scored = {serving.plan: serving.plan.evaluate(curves) for serving in servings}
    rate, spend = 0.0, 0.0
    for serving in servings:
        each = scored[serving.plan]
        weight = serving.probability * market.weight
        if serving.kind == "segment":
            weight = np.where(segments == serving.group, weight, 0.0)
        elif serving.kind == "instance":
            row = instances[serving.group]
            rate += float(weight[row] * each.solve[row])
            spend += float(weight[row] * each.spend[row])
            continue
        rate += float(weight @ each.solve)
        spend += float(weight @ each.spend)
    return rate, spend
