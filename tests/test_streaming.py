"""Parquet data sets and generated instances give what the same arrays in memory give."""

from __future__ import annotations

import pickle
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from textwrap import dedent

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import arbmodels as arb
from arbmodels._assignment import Arrays, AssignmentProgram, Block, pricing
from arbmodels._assignment.solve import solve
from arbmodels.errors import DataError, InfeasibleError, InputError
from arbmodels.streaming import Generated, ParquetSource
from streaming_cases import MODELS, make, no_block, one_nan, route, too_few, two_segments

mpl.use("Agg")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

SOLVE = [f"p_{name}" for name in MODELS]
SPEND = [f"s_{name}" for name in MODELS]
COLUMNS = {"solve": SOLVE, "spend": SPEND, "models": MODELS}


def frame_of(block):
    solve, spend = block.quantities
    return pd.DataFrame(
        {c: solve[:, m] for m, c in enumerate(SOLVE)}
        | {c: spend[:, m] for m, c in enumerate(SPEND)}
    )


def save(frame, path, rows=100):
    pq.write_table(pa.Table.from_pandas(frame), path, row_group_size=rows)
    return path


def priced(source, plans=4, classes=1, seed=0):
    """A program with a budget and a floor, and prices to look at it with."""
    rng = np.random.default_rng(seed)
    objective = np.zeros((3, classes, plans))
    objective[1, :, :3] = 1.0
    rows = np.zeros((2, 3, classes, plans))
    rows[0, 2, :, :3] = rng.random((classes, 1))
    rows[1, 1, :, :3] = 1.0
    program = AssignmentProgram(
        source, objective, rows, np.array([1.0, -1.0]), np.array([3.0, 10.0]), maximize=True
    )
    return program, np.array([9.0, 0.2])


