"""Independent tasks over joblib, whose engine is the user's choice, with their progress shown.

``with joblib.parallel_config(backend="dask"):`` puts the tasks on a Dask cluster, which repeats
those of a worker that dies. Where joblib's own processes die, what is done is kept and the rest
started again. Every task brings its own seed, so results do not depend on the engine, the number
of workers or the order in which they finish.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from arbmodels.errors import InputError, WorkerError

T = TypeVar("T")

#: Nothing is shown of what is done within so many seconds.
_QUICK = 2.0
#: A task that so many workers die of is given up.
_MOST_DEATHS = 3


def run(
    function: Callable[..., T],
    tasks: Sequence[Iterable[Any]],
    workers: int | None = None,
    what: str = "tasks",
) -> list[T]:
    """Return ``[function(*task) for task in tasks]``, computed in parallel.

    Parameters
    ----------
    function : callable
        Defined at the top of a module, so that processes find it.
    tasks : sequence of argument lists
    workers : int, optional
        Processes; -1 for one per core. By default what ``joblib.parallel_config`` says, else one.
    what : str
        Shown beside the progress.

    Raises
    ------
    InputError
        If ``workers`` is 0.
    WorkerError
        If three workers in a row die without a task being done.
    """
    if workers == 0:
        raise InputError("workers is 0; give a number of processes, or -1 for one per core.")
    from tqdm import tqdm

    if workers in (None, 1) and "joblib" not in sys.modules:  # nobody configured it
        shown = tqdm(tasks, desc=what, delay=_QUICK, leave=False, disable=None)
        return [function(*task) for task in shown]
    from joblib import Parallel, delayed  # type: ignore[import-untyped]
    from joblib.externals.loky.process_executor import (  # type: ignore[import-untyped]
        TerminatedWorkerError,
    )

    results: list[T] = []
    deaths = 0
    with tqdm(total=len(tasks), desc=what, delay=_QUICK, leave=False, disable=None) as shown:
        while len(results) < len(tasks):
            rest = (delayed(function)(*task) for task in tasks[len(results) :])
            try:
                for result in Parallel(n_jobs=workers, return_as="generator")(rest):
                    results.append(result)
                    shown.update()
                    deaths = 0
            except TerminatedWorkerError as error:
                deaths += 1
                if deaths == _MOST_DEATHS:
                    raise WorkerError(
                        f"{what}: a worker was killed {deaths} times at task {len(results) + 1} of"
                        f" {len(tasks)}, most likely for want of memory. Use fewer workers or a"
                        " smaller market."
                    ) from error
    return results
