"""Independent tasks over joblib, whose engine is the user's choice, with their progress shown.

``with joblib.parallel_config(backend="dask"):`` puts the tasks on a Dask cluster, which also
repeats those of a worker that dies. Every task brings its own seed, so results do not depend on
the engine, the number of workers or the order in which they finish.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from joblib import Parallel, delayed  # type: ignore[import-untyped]

T = TypeVar("T")

#: Nothing is shown of what is done within so many seconds.
_QUICK = 2.0


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
    """
    from tqdm.auto import tqdm

    done = Parallel(n_jobs=workers, return_as="generator")(
        delayed(function)(*task) for task in tasks
    )
    shown = tqdm(done, total=len(tasks), desc=what, delay=_QUICK, leave=False, disable=None)
    return list(shown)
