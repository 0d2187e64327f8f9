"""Contract routing: formulation, library and enumeration agree on fees, tiers and credit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arbmodels as arb
from arbmodels.formulations import contract_routing
from arbmodels.formulations.contract_routing import Contract, payments
from formulation_cases import CLOSE, agree, below, best_of, draw, languages, library_best, same

seeds = st.integers(0, 2**32 - 1)
each_language = languages(contract_routing)


def list_spend(case):
    """Every model is its own provider, [N, M + 1, M]."""
    models = case.solve.shape[1]
    return case.spend[:, :, None] * np.eye(models + 1, models)[None]


def random_contracts(seed, case):
    rng = np.random.default_rng(seed)
    contracts = []
    for m in range(case.solve.shape[1]):
        size = case.spend[:, m].sum()
        starts = [0.0, *np.sort(rng.uniform(0.05, 0.8, int(rng.integers(0, 3))) * size)]
        rates = rng.uniform(0.2, 1.5, len(starts))
        fee = rng.uniform(0, 0.3) * size if rng.random() < 0.5 else 0.0
        credit = rng.uniform(0, 0.5) * size if rng.random() < 0.4 else 0.0
        contracts.append(
            Contract(float(fee), tuple(zip(starts, rates, strict=True)), float(credit))
        )
    return tuple(contracts)


def routed(case, contracts, budget, floor):
    problem = case.problem()
    for name, contract in zip(problem.plan_table.models, contracts, strict=True):
        problem = problem.add_contract(
            name, fee=contract.fee, tiers=contract.tiers, credit=contract.credit
        )
    problem = problem.minimize_spend() if budget is None else problem.add_budget(budget)
    return problem if floor is None else problem.add_floor(floor)


@settings(max_examples=30)
@given(seeds, st.integers(1, 4), st.integers(1, 3), st.booleans())
def test_small(solve, seed, instances, models, within):
    case = draw(seed, instances, models)
    contracts, listed = random_contracts(seed, case), list_spend(case)
    choices = case.choices()
    paid = np.array([payments(listed, contracts, choice).sum() for choice in choices])
    solved = case.total(case.value, choices)
    rng = np.random.default_rng(seed)
    if within:
        terms = {"budget": float(rng.uniform(0, 1.0) * paid.max()), "floor": None}
        best = best_of(solved, below(paid, terms["budget"]))
    else:
        terms = {"budget": None, "floor": float(min(rng.uniform(0, 1.1) * solved.max(), 1.0))}
        best = best_of(paid, solved >= terms["floor"] - 1e-9, -1.0)

    def holds(choice):
        if within:
            return below(payments(listed, contracts, choice).sum(), terms["budget"])
        return case.total(case.value, choice) >= terms["floor"] - 1e-7

    def objective(choice):
        if within:
            return case.total(case.value, choice)
        return payments(listed, contracts, choice).sum()

    agree(
        lambda: solve(case.value, listed, contracts, **terms),
        case,
        objective,
        holds,
        best,
        sign=1.0 if within else -1.0,
    )
    same(library_best(routed(case, contracts, **terms)), best)


@settings(max_examples=3)
@given(seeds)
def test_larger(solve, seed):
    case = draw(seed, 25, 3)
    contracts, listed = random_contracts(seed, case), list_spend(case)
    floor = 0.7 * np.nanmax(case.value, axis=1).sum()
    best = library_best(routed(case, contracts, None, floor))
    choice = solve(case.value, listed, contracts, budget=None, floor=floor)
    assert payments(listed, contracts, choice).sum() == pytest.approx(best, rel=CLOSE)
    assert case.total(case.value, choice) >= floor - 1e-7


@pytest.mark.parametrize(
    ("contract", "amounts", "due"),
    [
        (Contract(), [0.0, 3.0], [0.0, 3.0]),
        (Contract(fee=2.0), [0.0, 3.0], [2.0, 5.0]),
        # A discount for volume: 10 at 1.0, then 0.5.
        (Contract(tiers=((0.0, 1.0), (10.0, 0.5))), [4.0, 10.0, 30.0], [4.0, 10.0, 20.0]),
        # The first 5 are prepaid, and end inside the first tier.
        (Contract(credit=5.0, tiers=((0.0, 1.0), (10.0, 0.5))), [4.0, 8.0, 30.0], [0, 3.0, 15.0]),
        # A credit past the first tier.
        (Contract(credit=12.0, tiers=((0.0, 1.0), (10.0, 0.5))), [12.0, 14.0], [0.0, 1.0]),
    ],
)
def test_payments_by_hand(contract, amounts, due):
    assert [contract.payment(a, used=True) for a in amounts] == pytest.approx(due)


def test_a_volume_discount_cannot_be_had_without_the_volume(solve):
    # Alone, each of the two is cheaper elsewhere; together they reach the cheap tier.
    value = np.array([[1.0, 1.0], [1.0, 1.0]])
    listed = np.zeros((2, 2, 2))
    listed[:, 0, 0], listed[:, 1, 1] = 10.0, 7.0
    cheap = Contract(tiers=((0.0, 1.0), (10.0, 0.3)))
    assert solve(value, listed, (cheap, Contract()), budget=None).tolist() == [0, 0]
    dear = Contract(tiers=((0.0, 1.0), (10.0, 0.5)))
    assert solve(value, listed, (dear, Contract()), budget=None).tolist() == [1, 1]


def test_errors(solve):
    case = draw(1)
    listed = list_spend(case)
    with pytest.raises(arb.InputError, match="2 contracts for 3 providers"):
        solve(case.value, listed, (Contract(),) * 2, budget=None)
    with pytest.raises(arb.InputError, match="begin at 0 and go up"):
        Contract(tiers=((1.0, 1.0),))
    with pytest.raises(arb.InputError, match="begin at 0 and go up"):
        Contract(tiers=((0.0, 1.0), (0.0, 2.0)))
    with pytest.raises(arb.InputError, match="fee is -1"):
        Contract(fee=-1.0)
    with pytest.raises(arb.InputError, match="list_spend"):
        solve(case.value, listed - 1.0, (Contract(),) * 3, budget=None)
