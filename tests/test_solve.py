"""The one entry to all engines: numbers of nine orders of magnitude, honest status."""

from __future__ import annotations

import importlib
import itertools
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

import arbmodels as arb
from arbmodels._assignment import Arrays, AssignmentProgram, Block
from arbmodels._assignment import solve as entry
from arbmodels._assignment.program import Answer
from arbmodels._assignment.solve import solve
from streaming_cases import route


def drawn(seed, groups=5, plans=3):
    """A budget far below most spends, and a limit on the use of one plan."""
    rng = np.random.default_rng(seed)
    value = rng.random((groups, plans))
    spend = 10 ** rng.uniform(-6, 4.5, (groups, plans))
    objective, budget, use = np.zeros((3, 3, 1, plans + 1))
    objective[1], budget[2], use[0, 0, 0] = 1.0, 1.0, 1.0
    objective[:, :, -1] = budget[:, :, -1] = 0.0
    limits = np.array([10 ** rng.uniform(-4, 3), rng.integers(0, groups)])
    rows = np.stack([budget, use])
    source = Arrays(Block(0, (value, spend)))
    return AssignmentProgram(source, objective, rows, np.ones(2), limits, maximize=True)


def enumerated(program):
    block = program.source.block
    zero = np.zeros((block.size, 1))
    value, spend = (np.hstack([each, zero]) for each in block.quantities)
    every = np.arange(block.size)
    best = -np.inf
    for choice in itertools.product(range(program.plans), repeat=block.size):
        chosen = np.array(choice)
        fits = spend[every, chosen].sum() <= program.limits[0] * (1 + 1e-12)
        if fits and (chosen == 0).sum() <= program.limits[1]:
            best = max(best, value[every, chosen].sum())
    return best


@pytest.mark.parametrize("seed", range(40))
def test_spends_of_ten_orders_of_magnitude(seed):
    program = drawn(seed)
    answer = solve(program, 1e-7, 20.0)
    best = enumerated(program)
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(best, rel=1e-7)
    assert answer.bound >= best * (1 - 1e-12)


def test_a_gap_that_is_not_proven_is_never_called_optimal(monkeypatch):
    program = drawn(0)
    real = solve(program)

    def stuck(status):
        answer = Answer(status, real.choice, real.objective, 2 * real.objective, real.prices)
        monkeypatch.setattr(entry, "solve_multidimensional_knapsack", lambda *_: answer)
        return solve(program, 1e-6, 20.0).status

    assert stuck("optimal") == "unproven"
    assert stuck("time limit") == "unproven"
    assert stuck("interrupted") == "interrupted"


# One rule of feasibility, whichever engine answers: judged by enumeration in exact fractions.

#: sigma (a x - b) <= TOLERANCE (|b| + sum |a x|); as in the documentation of the program.
TOLERANCE = Fraction(1, 10**9)
ENGINES = {
    name: importlib.import_module(f"arbmodels._assignment.{name}")
    for name in ("solve", "multidimensional_knapsack", "auxiliary_variables")
}
LABELS = {
    "budget": "budget",
    "floor": "quality floor",
    "commitment": "commitment of spend to m0",
    "capacity": "capacity of m0",
}


