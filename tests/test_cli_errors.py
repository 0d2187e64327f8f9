"""Bad input on the command line: exit code two, and what to do on standard error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cli_cases import bad, good, run


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["info", "{folder}", "--models", "small,huge"], "no model 'huge'"),
        (["info", "{folder}", "--models", ","], "no model chosen"),
        (["info", "swebench-simm"], "Did you mean 'swebench-sim'?"),
        (["info", "{folder}/nowhere"], "neither a data set's name nor a folder"),
        (["info", "{folder}", "--columns", "model=llm"], "is one model's file"),
        (["info", "{table}"], "no column for model, instance"),
        (["info", "{table}", "--columns", "llm"], "write ROLE=COLUMN"),
        (["info", "{folder}", "--missing", "drop"], "--missing"),
        (["info"], "MARKET"),
        (["info", "{folder}", "--nonsense"], "nonsense"),
        (["infos"], "infos"),
        (["data", "fetch", "nothing"], "neither a data set's name"),
        (["data", "list", "--data", "{folder}/nowhere"], "is not a folder"),
        (["margin", "{folder}", "--at", "0.5,many"], "must be a number, not 'many'"),
        (["margin", "{folder}", "--at", "nan"], "must be a number, not 'nan'"),
        (["margin", "{folder}", "--at", ","], "at least one solve rate"),
        (["margin", "{folder}", "--at", "75"], "For 75% write 0.75"),
        (["margin", "{folder}", "--at", "-0.1"], "between 0 and 1, not -0.1"),
        (["margin", "{folder}", "--method", "guess"], "--method"),
        (["margin", "{folder}", "--refine", "0"], "--refine"),
        (
            ["margin", "{folder}", "--method", "olmedo2026", "--refine", "2"],
            "leave out --billing",
        ),
        (
            ["margin", "{folder}", "--billing", "attempts-stop-at-record", "--refine", "2"],
            "whole attempts cannot be cut",
        ),
        (["margin", "{folder}", "--method", "olmedo2026", "--models", "small"], "has 1"),
        (["route", "{folder}"], "Say what is wanted: --budget TOTAL"),
        (["route", "{folder}", "--budget", "-1"], "finite and at least 0"),
        (["route", "{folder}", "--budget", "nan"], "finite and at least 0"),
        (["route", "{folder}", "--min-solve-rate", "70"], "0.9 for 90%"),
        (["route", "{folder}", "--budget", "1", "--attempts", "0"], "--attempts"),
        (["route", "{folder}", "--budget", "1", "--capacity", "small"], "NAME=NUMBER"),
        (["route", "{folder}", "--budget", "1", "--capacity", "small=few"], "must be a number"),
        (["route", "{folder}", "--budget", "1", "--capacity", "huge=3"], "no model 'huge'"),
        (["route", "{folder}", "--budget", "1", "--segment-floor", "x=0.3"], "no segment 'x'"),
        (["route", "{folder}", "--budget", "1", "--time-limit", "0"], "time_limit"),
        (["game", "bertrand", "{folder}", "--step", "0.9"], "--step is for --kind undercutting"),
        (
            ["game", "bertrand", "{folder}", "--kind", "undercutting", "--step", "2"],
            "> 0 and < 1",
        ),
        (
            ["game", "bertrand", "{folder}", "--kind", "undercutting", "--willingness-to-pay", "1"],
            "is for --kind bertrand",
        ),
        (
            ["game", "bertrand", "{folder}", "--kind", "undercutting", "--at", "0.999"],
            "no price to undercut",
        ),
        (["game", "bertrand", "{folder}", "--arbitrageurs", "-1"], "--arbitrageurs"),
        (["game", "bertrand", "{folder}", "--willingness-to-pay", "-1"], "willingness to pay"),
        (["game", "bertrand", "{folder}", "--provider-cost-share", "0"], "> 0 and <= 1"),
        (["demo", "--output", "{folder}"], ".png, .pdf or .svg"),
    ],
)
def test_bad_input_ends_with_code_two_and_says_what_to_do(
    arguments: list[str], expected: str, folder: Path, table: Path
) -> None:
    filled = [argument.format(folder=folder, table=table) for argument in arguments]
    result = run(*filled)
    assert result.exit_code == 2, result.output + repr(result.exception)
    assert result.stdout == ""
    # Usage errors are framed and wrapped.
    assert expected in re.sub(r"[\s│]+", " ", result.stderr), result.stderr


def test_a_name_given_twice_is_refused(folder: Path) -> None:
    twice = ("--capacity", "small=3", "--capacity", "small=4")
    assert "names 'small' twice" in bad("route", folder, "--budget", 1, *twice)
    assert "'small' is named twice" in bad("info", folder, "--models", "small,small")


def test_malformed_lines_are_named_with_file_and_line(folder: Path) -> None:
    with (folder / "small.jsonl").open("a") as file:
        file.write('{"id": "x__1", "attempts": [0, 1\n')
        file.write('{"id": "x__2", "attempts": [0, 2], "mean_cost": -1}\n')
    for command in (["info"], ["margin"], ["route", "--budget", "1"], ["frontier"]):
        message = bad(command[0], folder, *command[1:])
        assert "small.jsonl:25: not valid JSON" in message
        assert "small.jsonl:26" in message
        assert "Correct the lines named" in message


def test_models_without_a_common_instance_are_named(folder: Path) -> None:
    text = (folder / "small.jsonl").read_text()
    (folder / "small.jsonl").write_text(text.replace("repo", "other"))
    message = bad("margin", folder)
    assert "no instance in common" in message
    assert "small: 24" in message


def test_too_many_models_for_the_lattice_says_what_to_do(folder: Path) -> None:
    for copy in range(4):
        text = (folder / "small.jsonl").read_text()
        (folder / f"copy{copy}.jsonl").write_text(text)
    for command in ("margin --refine 2", "frontier"):
        message = bad(*command.split(), folder)
        assert "6" in message
        assert "--models" in message
    assert "choose two" in bad("margin", folder, "--method", "olmedo2026")
    assert "2 arbitrageurs" in good("game", "bertrand", folder)  # searched, not refused
