"""Whether a formulation states what it must, and two ways of solving it agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from arbmodels.display import Displayed, TextTable
from arbmodels.errors import InfeasibleError, InputError
from arbmodels.registry.find import Formulation, find

#: How far two optimal values may be apart, relative to the larger (or to 1e-3).
TOLERANCE = 2e-6


@dataclass(frozen=True, repr=False)
class Check(Displayed):
    """What a check of one formulation found.

    Attributes
    ----------
    name : str
    instances : int
        Random instances on which the ways were compared.
    feasible : int
        How many of them have a solution.
    ways : tuple of str
        The ways of solving that were compared.
    largest_difference : float
        Between two ways, relative to the larger value; NaN where nothing was compared.
    seconds : float
    problems : tuple of str
        Empty if the formulation passes.
    """

    name: str
    instances: int
    feasible: int
    ways: tuple[str, ...]
    largest_difference: float
    seconds: float
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.problems

    def table(self) -> TextTable:
        """Return the check as a table."""
        rows = [
            ("ways of solving", ", ".join(self.ways) or "–"),
            ("instances (with a solution)", f"{self.instances} ({self.feasible})"),
            ("largest relative difference", f"{self.largest_difference:.1e}"),
            ("time [s]", f"{self.seconds:.2f}"),
            *(("problem", problem) for problem in self.problems),
        ]
        verdict = "passes" if self.passed else "does not pass"
        return TextTable(f"{self.name} {verdict}", ("check", "found"), rows)


def check(name: str | Path | Formulation, *, instances: int = 8, seed: int = 0) -> Check:
    """Check one formulation.

    Its docstring must state sets, parameters with units, variables, objective, constraints and
    size. Its module must have a function ``answers(rng)`` that draws one small random instance and
    returns its optimal value by at least two ways that share no solver code, such as
    ``{"pyomo": 1.5, "enumeration": 1.5}``, NaN where a way finds it infeasible (or
    :class:`InfeasibleError` if all do). The values must agree on every instance, and at least half
    of the instances must have a solution, not all with the same value.

    Parameters
    ----------
    name : str, Path or Formulation
        A registered name or a file.
    instances : int
        At least 2.
    seed : int
        Of the random instances.

    Returns
    -------
    Check

    Raises
    ------
    InputError
        If there is no such formulation or it cannot be imported.
    """
    if instances < 2:
        raise InputError(f"instances is {instances}; give at least 2.")
    formulation = name if isinstance(name, Formulation) else find(name)
    problems = formulation.sections.problems()
    answers = getattr(formulation.load(), "answers", None)
    if not callable(answers):
        problems.append("The module has no function answers(rng) that solves a small instance.")
        return Check(formulation.name, 0, 0, (), math.nan, 0.0, tuple(problems))
    begun = perf_counter()
    compared, found = _compare(answers, instances, seed)
    seconds = perf_counter() - begun
    problems += found
    values = [next(iter(each.values())) for each in compared if _feasible(each)]
    if not found:
        if len(values) < instances / 2:
            problems.append(f"Only {len(values)} of {instances} instances have a solution.")
        elif len({round(value, 9) for value in values}) < 2:
            problems.append("Every instance has the same value, so that nothing is compared.")
    largest = max((_difference(each) for each in compared if _feasible(each)), default=math.nan)
    ways = tuple(dict.fromkeys(way for each in compared for way in each))
    return Check(formulation.name, instances, len(values), ways, largest, seconds, tuple(problems))


def _compare(
    answers: Callable[[np.random.Generator], Mapping[str, float]], instances: int, seed: int
) -> tuple[list[dict[str, float]], list[str]]:
    """Return the values of every instance, and what is wrong with them."""
    compared: list[dict[str, float]] = []
    problems = []
    for number in range(instances):
        try:
            drawn = answers(np.random.default_rng((seed, number)))
        except InfeasibleError:
            continue
        except Exception as error:
            problems.append(f"Instance {number}: {type(error).__name__}: {error}")
            continue
        values = {way: float(value) for way, value in drawn.items()}
        if len(values) < 2:
            return compared, [f"answers(rng) solves in {len(values)} way; two are compared."]
        compared.append(values)
        if not _agree(values):
            stated = ", ".join(f"{way} {value:.9g}" for way, value in values.items())
            problems.append(f"Instance {number}: the ways disagree: {stated}.")
    return compared, problems


def _feasible(values: Mapping[str, float]) -> bool:
    return all(math.isfinite(value) for value in values.values())


def _agree(values: Mapping[str, float]) -> bool:
    if not _feasible(values):
        return all(math.isnan(value) for value in values.values())
    return _difference(values) <= TOLERANCE


def _difference(values: Mapping[str, float]) -> float:
    low, high = min(values.values()), max(values.values())
    return (high - low) / max(abs(low), abs(high), 1e-3)
