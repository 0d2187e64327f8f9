"""The one place that calls HiGHS: arrays in, arrays out, every status checked."""

from __future__ import annotations

import errno
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import current_thread, main_thread
from time import perf_counter
from typing import Any, Literal

import highspy
import numpy as np
import numpy.typing as npt
from scipy import sparse

from arbmodels.errors import SolverError

FloatArray = npt.NDArray[np.float64]

#: "time limit", "interrupted": the best solution so far, not proven optimal.
Status = Literal["optimal", "time limit", "interrupted", "infeasible", "unbounded"]

#: Absolute tolerance on rows, bounds and integrality. Scale rows to entries of order one.
TOLERANCE = 1e-9
#: Smaller entries of the matrix are refused; HiGHS would drop them with a warning.
SMALLEST_COEFFICIENT = 1e-12

_STATUS: dict[highspy.HighsModelStatus, Status] = {
    highspy.HighsModelStatus.kOptimal: "optimal",
    highspy.HighsModelStatus.kModelEmpty: "optimal",
    highspy.HighsModelStatus.kTimeLimit: "time limit",
    highspy.HighsModelStatus.kInterrupt: "interrupted",
    highspy.HighsModelStatus.kInfeasible: "infeasible",
    highspy.HighsModelStatus.kUnbounded: "unbounded",
}


class _QuietHighs(highspy.Highs):
    """HiGHS without its banner, which the constructor prints when it enables callbacks."""

    def enableCallbacks(self) -> None:  # noqa: N802
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, eq=False)
class Program:
    r"""A linear or mixed-integer program.

    .. math:: \min \text{ or } \max c^\top x \quad \text{s.t.} \quad
              l \le A x \le u, \quad x_l \le x \le x_u, \quad x_k \in \mathbb{Z} \; (k \in I)

    Parameters
    ----------
    cost : float array [n]
    matrix : scipy.sparse matrix [m, n]
    row_lower, row_upper : float array [m]
        Infinite where a row has no such side.
    column_lower, column_upper : float array [n]
    integer : bool array [n], optional
        Which columns are whole numbers; none by default (a linear program).
    maximize : bool
    """

    cost: FloatArray
    matrix: sparse.csr_array
    row_lower: FloatArray
    row_upper: FloatArray
    column_lower: FloatArray
    column_upper: FloatArray
    integer: npt.NDArray[np.bool_] | None = None
    maximize: bool = False

    def __post_init__(self) -> None:
        rows, columns = self.matrix.shape
        problems = [
            f"{name} has shape {np.shape(getattr(self, name))}, expected ({length},)"
            for length, names in (
                (columns, ("cost", "column_lower", "column_upper", "integer")),
                (rows, ("row_lower", "row_upper")),
            )
            for name in names
            if getattr(self, name) is not None and np.shape(getattr(self, name)) != (length,)
        ]
        if not np.isfinite(self.cost).all() or not np.isfinite(self.matrix.data).all():
            problems.append("cost and matrix must be finite")
        if any(
            np.isnan(side).any()
            for side in (self.row_lower, self.row_upper, self.column_lower, self.column_upper)
        ):
            problems.append("a bound is NaN")
        if problems:
            raise SolverError(
                "The program cannot be passed to HiGHS: "
                + "; ".join(problems)
                + "; mend the arrays."
            )


@dataclass(frozen=True, eq=False)
class Solution:
    """What HiGHS returned.

    Attributes
    ----------
    status : str
        One of ``Status``.
    x : float array [n]
        Empty when infeasible or unbounded.
    objective, bound : float
        Value of ``x``, and the proven bound on the best value; NaN without a solution.
    gap : float
        |bound - objective| / max(abs(objective), 1e-12).
    row_dual : float array [m] or None
        Change of the objective per unit of the row's right-hand side; linear programs only.
    time : float
        Seconds, passing the arrays included.
    """

    status: Status
    x: FloatArray
    objective: float
    bound: float
    gap: float
    row_dual: FloatArray | None
    time: float


