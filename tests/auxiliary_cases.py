"""Random programs with auxiliary variables, and oracles that enumerate assignments."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import sparse

from arbmodels._assignment import Arrays, AssignmentProgram, AuxiliaryVariables, Block
from arbmodels._assignment.program import dense, offered

INF = np.inf


def auxiliary_of(columns, *, integer=True, rows=0, plans=1, **given):
    """Auxiliary variables between zero and one that do nothing but for what is given."""
    fields = {
        "names": tuple(f"y{e}" for e in range(columns)),
        "objective": np.zeros(columns),
        "coupling": np.zeros((rows, columns)),
        "lower": np.zeros(columns),
        "upper": np.ones(columns),
        "integer": np.full(columns, integer),
        "needs": np.zeros((plans, columns), dtype=bool),
        "matrix": np.zeros((0, columns)),
        "row_lower": np.zeros(0),
        "row_upper": np.zeros(0),
        **given,
    }
    matrix = np.asarray(fields["matrix"], dtype=float).reshape(-1, columns)
    return AuxiliaryVariables(**{**fields, "matrix": sparse.csr_array(matrix)})


def random_block(rng, groups, plans, *, ties=False, missing=0.0, classes=1, weights=False):
    """Two quantities; with ties, small whole numbers; some pairs are not offered."""
    shape = (groups, plans)
    quantities = [
        rng.integers(0, 4, shape).astype(float) if ties else rng.random(shape) for _ in range(2)
    ]
    known = rng.random(shape) >= missing
    known[np.arange(groups), rng.integers(0, plans, groups)] = True
    for quantity in quantities:
        quantity[~known] = np.nan
    return Block(
        0,
        tuple(quantities),
        rng.integers(0, classes, groups) if classes > 1 else None,
        rng.integers(0, 4, groups).astype(float) if weights else None,
        known if missing else None,
    )


def random_program(seed, groups=4, plans=3, columns=3, rows=1, *, ties=False, abstain=False):
    """Fees, needs of any kind, at most so many columns at one; whole numbers up to three."""
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(1, 3))
    missing = float(rng.choice([0.0, 0.3]))
    block = random_block(
        rng, groups, plans, ties=ties, missing=missing, classes=classes, weights=rng.random() < 0.3
    )
    every = plans + abstain
    objective, coupling = np.zeros((3, classes, every)), np.zeros((rows, 3, classes, every))
    objective[1] = 1.0
    objective[0] = rng.normal(0, 0.2, (classes, every)) * (rng.random() < 0.3)
    coupling[:, 2] = rng.choice([-1.0, 0.0, 1.0], (rows, classes, every), p=[0.1, 0.2, 0.7])
    coupling[:, 0] = 0.3 * rng.integers(0, 2, (rows, classes, every)) * (rng.random() < 0.3)
    maximize = bool(rng.random() < 0.6)
    sign = 1.0 if maximize else -1.0
    binary = rng.random(columns) < 0.85
    needs = (rng.random((every, columns)) < 0.45) & binary
    needs[plans:] = False
    fees = rng.integers(0, 4, columns) * 0.25 * (rng.random() < 0.7)
    matrix = np.ones((1, columns))
    auxiliary = auxiliary_of(
        columns,
        rows=rows,
        plans=every,
        objective=-sign * fees,
        coupling=rng.choice([-0.5, 0.0, 0.0, 0.5], (rows, columns)),
        upper=np.where(binary, 1.0, 3.0),
        needs=needs,
        matrix=matrix,
        row_lower=np.array([-INF if rng.random() < 0.8 else 1.0]),
        row_upper=np.array([float(rng.integers(1, columns + 1))]),
    )
    forbidden = None
    if rng.random() < 0.3:
        forbidden = rng.random((classes, every)) < 0.2
    program = AssignmentProgram(
        Arrays(block),
        objective,
        coupling,
        rng.choice([-1.0, 1.0], rows),
        np.zeros(rows),
        maximize,
        forbidden,
        auxiliary,
    )
    scale = np.nansum(block.quantities[1]) / plans
    return AssignmentProgram(
        **{**vars(program), "limits": rng.uniform(-0.2, 1.2, rows) * scale * program.sense}
    )


def pairs(program):
    """Objective [G, J], rows [R, G, J] and offered pairs, written out with weights."""
    block = program.source.block
    weights = np.ones(block.size) if block.weights is None else block.weights
    value = weights[:, None] * dense(block, program.objective)
    rows = [weights[:, None] * dense(block, row) for row in program.rows]
    return value, rows, offered(block, program.plans, program.forbidden)


def enumerate_best(program):
    """Return the best objective over all assignments and integer variables; None if infeasible."""
    auxiliary = program.auxiliary
    value, rows, allowed = pairs(program)
    options = [np.flatnonzero(each) for each in allowed]
    if not all(len(each) for each in options):
        return None
    choices = np.array(np.meshgrid(*options, indexing="ij")).reshape(program.groups, -1).T
    every = np.arange(program.groups)
    worth = value[every, choices].sum(axis=1)
    use = [row[every, choices].sum(axis=1) for row in rows]
    ranges = [
        range(int(a), int(b) + 1) for a, b in zip(auxiliary.lower, auxiliary.upper, strict=True)
    ]
    best = None
    for point in product(*ranges):
        y = np.array(point, dtype=float)
        inside = auxiliary.matrix @ y
        if (inside < auxiliary.row_lower - 1e-9).any() or (
            inside > auxiliary.row_upper + 1e-9
        ).any():
            continue
        held = ~(auxiliary.needs & (y < 0.5)).any(axis=1)[choices].any(axis=1)
        for r, left in enumerate(use):
            total = left + auxiliary.coupling[r] @ y
            held &= program.sense[r] * (total - program.limits[r]) <= 1e-9
        if held.any():
            reached = program.sign * worth[held].max() if program.maximize else -worth[held].min()
            reached += program.sign * float(auxiliary.objective @ y)
            best = reached if best is None else max(best, reached)
    return None if best is None else program.sign * best


@dataclass(frozen=True)
class Contract:
    """What a provider charges for list spend: a fee if used, then marginal rates from amounts."""

    fee: float
    starts: tuple[float, ...]
    rates: tuple[float, ...]

    def payment(self, spend, used):
        """What has to be paid."""
        ends = (*self.starts[1:], INF)
        total = np.where(used, self.fee, 0.0)
        for start, end, rate in zip(self.starts, ends, self.rates, strict=True):
            total = total + rate * np.clip(spend - start, 0.0, end - start)
        return total


def contract_program(seed, groups=5, plans=4, *, floor=False):
    """Two providers with contracts: spend in plan j counts at provider j % 2; plan 0 is free.

    Maximise value within a budget of payments, or minimise payments above a floor of value.
    """
    rng = np.random.default_rng(seed)
    contracts = []
    for _ in range(2):
        tiers = int(rng.integers(1, 4))
        starts = (0.0, *np.cumsum(rng.uniform(0.2, 1.0, tiers - 1)))
        rates = rng.uniform(0.2, 1.5, tiers)
        rates = np.sort(rates) if rng.random() < 0.4 else np.sort(rates)[::-1]
        if rng.random() < 0.3:
            rates[0] = 0.0  # prepaid credit
        contracts.append(Contract(float(rng.choice([0.0, 0.3])), starts, tuple(rates)))
    block = random_block(rng, groups, plans)
    most = float(block.quantities[1].sum())
    provider = np.arange(plans) % 2
    sizes = [len(contract.starts) for contract in contracts]
    first = np.cumsum([0, *(2 * size for size in sizes)])
    columns = int(first[-1])
    payment, lower, upper = np.zeros(columns), [], []
    objective = np.zeros((3, 1, plans))
    coupling = np.zeros((3, 3, 1, plans))
    beside = np.zeros((3, columns))
    needs = np.zeros((plans, columns), dtype=bool)
    integer = np.zeros(columns, dtype=bool)
    top = np.zeros(columns)
    matrix = []
    for p, contract in enumerate(contracts):
        size = sizes[p]
        open_, amount = first[p] + np.arange(size), first[p] + size + np.arange(size)
        integer[open_], top[open_] = True, 1.0
        payment[open_[0]] = contract.fee
        payment[amount] = contract.rates
        using = (provider == p) & (np.arange(plans) > 0)
        needs[using, open_[0]] = True
        coupling[1 + p, 2, 0, using] = 1.0
        beside[1 + p, amount] = -1.0
        ends = (*contract.starts[1:], contract.starts[-1] + most)
        for t in range(size):
            width = ends[t] - contract.starts[t]
            top[amount[t]] = width
            row = np.zeros(columns)
            row[amount[t]], row[open_[t]] = 1.0, -width
            lower.append(-INF), upper.append(0.0), matrix.append(row)
            if t + 1 < size:
                row = np.zeros(columns)
                row[amount[t]], row[open_[t + 1]] = 1.0, -width
                lower.append(0.0), upper.append(INF), matrix.append(row)
    reach = rng.uniform(0.1, 0.9)
    value_row = np.zeros((3, 1, plans))
    value_row[1] = 1.0
    if floor:
        coupling[0] = value_row
        limit, sense, own = reach * block.quantities[0].max(axis=1).sum(), -1.0, payment
    else:
        objective, beside[0] = value_row, payment
        limit, sense, own = reach * most / plans, 1.0, np.zeros(columns)
    auxiliary = auxiliary_of(
        columns,
        plans=plans,
        objective=own,
        coupling=beside,
        upper=top,
        integer=integer,
        needs=needs,
        matrix=np.array(matrix),
        row_lower=np.array(lower),
        row_upper=np.array(upper),
    )
    program = AssignmentProgram(
        Arrays(block),
        objective,
        coupling,
        np.array([sense, 1.0, 1.0]),
        np.array([limit, 0.0, 0.0]),
        not floor,
        None,
        auxiliary,
    )
    return program, contracts


def enumerate_contracts(program, contracts):
    """The best objective over all assignments, with payments by their definition."""
    block = program.source.block
    plans = program.plans
    choices = np.array(np.meshgrid(*[range(plans)] * program.groups, indexing="ij"))
    choices = choices.reshape(program.groups, -1).T
    every = np.arange(program.groups)
    value = block.quantities[0][every, choices].sum(axis=1)
    paid = np.zeros(len(choices))
    for p, contract in enumerate(contracts):
        using = (choices % 2 == p) & (choices > 0)
        spend = np.where(using, block.quantities[1][every, choices], 0.0).sum(axis=1)
        paid = paid + contract.payment(spend, using.any(axis=1))
    if program.maximize:
        held = paid <= program.limits[0] + 1e-9
        return value[held].max() if held.any() else None
    held = value >= program.limits[0] - 1e-9
    return paid[held].min() if held.any() else None


def menu_program(groups, models, *, most, fee, share=0.3, seed=0):
    """Maximise value over models and abstaining, within a budget that fees count towards."""
    rng = np.random.default_rng(seed)
    price = 0.02 * np.exp(rng.normal(0, 0.7, models))
    difficulty = rng.normal(0, 1, (groups, 1))
    skill = rng.normal(0, 1.5, (3, models))[rng.integers(0, 3, groups)]
    value = 1 / (1 + np.exp(difficulty - skill + rng.normal(0, 0.7, (groups, models))))
    spend = price * np.exp(0.3 * difficulty + rng.normal(0, 0.3, (groups, models)))
    budget = share * float(spend[np.arange(groups), value.argmax(axis=1)].sum())
    objective, rows = np.zeros((3, 1, models + 1)), np.zeros((1, 3, 1, models + 1))
    objective[1, 0, :models] = rows[0, 2, 0, :models] = 1.0
    auxiliary = auxiliary_of(
        models,
        plans=models + 1,
        coupling=(fee * budget * np.exp(rng.normal(0, 0.5, models)))[None],
        needs=np.eye(models + 1, models, dtype=bool),
        matrix=np.ones((1, models)),
        row_lower=np.array([-INF]),
        row_upper=np.array([float(most)]),
    )
    return AssignmentProgram(
        Arrays(Block(0, (value, spend))),
        objective,
        rows,
        np.ones(1),
        np.array([budget]),
        True,
        None,
        auxiliary,
    )
