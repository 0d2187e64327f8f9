"""Assignment programs with several coupling rows: exact prices, proven bound, integer core."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tqdm import tqdm

from arbmodels._assignment.highs import relax_whole, solve_whole
from arbmodels._assignment.many_rows.dual import Dual, Near, Point, nearest
from arbmodels._assignment.many_rows.relaxation import (
    Box,
    covering,
    relax,
    relax_near,
    row_units,
    spread,
)
from arbmodels._assignment.many_rows.rounding import Candidate, candidate, searched, solve_core
from arbmodels._assignment.passes import Choice
from arbmodels._assignment.program import UNBOUNDED, AssignmentProgram
from arbmodels._assignment.solution import Answer, Status, Step
from arbmodels._clock import clock
from arbmodels._solver import relative_gap
from arbmodels.errors import SolverError

#: Programs of at most so many pairs of group and plan go to HiGHS as they are.
SMALL = 1_000
#: Groups that the search may move, in turn; first so many for every positive price, or more.
_SEARCHED = (40, 150, 400)
_PER_PRICE = 5
#: Groups in the first core.
_CORE = 250
#: Groups in the largest core: HiGHS overruns its time on more.
_LARGEST = 8_000
#: Seconds for the first core; each further one that ends by time has twice as many.
_SLICE = 1.0
#: The relaxation is solved to this share of the gap, and to a gap between these two.
_SHARE, _FINEST, _COARSEST = 0.05, 1e-12, 1e-7
#: Share of the time that the relaxation may take.
_PRICING = 0.6


def solve_many_rows(program: AssignmentProgram, gap: float, time_limit: float) -> Answer:
    r"""Solve a program with any number of coupling rows and no integer side columns.

    Newton's method on a sample finds nearly optimal prices; linear programs over the groups that
    nearly tie make them exact (``boxstep``); a search among these groups fits the rows with
    whole moves, and a core of them goes to HiGHS, larger and larger, until the gap is proven.
    Works on any source: it is read once for each price vector, some ten times, and only groups
    that nearly tie are written out.

    A solution that uses a move which loses :math:`\ell` at prices :math:`\pi` is worth at most
    :math:`L(\pi) - \ell`. So the bound is the larger of the core's and of L less the smallest loss
    of the moves that are not in the core, or L itself.

    Parameters
    ----------
    program : AssignmentProgram
        Side columns are continuous and no plan needs one.
    gap : float
        Relative gap to prove, abs(bound - objective) / max(abs(objective), 1e-12).
    time_limit : float
        Seconds, without those that compiling takes; then the best assignment so far.

    Returns
    -------
    Answer
        "infeasible" only if that is proven. The path holds the prices that improved the bound. No
        choice if the time did not suffice for one.

    Raises
    ------
    SolverError
        If the side columns are unbounded, or the numbers cannot be solved with reliably.
    """
    if not len(program.limits):
        return _without_rows(program)
    if program.groups * program.plans <= SMALL:
        return _solve_small(program, gap, time_limit)
    search = _Search(program, gap, clock() + time_limit)
    try:
        with tqdm(desc="many rows", unit=" rounds", disable=None, delay=2) as progress:
            search.run(progress)
    except KeyboardInterrupt:
        if search.best is None:
            raise
        search.status = "interrupted"
    return search.answer()


def _without_rows(program: AssignmentProgram) -> Answer:
    dual = Dual(program)
    point = dual.at(np.zeros(0))
    if point.value == -np.inf:
        return Answer("infeasible", None, float("nan"), float("nan"), np.zeros(0))
    if point.value == np.inf:
        raise SolverError(UNBOUNDED)
    side = dual.side.best(point.prices)[1]
    objective = program.value_of(point.best.totals, side)
    return Answer(
        "optimal", point.best.choice, objective, program.sign * point.value, np.zeros(0), side
    )


def _solve_small(program: AssignmentProgram, gap: float, time_limit: float) -> Answer:
    start = clock()
    answer = solve_whole(program, gap, time_limit)
    if answer.choice is None:
        return answer
    relaxed = relax_whole(program, max(time_limit - (clock() - start), 1.0))
    return answer if relaxed is None else replace(answer, prices=relaxed[0])


class _Search:
    """Prices, then assignments; holds the best so far. Everything oriented to be maximised."""

    def __init__(self, program: AssignmentProgram, gap: float, deadline: float) -> None:
        self.dual, self.gap, self.deadline = Dual(program), gap, deadline
        self.best: Candidate | None = None
        self.point: Point | None = None
        self.bound = np.inf
        self.status: Status = "optimal"
        self.path: list[Step] = []
        self.units = np.ones(len(program.limits))  # what one move changes in every row

    @property
    def left(self) -> float:
        """Seconds left."""
        return max(self.deadline - clock(), 0.0)

    @property
    def enough(self) -> float:
        """The gap to prove, in units of the objective; none is too wide for better answers."""
        size = abs(self.bound)
        if self.best is not None:
            size = min(size, abs(self.best.worth))
        return self.gap * max(size, 1e-12)

    @property
    def closed(self) -> bool:
        """Whether the gap is proven."""
        if self.best is None:
            return False
        worth = self.best.worth
        return relative_gap(worth, max(self.bound, worth)) <= self.gap

    def run(self, progress: tqdm[None]) -> None:
        """Search until the gap is proven, the time is up, or nothing is left."""

        def watch(point: Point) -> bool:
            progress.update()
            self.point, self.bound = point, min(self.bound, point.value)
            if np.isfinite(point.value):
                sign = self.dual.program.sign
                self.path.append(Step(point.prices, sign * point.value))
            return False

        finest = min(max(_SHARE * self.gap, _FINEST), _COARSEST)
        # The rest of the time is for an assignment.
        relaxation = relax(self.dual, finest, clock() + _PRICING * self.left, watch)
        if relaxation is None:
            self.status = "infeasible"
            return
        self.point = relaxation.point
        self.bound = min(self.bound, self.point.value)
        if self.point.value == np.inf:
            if self.left > 0:
                raise SolverError(UNBOUNDED)
            self.status = "time limit"
            return
        self.units = row_units(self.dual, covering(self.dual, self.point, _CORE)[0])
        self.point = spread(self.dual, self.point, _CORE, max(self.left, 0.1))
        self._fit(self.point)
        self._lower(self.point.value, _rounding(self.point))
        self._solve_cores(self.point, progress)

    def answer(self) -> Answer:
        """Return the best so far with what is proven."""
        program, nan = self.dual.program, float("nan")
        prices = np.zeros(len(program.limits)) if self.point is None else self.point.prices
        path = tuple(self.path)
        if self.status == "infeasible":
            return Answer("infeasible", None, nan, nan, np.zeros(len(program.limits)), path=path)
        if self.best is None:
            return Answer(self.status, None, nan, program.sign * self.bound, prices, path=path)
        bound = max(self.bound, self.best.worth)
        return Answer(
            self.status,
            self.best.choice,
            program.sign * self.best.worth,
            program.sign * bound,
            prices,
            self.best.side,
            path,
        )

    def _fit(self, point: Point) -> None:
        """Search for whole moves near the relaxation's solution: of a few groups, or of more."""
        few = _PER_PRICE * int((point.prices > 0).sum())
        for repeated, count in enumerate((max(few, _SEARCHED[0]), *_SEARCHED[1:])):
            near, reach = nearest(self.dual, point, count), np.zeros(len(self.units))
            if repeated:
                near, reach = covering(self.dual, point, count)
            reach = np.maximum(near.loss.max(initial=0.0) / self.units, reach)
            found = relax_near(self.dual, point, near, Box(reach, reach), max(self.left, 0.1))
            enough = point.value - self.gap * abs(point.value)
            choice = searched(self.dual, point, near, found, enough, seconds=self.left)
            if choice is not None:
                self._offer(choice)
            if self.best is not None or np.isinf(near.left_out):
                return

    def _offer(self, choice: Choice) -> None:
        """Keep an assignment if it satisfies the rows and is the best so far."""
        new = candidate(self.dual, choice)
        if new is not None and (self.best is None or new.worth > self.best.worth):
            self.best = new

    def _solve_cores(self, point: Point, progress: tqdm[None]) -> None:
        """Solve larger and larger cores until the gap is proven."""
        count = first = max(_CORE, 5 * len(point.prices))
        seconds = _SLICE
        while not self.closed and self.status == "optimal":
            if self.left <= 0:
                self.status = "time limit"
                return
            progress.update()
            near = self._near(point, count, wide=self.best is None or count > first)
            enough = self.enough
            core = solve_core(self.dual, point, near, enough, min(seconds, self.left))
            if core.choice is not None:
                self._offer(core.choice)
            whole = np.isinf(near.left_out)
            if whole and core.ceiling == -np.inf and self.best is None:
                self.status = "infeasible"
                return
            rest = point.value - near.left_out
            if core.ceiling > rest:
                self._lower(core.ceiling, core.rounding)
            else:
                self._lower(rest, _rounding(point))
            if not core.ended:
                seconds *= 2
            wider = core.choice is None or near.left_out < self._missing(point) - self.enough
            if wider and count < _LARGEST and (core.ended or self.best is None):
                count = min(2 * count, _LARGEST)
            elif core.ended and not self.closed and self.enough >= enough:
                # The core cannot grow, or nothing is left out, and still HiGHS and our sums differ
                # by more than the gap.
                self.status = "unproven"

    def _near(self, point: Point, count: int, *, wide: bool) -> Near:
        """Return the moves of a core; not those that only lead to worse assignments."""
        near = covering(self.dual, point, count)[0] if wide else nearest(self.dual, point, count)
        missing = self._missing(point)
        if not missing < near.left_out:
            return near
        return near.part(near.loss <= missing, missing)

    def _missing(self, point: Point) -> float:
        """Return how far the best assignment is below the dual function."""
        if self.best is None:
            return np.inf
        return max(point.value - self.best.worth, 0.0) + _rounding(point)

    def _lower(self, bound: float, rounding: float) -> None:
        """Lower the bound; one that is above the best assignment by rounding is met."""
        if self.best is not None and bound <= self.best.worth + rounding:
            bound = self.best.worth
        self.bound = min(self.bound, bound)


def _rounding(point: Point) -> float:
    """Return what the dual function is uncertain by."""
    return 1e-13 * point.size