def solve(
    program: Program,
    *,
    gap: float = 1e-6,
    time_limit: float = 60.0,
    threads: int = 1,
    seed: int = 0,
    keep: bool = False,
) -> Solution:
    """Solve a program with HiGHS; the same arrays give the same answer every time.

    Parameters
    ----------
    program : Program
    gap : float
        Relative gap at which an integer program may stop.
    time_limit : float
        Seconds. HiGHS looks at its clock between steps, so large programs overrun it.
    threads, seed : int
    keep : bool
        Return the best solution so far of an integer program that is interrupted (Ctrl-C).

    Raises
    ------
    SolverError
        If HiGHS rejects the program, or stops without a solution; the text carries its status.

    Examples
    --------
    >>> one_row = sparse.csr_array([[1.0, 1.0]])
    >>> solve(Program(np.array([3.0, 2.0]), one_row, np.array([-np.inf]), np.array([1.5]),
    ...               np.zeros(2), np.ones(2), maximize=True)).x.tolist()
    [1.0, 0.5]
    """
    start = perf_counter()
    options = {
        "threads": int(threads),
        "random_seed": int(seed),
        "time_limit": float(time_limit),
        "mip_rel_gap": float(gap),
        "mip_abs_gap": 0.0,  # the default, 1e-6, would end small objectives early
        "mip_feasibility_tolerance": TOLERANCE,
        "primal_feasibility_tolerance": TOLERANCE,
        "dual_feasibility_tolerance": TOLERANCE,
        "small_matrix_value": SMALLEST_COEFFICIENT,
    }
    highs, status = _run(program, options, keep=keep)
    if status in (
        highspy.HighsModelStatus.kUnboundedOrInfeasible,
        highspy.HighsModelStatus.kSolveError,
    ):
        # Presolve could not tell which, or led to a point that misses the tolerance once it is
        # undone; the simplex method on the program as it is does neither.
        highs, status = _run(program, {**options, "presolve": "off"}, keep=keep)
    if status not in _STATUS:
        raise SolverError(_stopped(highs, status))
    if _STATUS[status] in ("infeasible", "unbounded"):
        nothing, nan = np.empty(0), float("nan")
        return Solution(_STATUS[status], nothing, nan, nan, nan, None, perf_counter() - start)
    info, solution = highs.getInfo(), highs.getSolution()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        raise SolverError(
            f"HiGHS stopped with status {highs.modelStatusToString(status)!r} and no feasible"
            f" solution after {perf_counter() - start:.1f} s; raise time_limit."
        )
    x = np.array(solution.col_value)
    objective = float(program.cost @ x)
    linear = program.integer is None
    proven = objective if _STATUS[status] == "optimal" else float("nan")
    bound = proven if linear else float(info.mip_dual_bound)
    return Solution(
        _STATUS[status],
        x,
        objective,
        bound,
        relative_gap(objective, bound),
        np.array(solution.row_dual) if linear and solution.dual_valid else None,
        perf_counter() - start,
    )


class Growing:
    """A linear program that gains rows; every solve goes on from the last basis.

    Parameters
    ----------
    program : Program
        Without integer columns.
    threads, seed : int
    """

    def __init__(self, program: Program, *, threads: int = 1, seed: int = 0) -> None:
        options = {
            "threads": int(threads),
            "random_seed": int(seed),
            "primal_feasibility_tolerance": TOLERANCE,
            "dual_feasibility_tolerance": TOLERANCE,
            "small_matrix_value": SMALLEST_COEFFICIENT,
        }
        self._cost = program.cost
        self._highs = _passed(program, options)

    def add_rows(self, matrix: sparse.csr_array, lower: FloatArray, upper: FloatArray) -> None:
        """Add rows lower <= matrix x <= upper."""
        added = self._highs.addRows(
            matrix.shape[0],
            np.ascontiguousarray(lower, dtype=np.float64),
            np.ascontiguousarray(upper, dtype=np.float64),
            matrix.nnz,
            matrix.indptr.astype(np.int32),
            matrix.indices.astype(np.int32),
            matrix.data.astype(np.float64),
        )
        _check(added, f"{matrix.shape[0]} further rows")

    def solve(self, time_limit: float) -> FloatArray | None:
        """Return an optimal solution, [n]; None if the time is up.

        Raises
        ------
        SolverError
            If HiGHS stops for another reason than an optimum or the time.
        """
        # The clock of HiGHS counts all solves of an instance.
        limit = self._highs.getRunTime() + time_limit
        _check(self._highs.setOptionValue("time_limit", limit), f"option time_limit = {limit!r}")
        self._highs.run()
        status = self._highs.getModelStatus()
        if status not in _STATUS:
            # The last basis can lead astray; a fresh start does not.
            self._highs.clearSolver()
            self._highs.run()
            status = self._highs.getModelStatus()
        if _STATUS.get(status) == "time limit":
            return None
        if _STATUS.get(status) != "optimal":
            raise SolverError(_stopped(self._highs, status))
        return np.array(self._highs.getSolution().col_value)


def relative_gap(objective: float, bound: float) -> float:
    """Return abs(bound - objective) / max(abs(objective), 1e-12)."""
    return abs(bound - objective) / max(abs(objective), 1e-12)


