"""The command line: help that leads, examples that run, terminals of every kind."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import arbmodels as arb
from arbmodels.cli.options import Billing
from cli_cases import (
    commands,
    good,
    python,
    real,
    run,
    shown_examples,
    strict,
    wide_table,
    write_log,
    write_payoffs,
    write_products,
)

BILLING = tuple(rule for rule in get_args(Billing) if rule != "olmedo2026")
#: What the help must explain, also in a narrow terminal.
CHOICES = {
    "info": ("intersection: ", "mask: "),
    "route": ("oracle: ", "per-segment: ", "single: "),
    "margin": ("exact: ", "olmedo2026: ", *BILLING),
    "frontier": BILLING,
    "classes": BILLING,
    "limits": BILLING[2:],
    "verify": ("same-verifier: ", "self-verification: ", "cost: ", *BILLING[2:]),
    "cross-validate": ("exact: ", "olmedo2026: ", "segments", *BILLING),
    "bootstrap": ("instances: ", "attempts: ", "exact: ", "olmedo2026: ", *BILLING),
    "robustness": ("olmedo2026: ", "pooled: "),
    "game bertrand": ("bertrand: ", "undercutting: ", "exact: ", "olmedo2026: ", *BILLING),
}


def test_help_is_a_table_of_contents() -> None:
    text = good("--help")
    for name in (
        "demo",
        "info",
        "convert",
        "reprice",
        "formats",
        "route",
        "predict",
        "stream",
        "frontier",
        "classes",
        "limits",
        "cvar",
        "batches",
        "verify",
        "margin",
        "cross-validate",
        "bootstrap",
        "robustness",
        "game",
        "data",
    ):
        assert re.search(rf"^\W*{name}\s+[A-Z]", text, re.MULTILINE), name
    assert "list" in good("data", "--help")
    assert "fetch" in good("data", "--help")


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_help_of_a_command_describes_it_with_examples(name: str) -> None:
    text = good(*name.split(), "--help")
    command = dict(commands())[name]
    paragraphs = command.help.split("\n\n")
    assert len(paragraphs[1]) > 100, "no paragraph that describes the command"
    assert 1 <= text.count("  arbmodels ") <= 3
    assert "--json" in text


def test_examples_are_short_enough_for_a_terminal_of_80() -> None:
    assert not [line for line in shown_examples() if len(f"   arbmodels {line} ") > 80]


#: One example of every command, which is run with --json.
_FIRST = {
    next(line for line in shown_examples() if line.split()[: len(name.split())] == name.split())
    for name, _ in commands()
}


@pytest.mark.parametrize("line", shown_examples())
def test_examples_in_the_help_work(
    line: str,
    request: pytest.FixtureRequest,
    folder: Path,
    table: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(table.parent)
    folder.rename("my-folder")
    wide_table(Path("table.parquet"))
    write_payoffs(Path())
    write_log(Path())
    write_products(Path())
    words = [word.replace("~/arbitrage-data", ".") for word in shlex.split(line)]
    if "olmedo2026" in line or "routellm" in line:
        monkeypatch.setenv("ARBMODELS_DATA", str(request.getfixturevalue("real_data")))
    elif line.startswith("demo") or "swebench-sim" in line:
        request.getfixturevalue("simulated")
    if line in _FIRST:
        words = [*(word for word in words if word != "--json"), "--json"]
    text = real(*words)
    if "--json" in words:
        strict(text)


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_help_is_whole_in_a_terminal_of_80(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = good(*name.split(), "--help")
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    whole = re.sub(r"[\s│]+", " ", text)
    for option in dict(commands())[name].params:
        assert not option.opts[0].startswith("--") or option.opts[0] in whole
    for choice in CHOICES.get(name, ()):
        assert choice in whole, f"{choice} is nowhere explained"


def test_version_and_module_entry_point() -> None:
    done = python("-m", "arbmodels", "--version")
    assert done.stdout == f"arbmodels {arb.__version__}\n"
    assert good("--version") == done.stdout


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom arbmodels.cli import main\nsys.argv = ['arbmodels', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'pandas', 'scipy', 'highspy', 'matplotlib', 'pooch'}\n"
        "sys.exit(f'loaded {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr


def test_without_a_command_the_help_is_shown_with_exit_code_two() -> None:
    result = run()
    assert result.exit_code == 2
    assert "Usage" in result.output


def test_a_terminal_without_unicode_still_shows_tables(folder: Path) -> None:
    done = python("-m", "arbmodels", "info", str(folder), PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "small" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("json_wanted", [False, True])
def test_a_spinner_shows_in_a_terminal_but_not_with_json(folder: Path, json_wanted: bool) -> None:
    import pty

    ours, theirs = pty.openpty()
    extra = ["--json"] if json_wanted else []
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "arbmodels", "margin", str(folder), *extra],
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        check=True,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    try:
        shown = os.read(ours, 100_000).decode()
    except OSError:  # nothing was written
        shown = ""
    os.close(ours)
    assert ("Looking for the cheapest cascades" in shown) is not json_wanted
    assert "Looking" not in done.stdout


def test_no_spinner_where_there_is_no_terminal(folder: Path) -> None:
    assert run("margin", folder).stderr == ""
