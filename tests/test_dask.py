"""A real cluster of two worker processes gives what memory gives, also when a worker dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import numpy as np
import pandas as pd
import pytest

from arbmodels._assignment import Arrays, AssignmentProgram, Block, pricing
from arbmodels._assignment.program import TOLERANCE
from arbmodels._assignment.solve import solve
from arbmodels.errors import DataError, InputError, SolverError
from arbmodels.streaming import DaskSource, Generated, ParquetSource
from cluster_cases import two_workers
from streaming_cases import (
    MODELS,
    choice_of,
    die,
    die_once,
    make,
    of_size,
    one_nan,
    route,
    total_of,
    twenty,
    two_segments,
)

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def client():
    """A cluster for the tests that leave it as it is."""
    with two_workers() as connected:
        yield connected


@pytest.fixture
def dying():
    """A cluster for one test that kills workers: Dask's nanny may not bring them all back."""
    with two_workers() as connected:
        yield connected


@pytest.fixture
def generated():
    return Generated(two_segments, 20_000, MODELS, segments=("a", "b"), block=3_000)


def budgeted(source, budget, plans=4, classes=1):
    """Most solved under one budget; the last plan abstains."""
    objective, rows = np.zeros((2, 3, classes, plans))
    objective[1, :, : plans - 1], rows[2, :, : plans - 1] = 1.0, 1.0
    return AssignmentProgram(
        source, objective, rows[None], np.ones(1), np.array([budget]), maximize=True
    )


def in_memory(source):
    return Arrays(source.take(np.arange(source.groups)))