def write(program: Program, path: Path, columns: Sequence[str], rows: Sequence[str]) -> None:
    """Write a program to a file, in the format that its ending names (".mps" or ".lp").

    Parameters
    ----------
    program : Program
    path : Path
        Overwritten if it exists.
    columns, rows : sequence of str, lengths n and m
        Names, all different: letters, digits and underscores, the first a letter.

    Raises
    ------
    SolverError
        If HiGHS cannot write the file, or not with these names.
    OSError
        If what was written does not read back whole: HiGHS says nothing about a full disk.
    """
    highs = _passed(program, {})
    for index, name in enumerate(columns):
        _check(highs.passColName(index, name), f"the column name {name!r}")
    for index, name in enumerate(rows):
        _check(highs.passRowName(index, name), f"the row name {name!r}")
    _check(highs.writeModel(str(path)), f"the file {path} to write to")
    again = _QuietHighs()  # type: ignore[no-untyped-call]
    again.setOptionValue("output_flag", False)
    read = again.readModel(str(path))
    size = [(each.getNumCol(), each.getNumRow(), each.getNumNz()) for each in (highs, again)]
    if read == highspy.HighsStatus.kError or size[0] != size[1]:
        raise OSError(errno.EIO, "it was cut short, the disk may be full", str(path))


def _run(
    program: Program, options: dict[str, Any], *, keep: bool = False
) -> tuple[highspy.Highs, highspy.HighsModelStatus]:
    highs = _passed(program, options)
    with _interruptible(highs) as pressed:
        ended = highs.run()
    status = highs.getModelStatus()
    if ended == highspy.HighsStatus.kError and status != highspy.HighsModelStatus.kSolveError:
        raise SolverError(_stopped(highs, status))
    feasible = highspy.SolutionStatus.kSolutionStatusFeasible
    if pressed and not (keep and highs.getInfo().primal_solution_status == feasible):
        raise KeyboardInterrupt
    return highs, status


@contextmanager
def _interruptible(highs: highspy.Highs) -> Iterator[list[bool]]:
    """Let Ctrl-C stop integer programs, which are deaf to it; an entry says it was pressed."""
    pressed: list[bool] = []
    usual = signal.default_int_handler
    if current_thread() is not main_thread() or signal.getsignal(signal.SIGINT) is not usual:
        yield pressed  # someone else's business
        return
    highs.cbMipInterrupt.subscribe(lambda event: event.interrupt() if pressed else None)
    signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, usual)


def _passed(program: Program, options: dict[str, Any]) -> highspy.Highs:
    # Another thread count than before is otherwise an error inside run().
    highspy.Highs.resetGlobalScheduler(True)
    highs = _QuietHighs()  # type: ignore[no-untyped-call]
    for name, value in {"output_flag": False, **options}.items():
        _check(highs.setOptionValue(name, value), f"option {name} = {value!r}")
    matrix = sparse.csr_array(program.matrix)
    matrix.sum_duplicates()
    rows, columns = matrix.shape
    integer = np.zeros(columns) if program.integer is None else program.integer
    maximize = highspy.ObjSense.kMaximize if program.maximize else highspy.ObjSense.kMinimize
    passed = highs.passModel(
        columns,
        rows,
        matrix.nnz,
        int(highspy.MatrixFormat.kRowwise),
        int(maximize),
        0.0,
        np.ascontiguousarray(program.cost, dtype=np.float64),
        np.ascontiguousarray(program.column_lower, dtype=np.float64),
        np.ascontiguousarray(program.column_upper, dtype=np.float64),
        np.ascontiguousarray(program.row_lower, dtype=np.float64),
        np.ascontiguousarray(program.row_upper, dtype=np.float64),
        matrix.indptr.astype(np.int32),
        matrix.indices.astype(np.int32),
        matrix.data.astype(np.float64),
        np.asarray(integer, dtype=np.int32),
    )
    _check(passed, f"a program of {rows} rows and {columns} columns")
    return highs


def _stopped(highs: highspy.Highs, status: highspy.HighsModelStatus) -> str:
    return (
        f"HiGHS stopped with status {highs.modelStatusToString(status)!r}: scale the numbers so"
        " that they differ by fewer orders of magnitude, or give zero where they do not matter."
    )


def _check(status: highspy.HighsStatus, what: str) -> None:
    # A warning is not harmless here: it means that HiGHS changed what it was given.
    if status != highspy.HighsStatus.kOk:
        raise SolverError(
            f"HiGHS did not accept {what} ({status.name[1:].lower()}); numbers must be finite,"
            " below 1e15, and at least 1e-12 of the largest in their row."
        )