def assert_same(source, memory, **shape):
    """Every pass gives the same, sums up to their order."""
    (first, prices), (second, _) = priced(source, **shape), priced(memory, **shape)
    ours, theirs = pricing.best(first, prices), pricing.best(second, prices)
    for name in ("choice", "second", "lead"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    np.testing.assert_allclose(ours.totals, theirs.totals, rtol=1e-12)
    assert ours.value == pytest.approx(theirs.value, rel=1e-12)
    sums = pricing.totals(first, ours.choice)
    np.testing.assert_allclose(sums, pricing.totals(second, ours.choice), rtol=1e-12)


@pytest.fixture
def block():
    return make(0, 1000, 3)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("threads", [1, 3])
def test_parquet_passes_equal_those_in_memory(tmp_path, kind, threads):
    block = make(0, 1000, 3, kind=kind)
    path = save(frame_of(block), tmp_path / "a.parquet", rows=130)
    source = ParquetSource(path, **COLUMNS, threads=threads)
    assert (source.groups, source.quantities, len(source.parts)) == (1000, 2, 8)
    assert source.take(np.array([5])).quantities[0].dtype == kind
    assert_same(source, Arrays(block))


def test_parquet_folder_with_segments_weights_and_masks(tmp_path, block):
    rng = np.random.default_rng(1)
    frame = frame_of(block)
    frame["segment"] = rng.choice(["lean", "code", "chat"], 1000)
    frame["weight"] = rng.integers(0, 4, 1000)
    offered = rng.random((1000, 3)) < 0.8
    for m, name in enumerate(MODELS):
        frame[f"o_{name}"] = offered[:, m]
        frame.loc[~offered[:, m], [SOLVE[m], SPEND[m]]] = np.nan
    (tmp_path / "inside").mkdir()
    save(frame[:300], tmp_path / "a.parquet")
    save(frame[300:], tmp_path / "inside" / "b.parquet", rows=170)
    source = ParquetSource(
        tmp_path,
        **COLUMNS,
        segment="segment",
        weight="weight",
        offered=[f"o_{name}" for name in MODELS],
    )
    assert source.segments == ("chat", "code", "lean")
    codes = frame["segment"].map(source.segments.index).to_numpy()
    weight = frame["weight"].to_numpy(float)
    memory = Arrays(Block(0, block.quantities, codes, weight / weight.mean(), offered))
    assert_same(source, memory, classes=3)
    recorded = ParquetSource(
        tmp_path, **COLUMNS, segment="segment", weight="weight", offered="recorded"
    )
    assert_same(recorded, memory, classes=3)


@pytest.mark.parametrize("rows", [[], [0], [999], [99, 100, 101, 700], list(range(0, 1000, 7))])
def test_take_reads_only_the_row_groups_that_hold_the_rows(tmp_path, block, rows, monkeypatch):
    from arbmodels.streaming.sources import RowGroup

    source = ParquetSource(save(frame_of(block), tmp_path / "a.parquet"), **COLUMNS)
    read, whole = [], RowGroup.read
    monkeypatch.setattr(RowGroup, "read", lambda part: (read.append(part.index), whole(part))[1])
    rows = np.array(rows, dtype=np.int64)
    taken = source.take(rows)
    for ours, theirs in zip(taken.quantities, block.quantities, strict=True):
        np.testing.assert_array_equal(ours, theirs[rows])
    assert sorted(read) == sorted(set((rows // 100).tolist())) or not len(rows)


def test_integers_decimals_dictionaries_and_a_dataset_are_read(tmp_path):
    import pyarrow.dataset as ds

    table = pa.table(
        {
            "p": pa.array([0, 1, 1], pa.int8()),
            "s": pa.array([Decimal(k) for k in (1, 2, 3)], pa.decimal128(5, 2)),
            "kind": pa.array(["b", "a", "b"]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    given = ds.dataset(tmp_path)
    source = ParquetSource(given, solve=["p"], spend=["s"], segment="kind")
    taken = source.take(np.arange(3))
    assert source.models == ("p",)
    assert taken.quantities[1].ravel().tolist() == [1.0, 2.0, 3.0]
    assert taken.classes.tolist() == [1, 0, 1]


def test_a_source_is_pickled_small(tmp_path, block):
    source = ParquetSource(save(frame_of(block), tmp_path / "a.parquet"), **COLUMNS)
    again = pickle.loads(pickle.dumps(source))  # noqa: S301
    assert_same(again, Arrays(block))
    assert len(pickle.dumps(source.parts[0])) < 2000


# What is wrong with files.


def test_wrong_values_are_named_by_file_row_and_model(tmp_path, block):
    frame = frame_of(block)
    frame.loc[437, "p_medium"] = np.nan
    frame.loc[438, "s_large"] = -1.0
    frame.loc[439, "s_small"] = np.inf
    path = save(frame, tmp_path / "a.parquet")
    source = ParquetSource(path, **COLUMNS)
    with pytest.raises(
        DataError, match=r"row 437, model 'medium': solve probability.*nan"
    ) as caught:
        pricing.best(*priced(source))
    text = str(caught.value)
    assert "a.parquet: 3 problems" in text
    assert "row 438, model 'large': spend is not a number from 0 to 1e100: -1" in text
    assert "row 439, model 'small'" in text
    with pytest.raises(DataError, match="row 437"):
        route(source, budget=1.0)


def test_missing_columns_and_wrong_types_are_named_per_file(tmp_path, block):
    frame = frame_of(block)
    save(frame.drop(columns="p_large"), tmp_path / "a.parquet")
    save(frame.assign(s_small="text"), tmp_path / "b.parquet")
    with pytest.raises(
        DataError, match=r"a\.parquet: no column 'p_large'; it has p_small"
    ) as caught:
        ParquetSource(tmp_path, **COLUMNS)
    assert "b.parquet: column 's_small' holds" in str(caught.value)


@pytest.mark.parametrize(
    ("column", "values", "option", "text"),
    [
        ("segment", ["x", None], "segment", r"row 1: no segment"),
        ("segment", ["x", " y"], "segment", r"segment ' y' must be"),
        ("segment", [0.5, 1.5], "segment", r"column 'segment' holds double, not labels"),
        ("weight", [1.0, -2.0], "weight", r"row 1: weight is not a number from 0 to 1e100: -2"),
        ("weight", [1.0, None], "weight", r"row 1: weight"),
        ("weight", [0.0, 0.0], "weight", r"weight is zero in all rows"),
    ],
)
def test_wrong_segments_and_weights(tmp_path, column, values, option, text):
    frame = frame_of(make(0, 2, 0)).assign(**{column: values})
    path = save(frame, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=text):
        ParquetSource(path, **COLUMNS, **{option: column})


def test_wrong_paths_and_lists(tmp_path, block):
    with pytest.raises(InputError, match="does not exist"):
        ParquetSource(tmp_path / "none.parquet", **COLUMNS)
    with pytest.raises(InputError, match=r"has no \.parquet files"):
        ParquetSource(tmp_path, **COLUMNS)
    (tmp_path / "a.parquet").write_text("no")
    with pytest.raises(DataError, match="not Parquet"):
        ParquetSource(tmp_path, **COLUMNS)
    path = save(frame_of(block), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="spend= names 1 columns, but there are 3 models"):
        ParquetSource(path, solve=SOLVE, spend=["s_small"])
    with pytest.raises(InputError, match="named once"):
        ParquetSource(path, solve=SOLVE, spend=SPEND, models=["a", "a", "b"])
    with pytest.raises(InputError, match="must be a list of names"):
        ParquetSource(path, solve="p_small", spend=["s_small"])
    empty = save(frame_of(block)[:0], tmp_path / "a.parquet")
    with pytest.raises(DataError, match="there are no rows"):
        ParquetSource(empty, **COLUMNS)


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path, block):
    path = save(frame_of(block), tmp_path / "a.parquet")
    source = ParquetSource(path, **COLUMNS)
    save(frame_of(block), path, rows=60)
    with pytest.raises(DataError, match=r"row group 0 now has 60 rows, not 100"):
        source.map(lambda block: block.size)


@pytest.mark.parametrize("extra", ["pyarrow", "dask"])
def test_a_missing_extra_is_named(extra, tmp_path, monkeypatch):
    from arbmodels.streaming import DaskSource

    (tmp_path / "a.parquet").write_text("")
    monkeypatch.setitem(sys.modules, extra, None)
    if extra == "pyarrow":
        with pytest.raises(InputError, match=r"pip install 'arbmodels\[parquet\]'"):
            ParquetSource(tmp_path / "a.parquet", **COLUMNS)
    else:
        with pytest.raises(InputError, match=r"pip install 'arbmodels\[dask\]'"):
            DaskSource(None, [])


# Generated instances.


def test_generated_instances_are_those_of_their_blocks():
    source = Generated(two_segments, 1000, MODELS, segments=("a", "b"), seed=5, block=300)
    blocks = [two_segments(start, min(300, 1000 - start), 5) for start in range(0, 1000, 300)]
    quantities = tuple(np.concatenate([block.quantities[k] for block in blocks]) for k in range(2))
    classes = np.concatenate([block.classes for block in blocks])
    assert_same(source, Arrays(Block(0, quantities, classes)), classes=2)


def test_blocks_with_and_without_masks_are_taken_together():
    def mixed(start, size, seed):
        plain = make(start, size, seed)
        mask = np.arange(3 * size).reshape(size, 3) % 2 == 0
        return plain if start else Block(0, plain.quantities, offered=mask)

    taken = Generated(mixed, 20, MODELS, block=10).take(np.array([1, 11]))
    assert taken.offered.tolist() == [[False, True, False], [True] * 3]
    assert taken.weights is None


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        (too_few, InputError, r"returned 499 at start 0, not the 500 asked for"),
        (no_block, InputError, r"returned int, not an arbmodels\.streaming\.Block"),
        (one_nan, DataError, r"instance 502, model 'medium': solve probability"),
    ],
)
def test_a_function_that_returns_nonsense(function, error, text):
    with pytest.raises(error, match=text):
        route(Generated(function, 1000, MODELS, block=500), budget=1.0)


def test_no_instances():
    with pytest.raises(InputError, match="must be positive"):
        Generated(make, 0, MODELS)


# Routing.


@pytest.fixture
def generated():
    return Generated(two_segments, 300, MODELS, segments=("a", "b"), block=50)


@pytest.mark.parametrize(
    "limits",
    [
        {"budget": 1.5},
        {"floor": 0.55},
        {"budget": {"a": 0.5, "b": 2.0}},
        {"floor": {"a": 0.5, "b": 0.3}, "capacities": {"small": 75}},
        {"budget": 2.0, "floor": {"b": 0.4}, "capacities": {"medium": 50.0}},
        {"budget": 10.0, "abstain": False},
    ],
)
def test_route_holds_every_limit_and_agrees_with_memory(generated, limits):
    result = route(generated, **limits, gap=1e-4)
    block = generated.take(np.arange(300))
    memory = route(Arrays(block), models=MODELS, segments=("a", "b"), **limits, gap=1e-4)
    better = max if "budget" in limits else min
    assert better(result.objective, memory.bound) == pytest.approx(memory.bound, rel=1e-9)
    assert better(memory.objective, result.bound) == pytest.approx(result.bound, rel=1e-9)
    solve, spend = (np.pad(q.astype(float), ((0, 0), (0, 1))) for q in block.quantities)
    every = np.arange(300)
    solve, spend = solve[every, result.choice], spend[every, result.choice]
    assert result.solve_rate == pytest.approx(solve.mean())
    assert result.spend == pytest.approx(spend.sum())
    covered = {"": every >= 0, " in a": block.classes == 0, " in b": block.classes == 1}
    actual = {
        **{f"budget{place}": spend[rows].sum() for place, rows in covered.items()},
        **{f"quality floor{place}": solve[rows].mean() for place, rows in covered.items()},
        **{f"capacity of {name}": np.sum(result.choice == m) for m, name in enumerate(MODELS)},
    }
    assert len(result.activity) == len(result.problem.constraints)
    for each in result.problem.constraints:
        assert result.activity[each.label] == pytest.approx(actual[each.label])
        sign = 1.0 if each.at_most else -1.0
        assert sign * (actual[each.label] - each.limit) <= 1e-6
    assert result.counts.sum() == 300
    assert np.all(result.choice < 3) or limits.get("abstain", True)


def test_weights_count_instances(tmp_path):
    block = make(0, 400, 8)
    weight = np.random.default_rng(0).integers(1, 4, 400)
    frame = frame_of(block).assign(w=weight)
    once = route(
        ParquetSource(save(frame, tmp_path / "a.parquet"), **COLUMNS, weight="w"), budget=2.0
    )
    repeated = frame_of(block).loc[np.repeat(np.arange(400), weight)]
    many = route(
        ParquetSource(save(repeated, tmp_path / "b.parquet"), **COLUMNS),
        budget=2.0 * weight.mean(),
    )
    # The same but for what integrality costs: 400 decisions against 800.
    assert once.objective == pytest.approx(many.objective, rel=5e-3)
    assert many.bound >= once.objective * (1 - 1e-9)


def test_infeasible_says_what_each_limit_could_reach(generated):
    with pytest.raises(InfeasibleError, match=r"floor: 99\.9\d*% asked for; at most 70") as caught:
        route(generated, budget=0.5, floor=0.999)
    (conflict,) = caught.value.conflicts
    assert conflict.label == "quality floor"
    assert 0.7 < conflict.needed < 0.71
    with pytest.raises(InfeasibleError, match="None of these is too strict alone"):
        route(generated, budget=0.25, floor=0.6)


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"budget": -1.0}, "The budget is -1"),
        ({"floor": 1.5}, "The quality floor is 1.5"),
        ({"budget": float("nan")}, "The budget is nan"),
        ({"floor": {"c": 0.5}}, "no segment 'c'; it has 'a', 'b'"),
        ({"budget": 1.0, "capacities": {"huge": 3}}, "no model 'huge'"),
    ],
)
def test_wrong_limits(generated, limits, text):
    with pytest.raises(InputError, match=text):
        route(generated, **limits)


