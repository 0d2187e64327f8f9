"""Ctrl-C during a solve: the best answer so far with its gap, and no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import arbmodels as arb
from arbmodels.routing import solve

HARD = """
import signal
import numpy as np
import arbmodels as arb

signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever this run was started with
rng = np.random.default_rng(0)
solve, spend, weight = rng.random((400, 6)), rng.random((400, 6)), rng.uniform(0.2, 3, 400)
problem = arb.RoutingProblem.from_arrays(solve, spend, weight=weight).limit_models(4)
for m in range(6):
    problem = problem.add_capacity(f"model-{m}", 70.0)
problem = problem.add_contract("model-1", fee=4.0).add_budget(40).maximize_profit(1.3)
problem = problem.add_contract("model-2", tiers=((0, 1), (10, 0.3)))
problem.solve(gap=0.5)  # everything is loaded and compiled
print("ready", flush=True)
result = problem.solve(gap=1e-13, time_limit=60)
print(result.status, result.gap, result.time)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_gives_the_best_assignment_so_far():
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", HARD], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(2.0)
        child.send_signal(signal.SIGINT)
        pressed = time.perf_counter()
        out, err = child.communicate(timeout=60)
    assert time.perf_counter() - pressed < 10
    assert "Traceback" not in err
    status, gap, _ = out.split()
    assert status == "interrupted"
    assert 0 < float(gap) < 1


def test_an_earlier_assignment_is_kept_when_nothing_else_was_found(monkeypatch):
    def pressed(program, gap, time_limit):
        raise KeyboardInterrupt

    problem = arb.RoutingProblem.from_arrays([[0.2, 0.9], [0.3, 0.4]], [[1, 5], [1, 4]])
    problem = problem.add_budget(7)
    monkeypatch.setattr(solve, "solve", pressed)
    result = problem.start_from([0, 0]).solve()
    assert (result.status, result.assignment.tolist()) == ("interrupted", [0, 0])
    assert result.bound == pytest.approx(np.mean([0.9, 0.4]))
    with pytest.raises(KeyboardInterrupt):
        problem.solve()
