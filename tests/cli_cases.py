"""How the tests of the command line run it, and the small market they run it on."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

# Pyomo keeps the standard output of its import for its messages: not one that a test closes.
import pyomo.common.log  # noqa: F401
from typer.main import get_command
from typer.testing import CliRunner, Result

from arbmodels.cli import app, main

PAIR = ("--models", "gpt5mini,deepseek")
ROWS = 24


def commands() -> Iterator[tuple[str, Any]]:
    group = get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        for inner, its in getattr(command, "commands", {}).items():
            yield f"{name} {inner}", its
        if not hasattr(command, "commands"):
            yield name, command


def shown_examples() -> list[str]:
    return [
        line.strip().removeprefix("arbmodels ")
        for _, command in commands()
        for line in command.help.partition("Examples:")[2].splitlines()
        if line.strip()
    ]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def real(*arguments: object) -> str:
    """Run the program as a process does; return what is in the file behind descriptor 1.

    What libraries in C print is there, too, if nothing keeps it away.
    """
    before, apart = sys.stdout, os.dup(1)
    with tempfile.TemporaryFile() as file, mock.patch("sys.argv", ["", *map(str, arguments)]):
        os.dup2(file.fileno(), 1)
        try:
            with os.fdopen(os.dup(1), "w", encoding="utf-8") as sys.stdout:
                # The program knows standard output by its descriptor.
                sys.stdout.fileno = lambda: 1  # type: ignore[method-assign]
                main()
            code: object = 0
        except SystemExit as ended:
            code = ended.code or 0
        finally:
            if sys.stdout not in (None, before):
                sys.stdout.close()
            if sys.platform != "win32":
                ctypes.CDLL(None).fflush(None)
            sys.stdout = before
            os.dup2(apart, 1)
            os.close(apart)
        file.seek(0)
        text = file.read().decode()
    assert code == 0, text
    return text


def good(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def python(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the interpreter in a process of its own."""
    return subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )


def strict(text: str) -> dict[str, Any]:
    """Parse JSON that has no NaN or Infinity in it."""

    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is not JSON")

    parsed = json.loads(text, parse_constant=refuse)
    assert isinstance(parsed, dict)
    return parsed


def bad(*arguments: object, code: int = 2) -> str:
    """Run what must fail; return standard error."""
    result = run(*arguments)
    assert result.exit_code == code, result.output + repr(result.exception)
    assert "Traceback" not in result.stderr
    return result.stderr


def write_folder(folder: Path) -> Path:
    """Write a market of 24 issues: a small model for the easy ones and a few of its own."""
    rng = np.random.default_rng(7)
    folder.mkdir()
    ease = rng.random(ROWS)
    own = np.arange(ROWS) % 8 == 0  # the large model never solves these
    solve = {
        "small": np.where(own | (ease > 0.5), 0.7, 0.05),
        "large": np.where(own, 0.0, 0.4 + 0.5 * ease),
    }
    for model, cost, count in (("small", 0.01, 6), ("large", 0.06, 4)):
        lines = [
            json.dumps(
                {
                    "id": f"repo{row % 3}__{row}",
                    "attempts": (rng.random(count - row % 3) < solve[model][row])
                    .astype(int)
                    .tolist(),
                    "mean_cost": cost * float(rng.uniform(0.5, 1.5)),
                }
            )
            for row in range(ROWS)
        ]
        (folder / f"{model}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def wide_table(path: Path, rows: int = 500) -> pd.DataFrame:
    """Write a Parquet table for ``arbmodels stream``: two models, two segments."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "name": [f"q{row}" for row in range(rows)],
            "area": np.where(np.arange(rows) % 3 == 0, "a", "b"),
            "p_x": rng.random(rows) / 2,
            "p_y": rng.random(rows),
            "c_x": rng.uniform(0.01, 0.02, rows),
            "c_y": rng.uniform(0.05, 0.1, rows),
        }
    )
    frame.to_parquet(path, row_group_size=100)
    return frame


def write_products(folder: Path) -> None:
    """Write products.csv (costs and qualities) and observed.csv (prices and shares)."""
    products = {"product": ["a", "b"], "firm": ["f", "g"], "cost": [1.0, 0.5], "quality": [2.0, 1]}
    pd.DataFrame(products).to_csv(folder / "products.csv", index=False)
    observed = {"product": ["a", "b"], "price": [2.0, 3.0], "share": [0.2, 0.3]}
    pd.DataFrame(observed).to_csv(folder / "observed.csv", index=False)


def write_log(folder: Path) -> None:
    """Write a log with tokens, and prices for two of its models' names."""
    rows = ["model,instance,solved,cost,input_tokens,output_tokens"]
    rows += [
        f"{m},t{k},{k % 2},0.01,{1000 * k},{100 * k}" for m in ("small", "large") for k in (1, 2)
    ]
    (folder / "log.csv").write_text("\n".join(rows) + "\n")
    prices = "model,input,output\nsmall,0.25,2\ngpt-5-mini,0.3,2\nlarge,3,15\n"
    (folder / "prices.csv").write_text(prices)


def write_payoffs(folder: Path) -> None:
    """Write a prisoners' dilemma as payoffs.csv and payoffs.json."""
    first, second = [[3, 0], [5, 1]], [[3, 5], [0, 1]]
    rows = [
        (row, column, first[i][j], second[i][j])
        for i, row in enumerate(("high", "low"))
        for j, column in enumerate(("high", "low"))
    ]
    columns = ["A", "B", "payoff A", "payoff B"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "payoffs.csv", index=False)
    stacked = np.stack([first, second], axis=-1).tolist()
    (folder / "payoffs.json").write_text(json.dumps({"payoffs": stacked}))
