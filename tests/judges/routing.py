"""Routing by enumeration of all assignments.

A world is N instances and J plans: one attempt of a model each, and abstaining where it is allowed
(the last plan). An instance of weight w counts N w / sum(w) times. A term says what it limits.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

Term = dict[str, Any]


@dataclass
class World:
    """Arrays [N, J]; ``uses`` [J, M] says which model a plan buys from."""

    solve: np.ndarray
    spend: np.ndarray
    latency: np.ndarray
    uses: np.ndarray
    offered: np.ndarray
    times: np.ndarray
    segment: list[str]
    provider: list[str]
    groups: np.ndarray

    def inside(self, segment: str | None) -> np.ndarray:
        """Instances of a segment, all by default, as 0 and 1."""
        return np.array([segment is None or each == segment for each in self.segment]) * 1.0

    def plans_of(self, seller: str | None) -> np.ndarray:
        """Plans that buy from a model (m0, m1, ..) or a provider; all that buy by default."""
        models = np.array([seller in (None, f"m{m}", name) for m, name in enumerate(self.provider)])
        return self.uses[:, models].any(axis=1)


def world(case: dict[str, Any]) -> World:
    """Read a case: solve, spend, offered, weight, segment, provider, latency, assignment."""
    solve, spend = np.array(case["solve"], float), np.array(case["spend"], float)
    size, width = solve.shape
    offered = (
        np.ones(solve.shape, bool) if case["offered"] is None else np.array(case["offered"], bool)
    )
    latency = np.zeros(solve.shape) if case["latency"] is None else np.array(case["latency"], float)
    uses = np.eye(width) > 0
    solve, spend = np.where(offered, solve, 0.0), np.where(offered, spend, 0.0)
    if case["abstain"]:
        nothing = np.zeros((size, 1))
        solve, spend, latency = (np.hstack([x, nothing]) for x in (solve, spend, latency))
        offered = np.hstack([offered, nothing == 0])
        uses = np.vstack([uses, np.zeros((1, width), bool)])
    weight = np.ones(size) if case["weight"] is None else np.array(case["weight"], float)
    names = {
        "oracle": list(range(size)),
        "per-segment": sorted(set(case["segment"])),
        "single": [0],
    }[case["assignment"]]
    labels = {
        "oracle": list(range(size)),
        "per-segment": case["segment"],
        "single": [0] * size,
    }[case["assignment"]]
    groups = np.array([names.index(each) for each in labels])
    return World(
        solve,
        spend,
        latency,
        uses,
        offered,
        weight * size / weight.sum(),
        case["segment"],
        case["provider"],
        groups,
    )


def assignments(w: World) -> np.ndarray:
    """All assignments of plans on offer to groups: the plan of every instance, [K, N]."""
    count = w.groups.max() + 1
    options = [np.flatnonzero(w.offered[w.groups == g].all(axis=0)) for g in range(count)]
    rows = np.array(list(itertools.product(*options)), dtype=int).reshape(-1, count)
    return rows[:, w.groups]


def _picked(w: World, values: np.ndarray, plans: np.ndarray) -> np.ndarray:
    return np.broadcast_to(values, w.solve.shape)[np.arange(len(w.times)), plans]


def payments(w: World, contracts: list[Term], plans: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What contracts cost in all [K], and the list spend they replace [K]."""
    due, listed = np.zeros(len(plans)), np.zeros(len(plans))
    for contract in contracts:
        covered = w.plans_of(contract["seller"])
        mine = _picked(w, w.spend * covered, plans) @ w.times
        used = covered[plans].any(axis=1)
        due += np.where(used, contract["fee"], 0.0)
        starts = [start for start, _ in contract["tiers"]]
        for (start, rate), end in zip(contract["tiers"], [*starts[1:], np.inf], strict=True):
            begin = max(start, contract["credit"])
            due += rate * np.clip(np.minimum(mine, max(end, begin)) - begin, 0.0, None)
        listed += mine
    return due, listed


