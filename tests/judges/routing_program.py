"""Routing as one plain mixed-integer program for HiGHS: every pair a binary column."""

from __future__ import annotations

from typing import Any

import highspy
import numpy as np

from tests.judges.routing import World, at_most, world


class Program:
    """Columns with costs and bounds, rows with bounds."""

    def __init__(self) -> None:
        self.highs = highspy.Highs()
        self.highs.silent()
        self.highs.setOptionValue("threads", 1)
        self.highs.setOptionValue("mip_rel_gap", 1e-9)
        self.highs.setOptionValue("mip_abs_gap", 0.0)
        self.highs.setOptionValue("primal_feasibility_tolerance", 1e-10)
        self.highs.setOptionValue("mip_feasibility_tolerance", 1e-10)
        self.costs: list[float] = []

    @property
    def count(self) -> int:
        """Columns so far."""
        return len(self.costs)

    def column(self, cost: float, low: float, high: float, *, whole: bool = False) -> int:
        """Add a column; return its position."""
        self.highs.addVar(low, high)
        if whole:
            self.highs.changeColIntegrality(self.count, highspy.HighsVarType.kInteger)
        self.costs.append(cost)
        return self.count - 1

    def row(self, terms: dict[int, float], low: float, high: float) -> None:
        """Add a row, its largest number scaled to one: HiGHS's tolerances are absolute."""
        kept = {k: v for k, v in terms.items() if v}
        size = max([abs(v) for v in kept.values()], default=1.0)
        self.highs.addRow(
            low / size,
            high / size,
            len(kept),
            np.array(list(kept), dtype=np.int32),
            np.array(list(kept.values()), dtype=float) / size,
        )

    def run(self) -> np.ndarray | None:
        """Return the columns of a cheapest solution; None if nothing is feasible."""
        size = max(map(abs, self.costs)) or 1.0
        for column, cost in enumerate(self.costs):
            self.highs.changeColCost(column, cost / size)
        self.highs.run()
        status = self.highs.getModelStatus()
        if status == highspy.HighsModelStatus.kUnbounded:
            # No program here is; presolve errs where columns are dollars by the million.
            self.highs.setOptionValue("presolve", "off")
            self.highs.clearSolver()
            self.highs.run()
            status = self.highs.getModelStatus()
        if status in (
            highspy.HighsModelStatus.kInfeasible,
            highspy.HighsModelStatus.kUnboundedOrInfeasible,
        ):
            return None
        if status != highspy.HighsModelStatus.kOptimal:
            raise RuntimeError(f"HiGHS ended with {status}")
        return np.array(self.highs.getSolution().col_value)


def solve(case: dict[str, Any]) -> np.ndarray | None:
    """Return a best assignment, the plan of every instance, or None if there is none."""
    w = world(case)
    program = Program()
    sign = -1.0 if case["objective"][0] != "spend" else 1.0  # HiGHS minimises
    size, width = w.solve.shape
    groups = range(w.groups.max() + 1)
    gain = sign * _gain(case, w)
    x: dict[tuple[int, int], int] = {}
    for g in groups:
        rows = w.groups == g
        for j in range(width):
            if w.offered[rows, j].all():
                x[g, j] = program.column(float(gain[rows, j].sum()), 0, 1, whole=True)
        program.row({k: 1.0 for (a, _), k in x.items() if a == g}, 1, 1)

    def linear(values: np.ndarray) -> dict[int, float]:
        """The row of values [N, J]."""
        full = np.broadcast_to(values, (size, width))
        return {k: float(full[w.groups == g, j].sum()) for (g, j), k in x.items()}

    if case["objective"][0] == "worst":
        worst = program.column(sign, 0, 1)
        for name in sorted(set(w.segment)):
            here = w.inside(name) * w.times
            row = linear(w.solve * (here / here.sum())[:, None])
            program.row({**row, worst: -1.0}, 0, np.inf)
    paid = _contracts(case, w, program, x, linear, sign)
    for term in case["terms"]:
        _term(case, w, program, x, linear, term, paid)
    found = program.run()
    if found is None:
        return None
    plans = np.empty(size, dtype=int)
    for (g, j), k in x.items():
        if found[k] > 0.5:
            plans[w.groups == g] = j
    return plans


def _gain(case: dict[str, Any], w: World) -> np.ndarray:
    """The objective of every pair, [N, J], contracts and the worst segment apart."""
    kind = case["objective"][0]
    each = w.times[:, None]
    idle = case["penalty"] * (~w.uses.any(axis=1))[None, :] * each
    covered = np.zeros(len(w.uses), bool)
    for contract in case["contracts"]:
        covered |= w.plans_of(contract["seller"])
    spend = w.spend * each * ~covered
    if kind == "solve_rate":
        return (w.solve * each - idle) / len(w.times)
    if kind == "spend":
        return spend + idle
    if kind == "profit":
        price = np.broadcast_to(np.array(case["objective"][1], float), w.times.shape)
        return w.solve * each * price[:, None] - spend - idle
    return -idle / len(w.times)


