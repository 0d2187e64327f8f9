"""``arbmodels info`` and ``arbmodels data``, and the simulated market from end to end."""

from __future__ import annotations

from pathlib import Path

import pytest

import arbmodels as arb
from cli_cases import PAIR, ROWS, bad, good, run, strict


def test_info_has_every_number_of_the_summary(folder: Path) -> None:
    answer = strict(good("info", folder, "--models", "large,small", "--json"))
    market = arb.load_market(folder, models=["large", "small"])
    assert answer["market"] == "market"
    assert answer["simulated"] is False
    assert answer["instances"] == ROWS
    assert answer["unit"] == "USD/attempt"
    assert answer["segments"] == ["repo0", "repo1", "repo2"]
    summary = market.summary()
    assert [row["model"] for row in answer["models"]] == ["large", "small"]
    for row in answer["models"]:
        for column in summary.columns:
            assert row[column] == pytest.approx(summary.loc[row["model"], column]), column


def test_info_shows_a_table_with_units(folder: Path) -> None:
    text = good("info", folder)
    assert "2 models x 24 instances" in text
    assert "USD" in text
    assert "small" in text


def test_info_reads_a_table_with_other_column_names(folder: Path, table: Path) -> None:
    columns = "model=llm, instance=question"
    from_table = strict(good("info", table, "--columns", columns, "--json"))
    from_folder = strict(good("info", folder, "--models", "small,large", "--json"))
    by_name = {row["model"]: row for row in from_folder["models"]}
    for row in from_table["models"]:
        assert row["solve_rate"] == pytest.approx(by_name[row["model"]]["solve_rate"])


def test_info_of_one_instance_has_null_for_its_undefined_standard_error(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"id": "a", "attempts": [1, 0], "mean_cost": 0.1}\n')
    answer = strict(good("info", tmp_path, "--json"))
    assert answer["models"][0]["solve_rate_standard_error"] is None
    assert answer["models"][0]["solve_rate"] == 0.5


def test_what_loading_left_out_goes_to_standard_error_and_into_the_json(folder: Path) -> None:
    kept = (folder / "small.jsonl").read_text().splitlines()[:-2]
    (folder / "small.jsonl").write_text("\n".join(kept))
    result = run("info", folder, "--json")
    assert "2 of 24 instances left out" in result.stderr
    answer = strict(result.stdout)
    assert answer["instances"] == ROWS - 2
    assert "2 of 24 instances left out" in answer["notes"][0]
    assert "2 of 24 instances left out" in run("info", folder).stderr
    masked = strict(good("info", folder, "--missing", "mask", "--json"))
    assert masked["instances"] == ROWS


def test_data_list_says_what_is_where(tmp_path: Path, simulated: arb.Market) -> None:
    answer = strict(good("data", "list", "--json"))
    by_name = {each["name"]: each for each in answer["datasets"]}
    assert tuple(by_name) == arb.list_datasets()
    assert by_name["swebench-sim"]["present"] is True
    assert by_name["olmedo2026/lean"]["present"] is False
    assert by_name["olmedo2026/swebench"]["bytes"] > 0
    text = good("data", "list", "--data", tmp_path)
    assert "[MB]" in text
    assert str(tmp_path) in "".join(text.split())  # long paths go over several lines


def test_data_list_finds_the_users_copy(real_data: Path, simulated: arb.Market) -> None:
    answer = strict(good("data", "list", "--data", real_data, "--json"))
    present = {each["name"]: each["present"] for each in answer["datasets"]}
    assert present["olmedo2026/swebench"] is True


def test_data_fetch(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARBMODELS_DATA", str(real_data))
    arguments = ("data", "fetch", "olmedo2026/swebench", "--models", "gpt5mini")
    assert strict(good(*arguments, "--json"))["present"] is True
    assert "is there" in good(*arguments)


def test_a_download_that_fails_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arbmodels.data.download._PAUSES", ())
    message = bad("data", "fetch", "olmedo2026/lean")
    assert "could not download" in message
    assert "ARBMODELS_DATA" in message


def test_demo_tells_the_whole_story(
    simulated: arb.Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = good("demo")
    figure = tmp_path / "output" / "demo.png"
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert text.count("=> ") == 4
    for words in ("SIMULATED", "epsilon", "shadow price", "Figure: output/demo.png"):
        assert words in text, words
    figure.write_bytes(b"mine")
    assert "--force" in bad("demo")
    assert figure.read_bytes() == b"mine"
    answer = strict(good("demo", "--force", "--json"))
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert answer["simulated"] is True
    assert answer["routing"]["spend"] <= 12 + 1e-6
    assert answer["routing"]["solve_rate"] <= answer["routing"]["oracle_solve_rate"]
    exact, authors = answer["margin"]["exact"], answer["margin"]["authors"]
    assert "stop-at-record" in exact["accounting"]
    assert "no policy knows it" in authors["accounting"]
    assert 0.35 < authors["peak"]["margin"] < 0.55
    for count, equilibrium in answer["competition"].items():
        assert equilibrium["epsilon"] == pytest.approx(0, abs=1e-12)
        assert len(equilibrium["players"]) == 2 + int(count)
    for alone, several in zip(
        *(answer["competition"][count]["market_price"] for count in "12"), strict=True
    ):
        assert several <= alone + 1e-12


def test_simulated_data_is_called_so(simulated: arb.Market) -> None:
    assert strict(good("margin", "swebench-sim", *PAIR, "--json"))["simulated"] is True
    for command in ("info", "margin", "frontier", "game bertrand"):
        assert "simulated" in good(*command.split(), "swebench-sim", *PAIR)
