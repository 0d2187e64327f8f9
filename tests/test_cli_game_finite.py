"""``game finite`` and ``game capacity``, registered on an app of their own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from arbmodels.cli import games
from arbmodels.cli.app import _Program
from arbmodels.errors import InputError
from arbmodels.games.finite import FiniteGame
from arbmodels.games.finite.game import game_from_frame, read_game
from cli_cases import strict

APP = typer.Typer(cls=_Program)
APP.command("finite")(games.finite)
APP.command("capacity")(games.capacity)


def run(*arguments: object) -> str:
    result = CliRunner().invoke(APP, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def fails(*arguments: object) -> str:
    result = CliRunner().invoke(APP, [str(argument) for argument in arguments])
    assert result.exit_code == 2, result.output + repr(result.exception)
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.fixture
def chicken(tmp_path: Path) -> Path:
    game = FiniteGame.from_matrices(
        [[6, 2], [7, 0]], [[6, 7], [2, 0]], players=["a", "b"], actions=[["chicken", "dare"]] * 2
    )
    file = tmp_path / "chicken.csv"
    game.to_frame().to_csv(file, index=False)
    return file


def test_table_and_json_files_hold_the_same_game(chicken: Path, tmp_path: Path) -> None:
    game = read_game(chicken)
    assert game.players == ("a", "b")
    assert game.actions == (("chicken", "dare"),) * 2
    assert game.payoffs[1].tolist() == [[6, 7], [2, 0]]
    file = tmp_path / "chicken.json"
    file.write_text(json.dumps({"payoffs": game.payoffs.tolist(), "players": ["a", "b"]}))
    assert np.array_equal(read_game(file).payoffs, game.payoffs)
    three = FiniteGame(np.random.default_rng(0).random((3, 2, 3, 2)))
    shuffled = three.to_frame().sample(frac=1, random_state=1)
    assert np.array_equal(game_from_frame(shuffled).payoffs, three.payoffs)


def test_finite_shows_epsilon_and_every_pure_equilibrium(chicken: Path) -> None:
    answer = strict(run("finite", chicken, "--json"))
    assert answer["epsilon"] == 0
    assert answer["complete"]
    assert [one["kind"] for one in answer["others"]] == ["pure", "mixed"]
    shown = run("finite", chicken)
    assert shown.count("epsilon = 0.000") == 2
    assert "These are all." in shown
    only_pure = strict(run("finite", chicken, "--method", "pure", "--json"))
    assert len(only_pure["others"]) == 1
    assert not only_pure["complete"]
    mixed = strict(run("finite", chicken, "--method", "smoothed", "--json"))
    assert mixed["epsilon"] < 1e-9


def test_finite_correlated(chicken: Path, tmp_path: Path) -> None:
    picture = tmp_path / "joint.png"
    answer = strict(run("finite", chicken, "--kind", "correlated", "--plot", picture, "--json"))
    assert answer["value"] == pytest.approx(10.5)
    assert picture.stat().st_size > 1000
    one = strict(run("finite", chicken, "--kind", "coarse", "--objective", "a", "--json"))
    assert one["kind"] == "coarse correlated"


def test_capacity_is_the_closed_form(tmp_path: Path) -> None:
    picture = tmp_path / "prices.png"
    answer = strict(run("capacity", "--capacities", "0.8,0.6", "--plot", picture, "--json"))
    assert [row["profit"] for row in answer["players"]] == pytest.approx([0.4, 0.3])
    assert answer["epsilon"] < 1e-12
    assert picture.stat().st_size > 1000
    assert "25.0% at 1.000" in run("capacity", "--capacities", "0.8,0.6")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("capacity", "--capacities", "0.8,0"), "capacities[1] is 0"),
        (("capacity", "--capacities", ","), "at least one number"),
        (("capacity", "--capacities", "0.8,x"), "must be a number"),
        (("capacity", "--capacities", "0.8,0.5", "--costs", "1,2,3"), "one number, or 2"),
        (("capacity", "--capacities", "1,1,1", "--method", "closed_form"), "double_oracle"),
        (("finite", "nowhere.csv"), "no such file"),
        (("finite", __file__), ".csv or a .json"),
    ],
)
def test_bad_command_lines(arguments: tuple[str, ...], message: str) -> None:
    assert message in fails(*arguments)


def test_options_that_do_not_go_together(chicken: Path) -> None:
    assert "--method" in fails("finite", chicken, "--kind", "coarse", "--method", "pure")
    assert "--objective" in fails("finite", chicken, "--objective", "a")
    assert "No objective" in fails("finite", chicken, "--kind", "coarse", "--objective", "c")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="payoff a").drop(columns="payoff b"), "for every player"),
        (lambda t: t.drop(columns="a"), "no column 'a'"),
        (lambda t: t.iloc[:3], "0 rows for the profile a=dare, b=dare"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "2 rows for the profile"),
        (lambda t: t.assign(**{"payoff a": ["x", 1, 2, 3]}), "row 1: 'payoff a'"),
        (lambda t: t.assign(b=["x", None, "x", "y"]), "row 2 has no 'b'"),
    ],
)
def test_bad_tables(chicken: Path, change, message: str) -> None:
    table = change(pd.read_csv(chicken))
    with pytest.raises(InputError, match=message):
        game_from_frame(table)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[]", "needs 'payoffs'"),
        ('{"payoffs": [[1, 2]], "player": ["a"]}', "unknown key 'player'"),
        ('{"payoffs": [[[1, 2]]]}', "one axis more"),
    ],
)
def test_bad_json(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "game.json"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_game(file)