@pytest.mark.parametrize("goal", ["solve rate", "spend", "profit", "worst segment"])
@pytest.mark.parametrize(
    "constrain",
    [
        lambda p: p.add_budget(0.45).add_floor(0.2),
        lambda p: p.add_budget(0.3, model="large").add_floor(0.3, "b").add_capacity("medium", 12),
        lambda p: p.add_commitment("big", attempts=27).add_share_limit("big", 0.6, "instances"),
        lambda p: p.forbid("small", segment="a").add_mean_latency(2.0).add_floor(0.4),
        lambda p: p.add_latency_limit(4.0).add_floor(of_best=0.8),
        lambda p: p.limit_models(2).add_floor(0.4).add_budget(0.9),
        lambda p: p.allow_only(["medium"], segment="b").penalize_abstention(0.2).add_budget(0.3),
    ],
)
def test_every_constraint_of_sums_means_the_same_as_in_memory(goal, constrain):
    """Neither answer beats the other's bound; the choice comes to the same on the arrays."""
    details = {
        "latency": {"small": 1.0, "medium": 2.0, "large": 5.0},
        "providers": {"medium": "big", "large": "big"},
    }
    generated = Generated(two_segments, 90, MODELS, segments=("a", "b"), block=20)
    block = generated.take(np.arange(90))
    solve, spend = (quantity.astype(float) for quantity in block.quantities)
    segment = np.array(["a", "b"])[block.classes]
    streamed = arb.RoutingProblem.from_source(generated, **details)
    memory = arb.RoutingProblem.from_arrays(solve, spend, MODELS, segment=segment, **details)

    def ask(problem):
        problem = constrain(problem)
        if goal == "spend":
            return problem.minimize_spend()
        if goal == "profit":
            return problem.maximize_profit({"a": 0.05, "b": 0.1})
        return problem.maximize_worst_segment() if goal == "worst segment" else problem

    ours, theirs = ask(streamed).solve(1e-4), ask(memory).solve(1e-4)
    sign = -1.0 if goal == "spend" else 1.0
    scale = abs(theirs.objective) * 1e-7
    assert sign * ours.objective <= sign * theirs.bound + scale
    assert sign * theirs.objective <= sign * ours.bound + scale
    assert ours.activity.keys() == theirs.activity.keys()
    again = memory.score([ours.problem.plans[j].label for j in ours.choice])
    assert again.solve_rate == pytest.approx(ours.solve_rate, rel=1e-7)
    assert again.spend == pytest.approx(ours.spend, rel=1e-7)
    for each in ours.problem.constraints:
        side = 1.0 if each.at_most else -1.0
        if each.label in ours.activity:
            assert side * (ours.activity[each.label] - each.limit) <= 1e-6 * (1 + each.limit)


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda p: p.add_contract("large", fee=1), "takes no contract"),
        (lambda p: p.start_from(["1 x small"] * 300), "takes no earlier assignment"),
        (lambda p: p.forbid("small", instances=[3]), "no names that are looked up"),
        (lambda p: p.maximize_profit(np.ones(300)), "one price, or one per segment"),
        (lambda p: p.add_budget(1.0, period="May"), "no period 'May'"),
    ],
)
def test_what_needs_single_instances_is_refused(generated, ask, text):
    with pytest.raises(InputError, match=text):
        ask(arb.RoutingProblem.from_source(generated)).solve()


