"""The errors of arbmodels: what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ArbModelsError(Exception):
    """Base of every error raised on purpose by arbmodels."""


class InputError(ArbModelsError, ValueError):
    """An argument or an input file that cannot be used; the text says why and what to do."""


class DataError(InputError):
    """All the problems found in one data source, reported together.

    Parameters
    ----------
    source : str
        The folder, file or object that was read.
    problems : sequence of str
        One line per problem, each with its place (file and line, or instance and model).
    remedy : str
        What to do.
    """

    #: How many problems are printed; the rest stay in ``problems``.
    SHOWN = 20

    def __init__(self, source: str, problems: Sequence[str], remedy: str) -> None:
        self.source = source
        self.problems = tuple(problems)
        self.remedy = remedy
        shown = list(self.problems[: self.SHOWN])
        if len(self.problems) > self.SHOWN:
            shown.append(f"... and {len(self.problems) - self.SHOWN} more")
        count = len(self.problems)
        head = f"{source}: {count} problem{'s' if count != 1 else ''} found"
        super().__init__("\n  ".join([head, *shown]) + f"\n{remedy}")

    def __reduce__(self) -> tuple[type[DataError], tuple[str, tuple[str, ...], str]]:
        """Survive the way from a worker: an exception is otherwise remade from its text."""
        return type(self), (self.source, self.problems, self.remedy)


class DownloadError(ArbModelsError):
    """A public data set could not be fetched or did not have the expected checksum."""


class WorkerError(ArbModelsError):
    """Processes that share the work died again and again; the text says at which task."""


class SolverError(ArbModelsError):
    """HiGHS did not return a usable answer; the text carries its status."""


@dataclass(frozen=True)
class Conflict:
    """One constraint of a smallest conflicting set.

    Attributes
    ----------
    label : str
        The constraint, as in the result's shadow prices.
    limit : float
        What was asked for, in ``unit``.
    needed : float
        The nearest limit at which the set stops conflicting if the others are held, or one that is
        enough if the nearest was not found in time (the message says so); NaN if none was.
    unit : str
    """

    label: str
    limit: float
    needed: float
    unit: str


class InfeasibleError(ArbModelsError):
    """No assignment satisfies every constraint; the text names a smallest conflicting set.

    Parameters
    ----------
    message : str
    conflicts : sequence of Conflict
        A conflicting set with as few constraints as possible; empty if it could not be found in
        the time allowed.

    References
    ----------
    Chinneck, Dravnieks, *Locating minimal infeasible constraint sets in linear programs*, ORSA
    Journal on Computing 3 (1991).
    """

    def __init__(self, message: str, conflicts: Sequence[Conflict] = ()) -> None:
        self.conflicts = tuple(conflicts)
        super().__init__(message)