def _contracts(case, w, program, x, linear, sign):
    """Payments as columns: returns the coefficients of what is paid beyond list spend."""
    money = sign if case["objective"][0] == "spend" else -sign
    if case["objective"][0] not in ("spend", "profit"):
        money = 0.0
    paid: dict[int, float] = {}
    for contract in case["contracts"]:
        covered = w.plans_of(contract["seller"])
        listed = linear(w.spend * covered * w.times[:, None])
        most = float((w.spend * covered * w.times[:, None]).max(axis=1).sum()) + 1.0
        fee = program.column(money * contract["fee"], 0, 1, whole=True)
        paid[fee] = contract["fee"]
        for (_, j), k in x.items():
            if covered[j]:
                program.row({k: 1.0, fee: -1.0}, -np.inf, 0)
        # One binary says in which piece the list spend lies; its payment is linear there.
        cuts = sorted({*(start for start, _ in contract["tiers"]), contract["credit"], 0.0})
        cuts = [c for c in cuts if c < most]
        chosen, amounts = [], []
        due = 0.0
        for start, end in zip(cuts, [*cuts[1:], most], strict=True):
            rate = 0.0
            if start >= contract["credit"]:
                rate = next(r for s, r in reversed(contract["tiers"]) if s <= start)
            inside = program.column(money * (due - rate * start), 0, 1, whole=True)
            amount = program.column(money * rate, 0, np.inf)
            paid[inside], paid[amount] = due - rate * start, rate
            program.row({amount: 1.0, inside: -start}, 0, np.inf)
            program.row({amount: 1.0, inside: -end}, -np.inf, 0)
            chosen.append(inside)
            amounts.append(amount)
            due += rate * (end - start)
        program.row(dict.fromkeys(chosen, 1.0), 1, 1)
        program.row({**listed, **dict.fromkeys(amounts, -1.0)}, 0, 0)
    return paid


def _term(case, w, program, x, linear, term, paid):
    kind, limit = term["kind"], float(term["limit"])
    low, high = (-np.inf, limit) if at_most(term) else (limit, np.inf)
    here = w.inside(term.get("segment")) * w.times
    mine = w.plans_of(term.get("seller"))
    each, inside = w.times[:, None], here[:, None]
    buys = w.uses.any(axis=1)
    if kind == "budget":
        covered = np.zeros(len(w.uses), bool)
        for contract in case["contracts"]:
            covered |= w.plans_of(contract["seller"])
        row = linear(w.spend * mine * inside * ~covered)
        program.row({**row, **paid}, low, high)
    elif kind == "robust":
        # The compact counterpart of Bertsimas and Sim.
        swing = np.array(term["deviation"]) * each
        theta = program.column(0.0, 0, np.inf)
        row = {**linear(w.spend * each), theta: float(term["gamma"])}
        for i in range(len(w.times)):
            extra = program.column(0.0, 0, np.inf)
            only = np.zeros((len(w.times), 1))
            only[i] = 1.0
            program.row(
                {**{k: -v for k, v in linear(swing * only).items()}, theta: 1.0, extra: 1.0},
                0,
                np.inf,
            )
            row[extra] = 1.0
        program.row(row, low, high)
    elif kind == "floor":
        program.row(linear(w.solve * inside / here.sum()), low, high)
    elif kind == "mean latency":
        program.row(linear(w.latency * inside / here.sum()), low, high)
    elif kind == "latency limit":
        for (g, j), k in x.items():
            if (w.latency[w.groups == g, j] > limit).any():
                program.row({k: 1.0}, 0, 0)
    elif kind in ("capacity", "commitment of attempts"):
        program.row(linear(mine * each), low, high)
    elif kind == "commitment of spend":
        program.row(linear(w.spend * mine * each), low, high)
    elif kind.startswith("share"):
        measure = w.spend if kind == "share of spend" else np.ones(w.solve.shape)
        every = np.ones(len(mine)) if kind == "share of instances" else buys
        program.row(linear(measure * each * (mine - limit * every)), -np.inf, 0)
    elif kind in ("number of models", "number of plans"):
        needs = w.uses if kind == "number of models" else np.diag(buys)[:, buys]
        columns = [program.column(0.0, 0, 1, whole=True) for _ in range(needs.shape[1])]
        for (_, j), k in x.items():
            for e, column in enumerate(columns):
                if needs[j, e]:
                    program.row({k: 1.0, column: -1.0}, -np.inf, 0)
        program.row(dict.fromkeys(columns, 1.0), -np.inf, limit)
    elif kind == "number of changes":
        before = w.uses[np.array(term["earlier"])]
        changed = (w.uses[None, :, :] != before[:, None, :]).any(axis=2)
        program.row(linear(changed * 1.0), -np.inf, limit)
    elif kind in ("no", "only"):
        wrong = mine if kind == "no" else buys & ~mine
        there = w.inside(term.get("segment")) > 0
        for (g, j), k in x.items():
            if wrong[j] and there[w.groups == g].any():
                program.row({k: 1.0}, 0, 0)
    else:
        raise ValueError(kind)
