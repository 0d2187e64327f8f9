r"""What the plain optimum loses when it is scored on data that it was not fitted on.

Solve probabilities and spends are estimates, and an optimum prefers what was overestimated (the
winner's curse). So its objective on the data it was fitted on is too good by the *optimism*

.. math:: \pm (\text{objective in sample} - \text{objective held out}),

positive where the optimum promises too much. One plan per segment, or for all, is fitted on some
instances and scored on others. A plan per instance has nothing to say about others: there the
recorded attempts of every pair are split, some to fit on, the rest to score on. That shows the
winner's curse of the oracle; it remains an oracle, for it has seen attempts on the very instance.

Parts of a routing problem: some of its instances, or some of its recorded attempts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from arbmodels._assignment.program import BoolArray, Choice, FloatArray, IntArray
from arbmodels._checks import seed_of, shown
from arbmodels.errors import InfeasibleError, InputError
from arbmodels.market import Market
from arbmodels.records import totals
from arbmodels.routing.constraints import (
    Contract,
)
from arbmodels.routing.objectives import Objective, Profit
from arbmodels.routing.result import CrossValidation, Fold
from arbmodels.routing.scoring import Scored
from arbmodels.routing.solve import solve_problem
from arbmodels.routing.statement import Statement
from arbmodels.routing.table import Labels, PlanTable

#: Limits on totals are scaled below, and limits on rates and shares stay; all others, of a user's
#: own, say for themselves what they are on some of the instances.
#: Share of the pairs that a split of attempts may leave out.
FEW = 0.1
#: More folds would be refits on almost the same data; a slip of the hand is refused instead.
_MOST_FOLDS = 1000


def of_instances(problem: Statement, rows: IntArray) -> Statement:
    """Return the problem of some instances (increasing positions).

    Limits on totals are scaled with how often the instances they cover count; limits on rates and
    shares stay; constraints of a user's own are asked (:meth:`Constraint.of_instances`). A limit on
    a segment or period without an instance among them is left out, and so are limits on changes.
    """
    table = problem.plan_table
    part = subset(table, rows)
    kept = [each.of_instances(table, part, rows) for each in problem.constraints]
    share = len(rows) / table.size
    return replace(
        problem,
        market=None,
        providers=None,
        period=None,
        latency=None,
        objective=_objective(problem.objective, part, rows),
        constraints=tuple(
            each.numbered(number) for number, each in enumerate(kept, start=1) if each is not None
        ),
        contracts=tuple(_contract(each, share) for each in problem.contracts),
        start=None,
        plan_table=part,
    )


def subset(table: PlanTable, rows: IntArray) -> PlanTable:
    """Return some instances of a plan table; a copy of their numbers."""
    partitions = {}
    for name, labels in table.partitions.items():
        present, codes = np.unique(labels.codes[rows], return_inverse=True)
        partitions[name] = Labels(tuple(labels.names[k] for k in present), codes)
    weights = None if table.weights is None else table.weights[rows]
    if weights is not None:
        if not weights.any():
            raise InputError(f"{table.name}: a fold has only instances of weight zero.")
        weights = weights / weights.mean()
    volume = None
    if table.volume is not None and weights is not None:
        volume = table.volume * len(rows) / table.size
        weights = weights * (table.volume / table.size)
    return replace(
        table,
        volume=volume,
        instances=[table.instances[i] for i in rows],
        solve=table.solve[rows],
        spend=table.spend[rows],
        offered=None if table.offered is None else table.offered[rows],
        weights=weights,
        partitions=partitions,
        tried=_some(table.tried, rows),
        latency=None if table.latency is None else _some(table.latency, rows),
        split={j: (spend[rows], tried[rows]) for j, (spend, tried) in table.split.items()},
        market=None,
        made_of=(),
    )


def check_folds(folds: object) -> None:
    """Raise InputError unless a number of folds is a whole number, at least 2."""
    whole = isinstance(folds, int | np.integer) and not isinstance(folds, bool)
    if not whole or not 2 <= folds <= _MOST_FOLDS:  # type: ignore[operator]
        raise InputError(
            f"folds is {shown(folds)}; give a whole number, at least 2 (0 for none)"
            f" and at most {_MOST_FOLDS}."
        )


def split_instances(table: PlanTable, folds: int, seed: int) -> tuple[IntArray, ...]:
    """Return the instances held out in each fold, stratified by segment.

    The only instance of a segment is never held out: nothing could be learnt about it.
    """
    rng = np.random.default_rng(seed)
    segments = table.partitions.get("segment")
    codes = np.zeros(table.size, dtype=np.int64) if segments is None else segments.codes
    fold = np.full(table.size, -1)
    following = 0  # folds stay of equal size over all segments
    for code in np.unique(codes):
        members = rng.permutation(np.flatnonzero(codes == code))
        if len(members) > 1:
            fold[members] = (following + np.arange(len(members))) % folds
            following += len(members)
    held_out = tuple(np.flatnonzero(fold == k) for k in range(folds))
    if any(len(each) == 0 for each in held_out):
        raise InputError(
            f"{folds} folds of {int((fold >= 0).sum())} instances that can be held out: a fold"
            " would be empty. Ask for fewer folds, or merge small segments."
        )
    return held_out


def most_attempts(problem: Statement) -> npt.NDArray[np.int64]:
    """Return the most attempts that any plan in attempts makes of each model, [M]."""
    table = problem.plan_table
    most = dict.fromkeys(table.models, 1.0)
    for plan in table.plans:
        if plan.unit == "attempts":
            totals: dict[str, float] = {}
            for model, amount in plan.stages:
                totals[model] = totals.get(model, 0.0) + amount
                most[model] = max(most[model], totals[model])
    return np.array([int(most[model]) for model in table.models])


def split_attempts(
    market: Market, needed: npt.NDArray[np.int64], folds: int, rng: np.random.Generator
) -> tuple[Market, Market]:
    """Return a market to fit on and one to score on: the recorded attempts of every pair, split.

    A share 1 / folds of them is held out, and at least ``needed`` on either side; which ones is
    random (hypergeometric). A few pairs that have too few attempts lose their record in both.

    Raises
    ------
    InputError
        If more than :data:`FEW` of the pairs, or all of an instance or a model, have too few
        attempts; the first is named.
    """
    attempts = market.attempts
    short = too_short(market, needed)
    kept = market.recorded & ~short
    if short.sum() > FEW * market.recorded.sum() or not (kept.any(0).all() and kept.any(1).all()):
        i, m = np.argwhere(short)[0]
        raise InputError(
            f"Instance {market.instances[i]!r}, model {market.models[m]!r}: {attempts[i, m]}"
            f" recorded attempts cannot be split into {needed[m]} to fit on and {needed[m]} to"
            f" score on ({int(short.sum())} such pairs). Use plans of fewer attempts, select"
            " instances with more, or validate a per-segment assignment."
        )
    most = np.maximum(attempts - needed, needed)
    held = np.clip(np.rint(attempts / folds).astype(np.int64), needed, most)
    held = np.where(kept, held, 0)
    if market.graded is not None:
        return _split_scores(market, np.where(kept, attempts, 0), held, rng)
    attempts, successes = np.where(kept, attempts, 0), np.where(kept, market.successes, 0)
    solved = rng.hypergeometric(successes, attempts - successes, held)
    fit = replace(market, attempts=attempts - held, successes=successes - solved, records=None)
    return fit, replace(market, attempts=held, successes=solved, records=None)


def _split_scores(
    market: Market, attempts: IntArray, held: IntArray, rng: np.random.Generator
) -> tuple[Market, Market]:
    """Return markets of the attempts that are kept and held out; which ones is random."""
    records = market.records
    if records is None:
        raise InputError(
            f"{market.name}: only the mean score of each pair is known, so that its attempts cannot"
            " be split. Load the attempts one by one, or validate a per-segment assignment."
        )
    width = attempts.shape[1]
    pair = records.instance * width + records.model
    order = np.lexsort((rng.random(len(pair)), pair))
    first = np.searchsorted(pair[order], pair[order])
    rank = np.empty(len(pair), dtype=np.int64)
    rank[order] = np.arange(len(pair)) - first
    out = rank < held.ravel()[pair]
    here = (attempts.ravel() > 0)[pair]
    markets = []
    for chosen, count in ((here & ~out, attempts - held), (here & out, held)):
        score = totals(records.take(chosen), attempts.shape).score
        markets.append(replace(market, attempts=count, graded=score, records=None))
    return markets[0], markets[1]


def too_short(market: Market, needed: npt.NDArray[np.int64]) -> BoolArray:
    """Return the pairs whose recorded attempts cannot be split into twice ``needed``, [N, M]."""
    short: BoolArray = market.recorded & (market.attempts < 2 * needed)
    return short


def _some(values: npt.NDArray[np.floating], rows: IntArray) -> npt.NDArray[np.floating]:
    return values if values.ndim == 1 else values[rows]


def _contract(contract: Contract, share: float) -> Contract:
    """Scale amounts; the fee too, so that the payment per instance is the same."""
    return replace(
        contract,
        fee=share * contract.fee,
        tiers=tuple((share * start, rate) for start, rate in contract.tiers),
        credit=share * contract.credit,
    )


def _objective(objective: Objective, part: PlanTable, rows: IntArray) -> Objective:
    if not isinstance(objective, Profit):
        return objective
    if isinstance(objective.price, Mapping):
        names = part.labels("segment").names
        return Profit({name: objective.price[name] for name in names})
    if np.ndim(objective.price) == 0:
        return objective
    prices: FloatArray = np.asarray(objective.price, dtype=float)[rows]
    return Profit(prices)


def cross_validate(
    problem: Statement,
    folds: int = 5,
    seed: int = 0,
    gap: float = 1e-4,
    time_limit: float = 60.0,
) -> CrossValidation:
    """Fit on a part of the data and score on the rest.

    Parameters
    ----------
    problem : Statement
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
            result = solve_problem(fit, gap, time_limit)
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
        solve_problem(problem, 1.0, time_limit)  # says so if it has no solution itself
        raise InputError(
            f"{table.name}: the constraints can be met on all instances together, but on no part"
            f" that {folds} folds leave to fit on. Ask for more folds, which leave larger parts, or"
            f" loosen a limit. Of one of them: {failure}"
        )
    by_instance = None
    if separable:
        by_instance = np.stack([_mean(each) for each in gains])
    changes = [c.label for c in problem.constraints if not c.held_in_folds]
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


_Part = tuple[Statement, Statement, IntArray, IntArray]


def _instance_parts(problem: Statement, folds: int, seed: int) -> Iterator[_Part]:
    every = np.arange(problem.plan_table.size)
    for held in split_instances(problem.plan_table, folds, seed):
        rest = np.setdiff1d(every, held)
        yield of_instances(problem, rest), of_instances(problem, held), rest, held


def _attempt_parts(problem: Statement, folds: int, seed: int) -> Iterator[_Part]:
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


def _carried(fit: Statement, score: Statement, assignment: Choice) -> Choice:
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
