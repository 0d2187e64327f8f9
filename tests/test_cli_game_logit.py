"""``arbmodels game logit``: prices of a table of products."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner, Result

from arbmodels.cli.games import game_logit
from arbmodels.errors import InputError
from arbmodels.games.differentiated import DifferentiatedGame, LogitDemand

TABLE = pd.DataFrame(
    {
        "product": ["a", "b", "c"],
        "firm": ["f", "f", "g"],
        "cost": [1.0, 0.5, 0.8],
        "quality": [2.0, 1.0, 3.0],
    }
)


def run(frame: pd.DataFrame, folder: Path, *options: object) -> Result:
    path = folder / "products.csv"
    frame.to_csv(path, index=False)
    app = typer.Typer()
    app.command()(game_logit)
    words = ["--table", path, "--price-coefficient", 1.5, *options]
    return CliRunner().invoke(app, [str(word) for word in words])


def test_prices_are_the_librarys(tmp_path):
    result = run(TABLE, tmp_path, "--json", "--plot", tmp_path / "prices.png")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    demand = LogitDemand(("a", "b", "c"), TABLE["quality"].to_numpy(), 1.5)
    expected = DifferentiatedGame(demand, TABLE["cost"].to_numpy(), ("f", "f", "g")).solve()
    assert [row["price"] for row in found["products"]] == pytest.approx(expected.prices.tolist())
    assert found["epsilon"] < 1e-12
    assert (tmp_path / "prices.png").stat().st_size > 0
    assert "epsilon" in run(TABLE, tmp_path).stdout


def test_observed_prices_and_shares_are_an_equilibrium(tmp_path):
    observed = pd.DataFrame({"product": ["a", "b"], "price": [2.0, 3.0], "share": [0.2, 0.3]})
    found = json.loads(run(observed, tmp_path, "--json").stdout)
    assert [row["price"] for row in found["products"]] == pytest.approx([2.0, 3.0])
    observed["price"] = [0.1, 3.0]
    flagged = run(observed, tmp_path)
    assert "negative cost" in flagged.stdout


def test_solve_rates_nests_fixed_prices_and_a_leader(tmp_path):
    rates = TABLE.drop(columns="quality").assign(solve_rate=[0.5, 0.4, 0.7], nest=["x", "y", "x"])
    options = ("--value", 5, "--sigma", 0.6, "--json")
    plain = json.loads(run(rates, tmp_path, *options).stdout)
    led = json.loads(run(rates, tmp_path, *options, "--leader", "g").stdout)
    assert led["profits"]["g"] > plain["profits"]["g"]
    held = rates.assign(fixed_price=[9.0, None, None])
    found = json.loads(run(held, tmp_path, *options).stdout)
    assert found["products"][0]["price"] == 9.0
    assert found["products"][0]["fixed"]


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (TABLE.drop(columns="product"), (), "no column 'product'"),
        (TABLE.drop(columns="cost"), (), "no column 'cost'"),
        (TABLE.drop(columns="quality"), (), "none of them"),
        (TABLE.assign(solve_rate=0.5), (), "quality and solve_rate"),
        (TABLE.assign(colour="red"), (), "unknown column 'colour'"),
        (TABLE[:0], (), "no rows"),
        (TABLE, ("--value", 2), "--value"),
        (TABLE, ("--leader", "z"), "'z'"),
        (TABLE.drop(columns="quality").assign(solve_rate=0.5), (), "need --value"),
    ],
)
def test_bad_input(frame, options, message, tmp_path):
    failed = run(frame, tmp_path, *options)
    assert isinstance(failed.exception, InputError)
    assert message in str(failed.exception)


def test_no_table():
    app = typer.Typer()
    app.command()(game_logit)
    failed = CliRunner().invoke(app, ["--table", "nowhere.csv", "--price-coefficient", "1"])
    assert isinstance(failed.exception, InputError)
    assert "no file" in str(failed.exception)