def test_wrong_shapes_and_names(generated):
    with pytest.raises(InputError, match="The models have no names"):
        route(Arrays(make(0, 10, 0)), budget=1.0)
    with pytest.raises(DataError, match=r"solve rates of shape \(50, 3\), expected \(50, 2\)"):
        route(generated, budget=1.0, models=["a", "b"])
    with pytest.raises(DataError, match="classes from 0 to 1, but there are 1 segments"):
        route(generated, budget=1.0, segments=["a"])
    unserved = Block(0, make(0, 5, 0).quantities, offered=np.zeros((5, 3), bool))
    with pytest.raises(DataError, match="instance 0: no model is offered"):
        route(Arrays(unserved), models=MODELS, budget=1.0, abstain=False)


def test_assignment_is_written_as_part_files(tmp_path, block):
    frame = frame_of(block).assign(id=[f"issue-{i}" for i in range(1000)])
    source = ParquetSource(save(frame, tmp_path / "a.parquet", rows=300), **COLUMNS, instance="id")
    kept = route(source, budget=5.0)
    result = route(source, budget=5.0, output=tmp_path / "out")
    assert result.choice is None
    assert len(list((tmp_path / "out").iterdir())) == 4
    written = pd.read_parquet(tmp_path / "out")
    assert written["instance"].tolist() == frame["id"].tolist()
    assert written["plan"].tolist() == [kept.plans[j] for j in kept.choice]
    assert written["spend"].astype(float).sum() == pytest.approx(kept.spend, rel=1e-6)
    assert written["solve_probability"].mean() == pytest.approx(kept.solve_rate, rel=1e-6)
    with pytest.raises(InputError, match="is not empty"):
        kept.to_parquet(tmp_path / "out")
    with pytest.raises(InputError, match="not in memory"):
        result.to_parquet(tmp_path / "again")
    assert kept.to_parquet(tmp_path / "third") == 4
    assert pd.read_parquet(tmp_path / "third").equals(written)


