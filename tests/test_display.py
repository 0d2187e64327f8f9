"""Tables: whole numbers and names at every width, in terminals and notebooks."""

from __future__ import annotations

import dataclasses

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import arbmodels as arb
from arbmodels.display import TextTable, number, percent
from conftest import random_market

cells = st.text("abc 0123456789.%", min_size=1, max_size=40)
tables = st.integers(1, 6).flatmap(
    lambda width: st.builds(
        TextTable,
        title=cells,
        columns=st.lists(cells, min_size=width, max_size=width),
        rows=st.lists(st.lists(cells, min_size=width, max_size=width), max_size=4),
        note=cells,
    )
)


@given(tables, st.integers(20, 130))
def test_no_short_cell_is_broken(table: TextTable, width: int) -> None:
    lines = table.text(width).splitlines()
    for row in table.rows:
        for cell in row[1:]:
            if len(cell) <= 24:
                assert any(cell.strip() in line for line in lines), cell


@given(tables)
def test_every_word_is_in_the_notebook(table: TextTable) -> None:
    html = table.html()
    for row in table.rows:
        assert all(f">{cell}</td>" in html for cell in row)


def test_numbers_stand_to_the_right_and_words_to_the_left_and_notes_keep_their_lines() -> None:
    rows = [("a", "1.5%", "one, then another"), ("b", "–", "none"), ("c", "-2 (-3 to 1)", "x")]
    table = TextTable("Title", ("name", "share", "plan"), rows, "one line\nanother")
    html = table.html()
    assert '<th style="text-align: right">share</th>' in html
    assert html.count('style="text-align: right"') == 4
    assert '<p style="white-space: pre-line">one line\nanother</p>' in html
    lines = table.text().splitlines()
    assert lines[-2:] == ["one line", "another"]
    assert [line.find("one, then") for line in lines if "1.5%" in line] == [
        line.find("none") for line in lines if "none" in line
    ]
    (heading,) = (line for line in lines if "share" in line)
    (first,) = (line for line in lines if "1.5%" in line)
    assert heading.index("share") + len("share") == first.index("1.5%") + len("1.5%")


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_a_market_fits_into_80_columns(missing: float) -> None:
    market = random_market(np.random.default_rng(0), 999, 3, missing=missing, segments=2)
    market = dataclasses.replace(
        market, models=("qwen3-coder-480b", "sonnet", "mini-coder-4b"), cost=market.cost / 500
    )
    text = market.table().text(80)
    assert max(map(len, text.splitlines())) <= 80
    assert ("records" in text) is bool(missing)


def test_results_fit_into_80_columns(simulated: arb.Market) -> None:
    pair = simulated.select(models=["gpt5mini", "deepseek"])
    routed = arb.RoutingProblem(simulated, assignment="per-segment").add_budget(9.0).solve()
    margin = arb.arbitrage(arb.cascade_frontier(pair))
    game = arb.games.BertrandGame.from_arbitrage(margin, arbitrageurs=2).solve()
    for result in (routed, margin.source, margin, game):
        lines = result.table().text(80).splitlines()
        assert max(map(len, lines)) <= 80, max(lines, key=len)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0123456, "0.01235"), (1234.5678, "1,235"), (2e7, "2.000e+07"), (0.0, "0.000"),
     (float("nan"), "–"), (float("inf"), "∞"), (-float("inf"), "-∞"), (5e-5, "5.000e-05")],
)  # fmt: skip
def test_numbers(value: float, shown: str) -> None:
    assert number(value) == shown


def test_undefined_shares_are_dashes() -> None:
    assert (percent(0.1234), percent(0.1234, 2), percent(float("nan"))) == ("12.3%", "12.34%", "–")


def test_a_table_shows_itself() -> None:
    table = TextTable("Title", ("name", "value"), [("a", "1")])
    assert repr(table) == table.text()
    assert table._repr_html_() == table.html()


def test_columns_that_do_not_fit_follow_below() -> None:
    """With the first column repeated, and no heading cut to letters."""
    columns = ["value", *(f"measure {k} of the market" for k in range(9))]
    rows = [(str(k), *(f"{k + j / 7:.4f}" for j in range(9))) for k in range(3)]
    table = TextTable("Title", columns, rows, "note")
    lines = table.text(60).splitlines()
    assert max(map(len, lines)) <= 60
    assert sum(line.strip().startswith("value") for line in lines) >= 2
    assert len(table.text(400).splitlines()) < len(lines)


def test_text_is_left_and_numbers_are_right() -> None:
    table = TextTable("", ("name", "how", "cost"), [("a", "by hand", "1.0"), ("b", "-", "10.0")])
    assert '<td style="text-align: left">by hand</td>' in table.html()
    assert '<td style="text-align: right">1.0</td>' in table.html()


def test_lines_of_a_note_stay_lines_in_a_notebook() -> None:
    assert "white-space: pre-line" in TextTable("", ("a",), [("b",)], "one\ntwo").html()
