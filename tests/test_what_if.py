"""Prices that change: margin and routing before and after; the commands that write markets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import arbmodels as arb
from arbmodels.errors import InputError

mpl.use("Agg")


def test_margin_and_routing_are_those_of_the_changed_market() -> None:
    """Judge: both solved by hand on markets with other costs."""
    market = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek"])
    rates = [0.6, 0.7]
    found = arb.what_if(market, {"deepseek": 0.5}, solve_rates=rates, budget=5.0)
    cheap = arb.Market(
        market.models,
        market.instances,
        market.attempts,
        market.successes,
        market.cost * [1.0, 0.5],
        segment=market.segment,
    )
    frame = found.to_frame()
    for when, each in (("before", market), ("after", cheap)):
        margin = arb.arbitrage(each, solve_rates=rates)
        np.testing.assert_allclose(frame[f"margin_{when}"], margin.margin)
        np.testing.assert_allclose(frame[f"price_{when}"], margin.market_price)
    assert found.routes is not None
    assert found.routes[1].solve_rate == pytest.approx(
        arb.RoutingProblem(cheap).add_budget(5.0).solve().solve_rate
    )
    assert found.routes[1].solve_rate > found.routes[0].solve_rate
    assert "deepseek x 0.5" in str(found)
    assert json.dumps(found.to_dict()["factors"]) == '{"deepseek": 0.5}'
    assert len(found.plot().lines) == 2
    assert len(arb.what_if(market, {"deepseek": 2.0}).to_frame()) == 7


def test_what_cannot_be_asked() -> None:
    market = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek"])
    with pytest.raises(InputError, match="no model 'gpt'"):
        arb.what_if(market, {"gpt": 0.5})
    with pytest.raises(InputError, match="factors names no model"):
        arb.what_if(market, {})
    rows = pd.DataFrame(
        {"model": ["s", "l"], "instance": ["a", "a"], "score": [0.2, 0.7], "cost": [0.1, 1.0]}
    )
    graded = arb.load_market(rows)
    with pytest.raises(InputError, match="scores have no margin"):
        arb.what_if(graded, {"l": 0.5})
    found = arb.what_if(graded, {"l": 0.05}, budget=0.2)
    assert found.margins is None
    assert "score" in str(found)
    assert "solve rate 0" not in str(found)


def run(*arguments: str | Path, code: int = 0) -> tuple[str, str]:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "arbmodels", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


def test_the_command_line_converts_and_reprices(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {
            "llm": ["s", "l"] * 4,
            "task": [f"t{k // 2}" for k in range(8)],
            "score": [0.1, 0.9, 0.4, 0.8, 0.3, 1.0, 0.9, 0.2],
            "usd": 0.1,
            "input_tokens": 1000,
            "output_tokens": 200,
        }
    )
    rows.to_csv(tmp_path / "log.csv", index=False)
    columns = ("--columns", "model=llm,instance=task,cost=usd")
    out, _ = run("convert", tmp_path / "log.csv", tmp_path / "m.parquet", *columns)
    assert "Saved:" in out
    told = json.loads(run("info", tmp_path / "m.parquet", "--json")[0])
    assert [each["model"] for each in told["models"]] == ["s", "l"]
    assert told["instances"] == 4
    assert "One attempt per pair" in told["tells"][0]
    _, error = run("convert", tmp_path / "log.csv", tmp_path / "m.parquet", *columns, code=2)
    assert "exists already. Overwrite it with --force" in error
    _, error = run("convert", tmp_path / "log.csv", tmp_path / "m.txt", *columns, code=2)
    assert "ends in .parquet" in error
    prices = pd.DataFrame({"model": ["s", "large"], "input": [1.0, 10.0], "output": [2.0, 20.0]})
    prices.to_csv(tmp_path / "prices.csv", index=False)
    _, error = run(
        "reprice", tmp_path / "m.parquet", tmp_path / "prices.csv", tmp_path / "p.jsonl", code=2
    )
    assert "no price of 'l': an unknown model is never free" in error
    run(
        "reprice",
        tmp_path / "m.parquet",
        tmp_path / "prices.csv",
        tmp_path / "p.jsonl",
        "--called",
        "l=large",
    )
    market = arb.load_market(tmp_path / "p.jsonl")
    np.testing.assert_allclose(market.mean_cost, [1.4e-3, 1.4e-2])
    assert market.prices is not None
    _, error = run("margin", tmp_path / "p.jsonl", code=2)
    assert "Say which scores are accepted" in error
    out, _ = run("margin", tmp_path / "p.jsonl", "--accept", "0.5", "--at", "0.7")
    assert "70.00%" in out
    out, _ = run("route", tmp_path / "p.jsonl", "--budget", "0.02", "--json")
    assert "score" in json.loads(out)
    assert "MODEL.jsonl" in run("formats")[0]