def test_result_shows_itself(generated):
    result = route(generated, budget={"a": 0.5, "b": 2.0}, capacities={"large": 1e6}, gap=1e-4)
    text = str(result)
    assert "Routing of 300 streamed instances" in text
    assert "budget in a: " in text
    assert "capacity of large" in text
    assert "does not bind" in text
    assert "oracle" in text
    frame = result.to_frame()
    assert frame["instances"].sum() == 300
    assert frame["spend"].sum() == pytest.approx(result.spend)
    record = result.to_dict()
    assert record["counts"]["abstain"] == frame.loc["abstain", "instances"]
    assert record["shadow_prices"]["capacity of large"] == 0.0
    assert len(result.plot().patches) == 2 * len(frame)


def test_the_engine_streams_to_the_answer_in_memory(tmp_path):
    block = make(0, 60_000, 1)
    path = save(frame_of(block), tmp_path / "a.parquet", rows=7_000)
    answers = []
    for source in (Arrays(block), ParquetSource(path, **COLUMNS)):
        objective, rows = np.zeros((2, 3, 1, 4))
        objective[1, :, :3], rows[2, :, :3] = 1.0, 1.0
        program = AssignmentProgram(
            source, objective, rows[None], np.ones(1), np.array([500.0]), maximize=True
        )
        answers.append(solve(program, 1e-7, 60.0))
    memory, streamed = answers
    assert streamed.bound == pytest.approx(memory.bound, rel=1e-10)
    assert streamed.objective == pytest.approx(memory.objective, rel=1e-7)
    assert streamed.prices == pytest.approx(memory.prices, rel=1e-6)