@dataclass(eq=False)
class Limited:
    """One limit on a few instances, near what some assignment uses; its optimum by enumeration."""

    solve: np.ndarray
    spend: np.ndarray
    abstain: bool
    kind: str
    minimise: bool
    limit: float

    def __post_init__(self):
        self.size, self.width = self.solve.shape
        pad = ((0, 0), (0, int(self.abstain)))
        exact = np.vectorize(Fraction, otypes=[object])
        spend, rate = (exact(np.pad(each, pad)) for each in (self.spend, self.solve))
        first = np.array([Fraction(int(j == 0)) for j in range(spend.shape[1])], dtype=object)
        coefficient = {
            "budget": spend,
            "floor": rate / self.size,
            "commitment": spend * first,
            "capacity": first + 0 * spend,
            "share": spend * first,
        }[self.kind]
        value = spend if self.minimise else rate / self.size
        at_most = self.kind not in ("floor", "commitment")
        self.used, self.best = [], None
        for choice in itertools.product(range(spend.shape[1]), repeat=self.size):
            every = np.arange(self.size), np.array(choice)
            left, right = coefficient[every].sum(), Fraction(self.limit)
            whole = spend[every].sum()
            share = left / whole if whole else Fraction(0)
            self.used.append(float(share if self.kind == "share" else left))
            if self.kind == "share":
                right *= whole
            excess = (left - right) if at_most else (right - left)
            worth = value[every].sum()
            if excess <= TOLERANCE * (abs(left) + abs(right)):
                better = self.best is None or (
                    worth < self.best if self.minimise else worth > self.best
                )
                self.best = worth if better else self.best

    def problem(self, *, robust=False):
        names = [f"m{j}" for j in range(self.width)]
        problem = arb.RoutingProblem.from_arrays(
            self.solve, self.spend, names, abstain=self.abstain, segment=["a"] * self.size
        )
        problem = problem.minimize_spend() if self.minimise else problem
        if robust:
            return problem.add_robust_budget(self.limit, deviation=0.0, gamma=1)
        return {
            "budget": problem.add_budget,
            "floor": problem.add_floor,
            "commitment": lambda limit: problem.add_commitment("m0", spend=limit),
            "capacity": lambda limit: problem.add_capacity("m0", limit),
            "share": lambda limit: problem.add_share_limit("m0", limit),
        }[self.kind](self.limit)

    def idle(self, problem):
        """The same beside a limit that holds whatever is done."""
        return problem.start_from([0] * self.size, max_changes=self.size)

    def ways(self):
        """Every engine: its name, what to ask, and thresholds of size to make it answer."""
        many, auxiliary = (
            {("multidimensional_knapsack", "SMALL"): 0},
            {("auxiliary_variables", "SMALL"): 0},
        )
        alone = self.problem()
        menu = alone.limit_models(self.width)
        yield "one row", lambda: objective(alone), {}
        yield "HiGHS", lambda: objective(self.idle(alone)), {}
        yield "many rows", lambda: objective(self.idle(alone)), many
        yield "auxiliary variables in HiGHS", lambda: objective(menu), {}
        yield "auxiliary variables", lambda: objective(menu), auxiliary
        yield (
            "auxiliary variables, many rows",
            lambda: objective(self.idle(menu)),
            {**auxiliary, **many},
        )
        if not self.minimise:
            worst = alone.maximize_worst_segment()
            yield "worst segment in HiGHS", lambda: objective(worst), {}
            yield "worst segment", lambda: objective(worst), many
        if self.kind == "budget":
            robust = self.problem(robust=True)
            search = {("solve", "COMPACT"): 0}
            yield "robust", lambda: objective(robust), {}
            yield "robust in HiGHS", lambda: objective(self.idle(robust)), {}
            yield "robust, search", lambda: objective(self.idle(robust)), search
        if self.kind in LABELS:
            yield "parametric, one row", lambda: self.along(alone), {}
            yield "parametric", lambda: self.along(self.idle(alone)), {}
        if (self.kind, self.minimise) in (("budget", False), ("floor", True)):
            yield "streaming", self.streamed, {}

    def along(self, problem):
        curve = problem.frontier(LABELS[self.kind], [self.limit])
        return None if curve.status[0] == "infeasible" else float(curve.objective[0])

    def streamed(self):
        source = Arrays(Block(0, (self.solve, self.spend)))
        names = [f"m{j}" for j in range(self.width)]
        try:
            return route(
                source, models=names, abstain=self.abstain, **{self.kind: self.limit}
            ).objective
        except arb.InfeasibleError:
            return None


def objective(problem):
    try:
        result = problem.solve()
    except arb.InfeasibleError:
        return None
    assert (result.status == "optimal") == (result.gap <= 1e-6)
    assert result.status == "optimal"
    return result.objective


