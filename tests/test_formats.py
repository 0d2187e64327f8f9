"""Public formats of records: each is told by its content, and every way it can be broken."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import arbmodels as arb
from arbmodels.data import opening
from arbmodels.errors import DataError, InputError


def save(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def save_lines(path: Path, records: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


DETAILS = {
    "a__a-1": {"resolved": True, "cost": 0.5, "api_calls": 3},
    "b__b-1": {"resolved": False, "cost": 0.25, "api_calls": 1},
}
BOARDS = {
    "leaderboards": [
        {"name": "Lite", "results": [{"name": "old", "folder": "f0"}]},
        {
            "name": "bash-only",
            "results": [
                {"name": "small", "folder": "f1", "per_instance_details": DETAILS},
                {"name": "none", "folder": "f2"},
            ],
        },
    ]
}


def test_swe_bench_leaderboards(tmp_path: Path) -> None:
    file = save(tmp_path / "whatever.txt", BOARDS)
    market = arb.load_market(file)
    assert market.models == ("small",)
    assert market.successes.tolist() == [[1], [0]]
    assert market.cost.tolist() == [[0.5], [0.25]]
    assert market.segment == ("a", "b")
    with pytest.raises(InputError, match=r"benchmark=\.\.\., one of 'Lite' \(0 of 1 results"):
        arb.load_market(file, benchmark="Lite")
    boards = json.loads(json.dumps(BOARDS))
    boards["leaderboards"][1]["results"].append(
        {"name": "small", "folder": "f9", "per_instance_details": DETAILS}
    )
    market = arb.load_market(save(file, boards))
    assert market.models == ("small (f1)", "small (f9)"), "two results of one name are two models"
    boards["leaderboards"][0]["results"][0]["per_instance_details"] = DETAILS
    with pytest.raises(InputError, match="choose a leaderboard"):
        arb.load_market(save(file, boards))


def test_one_models_details_and_the_index_of_open_hands(tmp_path: Path) -> None:
    file = save(tmp_path / "gpt.json", DETAILS)
    assert arb.load_market(file).models == ("gpt",)
    save(tmp_path / "two.json", {**DETAILS, "a__a-1": {"resolved": False, "cost": 0}})
    both = arb.load_market(tmp_path)
    assert both.models == ("gpt", "two")
    assert both.notes == ("two: 1 of 2 attempts cost 0",)
    root = tmp_path / "index"
    for model in ("x", "y"):
        save(root / "results" / model / "instance_results" / "swe.json", DETAILS)
        save(root / "results" / model / "metadata.json", {"model": model})
        save(root / "alternative_agents" / "acp" / model / "instance_results" / "swe.json", DETAILS)
    save(root / "alternative_agents" / "cli" / "x" / "instance_results" / "swe.json", DETAILS)
    assert arb.load_market(root).models == ("x", "y")
    others = arb.load_market(root / "alternative_agents")
    assert others.models == ("acp/x", "acp/y", "cli/x")
    assert others.attempts.max() == 1, "other agents are other models, not more attempts"
    save(root / "results" / "x" / "instance_results" / "gaia.json", DETAILS)
    with pytest.raises(InputError, match=r"choose a benchmark .* one of 'gaia', 'swe'"):
        arb.load_market(root)
    assert arb.load_market(root, benchmark="gaia").models == ("x",)


def test_null_outcomes_and_missing_costs(tmp_path: Path) -> None:
    entries = {
        **DETAILS,
        "c__c-1": {"resolved": None, "cost": 0.1},
        "d__d-1": {"resolved": True, "cost": None},
        "e__e-1": {"resolved": True},
    }
    file = save(tmp_path / "m.json", entries)
    with pytest.raises(DataError) as caught:
        arb.load_market(file)
    assert len(caught.value.problems) == 3, "never three problems for one entry"
    assert caught.value.problems[0].startswith("m/m.json, 'c__c-1': 'score' must be")
    market = arb.load_market(file, invalid="mask")
    assert market.instances == ("a__a-1", "b__b-1")
    assert market.notes == (
        "2 of 5 rows left out: cost missing",
        "1 of 5 rows left out: score missing",
    )
    with pytest.raises(DataError, match=r"'a': \"resolved\" must be true, false or null, found 1"):
        arb.load_market(save(file, {"a": {"resolved": 1, "cost": 1}}))
    with pytest.raises(DataError, match=r"'b': \"resolved\" is missing; it has 'ok'"):
        arb.load_market(
            save(file, {"a": DETAILS["a__a-1"], "c": DETAILS["a__a-1"], "b": {"ok": 1}})
        )


def test_lists_of_resolved_ids_need_costs(tmp_path: Path) -> None:
    file = save(tmp_path / "m.json", {"resolved": ["a"], "no_generation": ["b"], "total": 2})
    with pytest.raises(InputError, match="no cost is recorded, and a missing cost is never 0"):
        arb.load_market(file)
    market = arb.load_market(file, costs={"m": 0.5})
    assert market.successes.tolist() == [[1], [0]]
    assert market.notes == ("cost of an attempt assumed, the same on every instance (costs=)",)
    with pytest.raises(InputError, match="costs has no price of 'm'"):
        arb.load_market(file, costs={"other": 0.5})
    with pytest.raises(InputError, match="has costs; leave costs= out"):
        arb.load_market(save(tmp_path / "n.json", DETAILS), costs={"n": 1.0})


def arena(question: str, model: str, score: float | None) -> dict[str, Any]:
    return {
        "global_index": question,
        "llm_selected": model,
        "token_usage": {"input_tokens": 100, "output_tokens": 20},
        "evaluation_result": {"score": score, "inference_cost": 0.01},
    }


def test_router_arena(tmp_path: Path) -> None:
    for model in ("s", "l"):
        save_lines(
            tmp_path / "cached" / f"{model}.jsonl",
            [arena("AIME_1", model, 0.5), arena("AIME_2", model, 1.0)],
        )
    market = arb.load_market(tmp_path / "cached")
    assert market.models == ("l", "s")
    assert market.outcome == "score"
    assert market.score.tolist() == [[0.5, 0.5], [1.0, 1.0]]
    assert market.segment == ("AIME", "AIME")
    assert market.records is not None
    assert market.records.input_tokens is not None
    assert market.records.input_tokens.tolist() == [100.0] * 4
    answers = {"q": {"s": [0.5, 0.01, 100, 20], "l": [1, 0.02, 100, 30]}}
    market = arb.load_market(save(tmp_path / "r.json", answers))
    assert market.score.tolist() == [[0.5, 1.0]]
    assert market.cost.tolist() == [[0.01, 0.02]]
    with pytest.raises(DataError, match=r"must be .score, cost. or .* found 3 entries"):
        arb.load_market(save(tmp_path / "r.json", {"q": {"s": [1, 2, 3], "l": [1, 2]}}))


def test_router_bench(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "sample_id": ["m.1", "m.2"],
            "prompt": ["a", "b"],
            "eval_name": ["mmlu", "gsm8k"],
            "gpt-4": [1.0, 0.25],
            "gpt-4|model_response": ["x", "y"],
            "gpt-4|total_cost": [0.1, 0.2],
            "mix": [0.0, 1.0],
            "mix|total_cost": [0.01, 0.0],
            "oracle_model_to_route_to": ["gpt-4", "mix"],
        }
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    market = arb.load_market(tmp_path / "t.csv")
    assert market.models == ("gpt-4", "mix")
    assert market.segment == ("mmlu", "gsm8k")
    assert market.score.tolist() == [[1.0, 0.0], [0.25, 1.0]]
    assert market.cost.tolist() == [[0.1, 0.01], [0.2, 0.0]]
    table.to_pickle(tmp_path / "t.pkl")
    with pytest.raises(InputError, match="pickle, which may run code: it is never opened"):
        arb.load_market(tmp_path / "t.pkl")


def test_llm_router(tmp_path: Path) -> None:
    records = [
        {"task_name": task, "query": query, "model_name": model, "performance": 0.5, "cost": 0.1}
        for task, query in (("math", "1 + 1"), ("math", "2 + 2"), ("code", "1 + 1"))
        for model in ("s", "l")
    ]
    market = arb.load_market(save_lines(tmp_path / "r.jsonl", records))
    assert market.instances == ("math-1", "math-2", "code-1")
    assert market.segment == ("math", "math", "code")
    for record in records:
        del record["cost"]
        record["input_tokens"], record["output_tokens"] = 10, 20
    with pytest.raises(InputError, match=r"prices of its tokens, prices="):
        arb.load_market(save_lines(tmp_path / "r.jsonl", records))


def sample(doc: int, score: float, kind: str = "strict", **more: Any) -> dict[str, Any]:
    return {
        "doc_id": doc,
        "filtered_resps": ["A"],
        "filter": kind,
        "metrics": ["exact_match"],
        "exact_match": score,
        **more,
    }


def test_lm_evaluation_harness(tmp_path: Path) -> None:
    file = tmp_path / "llama" / "samples_gsm8k_2026-01-01T00-00-00.jsonl"
    save_lines(file, [sample(0, 1.0), sample(1, 0.0)])
    costs = {"llama": 0.1}
    market = arb.load_market(file, costs=costs)
    assert market.models == ("llama",)
    assert market.instances == ("gsm8k-0", "gsm8k-1")
    assert market.attempts.tolist() == [[1], [1]]
    save_lines(file, [sample(0, 1.0), sample(0, 0.0, "flexible"), sample(1, 0.0)])
    with pytest.raises(InputError, match=r"several filters; choose .* 'flexible', 'strict'"):
        arb.load_market(file, costs=costs)
    market = arb.load_market(file, costs=costs, filter="strict")
    assert market.attempts.tolist() == [[1], [1]], "two filters are not two attempts"
    save_lines(file, [sample(0, 1.0), sample(0, 0.0)])
    assert arb.load_market(file, costs=costs).attempts.tolist() == [[2]], "repeats are"
    save_lines(file, [sample(0, 1.0, metrics=["exact_match", "acc"], acc=0.5)])
    with pytest.raises(InputError, match=r"several metrics; .* one of 'acc', 'exact_match'"):
        arb.load_market(file, costs=costs)
    save(file.parent / "results_2026-01-01T00-00-00.json", {"model_name": "meta/llama-8b"})
    assert arb.load_market(file.parent, metric="acc", costs={"meta/llama-8b": 1.0}).models == (
        "meta/llama-8b",
    )


def test_every_eval_ever(tmp_path: Path) -> None:
    records = [
        {
            "schema_version": "0.2.1",
            "evaluation_id": "e",
            "model_id": model,
            "evaluation_name": name,
            "sample_id": "s1",
            "evaluation": {"score": 1.0, "is_correct": True},
            "token_usage": {"input_tokens": 5, "output_tokens": 6, "total_tokens": 11},
            "performance": {"latency_ms": 1500},
        }
        for model in ("a/x", "b/y")
        for name in ("gsm8k", "mmlu")
    ]
    file = save_lines(tmp_path / "r.jsonl", records)
    market = arb.load_market(file, costs={"a/x": 0.1, "b/y": 0.2})
    assert market.instances == ("gsm8k/s1", "mmlu/s1")
    assert market.records is not None
    assert market.records.latency is not None
    assert market.records.latency.tolist() == [1.5] * 4
    one = arb.load_market(file, costs={"a/x": 0.1, "b/y": 0.2}, benchmark="mmlu")
    assert one.instances == ("mmlu/s1",)
    with pytest.raises(InputError, match="no evaluation 'x'; it has 'gsm8k', 'mmlu'"):
        arb.load_market(file, costs={"a/x": 0.1, "b/y": 0.2}, benchmark="x")


def test_inspect_logs(tmp_path: Path) -> None:
    log = pytest.importorskip("inspect_ai.log", reason="needs the extra inspect")
    from inspect_ai.model import ModelUsage
    from inspect_ai.scorer import Score

    for model, grades in (("a/x", "CI"), ("b/y", "PN")):
        samples = [
            log.EvalSample(
                id="q",
                epoch=epoch,
                input="?",
                target="!",
                scores={"match": Score(value=grade)},
                model_usage={model: ModelUsage(input_tokens=7, output_tokens=3, total_tokens=15)},
            )
            for epoch, grade in enumerate(grades, start=1)
        ]
        written = log.EvalLog(
            status="success",
            eval=log.EvalSpec(
                created="2026-01-01T00:00:00+00:00",
                task="t",
                dataset=log.EvalDataset(name="d"),
                model=model,
                config=log.EvalConfig(epochs=2),
            ),
            samples=samples,
        )
        log.write_eval_log(written, str(tmp_path / f"{model[0]}.eval"))
    costs = {"a/x": 0.1, "b/y": 0.2}
    market = arb.load_market(tmp_path, costs=costs)
    assert market.attempts.tolist() == [[2, 2]], "epochs are attempts"
    assert market.outcome == "score"
    assert market.score.tolist() == [[0.5, 0.25]]
    assert market.records is not None
    assert market.records.input_tokens is not None
    assert market.records.input_tokens.tolist() == [12.0] * 4, "caches included"
    one = arb.load_market(tmp_path / "a.eval", costs=costs)
    assert one.successes.tolist() == [[1]]
    with pytest.raises(InputError, match=r"no metric 'x'; choose by metric=..., one of 'match'"):
        arb.load_market(tmp_path, costs=costs, metric="x")


def test_a_brokers_log(tmp_path: Path) -> None:
    log = pd.DataFrame(
        {
            "request": [f"r{k}" for k in range(6)],
            "model": ["s", "l"] * 3,
            "score": [0.1, 0.9, 0.4, 0.8, 0.3, 1.0],
            "cost": [0.01, 0.1] * 3,
            "time": pd.date_range("2026-01-01", periods=6, freq="h", tz="Europe/Berlin"),
        }
    )
    log.to_parquet(tmp_path / "log")
    market = arb.load_market(tmp_path / "log", columns={"instance": "request"}, missing="mask")
    assert market.recorded.sum() == 6
    assert market.records is not None
    assert market.records.time is not None
    assert market.records.time[0] == np.datetime64("2025-12-31T23:00"), "in UTC"


BROKEN = [
    ('{"a": {"resolved": true, "cost": 1}', "not valid JSON .the text ends in the middle"),
    ('{"a": {"resolved": true, "cost": NaN}}', "NaN is no JSON; write null"),
    ('[{"model": "s"}, 3]', "record 1: must be a JSON object, found 3"),
    ("[]", "is an empty list"),
    ('{"a": 1, "b": {"c": 2}}', "is a JSON object with the keys 'a', 'b'"),
    ('{"model": "s"}\n{"model": \n', r"f\.json:2: not valid JSON .the line ends in the middle"),
    ('{"model": ["s"], "instance": ["a", "b"]}', "not equally long: model 1, instance 2"),
    ("[" * 100_000, "not valid JSON"),
]


@pytest.mark.parametrize(("text", "message"), BROKEN)
def test_broken_json(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "f.json").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        arb.load_market(tmp_path / "f.json")
    if isinstance(caught.value, DataError):
        assert len(caught.value.problems) == 1


def test_what_is_unknown_lists_what_is_known(tmp_path: Path) -> None:
    save(tmp_path / "f.json", {"a": {"b": 1}})
    with pytest.raises(InputError, match="RouterArena records: ") as caught:
        arb.load_market(tmp_path / "f.json")
    assert "the keys 'a'" in str(caught.value)


def test_packed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = json.dumps(DETAILS).encode()
    (tmp_path / "m").write_bytes(gzip.compress(raw))
    assert arb.load_market(tmp_path / "m").models == ("m",)
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("m.json", raw)
    assert arb.load_market(tmp_path / "z.zip").cost.tolist() == [[0.5], [0.25]]
    with zipfile.ZipFile(tmp_path / "z.zip", "a") as archive:
        archive.writestr("n.json", raw)
    with pytest.raises(InputError, match=r"holds 2 files \(m.json, n.json\)"):
        arb.load_market(tmp_path / "z.zip")
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("../m.json", raw)
    with pytest.raises(InputError, match=r"'\.\./m\.json', which leaves its folder"):
        arb.load_market(tmp_path / "z.zip")
    (tmp_path / "m").write_bytes(gzip.compress(raw)[:-5])
    with pytest.raises(InputError, match=r"cannot be unpacked .*cut short or damaged"):
        arb.load_market(tmp_path / "m")
    (tmp_path / "m").write_bytes(gzip.compress(b"0" * 5_000_000))
    monkeypatch.setattr(opening, "SMALL_BYTES", 1_000_000)
    with pytest.raises(InputError, match=r"unpacks to more than 2 MB from 0.00.* MB"):
        arb.load_market(tmp_path / "m")


def test_folders_of_two_formats_and_links_that_leave(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    save(folder / "m.json", DETAILS)
    save_lines(folder / "r.jsonl", [arena("a_1", "s", 1.0)])
    with pytest.raises(InputError, match=r"several formats: SWE-bench details.*RouterArena"):
        arb.load_market(folder)
    (folder / "r.jsonl").unlink()
    save_lines(tmp_path / "r.jsonl", [arena("a_1", "s", 1.0)])
    (folder / "r.jsonl").symlink_to(tmp_path / "r.jsonl")
    (folder / "round").symlink_to(folder)
    assert arb.load_market(folder).models == ("m",), "a link out of the folder is not followed"


def test_options_that_do_not_apply(tmp_path: Path) -> None:
    frame = pd.DataFrame({"model": ["s"], "instance": ["a"], "solved": [1], "cost": [0.1]})
    with pytest.raises(InputError, match="filter does not apply to a data frame"):
        arb.load_market(frame, filter="x")
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError, match=r"metric does not apply to .*t\.csv"):
        arb.load_market(tmp_path / "t.csv", metric="x")
    with pytest.raises(InputError, match="costs does not apply to swebench-sim"):
        arb.load_market("swebench-sim", costs={"a": 1})


def test_the_public_leaderboards_load_whole(leaderboards: Path) -> None:
    boards = leaderboards
    bash = arb.load_market(boards / "swe-bench" / "leaderboards.json")
    assert (len(bash.models), len(bash.instances), bash.outcome) == (25, 500, "verified")
    hands = arb.load_market(boards / "openhands-index", invalid="mask", missing="mask")
    assert (len(hands.models), len(hands.instances)) == (34, 500)
    assert hands.recorded.sum() == 17_000 - 34
    with pytest.raises(DataError) as caught:
        arb.load_market(boards / "openhands-index")
    assert len(caught.value.problems) == 34
    plan = arb.RoutingProblem(bash).add_budget(50.0).solve()
    assert plan.gap <= 1e-6
    assert plan.spend <= 50.0


def test_leaderboards_go_to_a_plan_a_frontier_and_a_margin(leaderboards: Path) -> None:
    """The five lines of the documentation, on 25 models."""
    market = arb.load_market("swebench/bash-only", data=leaderboards.parent)
    plan = arb.RoutingProblem(market).add_budget(50.0).solve()
    frontier = arb.RoutingProblem(market).add_budget(50.0).frontier("budget")
    margin = arb.arbitrage(market)
    assert plan.spend <= 50.0
    assert frontier.at(50.0).objective >= plan.objective - 1e-9
    assert margin.method == "searched"
    assert 0 < margin.peak.margin < 1
    best = float(market.solve_rate.max())
    assert margin.market_max_solve_rate == pytest.approx(best)