@pytest.mark.parametrize("keep", [True, False])
def test_passes_equal_those_in_memory(client, generated, keep):
    source = DaskSource(client, generated, keep=keep)
    assert (source.groups, source.quantities) == (20_000, 2)
    assert (source.models, source.segments) == (MODELS, ("a", "b"))
    first = budgeted(source, 100.0, classes=2)
    second = budgeted(in_memory(generated), 100.0, classes=2)
    for price in (0.0, 8.0):
        ours, theirs = (pricing.best(each, np.array([price])) for each in (first, second))
        for name in ("choice", "second", "lead"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
            assert getattr(ours, name).dtype == getattr(theirs, name).dtype
        np.testing.assert_allclose(ours.totals, theirs.totals, rtol=1e-12)
        assert ours.value == pytest.approx(theirs.value, rel=1e-12)
    rng = np.random.default_rng(0)
    choice = rng.integers(0, 4, 20_000).astype(np.int32)
    sums = pricing.totals(first, choice)
    np.testing.assert_allclose(sums, pricing.totals(second, choice), rtol=1e-12)
    rows = np.sort(rng.choice(20_000, 50, replace=False))
    np.testing.assert_array_equal(
        source.take(rows).quantities[1], second.source.take(rows).quantities[1]
    )
    assert source.take(np.zeros(0, np.int64)).size == 0


def test_the_engine_gives_the_answer_in_memory(client, generated):
    answers = [
        solve(budgeted(source, 150.0, classes=2), 1e-7, 60.0)
        for source in (in_memory(generated), DaskSource(client, generated))
    ]
    memory, streamed = answers
    assert memory.status == streamed.status == "optimal"
    assert streamed.bound == pytest.approx(memory.bound, rel=1e-10)
    assert streamed.objective == pytest.approx(memory.objective, rel=2e-7)
    assert streamed.prices == pytest.approx(memory.prices, rel=1e-6)


def test_route_over_futures_and_delayed_blocks(client):
    partitions = [
        client.submit(make, 7, 100, 0),
        dask.delayed(make)(0, 150, 1),
        client.submit(make, 0, 50, 2),
    ]
    source = DaskSource(client, partitions, models=MODELS)
    assert [part.start for part in source.parts] == [0, 100, 250]
    result = route(source, budget=1.0, gap=1e-4)
    blocks = [make(7, 100, 0), make(0, 150, 1), make(0, 50, 2)]
    quantities = tuple(np.concatenate([b.quantities[k] for b in blocks]) for k in range(2))
    memory = route(Arrays(Block(0, quantities)), models=MODELS, budget=1.0, gap=1e-4)
    assert result.objective <= memory.bound * (1 + 1e-9)
    assert memory.objective <= result.bound * (1 + 1e-9)
    chosen = np.append(quantities[1], np.zeros((300, 1)), axis=1)[np.arange(300), result.choice]
    assert chosen.sum(dtype=float) == pytest.approx(result.spend)
    assert result.spend <= 1.0 + 1e-8


def test_parquet_over_the_cluster_and_back(client, tmp_path):
    pytest.importorskip("pyarrow")
    solve, spend = make(0, 300, 0).quantities
    columns = {f"p{m}": solve[:, m] for m in range(3)} | {f"s{m}": spend[:, m] for m in range(3)}
    frame = pd.DataFrame(columns).assign(id=[f"i{k}" for k in range(300)])
    frame.to_parquet(tmp_path / "a.parquet", row_group_size=100)
    files = ParquetSource(
        tmp_path / "a.parquet", solve=["p0", "p1", "p2"], spend=["s0", "s1", "s2"], instance="id"
    )
    result = route(
        DaskSource(client, files, keep=False), budget=1.0, gap=1e-4, output=tmp_path / "out"
    )
    written = pd.read_parquet(tmp_path / "out")
    assert written["instance"].tolist() == frame["id"].tolist()
    assert len(list((tmp_path / "out").iterdir())) == 3
    assert written["spend"].astype(float).sum() == pytest.approx(result.spend, rel=1e-6)
    bad = frame.assign(p1=np.where(np.arange(300) == 250, np.nan, frame["p1"]))
    bad.to_parquet(tmp_path / "a.parquet", row_group_size=100)
    with pytest.raises(DataError, match=r"row 250, model 'p1': solve probability") as caught:
        DaskSource(client, files).map(of_size)
    assert len(caught.value.problems) == 1


def test_wrong_numbers_are_named_by_instance(client):
    source = DaskSource(client, Generated(one_nan, 1000, MODELS, block=500))
    with pytest.raises(DataError, match=r"instance 502, model 'medium': solve probability"):
        route(source, budget=1.0)


def test_no_partitions_no_blocks_no_client(client):
    with pytest.raises(InputError, match="no partitions"):
        DaskSource(client, [])
    with pytest.raises(InputError, match=r"Partition 1 is a int, not an arbmodels"):
        DaskSource(client, [client.submit(make, 0, 5, 0), client.submit(len, "abc")])
    uneven = [client.submit(make, 0, 5, 0), client.submit(twenty, 0, 5, 0)]
    with pytest.raises(InputError, match=r"\(2, 3\), \(2, 20\); all must have the same"):
        DaskSource(client, uneven)
    with pytest.raises(InputError, match=r"must be a distributed\.Client, not str"):
        DaskSource("tcp://127.0.0.1:8786", uneven)


def test_only_the_own_entries_of_a_choice_travel(client, generated):
    source = DaskSource(client, generated)
    choice = np.random.default_rng(0).integers(0, 3, 20_000).astype(np.int32)
    np.testing.assert_array_equal(np.concatenate(source.map(choice_of, choice)), choice)
    wide = np.arange(40_000).reshape(20_000, 2) * 10**9
    np.testing.assert_array_equal(np.concatenate(source.map(choice_of, wide)), wide)


def test_a_cluster_without_workers_is_given_up(monkeypatch):
    monkeypatch.setattr("arbmodels.streaming.dask._DESERTED", 2.0)
    with (
        distributed.LocalCluster(
            n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster) as nobody,
        pytest.raises(SolverError, match="no workers for 2 s"),
    ):
        DaskSource(nobody, Generated(make, 10, MODELS)).map(of_size)


@pytest.mark.parametrize("keep", [True, False])
def test_a_worker_that_dies_loses_nothing(dying, generated, tmp_path, keep):
    source = DaskSource(dying, generated, keep=keep)
    expected = generated.map(total_of)
    sums = source.map(die_once, str(tmp_path / "died"))
    assert (tmp_path / "died").exists()
    assert sums == expected


def test_a_worker_killed_during_the_solve_changes_nothing(dying, generated, monkeypatch):
    source = DaskSource(dying, generated)
    undisturbed = solve(budgeted(source, 150.0, classes=2), 1e-7, 60.0)
    passes_made = []
    plain = DaskSource.map

    def disturbed(self, function, *args, **kwargs):
        passes_made.append(function.__name__)
        if len(passes_made) == 1:
            os.kill(next(iter(dying.run(os.getpid).values())), signal.SIGKILL)
        return plain(self, function, *args, **kwargs)

    monkeypatch.setattr(DaskSource, "map", disturbed)
    again = solve(budgeted(source, 150.0, classes=2), 1e-7, 60.0)
    assert passes_made
    assert (again.objective, again.bound) == (undisturbed.objective, undisturbed.bound)
    np.testing.assert_array_equal(again.choice, undisturbed.choice)


def test_a_function_that_always_kills_is_an_error(dying, generated):
    with pytest.raises(SolverError, match="could not be made again"):
        DaskSource(dying, generated).map(die)


def test_scattered_data_lost_with_its_worker_is_an_error(dying):
    worker = next(iter(dying.nthreads()))
    lost = dying.scatter(make(0, 100, 0), workers=[worker])
    source = DaskSource(dying, [lost], models=MODELS)
    os.kill(dying.run(os.getpid, workers=[worker])[worker], signal.SIGKILL)
    with pytest.raises(SolverError, match="scattered cannot be"):
        source.map(of_size)


_INTERRUPTED = dedent(
    """
    import signal, sys, time
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever this run was started with
    sys.path.insert(0, sys.argv[1])
    from arbmodels.streaming import DaskSource, Generated
    from streaming_cases import MODELS, make, of_size, sleep
    import distributed

    if __name__ == "__main__":
        with (
            distributed.LocalCluster(
                n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            source = DaskSource(client, Generated(make, 1000, MODELS, block=100))
            try:
                source.map(sleep, sys.argv[2])
            except KeyboardInterrupt as error:
                kept = error  # and with it everything that the pass holds
                print("stopped", flush=True)
            if sys.argv[3] == "client":
                begin = time.monotonic()
                print(sum(source.map(of_size)))
                # Ten blocks would have taken half a minute.
                assert time.monotonic() - begin < 15
    """
)


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["client", "terminal"])
def test_ctrl_c_ends_a_pass(tmp_path, whom):
    script, begun = tmp_path / "script.py", tmp_path / "begun"
    script.write_text(_INTERRUPTED)
    path = os.pathsep.join([str(HERE), str(HERE.parent)])
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, script, HERE, begun, whom],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not begun.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    # A terminal interrupts the workers of a local cluster, too; they then end by themselves.
    (os.kill if whom == "client" else os.killpg)(process.pid, signal.SIGINT)
    try:
        output, errors = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert output.split() == ["stopped", *["1000"] * (whom == "client")], errors
    assert process.returncode == 0


@pytest.mark.slow
def test_ten_million_instances_made_on_the_fly(client):
    count, models, limit = 10_000_000, 20, 300_000.0
    generated = Generated(twenty, count, [f"model-{m}" for m in range(models)], block=1 << 17)
    source = DaskSource(client, generated, keep=False)
    answer = solve(budgeted(source, limit, plans=models + 1), 1e-8, 300.0)
    assert answer.status == "optimal"
    # The proof, made anew without the cluster: the bound at these prices, and what the assignment
    # adds up to.
    program = budgeted(generated, limit, plans=models + 1)
    sums = pricing.totals(program, answer.choice)
    assert program.value_of(sums) == pytest.approx(answer.objective, rel=1e-12)
    assert program.activity_of(sums)[0] - limit <= TOLERANCE * 2 * limit * (1 + 1e-6)
    value = sum(part.value for part in generated.map(pricing.best_of, program.table(answer.prices)))
    bound = pricing.bound(program, answer.prices, value)
    assert bound == pytest.approx(answer.bound, rel=2 * TOLERANCE)  # limits give way by so much
    assert 0 <= answer.bound - answer.objective <= 1e-8 * answer.objective
