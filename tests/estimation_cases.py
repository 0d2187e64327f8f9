"""Tasks that workers of a cluster run; at the top of a module, so that they find them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def square(number: int, seconds: float) -> int:
    """Take a while."""
    time.sleep(seconds)
    return number**2


def die_once(number: int, mark: str) -> int:
    """Kill the worker at the fifth task, unless some worker died already."""
    if number == 4 and not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def always_die(number: int) -> None:
    """Kill whoever runs it."""
    os.kill(os.getpid(), signal.SIGKILL)
