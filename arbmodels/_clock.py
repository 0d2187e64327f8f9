"""The clock of time limits, which stands still while loops are compiled.

Compiling happens once on a machine and may take longer than a whole time limit, the more so where
the processors are busy; whether an answer is proven must not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from time import perf_counter

_lock = Lock()
_compiling = 0  # loops, in any thread, nested ones too
_since = 0.0
_lost = 0.0


def clock() -> float:
    """Return seconds, of which only differences mean something."""
    with _lock:
        return (_since if _compiling else perf_counter()) - _lost


@contextmanager
def standing_still() -> Iterator[None]:
    """Stop the clock of all threads until the end of the block."""
    global _compiling, _since, _lost  # noqa: PLW0603 - one clock for the process
    with _lock:
        if not _compiling:
            _since = perf_counter()
        _compiling += 1
    try:
        yield
    finally:
        with _lock:
            _compiling -= 1
            if not _compiling:
                _lost += perf_counter() - _since
