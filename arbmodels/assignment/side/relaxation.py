"""The relaxation over fractional side columns: cuts at points between the master's and the best.

A large program is rehearsed on a sample of its groups. Then prices come from the sample, its limits
corrected by what the last pass over all groups added up to, and every cut takes one such pass.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from arbmodels.assignment.program import AssignmentProgram, Side
from arbmodels.assignment.side.benders import Cut, Master, cut_of
from arbmodels.assignment.side.openings import Filled, Gates, fill, priced_table
from arbmodels.assignment.side.prices import (
    IMPOSSIBLE,
    Lagrangian,
    Standing,
    Units,
    find_prices,
)
from arbmodels.assignment.source import Arrays, FloatArray
from arbmodels.assignment.spread import spread
from arbmodels.clock import clock

#: Groups on which prices are looked for; a larger program is rehearsed on so many.
SAMPLE = 2048
#: How often prices are looked for anew when a sample is impossible by chance.
_TRIALS = 3
#: Rounds without a gain of one percent after which the relaxation is left as it is.
_PATIENCE = 8


@dataclass(frozen=True, eq=False)
class Separated:
    """What one set of side columns is worth at most.

    Attributes
    ----------
    point : float array [E]
    bound : float
        Oriented to be maximised, objective of the side columns included; minus infinity if the
        rows cannot be kept, infinity if nothing was found out.
    cut : Cut
    complete : bool
        False if some group finds no open plan.
    """

    point: FloatArray
    bound: float
    cut: Cut
    complete: bool


class Relaxation:
    """A program, its master program, and the prices found last.

    Parameters
    ----------
    program : AssignmentProgram
        With side columns.
    side : Side
        Those.
    gates : Gates
    units : Units
    scale : float
        Size of the objective.
    prices : float array [R]
        First guess.
    precision : float
        Share of the objective to which prices are exact; it costs the bound no more than that.
    deadline : float
        On the clock of :mod:`arbmodels.clock`.
    """

    def __init__(
        self,
        program: AssignmentProgram,
        side: Side,
        *,
        gates: Gates,
        units: Units,
        scale: float,
        prices: FloatArray,
        precision: float,
        deadline: float,
    ) -> None:
        self.program, self.side, self.gates, self.units = program, side, gates, units
        self.prices, self.precision, self.deadline = prices, precision, deadline
        self.master = Master(program, gates, units, scale)
        self.sample = sampled(program)

    def pass_at(self, prices: FloatArray, opening: FloatArray, *, of_value: bool = True) -> Filled:
        """Make one pass, add its cut, and correct the sample by it."""
        table = priced_table(self.program, prices, 1.0 if of_value else 0.0)
        filled = fill(self.program, table, self.gates, opening)
        self.master.cover(filled.missing)
        self.master.add(cut_of(self.program, prices, opening, filled, of_value=of_value))
        if self.sample is not self.program:
            # At the same prices sample and whole differ by chance; the difference hardly depends
            # on the prices, so with it taken off the limits the sample's prices fit the whole.
            small = fill(self.sample, table, self.gates, opening)
            chance = (self.program.rows * (filled.totals - small.totals)).sum(axis=(1, 2, 3))
            self.sample = replace(self.sample, limits=self.program.limits - chance)
        return filled

    def separate(self, point: FloatArray) -> Separated:
        """Bound side columns [E] of which the continuous ones may move, and add the cut."""
        opening = self.gates.opening(point)
        standing = Standing(point, ~self.side.integer, opening)
        whole = Lagrangian(self.program, self.gates, standing, self.units)
        fixed = np.where(self.side.integer, point, 0.0)
        own = self.program.sign * float(self.side.objective @ fixed)
        for _ in range(_TRIALS):
            small = Lagrangian(self.sample, self.gates, standing, self.units)
            found = find_prices(small, self.prices, self.precision)
            filled = self.pass_at(found.prices, opening, of_value=not found.impossible)
            scaled = found.prices * self.units.rows / self.units.value
            if not found.impossible:
                value = whole.value(scaled, filled)
                if found.settled:
                    self.prices = found.prices
                break
            # Proven for the sample; for all groups too?
            if whole.without_objective().value(scaled, filled) < -IMPOSSIBLE:
                value = -np.inf
                break
            value = np.inf
        bound = value * self.units.value + own
        return Separated(point, bound, self.master.cuts[-1], not len(filled.missing))

    def tighten(self, gap: float, rounds: int) -> FloatArray | None:
        """Add cuts until the relaxation is known to ``gap``; return its side columns [E].

        Cuts are made halfway between the master's columns and the best known ones, which keeps
        them from jumping; at the master's own when these stay. Ends early when it gets nowhere.
        None if the relaxation is infeasible.
        """
        best, worth = None, -np.inf
        last, distances = np.zeros(0), list[float]()
        for _ in range(rounds):
            proposal = self.master.relax()
            if proposal.status == "infeasible":
                return None
            distance = proposal.bound - worth
            stuck = len(distances) >= _PATIENCE and not distance < 0.99 * distances[-_PATIENCE]
            if distance <= gap * abs(proposal.bound) or self.left <= 0 or stuck:
                break
            stays = len(last) > 0 and bool(np.allclose(last, proposal.side, rtol=0, atol=1e-6))
            last = proposal.side
            distances.append(distance)
            separated = self.separate(last if best is None or stays else (last + best) / 2)
            if separated.bound == np.inf:
                break
            if separated.complete and worth < separated.bound:
                best, worth = separated.point, separated.bound
        return proposal.side if best is None else best

    @property
    def left(self) -> float:
        """Seconds until the deadline, not negative."""
        return max(self.deadline - clock(), 0.0)


def sampled(program: AssignmentProgram) -> AssignmentProgram:
    """Return the program over a sample of the groups, weighing as much as all; itself if small."""
    count = SAMPLE
    if program.groups <= count:
        return program
    block = program.source.take(spread(program.groups, count))
    weights = np.ones(count) if block.weights is None else np.asarray(block.weights)
    heavier = replace(block, start=0, weights=weights * (program.groups / count))
    return replace(program, source=Arrays(heavier))
