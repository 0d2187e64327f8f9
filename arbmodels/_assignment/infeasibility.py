"""Why a program has no solution: a smallest conflicting set of its rows.

A set of rows conflicts exactly when it meets the complement of every set of rows that can be
satisfied together. So a smallest conflicting set is a smallest set that meets all these
complements, and a few of them are enough (implicit hitting sets; Ignatiev, Previti, Liffiton,
Marques-Silva 2015, "Smallest MUS extraction with minimal hitting set dualization").
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
from scipy import sparse

from arbmodels._solver import Program, solve
from arbmodels.errors import SolverError


def smallest_conflict(
    satisfiable: Callable[[frozenset[int]], frozenset[int] | None], count: int
) -> frozenset[int]:
    """Return a conflicting set of rows of minimum cardinality.

    Parameters
    ----------
    satisfiable : callable
        Takes a set of rows; returns all the rows that some solution satisfying these satisfies,
        or None if there is no such solution. The set of all rows must give None. It may raise
        SolverError where it cannot tell.
    count : int
        Number of rows.

    Raises
    ------
    SolverError
        If all rows turn out to be satisfiable, or it cannot be told whether a set that matters is.

    Examples
    --------
    Rows 0 and 2 exclude each other.

    >>> sorted(smallest_conflict(lambda rows: None if {0, 2} <= rows else rows, 4))
    [0, 2]
    """
    complements: list[frozenset[int]] = []
    for row in range(count):  # one alone is the usual reason, and quickly told
        with suppress(SolverError):
            together = satisfiable(frozenset({row}))
            if together is None:
                nothing = frozenset[int]()
                return nothing if satisfiable(nothing) is None else frozenset({row})
            complements.append(frozenset(range(count)) - together)
    complements = [each for each in complements if each]
    while True:
        candidate = _smallest_hitting_set(complements, count)
        together = satisfiable(candidate)
        if together is None:
            return candidate
        for row in range(count):
            if row not in together:
                # A larger set only makes the search shorter.
                with suppress(SolverError):
                    together = satisfiable(together | {row}) or together
        if len(together) == count:
            raise SolverError(
                "The rows conflict by no more than the solver's tolerance; loosen a limit by a"
                " share of 1e-8."
            )
        complements.append(frozenset(range(count)) - together)


def some_conflict(
    satisfiable: Callable[[frozenset[int]], frozenset[int] | None], count: int
) -> frozenset[int]:
    """Return a conflicting set of rows, as small as it is easily told: each row is left out once.

    Parameters are those of :func:`smallest_conflict`; a row stays where it cannot be told.
    """
    conflict = frozenset(range(count))
    for row in range(count):
        with suppress(SolverError):
            if satisfiable(conflict - {row}) is None:
                conflict -= {row}
    return conflict


def _smallest_hitting_set(sets: list[frozenset[int]], count: int) -> frozenset[int]:
    if not sets:
        return frozenset()
    member = np.array([[row in each for row in range(count)] for each in sets], dtype=float)
    solution = solve(
        Program(
            np.ones(count),
            sparse.csr_array(member),
            np.ones(len(sets)),
            np.full(len(sets), np.inf),
            np.zeros(count),
            np.ones(count),
            np.ones(count, dtype=bool),
        ),
        gap=0.0,
    )
    return frozenset(np.flatnonzero(solution.x > 0.5).tolist())
