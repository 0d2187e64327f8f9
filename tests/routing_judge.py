"""Random routing problems with every objective and constraint, judged by enumerating assignments.

A world holds plain arrays; a demand knows its method on ``RoutingProblem`` and, by itself, its
left-hand side for every assignment. Nothing here asks the library what a constraint means.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

import arbmodels as arb
from conftest import random_market

CASCADES = (
    arb.Plan(),
    arb.Plan((("model-0", 2),)),
    arb.Plan((("model-0", 1), ("model-1", 2))),
    arb.Plan((("model-1", 1),)),
)
#: Limits may be passed by this much relative to their size; far above the solver's tolerance.
SLACK = 1e-7


@dataclass(eq=False)
class World:
    """Arrays [N, J] or [N, J, M] of a problem, and all its assignments [K, N]."""

    problem: arb.RoutingProblem
    solve: np.ndarray
    spend: np.ndarray  # by model
    attempts: np.ndarray  # by model
    latency: np.ndarray
    uses: np.ndarray
    times: np.ndarray
    segment: list[str]
    period: list[str]
    provider: list[str]
    plans: np.ndarray

    def picked(self, values):
        """Values [N, J] at every assignment, [K, N]."""
        return values[np.arange(len(values)), self.plans]

    def total(self, values, inside=True):
        """Weighted sums of values [N, J] over some instances, [K]."""
        return self.picked(values * np.ones(self.solve.shape)) @ (self.times * inside)

    def mean(self, values, inside=True):
        return self.total(values, inside) / (self.times * inside).sum()

    def inside(self, segment=None, period=None):
        keep = np.ones(len(self.times), dtype=bool)
        if segment is not None:
            keep &= np.array([each == segment for each in self.segment])
        if period is not None:
            keep &= np.array([each == period for each in self.period])
        return keep

    def models(self, name):
        """The models a name stands for, [M]."""
        return np.array([name in (f"model-{m}", seller) for m, seller in enumerate(self.provider)])


def a_world(seed, **options):
    """A world of any kind; options are those of :func:`arrays_world`."""
    rng = np.random.default_rng(seed)
    kinds = ("oracle", "per-segment", "single")
    assignment = kinds[int(rng.choice(3, p=[0.7, 0.2, 0.1]))]
    if rng.random() < 0.3 and not options:
        return rng, market_world(rng, assignment)
    return rng, arrays_world(rng, assignment, **options)


def arrays_world(rng, assignment, *, weights=None, ties=False, instances=None, offered=1.0):
    """One attempt of a model, or nothing."""
    size = instances or int(rng.integers(1, 5))
    width = int(rng.integers(1, 4))
    weights = rng.random() < 0.5 if weights is None else weights
    solve, spend = rng.random((size, width)), rng.random((size, width)) + 0.05
    if ties:
        solve, spend = np.round(solve * 3) / 3, np.round(spend * 2)
    known = rng.random((size, width)) < offered
    latency = rng.uniform(1, 9, (size, width)) if rng.random() < 0.5 else rng.uniform(1, 9, width)
    weight = rng.integers(0, 4, size) + (np.arange(size) < 2) * 1.0 if weights else np.ones(size)
    segment = [f"s{i % 2}" for i in range(size)]
    period = [f"t{k}" for k in rng.integers(0, 2, size)]
    provider = [["alpha", "beta", "alpha"][m] for m in range(width)]
    problem = arb.RoutingProblem.from_arrays(
        np.where(known, solve, np.nan),
        np.where(known, spend, np.nan),
        weight=weight,
        segment=segment,
        period=period,
        offered=None if known.all() else known,
        latency=latency,
        providers={f"model-{m}": seller for m, seller in enumerate(provider)},
        assignment=assignment,
    )
    nothing = np.zeros((size, 1))
    by_model = np.vstack([np.eye(width), np.zeros(width)])
    seconds = np.broadcast_to(latency, (size, width))
    spend = np.hstack([np.where(known, spend, 0.0), nothing])
    return World(
        problem,
        np.hstack([np.where(known, solve, 0.0), nothing]),
        spend[:, :, None] * by_model,
        np.broadcast_to(by_model, (size, *by_model.shape)),
        np.hstack([seconds, nothing]),
        by_model > 0,
        weight * size / weight.sum(),
        segment,
        period,
        provider,
        assignments(np.hstack([known, nothing == 0]), assignment, segment),
    )


def market_world(rng, assignment):
    """Cascades and several attempts on a market."""
    size = int(rng.integers(1, 5))
    equal = bool(rng.random() < 0.5)
    while True:
        market = random_market(
            rng, size, 2, missing=0.2, segments=min(2, size), equal_weights=equal
        )
        groups = groups_of(assignment, market.segment)
        if all(comparable(market.recorded[groups == g]) for g in set(groups)):
            break
    period = [f"t{k}" for k in rng.integers(0, 2, size)]
    provider = ["alpha", "beta"] if rng.random() < 0.7 else ["alpha", "alpha"]
    seconds = rng.uniform(1, 9, 2)
    plans = CASCADES if rng.random() < 0.7 else arb.attempts_up_to(market)
    problem = arb.RoutingProblem(
        market,
        plans,
        assignment,
        providers={f"model-{m}": seller for m, seller in enumerate(provider)},
        period=period,
        latency={f"model-{m}": value for m, value in enumerate(seconds)},
    )
    scored = [plan.evaluate(market) for plan in plans]
    uses = np.array([[model in plan.models for model in market.models] for plan in plans])
    known = np.stack([market.recorded[:, used].all(axis=1) for used in uses], axis=1)
    spend = np.stack([each.spend_by_model for each in scored], axis=1)
    cost = np.where(market.recorded, market.cost, 1.0)
    attempts = spend / cost[:, None, :]
    solve = np.stack([each.solve for each in scored], axis=1)
    for g in set(groups):  # means over the instances that have a record of the plan
        for j in range(len(plans)):
            has, lacks = (np.flatnonzero((groups == g) & (known[:, j] == one)) for one in (True, 0))
            if len(has) and len(lacks):
                share = market.weight[has] / market.weight[has].sum()
                for values in (solve, spend, attempts):
                    values[lacks, j] = np.tensordot(share, values[has, j], 1)
                known[lacks, j] = True
    return World(
        problem,
        solve,
        spend,
        attempts,
        attempts @ seconds,
        uses,
        market.weight * size,
        list(market.segment),
        period,
        provider,
        assignments(known, assignment, market.segment),
    )


def assignments(known, assignment, segment):
    """All assignments to pairs on offer: plan of every instance, [K, N]."""
    group = groups_of(assignment, segment)
    count = group.max() + 1
    options = [np.flatnonzero(known[group == g].all(axis=0)) for g in range(count)]
    return np.array(list(itertools.product(*options)), dtype=int).reshape(-1, count)[:, group]


def groups_of(assignment, segment):
    """What gets a plan, as numbers from 0, [N]."""
    size = len(segment)
    labels = {"oracle": list(range(size)), "per-segment": list(segment), "single": [0] * size}
    names = sorted(set(labels[assignment]))
    return np.array([names.index(each) for each in labels[assignment]])


def comparable(recorded):
    """Whether the models of a group [n, M] have an instance in common, if they have any."""
    return recorded[:, recorded.any(axis=0)].all(axis=1).any()


@dataclass(eq=False)
class Demand:
    """A constraint: how to ask for it with a limit, and its left-hand side everywhere, [K]."""

    ask: Callable
    label: str
    left: np.ndarray
    at_most: bool = True
    limit: float = 0.0
    whole: bool = False  # limits are whole numbers
    top: float = np.inf  # limits are at most this

    def place(self, rng):
        """Choose a limit inside the reachable range, at one of its values, or a bit outside."""
        reach = self.left[np.isfinite(self.left)]
        low, high = (reach.min(), reach.max()) if len(reach) else (0.0, 1.0)
        limit = low + rng.uniform(-0.1, 1.1) * (high - low)
        if len(reach) and rng.random() < 0.2:
            limit = float(rng.choice(reach))
        limit = np.clip(np.rint(limit) if self.whole else limit, 0.0, self.top)
        self.limit = int(limit) if self.whole else float(limit)
        return self

    def holds(self):
        sense = 1.0 if self.at_most else -1.0
        size = np.maximum(np.abs(self.limit), 1e-3)
        return sense * (self.left - self.limit) <= SLACK * size


def payment(fee, tiers, credit, listed, used):
    """What a contract costs at list spends [K]."""
    ends = [start for start, _ in tiers[1:]] + [np.inf]
    due = np.where(used, fee, 0.0)
    for (start, rate), end in zip(tiers, ends, strict=True):
        begin = max(start, credit)
        due = due + rate * np.clip(np.minimum(listed, max(end, begin)) - begin, 0.0, None)
    return due


def demands(world, rng, contracts=None):
    """One demand of every kind, at random places."""
    sellers = sorted({*world.provider, *(f"model-{m}" for m in range(world.uses.shape[1]))})
    some = lambda options: options[int(rng.integers(len(options)))]  # noqa: E731
    scope = some([None, *sorted(set(world.segment))])
    if scope is not None and not (world.times * world.inside(scope)).any():
        scope = None
    period, seller = some([None, *sorted(set(world.period))]), some(sellers)
    chosen = world.models(seller)
    spent, tried = world.spend[:, :, chosen].sum(2), world.attempts[:, :, chosen].sum(2)
    touching = world.uses[:, chosen].any(axis=1)
    everything = world.spend.sum(2)
    where, of_scope = world.inside(scope, period), world.inside(scope)
    ends = "".join(f" in {each}" for each in (scope, period) if each)
    end = f" in {scope}" if scope else ""
    rate = world.mean(world.solve, of_scope)
    outlay = world.total(everything)
    for contract in contracts or ():
        outlay = outlay + contract.payment - contract.listed
    found = [
        Demand(lambda p, b: p.add_budget(b), "budget", outlay),
        Demand(lambda p, r: p.add_floor(r, scope), f"quality floor{end}", rate, False, top=1.0),
        Demand(lambda p, a: p.add_capacity(seller, a), f"capacity of {seller}", world.total(tried)),
        Demand(
            lambda p, a: p.add_commitment(seller, attempts=a),
            f"commitment of attempts to {seller}",
            world.total(tried),
            False,
        ),
        Demand(
            lambda p, a: p.add_commitment(seller, spend=a),
            f"commitment of spend to {seller}",
            world.total(spent),
            False,
        ),
        Demand(
            lambda p, t: p.add_mean_latency(t, scope),
            f"mean latency{end}",
            world.mean(world.latency, of_scope),
        ),
        Demand(
            lambda p, t: p.add_latency_limit(t),
            "latency limit",
            world.picked(world.latency).max(axis=1),
        ),
        Demand(
            lambda p, k: p.limit_models(k),
            "number of models",
            in_use(world, world.uses).astype(float),
            whole=True,
        ),
        Demand(
            lambda p, k: p.limit_plans(k),
            "number of plans",
            in_use(world, np.eye(len(world.uses))[:, world.uses.any(axis=1)] > 0).astype(float),
            whole=True,
        ),
        Demand(
            lambda p, _: p.forbid(seller, segment=scope),
            f"no {seller}{end}",
            touching[world.plans] @ of_scope.astype(float),
        ),
        Demand(
            lambda p, _: p.allow_only([seller], segment=scope),
            f"only {seller}{end}",
            world.uses[:, ~chosen].any(axis=1)[world.plans] @ of_scope.astype(float),
        ),
    ]
    if not contracts:
        found += [
            Demand(
                lambda p, b: p.add_budget(b, scope, provider=seller, period=period),
                f"budget of {seller}{ends}",
                world.total(spent, where),
            ),
            Demand(
                lambda p, b: p.add_budget(b, scope, period=period),
                f"budget{ends}",
                world.total(everything, where),
            ),
        ]
    for of, part, whole in (
        ("spend", world.total(spent), world.total(everything)),
        ("attempts", world.total(tried), world.total(world.attempts.sum(2))),
        ("instances", world.total(touching[None, :]), world.times.sum()),
    ):
        share = np.where(part > 0, part / np.where(whole > 0, whole, 1.0), 0.0)
        ask = lambda p, b, of=of: p.add_share_limit(seller, b, of=of)  # noqa: E731
        found.append(Demand(ask, f"share of {of} to {seller}", share, top=1.0))
    earlier = rng.integers(0, len(world.uses), len(world.times))
    changed = (world.uses[world.plans] != world.uses[earlier]).any(axis=2).sum(axis=1)
    found.append(
        Demand(
            lambda p, d: p.start_from(earlier, max_changes=d),
            "number of changes",
            changed.astype(float),
            whole=True,
        )
    )
    for demand in found:
        demand.place(rng)
        if demand.label.startswith(("no ", "only ")):
            demand.limit = 0.0
    return found


def distinct(found):
    """One demand of every label: a problem takes no two."""
    return list({demand.label: demand for demand in found}.values())


def in_use(world, needing):
    """How many of some things [J, E] the plans of each assignment need, [K]."""
    return needing[world.plans].any(axis=1).sum(axis=1)


@dataclass(eq=False)
class Deal:
    """A contract with its payment and list spend at every assignment, [K]."""

    ask: Callable
    payment: np.ndarray
    listed: np.ndarray


def deals(world, rng):
    """A contract of random terms with every provider."""
    found = []
    for seller in sorted(set(world.provider)):
        models = world.models(seller)
        listed = world.total(world.spend[:, :, models].sum(2))
        used = in_use(world, world.uses[:, models].any(axis=1)[:, None]) > 0
        top = max(listed.max(), 0.1)
        starts = [0.0, *sorted(rng.uniform(0, 1.2 * top, int(rng.integers(0, 3))).tolist())]
        rates = rng.uniform(0, 1.5, len(starts)).round(2).tolist()
        terms = {
            "fee": float(rng.choice([0.0, rng.uniform(0, top)])),
            "tiers": tuple(zip(starts, rates, strict=True)),
            "credit": float(rng.choice([0.0, rng.uniform(0, top)])),
        }
        due = payment(terms["fee"], terms["tiers"], terms["credit"], listed, used)
        ask = lambda p, s=seller, t=terms: p.add_contract(s, **t)  # noqa: E731
        found.append(Deal(ask, due, listed))
    return found


def objective(world, rng, contracts=(), penalty=0.0):
    """A random objective: the problem asking for it, its values [K], and whether to maximise."""
    spend = world.total(world.spend.sum(2))
    for contract in contracts:
        spend = spend + contract.payment - contract.listed
    abstained = world.total(~world.uses.any(axis=1)[None, :])
    share = abstained / len(world.times)
    kind = int(rng.integers(6))
    weightless = any(not (world.times * world.inside(name)).any() for name in set(world.segment))
    problem = world.problem.penalize_abstention(penalty)
    if kind == 1:
        return problem.minimize_spend(), spend + penalty * abstained, False
    if kind in (2, 3, 4):
        prices = {
            2: float(rng.uniform(0, 4)),
            3: {name: float(rng.uniform(0, 4)) for name in set(world.segment)},
            4: rng.uniform(0, 4, len(world.times)),
        }[kind]
        each = (
            np.array([prices[name] for name in world.segment])
            if isinstance(prices, dict)
            else np.broadcast_to(prices, len(world.times))
        )
        revenue = world.total(each[:, None] * world.solve)
        return problem.maximize_profit(prices), revenue - spend - penalty * abstained, True
    if kind == 5 and not weightless:
        rates = [world.mean(world.solve, world.inside(name)) for name in set(world.segment)]
        return problem.maximize_worst_segment(), np.min(rates, axis=0) - penalty * share, True
    return problem.maximize_solve_rate(), world.mean(world.solve) - penalty * share, True


def position(world, assignment):
    """Where an assignment is among those of the world."""
    return int(np.flatnonzero((world.plans == assignment).all(axis=1))[0])


def judge(world, target, asked, contracts=(), gap=1e-6):
    """Solve, and compare with the best of all assignments; return whether it was feasible."""
    problem, values, maximize = target
    for contract in contracts:
        problem = contract.ask(problem)
    for demand in asked:
        problem = demand.ask(problem, demand.limit)
    held = np.ones(len(values), dtype=bool)
    for demand in asked:
        held &= demand.holds()
    if not held.any():
        with pytest.raises(arb.InfeasibleError) as caught:
            problem.solve()
        judge_conflict(caught.value, asked)
        return False
    sign = 1.0 if maximize else -1.0
    best = sign * (sign * values[held]).max()
    result = problem.solve(gap=gap)
    tolerance = gap * abs(best) + 1e-8
    assert result.status == "optimal"
    assert abs(result.objective - best) <= tolerance
    assert sign * result.bound >= sign * best - tolerance
    # What is said about the assignment is so, by the arrays.
    here = position(world, result.assignment)
    assert values[here] == pytest.approx(result.objective, rel=1e-7, abs=1e-8)
    assert result.solve_rate == pytest.approx(world.mean(world.solve)[here], abs=1e-9)
    assert result.spend == pytest.approx(world.total(world.spend.sum(2))[here], abs=1e-9)
    for demand in asked:
        assert demand.holds()[here], demand.label
        if demand.label in result.activity:
            assert result.activity[demand.label] == pytest.approx(demand.left[here], abs=1e-7)
    for contract, paid in zip(contracts, result.payments.values(), strict=True):
        assert paid.payment == pytest.approx(contract.payment[here], abs=1e-7)
        assert paid.list_spend == pytest.approx(contract.listed[here], abs=1e-7)
    assert all(price >= 0 for price in result.shadow_prices.values())
    assert (result.regret() >= -1e-12).all()
    return True


def judge_conflict(error, asked):
    """The conflict is a smallest one, and every limit the nearest that ends it."""
    held = np.array([demand.holds() for demand in asked])
    size = next(
        size
        for size in range(1, len(asked) + 1)
        for subset in itertools.combinations(range(len(asked)), size)
        if not held[list(subset)].all(axis=0).any()
    )
    labels = [demand.label for demand in asked]
    subset = [labels.index(conflict.label) for conflict in error.conflicts]
    assert len(subset) == size
    assert not held[subset].all(axis=0).any()
    for conflict, row in zip(error.conflicts, subset, strict=True):
        demand = asked[row]
        others = held[[other for other in subset if other != row]].all(axis=0)
        reach = demand.left[others]
        needed = reach.min() if demand.at_most else reach.max()
        assert conflict.needed == pytest.approx(needed, rel=1e-6, abs=1e-8), demand.label
        assert conflict.limit == pytest.approx(demand.limit)
        assert conflict.label in str(error)
        assert conflict.unit
