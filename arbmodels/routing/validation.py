r"""What the plain optimum loses when it is scored on data that it was not fitted on.

Solve probabilities and spends are estimates, and an optimum prefers what was overestimated (the
winner's curse). So its objective on the data it was fitted on is too good by the *optimism*

.. math:: \pm (\text{objective in sample} - \text{objective held out}),

positive where the optimum promises too much. One plan per segment, or for all, is fitted on some
instances and scored on others. A plan per instance has nothing to say about others: there the
recorded attempts of every pair are split, some to fit on, the rest to score on. That shows the
winner's curse of the oracle; it remains an oracle, for it has seen attempts on the very instance.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from arbmodels.assignment.passes import Choice
from arbmodels.assignment.source import FloatArray, IntArray
from arbmodels.checks import seed_of
from arbmodels.errors import InfeasibleError, InputError
from arbmodels.routing.constraints import ChangeLimit
from arbmodels.routing.folds import (
    check_folds,
    most_attempts,
    of_instances,
    split_attempts,
    split_instances,
    too_short,
)
from arbmodels.routing.optimism import CrossValidation, Fold
from arbmodels.routing.problem import RoutingProblem
from arbmodels.routing.scoring import Scored


def cross_validate(
    problem: RoutingProblem,
    folds: int = 5,
    seed: int = 0,
    gap: float = 1e-4,
    time_limit: float = 60.0,
) -> CrossValidation:
    """Fit on a part of the data and score on the rest.

    Parameters
    ----------
    problem : RoutingProblem
        Per-segment or single assignments: every instance is held out once, stratified by segment;
        the only one of a segment never. Oracle assignments: the recorded attempts are split at
        random ``folds`` times, a share 1 / folds of each pair held out.
    folds : int
        At least 2.
    seed : int
    gap, time_limit : float
        Of every fit; see :meth:`arbmodels.routing.RoutingProblem.solve`.

    Raises
    ------
    InputError
        If there are too few instances, segments or attempts to split, or the constraints can be
        met on all instances, but on no part to fit on.
    InfeasibleError
        If the problem itself has no solution.
    """
    check_folds(folds)
    seed = seed_of(seed)
    oracle = problem.assignment == "oracle"
    table = problem.plan_table
    if not oracle and (table.offered is not None or table.pool is not None):
        raise InputError(
            f"{table.name}: some pairs have no record, so a plan cannot be scored on every held-out"
            " instance. Route market.intersection()."
        )
    parts = (
        _attempt_parts(problem, folds, seed) if oracle else _instance_parts(problem, folds, seed)
    )
    done: list[Fold] = []
    gains = [np.full((folds, table.size), np.nan) for _ in range(2)]
    failure: InfeasibleError | None = None
    separable = True
    for k, (fit, score, fitted, scored) in enumerate(_watched(parts, folds)):
        try:
            result = fit.solve(gap=gap, time_limit=time_limit)
        except InfeasibleError as error:
            failure = error
            continue
        assignment = np.asarray(result.assignment)
        if not oracle:
            assignment = _carried(fit, score, assignment)
        inside = Scored(fit, np.asarray(result.assignment), problem)
        outside = Scored(score, assignment, problem)
        use = {
            label: (inside.use[label], used)
            for label, used in outside.use.items()
            if label in inside.use
        }
        done.append(Fold(inside.objective, outside.objective, use))
        for each, rows, part in ((gains[0], fitted, inside), (gains[1], scored, outside)):
            if part.by_instance is None:
                separable = False
            else:
                each[k, rows] = part.by_instance
    if not done:
        problem.solve(gap=1.0, time_limit=time_limit)  # says so if it has no solution itself
        raise InputError(
            f"{table.name}: the constraints can be met on all instances together, but on no part"
            f" that {folds} folds leave to fit on. Ask for more folds, which leave larger parts, or"
            f" loosen a limit. Of one of them: {failure}"
        )
    by_instance = None
    if separable:
        by_instance = np.stack([_mean(each) for each in gains])
    changes = [c.label for c in problem.constraints if isinstance(c, ChangeLimit)]
    note = f"{folds} folds of instances"
    if changes:
        note += f", without the {changes[0]}, which is about these instances"
    if problem.market is not None and oracle:
        left_out = int(too_short(problem.market, most_attempts(problem)).sum())
        note = (
            f"{folds} random splits of the recorded attempts"
            + (f", without {left_out} pairs that have too few" if left_out else "")
            + "; oracle: it saw attempts on the same instances"
        )
    return CrossValidation(problem, tuple(done), folds - len(done), by_instance, note)


_Part = tuple[RoutingProblem, RoutingProblem, IntArray, IntArray]


def _instance_parts(problem: RoutingProblem, folds: int, seed: int) -> Iterator[_Part]:
    every = np.arange(problem.plan_table.size)
    for held in split_instances(problem.plan_table, folds, seed):
        rest = np.setdiff1d(every, held)
        yield of_instances(problem, rest), of_instances(problem, held), rest, held


def _attempt_parts(problem: RoutingProblem, folds: int, seed: int) -> Iterator[_Part]:
    market = problem.market
    if market is None:
        raise InputError(
            f"{problem.plan_table.name}: an oracle assignment is validated by splitting recorded"
            " attempts, and there are none. Use assignment='per-segment' or 'single'."
        )
    every = np.arange(problem.plan_table.size)
    needed = most_attempts(problem)
    for k in range(folds):
        rng = np.random.default_rng([seed, k])
        fit, score = split_attempts(market, needed, folds, rng)
        yield (
            replace(problem, market=fit, start=None),
            replace(problem, market=score, start=None),
            every,
            every,
        )


def _carried(fit: RoutingProblem, score: RoutingProblem, assignment: Choice) -> Choice:
    """Return the plans of held-out instances: that of their segment, or that of all."""
    if fit.assignment == "single":
        return np.full(score.plan_table.size, assignment[0])
    ours, theirs = (each.plan_table.partitions["segment"] for each in (fit, score))
    plan = np.zeros(len(ours.names), dtype=assignment.dtype)
    plan[ours.codes] = assignment
    position = {name: k for k, name in enumerate(ours.names)}
    carried: Choice = plan[[position[name] for name in theirs.names]][theirs.codes]
    return carried


def _mean(values: FloatArray) -> FloatArray:
    """Return column means of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    sums = np.where(known, values, 0.0).sum(axis=0)
    mean: FloatArray = np.where(count > 0, sums / np.maximum(count, 1), np.nan)
    return mean


def _watched(parts: Iterator[_Part], folds: int) -> Iterator[_Part]:
    from tqdm import tqdm

    yield from tqdm(
        parts, "Cross-validation", folds, disable=not sys.stderr.isatty(), leave=False, delay=2
    )