_MEMORY = dedent(
    """
    import resource, sys
    import numpy as np
    sys.path.insert(0, sys.argv[1])
    from arbmodels._assignment import AssignmentProgram
    from arbmodels._assignment.solve import solve
    from arbmodels.streaming import ParquetSource

    def largest(path):
        names = [f"p{m}" for m in range(10)], [f"s{m}" for m in range(10)]
        source = ParquetSource(path, solve=names[0], spend=names[1], threads=2)
        objective, rows = np.zeros((2, 3, 1, 10))
        objective[1], rows[2] = 1.0, 1.0
        limit = np.array([0.15 * source.groups])
        program = AssignmentProgram(
            source, objective, rows[None], np.ones(1), limit, maximize=True
        )
        answer = solve(program, 1e-6, 60.0)
        assert answer.status == "optimal"
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    small = largest(sys.argv[2])
    print(largest(sys.argv[3]) - small)
    """
)


def test_values_and_costs_are_never_all_in_memory(tmp_path):
    rng = np.random.default_rng(0)
    count, size = 40, 20_000
    columns = [f"{kind}{m}" for kind in "ps" for m in range(10)]
    table = pa.table({name: rng.random(size) for name in columns})
    with pq.ParquetWriter(tmp_path / "large.parquet", table.schema) as file:
        for _ in range(count):
            file.write_table(table)
    pq.write_table(table, tmp_path / "small.parquet")
    here = Path(__file__).parent
    done = subprocess.run(  # noqa: S603
        [
            sys.executable,
            "-c",
            _MEMORY,
            here,
            tmp_path / "small.parquet",
            tmp_path / "large.parquet",
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=here.parent,
    )
    more, data = int(done.stdout), count * size * 20 * 8
    # 128 MB of numbers; what grows with the instances are a few bytes each.
    assert more < 0.5 * data, f"{more / 1e6:.0f} MB more for {data / 1e6:.0f} MB of numbers"
