"""Linear expressions over the assignment: a few parts each, never an array per constraint.

A part is a quantity times a factor per plan times factors per label of some partitions. What is
spent on some models, say, is the quantity "spend" for plans that buy from these models alone, and
"spend on m" for plans that also buy from others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from arbmodels.assignment.source import BoolArray, FloatArray
from arbmodels.routing.table import PlanTable

#: The quantity that is one of everything.
ONE = ""


@dataclass(frozen=True, eq=False)
class Part:
    """sum_i times_i sum_j factor_j prod_p label_p(i) Q_ij x_ij.

    Attributes
    ----------
    quantity : str
        Name of Q, see :meth:`arbmodels.routing.table.PlanTable.quantity`; "" is one.
    plan : float array [J]
    where : mapping
        Partition -> factors of its labels, [L], or of labels and plans, [L, J].
    """

    quantity: str
    plan: FloatArray
    where: Mapping[str, FloatArray] = field(default_factory=dict)

    def times(self, factor: float) -> Part:
        """Return the part times a number."""
        return Part(self.quantity, factor * self.plan, self.where)


Parts = tuple[Part, ...]
Where = Mapping[str, FloatArray]


def scaled(parts: Parts, factor: float) -> Parts:
    """Return the parts times a number."""
    return tuple(part.times(factor) for part in parts)


def scope(table: PlanTable, segment: str | None = None, period: str | None = None) -> Where:
    """Return the factors that keep a segment and a period.

    Raises
    ------
    InputError
        If there is no such segment or period.
    """
    asked = {"segment": segment, "period": period}
    return {
        partition: table.one_label(partition, label)
        for partition, label in asked.items()
        if label is not None
    }


def solved(table: PlanTable, where: Where) -> Parts:
    """Return the expected number of instances solved."""
    return (Part("solve", np.ones(len(table.plans)), where),)


def spent(table: PlanTable, models: BoolArray, where: Where) -> Parts:
    """Return the spend on some models [M] at list prices."""
    return _on_models(table, "spend", np.ones(len(table.plans)), models, where)


def tried(table: PlanTable, models: BoolArray, where: Where) -> Parts:
    """Return the attempts of some models [M]."""
    if table.tried.ndim == 1:
        return _on_models(table, ONE, table.tried.astype(float), models, where)
    return _on_models(table, "attempts", np.ones(len(table.plans)), models, where)


def served(table: PlanTable, models: BoolArray, where: Where) -> Parts:
    """Return the number of instances whose plan buys from any of some models [M]."""
    return (Part(ONE, (table.uses & models).any(axis=1).astype(float), where),)


def waited(table: PlanTable, where: Where) -> Parts:
    """Return the seconds of all instances together."""
    if table.latency is not None and table.latency.ndim == 1:
        return (Part(ONE, table.latency.astype(float), where),)
    return (Part("latency", np.ones(len(table.plans)), where),)


def _on_models(
    table: PlanTable, quantity: str, factor: FloatArray, models: BoolArray, where: Where
) -> Parts:
    """Keep whole plans where all their models count, and one model's share where only some do."""
    within = (table.uses & models).any(axis=1)
    beyond = (table.uses & ~models).any(axis=1)
    parts = [Part(quantity, factor * (within & ~beyond), where)]
    mixed = within & beyond
    kind = "spend on" if quantity == "spend" else "attempts of"
    for m in np.flatnonzero((table.uses & models)[mixed].any(axis=0)):
        share = (mixed & table.uses[:, m]).astype(float)
        parts.append(Part(f"{kind} {table.models[m]}", share, where))
    return tuple(part for part in parts if part.plan.any())
