"""Small random instances on which ``answers(rng)`` compares a solver with enumeration."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np

import arbmodels as arb
from arbmodels.formulations.solving import Choice, FloatArray, Model, solve_for_plans


class Arrays(NamedTuple):
    """Groups [G] and plans [J], the last of which abstains; NaN in value: not offered."""

    value: FloatArray
    spend: FloatArray
    weight: FloatArray


def draw(rng: np.random.Generator, groups: int = 4, plans: int = 3) -> Arrays:
    """Return random solve rates, spends and weights; dear plans solve more on average."""
    weight = rng.dirichlet(np.ones(groups))
    price = np.append(np.sort(rng.exponential(1.0, plans - 1)), 0.0)
    skill = np.append(np.linspace(0.5, 2.0, plans - 1), 0.0)
    solve = rng.beta(np.maximum(skill, 1e-9), 1.0, (groups, plans)) * (skill > 0)
    offered = rng.random((groups, plans)) < 0.85
    offered[:, -1] = True
    spend = price * rng.uniform(0.5, 1.5, (groups, plans))
    return Arrays(np.where(offered, weight[:, None] * solve, np.nan), spend, weight)


def total(array: FloatArray, choice: Choice) -> float:
    """Return what an assignment adds up to, NaN if a pair is not offered."""
    return float(array[np.arange(len(choice)), choice].sum())


def compare(
    shape: tuple[int, ...], score: Callable[[Choice], float], **models: Model
) -> dict[str, float]:
    """Return the best score by every model and by enumeration of all assignments.

    Parameters
    ----------
    shape : (int, int)
        Groups and plans.
    score : callable
        Objective of an assignment, to be maximised; NaN if it breaks a constraint.
    **models : pyomo.environ.ConcreteModel or cvxpy.Problem
        By the name of the way; one that is infeasible is NaN.
    """
    groups, plans = shape
    every = [score(np.array(choice)) for choice in product(range(plans), repeat=groups)]
    feasible = [value for value in every if not np.isnan(value)]
    found = {name: _score_of(model, score) for name, model in models.items()}
    return {**found, "enumeration": max(feasible, default=np.nan)}


def _score_of(model: Model, score: Callable[[Choice], float]) -> float:
    try:
        return score(solve_for_plans(model))
    except arb.InfeasibleError:
        return np.nan


def within(total: float, limit: float) -> bool:
    """Whether a limit is kept up to the solver's tolerance."""
    return total <= limit + 1e-7 * max(abs(limit), 1.0)
