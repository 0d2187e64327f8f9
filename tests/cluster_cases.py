"""Real clusters of two worker processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@contextmanager
def two_workers(allowed_failures: int = 1) -> Iterator[Any]:
    """A client of two processes that find the modules of the tests.

    Nothing listens beyond this machine. A test that kills workers should have a cluster of its
    own: a worker killed while it starts is not brought back by Dask's nanny.
    """
    import dask
    import distributed

    path = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    settings = {
        "distributed.nanny.environ.PYTHONPATH": path,
        "distributed.scheduler.allowed-failures": allowed_failures,
        "distributed.logging.distributed": "critical",
    }
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster) as connected,
    ):
        yield connected