def limited(seed):
    rng = np.random.default_rng(seed)
    shape = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    orders = float(rng.choice([0, 0, 3, 9]))
    spend = np.round(rng.uniform(1, 9, shape), int(rng.integers(0, 3)))
    spend = spend * 10.0 ** np.round(rng.uniform(-orders / 2, orders / 2, shape))
    solve_rates = np.round(rng.uniform(0.05, 1, shape), 2)
    abstain, minimise = rng.random(2) < 0.5
    kind = str(rng.choice(["budget", "floor", "commitment", "capacity", "share"]))
    case = Limited(solve_rates, spend, bool(abstain), kind, bool(minimise), 0.0)
    base = float(rng.choice(case.used))
    off = [0, 0, 1e-12, -1e-12, 1e-10, -1e-10, 3e-8, -3e-8, 1e-5, -1e-5]
    limit = base * (1 + float(rng.choice(off)))
    if rng.random() < 0.2:
        limit = float(np.nextafter(base, rng.choice([-np.inf, np.inf])))
    if base == 0:
        limit = float(rng.choice([0.0, 0.0, 1e-9, 5e-10, 1e-12, 1e-300]))
    top = 1.0 if kind in ("share", "floor") else np.inf
    case.limit = float(np.clip(limit, 0.0, top))
    case.__post_init__()
    return case


def judged(case, monkeypatch):
    for name, answer, sizes in case.ways():
        with monkeypatch.context() as patch:
            for (module, threshold), value in sizes.items():
                patch.setattr(ENGINES[module], threshold, value)
            found = answer()
        where = (name, case)
        assert (found is None) == (case.best is None), where
        if found is not None:
            assert found == pytest.approx(float(case.best), rel=2e-6, abs=1e-12), where


@pytest.mark.parametrize("block", range(3))
def test_every_engine_has_one_verdict_and_one_optimum(block, monkeypatch):
    for seed in range(8 * block, 8 * block + 8):
        judged(limited(seed), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_every_engine_has_one_verdict_and_one_optimum_in_many_cases(block, monkeypatch):
    for seed in range(1000 + 40 * block, 1040 + 40 * block):
        judged(limited(seed), monkeypatch)


BELOW_ONE = float(np.nextafter(1.0, 0.0))
THREE, ONES = np.ones((3, 1)), np.full((3, 1), 0.5)


@pytest.mark.parametrize(
    ("case", "feasible"),
    [
        (Limited(ONES, THREE, False, "share", False, BELOW_ONE), True),
        (Limited(ONES, THREE, False, "share", False, 1 - 1e-8), False),
        (Limited(THREE, THREE, False, "floor", True, float(np.nextafter(1.0, 0.0))), True),
        (Limited(ONES, THREE, False, "budget", False, 3 * (1 - 1e-10)), True),
        (Limited(ONES, THREE, False, "budget", False, 3 * (1 - 1e-8)), False),
        (Limited(ONES, 1e9 * THREE, False, "budget", False, 3e9 * (1 - 1e-10)), True),
        (Limited(ONES, 1e-9 * THREE, False, "budget", False, 3e-9 * (1 - 1e-8)), False),
        (Limited(ONES, 0 * THREE, True, "commitment", False, 5e-9), False),
        (Limited(ONES, 0 * THREE, True, "commitment", False, 5e-13), False),
        (Limited(ONES, np.array([[1e-3], [1e6], [1e-3]]), True, "budget", False, 2e-3), True),
    ],
)
def test_limits_at_the_edge(case, feasible, monkeypatch):
    assert (case.best is not None) == feasible
    judged(case, monkeypatch)


def test_what_cannot_be_afforded_never_reaches_highs(monkeypatch):
    whole = importlib.import_module("arbmodels._assignment.highs")
    given = []

    def watched(program, **options):
        given.append(float(np.abs(program.matrix.data).max()))
        return real(program, **options)

    real = whole.solve
    monkeypatch.setattr(whole, "solve", watched)
    spend = np.array([[1.0, 1e9], [2.0, 1e9], [1.5, 1e9]])
    problem = arb.RoutingProblem.from_arrays(np.array([[0.5, 0.9]] * 3), spend)
    result = problem.add_budget(3.5).add_capacity("model-0", 3).solve()
    assert result.counts == {"abstain": 1, "1 x model-0": 2}
    # Rows are scaled by what can be bought: nothing in them is a billion times the rest.
    assert max(given) == 1.0
