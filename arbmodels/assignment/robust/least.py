"""How much a protected row needs when the other rows are kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from arbmodels.assignment.answer import Answer
from arbmodels.assignment.passes import Choice, totals
from arbmodels.assignment.program import AssignmentProgram
from arbmodels.assignment.robust.engine import Engine, Search
from arbmodels.assignment.robust.protection import (
    best_threshold,
    chosen_deviations,
    plain,
    protection,
)
from arbmodels.clock import clock


def least_robust(
    program: AssignmentProgram, gap: float, time_limit: float, engine: Engine
) -> Answer:
    r"""Return the assignment at which a protected row is least, and a bound on what it is then.

    .. math::
        \min_x \Big\{ \sum_i w_i a_{i x(i)} + \beta(x) \Big\} =
        \min_z \Big\{ \Gamma z + \min_x \sum_i w_i a_{i x(i)} + \max(w_i d_{i x(i)} - z, 0) \Big\}

    over assignments that keep the other rows: the same search over intervals of z, in which
    :math:`\Gamma z_1` and the excess over :math:`z_2` bound the row from below.
    """
    deadline = clock() + time_limit
    return _Least(replace(program, maximise=False), gap, deadline, engine).run().answer


class _Least(Search):
    """The same branch and bound, with the row in place of the objective."""

    def _bounded(self, low: float, high: float, seconds: float) -> Answer:
        deviations = self.deviations
        asked = plain(self.program, deviations, low, high)
        goal = asked.with_rows(np.delete(np.arange(len(asked.limits)), deviations.row))
        goal = replace(goal, objective=asked.rows[deviations.row])
        if goal.side is not None and asked.side is not None:
            beside = asked.side.coupling[deviations.row]
            goal = replace(goal, side=replace(goal.side, objective=beside))
        answer = self.engine(goal, self.gap / 2, seconds)
        return replace(answer, bound=answer.bound + deviations.gamma * low)

    def _consider(self, answer: Answer) -> None:
        choice: Choice = answer.choice  # type: ignore[assignment]
        row, gamma = self.deviations.row, self.deviations.gamma
        chosen = chosen_deviations(self.program, self.deviations, choice)
        reserve = protection(chosen, gamma)
        activity = self.program.activity_of(totals(self.program, choice), answer.side)[row]
        if -(activity + reserve) > self.value:
            self.best, self.value, self.reserve = answer, -float(activity + reserve), reserve
            self.threshold = best_threshold(chosen, gamma)

    def _priced(self, node: object, prices: object) -> float:
        del node, prices  # multipliers of the other rows alone say nothing about the row
        return np.inf