def left(w: World, term: Term, plans: np.ndarray, contracts: list[Term]) -> np.ndarray:
    """A term's left-hand side at assignments, [K]."""
    kind = term["kind"]
    here = w.inside(term.get("segment")) * w.times
    mine = w.plans_of(term.get("seller"))
    if kind == "budget":
        total = _picked(w, w.spend * mine, plans) @ here
        if contracts:
            due, listed = payments(w, contracts, plans)
            total = total + due - listed
        return total
    if kind == "robust":
        swing = np.sort(_picked(w, np.array(term["deviation"]), plans) * w.times, axis=1)[:, ::-1]
        room = np.clip(term["gamma"] - np.arange(len(w.times)), 0.0, 1.0)
        return _picked(w, w.spend, plans) @ w.times + swing @ room
    if kind == "floor":
        return _picked(w, w.solve, plans) @ here / here.sum()
    if kind == "mean latency":
        return _picked(w, w.latency, plans) @ here / here.sum()
    if kind == "latency limit":
        return _picked(w, w.latency, plans).max(axis=1)
    if kind in ("capacity", "commitment of attempts"):
        return _picked(w, mine * 1.0, plans) @ w.times
    if kind == "commitment of spend":
        return _picked(w, w.spend * mine, plans) @ w.times
    if kind.startswith("share"):
        measure = w.spend if kind == "share of spend" else np.ones(w.solve.shape)
        every = np.ones(len(mine)) if kind == "share of instances" else w.uses.any(axis=1)
        part = _picked(w, measure * mine, plans) @ w.times
        whole = _picked(w, measure * every, plans) @ w.times
        return np.where(part > 0, part / np.where(whole > 0, whole, 1.0), 0.0)
    if kind == "number of models":
        return np.array([w.uses[row].any(axis=0).sum() for row in plans], float)
    if kind == "number of plans":
        buys = w.uses.any(axis=1)
        return np.array([len(set(row[buys[row]].tolist())) for row in plans], float)
    if kind == "number of changes":
        before = w.uses[np.array(term["earlier"])]
        return (w.uses[plans] != before).any(axis=2).sum(axis=1) * 1.0
    if kind == "no":
        return (mine[plans] * w.inside(term.get("segment"))).sum(axis=1)
    if kind == "only":
        other = w.uses.any(axis=1) & ~mine
        return (other[plans] * w.inside(term.get("segment"))).sum(axis=1)
    raise ValueError(kind)


def at_most(term: Term) -> bool:
    """Whether a term limits from above."""
    return term["kind"] not in ("floor", "commitment of attempts", "commitment of spend")


def holds(term: Term, values: np.ndarray, slack: float, limit: float | None = None) -> np.ndarray:
    """Whether a term holds at left-hand sides, its limit loosened by a relative slack."""
    limit = term["limit"] if limit is None else limit
    sign = 1.0 if at_most(term) else -1.0
    return np.asarray(sign * (values - limit) <= slack * abs(limit))


def objective(case: dict[str, Any], w: World, plans: np.ndarray) -> tuple[np.ndarray, bool]:
    """Values of the objective, [K], and whether more is better."""
    kind = case["objective"][0]
    idle = _picked(w, ~w.uses.any(axis=1) * 1.0, plans) @ w.times
    fine = case["penalty"] * idle
    mean = fine / len(w.times)
    due, listed = payments(w, case["contracts"], plans)
    spend = _picked(w, w.spend, plans) @ w.times + due - listed
    solved = _picked(w, w.solve, plans)
    if kind == "solve_rate":
        return solved @ w.times / len(w.times) - mean, True
    if kind == "spend":
        return spend + fine, False
    if kind == "profit":
        price = np.broadcast_to(np.array(case["objective"][1], float), w.times.shape)
        return solved @ (w.times * price) - spend - fine, True
    rates = [
        solved @ (w.inside(name) * w.times) / (w.inside(name) @ w.times)
        for name in sorted(set(w.segment))
    ]
    return np.min(rates, axis=0) - mean, True
