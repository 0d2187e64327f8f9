"""The paper's figures: reproduced on real data, drawn on any, loud when off."""

from __future__ import annotations

import json
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import arbmodels as arb
from paper_figures import common, figure_1_profit, figure_11_policy_classes, held_out
from paper_figures.__main__ import FIGURES, load, main
from paper_figures.allocations import Scored, halves, per_rate, single, spend_at, staged
from paper_figures.methods import PAIR_BUDGETS, STAGE_BUDGETS, bound_of_mixtures, untied

every_figure = pytest.mark.parametrize("figure", FIGURES.values(), ids=common.figure_name)


@pytest.fixture(scope="module")
def pair(simulated: arb.Market) -> arb.Market:
    return simulated.select(models=["gpt5mini", "deepseek"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with every figure of the simulated market, quickly computed."""
    out = tmp_path_factory.mktemp("figures")
    assert main(["--quick", "--market", "simulated", "--output", str(out)]) == 0
    assert [each.name for each in out.iterdir()] == ["simulated-quick"]
    return out / "simulated-quick"


@pytest.fixture(scope="module")
def records(folder: Path) -> dict[str, common.Record]:
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")
    }


@pytest.fixture
def folder_market(pair: arb.Market, tmp_path: Path) -> Path:
    """Return a folder that claims to be recorded, at about twice the authors' costs."""
    folder = tmp_path / "data"
    folder.mkdir()
    for m, model in enumerate(pair.models):
        lines = [
            json.dumps(
                {
                    "id": name,
                    "attempts": [1] * int(pair.successes[i, m])
                    + [0] * int(pair.attempts[i, m] - pair.successes[i, m]),
                    "mean_cost": 2 * float(pair.cost[i, m]),
                }
            )
            for i, name in enumerate(pair.instances)
        ]
        (folder / f"{model}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


#: The others take more than a few seconds at full size.
_FAST = ("1", "2", "3")


@pytest.mark.parametrize(
    "figure",
    [
        pytest.param(
            figure,
            id=common.figure_name(figure),
            marks=() if number in _FAST else pytest.mark.slow,
        )
        for number, figure in FIGURES.items()
        if figure.PUBLISHED
    ],
)
def test_the_authors_numbers_come_out_of_their_data(
    figure: common.FigureFile, real_data: Path
) -> None:
    # The authors' part in full; what else is computed, and not compared, at little effort.
    little = {
        name: value
        for name, value in getattr(figure, "QUICK", {}).items()
        if name in ("states", "seconds", "repeats")
    }
    record = figure.compute(load(str(real_data), figure), **little)
    off = [each for each in common.compare(figure.PUBLISHED, record) if not each.reproduced]
    assert off == []


@every_figure
def test_a_record_survives_json(
    figure: common.FigureFile, records: dict[str, common.Record]
) -> None:
    # Every other test draws what was read from the file.
    record = records[common.figure_name(figure)]
    assert record["figure"] == common.figure_name(figure)
    assert record["market"]["simulated"] is True
    assert json.loads(json.dumps(record, allow_nan=False)) == record


@every_figure
def test_pictures_fit_a_column_and_nothing_is_cut_off(
    figure: common.FigureFile, records: dict[str, common.Record]
) -> None:
    record = records[common.figure_name(figure)]
    drawings = [common.picture(figure, record, plain=plain) for plain in (False, True)]
    for drawing in drawings:
        FigureCanvasAgg(drawing).draw()
        width, height = drawing.get_size_inches()
        assert width == pytest.approx(3.4)
        tight = drawing.get_tightbbox()
        assert tight.x0 >= -0.02
        assert tight.y0 >= -0.02
        assert tight.x1 <= width + 0.02
        assert tight.y1 <= height + 0.02
        for legend in drawing.legends:
            place = legend.get_window_extent()
            assert not any(place.overlaps(axes.get_window_extent()) for axes in drawing.axes)
    # The words stand in one of them only, and are all that it has more of.
    explained, alone = drawings
    below = explained.get_supxlabel().replace("\n", " ")
    assert below == common.caption(figure, record)
    assert explained.legends[0].get_title().get_text().startswith(f"{figure.TITLE} (simulated")
    assert alone.get_supxlabel() == alone.get_suptitle() == ""
    assert not any(legend.get_title().get_text() for legend in alone.legends)
    assert explained.get_figheight() > alone.get_figheight()
    assert len(explained.axes) == len(alone.axes)


@every_figure
def test_every_caption_says_which_data_what_is_proven_and_what_is_validated(
    figure: common.FigureFile, records: dict[str, common.Record]
) -> None:
    record = records[common.figure_name(figure)]
    assert record["certificate"].startswith("Proven: ")
    assert any(word in record["validation"] for word in ("Cross-validated", "Held out"))
    assert np.isfinite(record["optimism"])
    words = common.caption(figure, record)
    assert words.startswith(figure.CAPTION)
    assert record["certificate"] in words
    assert record["validation"] in words
    work = record["market"]["work"]
    assert common.data_of(record) == f"simulated market, 445 {work}"
    real = {**record, "market": {**record["market"], "simulated": False}}
    assert common.data_of(real) == f"recorded attempts, 445 {work}"


def test_a_plain_picture_lies_beside_its_caption(folder: Path, tmp_path: Path) -> None:
    inside = tmp_path / "simulated-quick"
    inside.mkdir()
    name = "figure_1_profit.json"
    (inside / name).write_bytes((folder / name).read_bytes())
    arguments = ["--plain", "--quick", "--market", "simulated", "--output", str(tmp_path)]
    assert main(["1", *arguments]) == 0
    made = {path.name for path in inside.glob("figure_1_*")}
    ends = (".pdf", ".png", ".txt", ".tex")
    assert made == {"figure_1_profit.json", *(f"figure_1_profit_plain{end}" for end in ends)}
    words = (inside / "figure_1_profit_plain.txt").read_text(encoding="utf-8")
    assert words.startswith("Arbitrage profit (simulated market, 445 issues). ")
    # For LaTeX the same words: a percent sign would begin a comment.
    latex = (inside / "figure_1_profit_plain.tex").read_text(encoding="utf-8")
    assert words.splitlines()[0].replace("%", r"\%") in latex
    assert r"\includegraphics{figure_1_profit_plain}" in latex
    for line in latex.splitlines()[1:]:
        assert "%" not in line.replace(r"\%", "")
        assert line.count("{") == line.count("}")
    # A caption that somebody wrote is not replaced unasked.
    (inside / "figure_1_profit_plain.txt").write_text("My own words.", encoding="utf-8")
    assert main(["1", *arguments]) == 2
    assert (inside / "figure_1_profit_plain.txt").read_text(encoding="utf-8") == "My own words."


def test_figure_13_says_what_it_assumes() -> None:
    assert "a marginal cost of 30% of the list price" in FIGURES["13"].CAPTION
    assert "linear demand that ends at twice the market price" in FIGURES["13"].CAPTION


@pytest.mark.parametrize("name", ["figure_3_revenue_share", "figure_9_lean_revenue_share"])
def test_ties_are_settled_without_a_change_of_what_is_earned(
    records: dict[str, common.Record], name: str
) -> None:
    record = records[name]
    for method, rows in record["drawn"].items():
        shares = common.drawable(record["shares"][method])
        shares.pop("solve_rate")
        found, drawn = np.vstack(list(shares.values())), np.array(rows, dtype=float)
        np.testing.assert_allclose(drawn[-1], found[-1], atol=1e-6)
        np.testing.assert_allclose(drawn.sum(axis=0), found.sum(axis=0), atol=1e-5)
        split, other = (each[:-1] / each[:-1].sum(axis=0) for each in (drawn, found))
        assert np.abs(np.diff(split)).sum() <= np.abs(np.diff(other)).sum() + 1e-6


def test_only_what_is_tied_is_drawn_otherwise() -> None:
    rates, cost = np.linspace(0.5, 0.6, 5), np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    arbitrageur = np.full(5, 0.2)
    flickers = np.array([0.8, 0.8, 0.2, 0.8, 0.8])
    shares = np.vstack([flickers, 0.8 - flickers, arbitrageur])
    # A mixture of the neighbours costs what the cascade between them does.
    np.testing.assert_allclose(untied(rates, cost, shares)[0], 0.8)
    # Two percent more is no tie.
    cheaper = np.where(flickers < 0.5, 0.98 * cost, cost)
    np.testing.assert_allclose(untied(rates, cheaper, shares), shares)
    # A change that stays is not a flicker, and stays where it is.
    steps = np.array([0.8, 0.8, 0.2, 0.2, 0.2])
    shares = np.vstack([steps, 0.8 - steps, arbitrageur])
    np.testing.assert_allclose(untied(rates, cost, shares), shares)


def test_figure_5_has_one_market_price(records: dict[str, common.Record]) -> None:
    record = records["figure_5_larger_market"]
    exact, six = common.drawable(record["exact"]), common.drawable(record["searched"])
    np.testing.assert_allclose(
        exact["margin"],
        100 * np.maximum(1 - exact["arbitrage_cost"] / exact["market_price"], 0),
        atol=1e-5,
    )
    # What both margins of the six follow from is one cost: their prices differ.
    own, one = 1 - six["own_margin"] / 100, 1 - six["margin"] / 100
    both = (six["own_margin"] > 0) & (six["margin"] > 0)
    assert both.sum() >= 3
    whole = arb.attempt_curves(arb.load_market("swebench-sim"), billing="pay-past-record")
    alone = [arb.cascade_frontier(whole.only([model])) for model in whole.names]
    rates = six["solve_rate"][both] / 100
    price = np.fmin.reduce([each.mixture_spend_at(rates) for each in alone])
    ratio = exact["market_price"][both] / price
    np.testing.assert_allclose(own[both] / one[both], ratio, rtol=1e-4)


def test_the_exact_cascade_is_never_dearer_than_the_authors(
    records: dict[str, common.Record],
) -> None:
    authors, exact = (
        common.drawable(records["figure_1_profit"]["curves"][method])
        for method in ("authors", "exact")
    )
    # Every plan costs at least the exact cost. The authors' curve is interpolated: where a stage
    # ends it can promise a little less than any plan costs.
    assert np.all(exact["arbitrage_cost"] <= authors["arbitrage_cost"] * 1.005)
    assert exact["arbitrage_cost"].mean() < authors["arbitrage_cost"].mean()
    assert exact["beyond_rate"][-1] >= authors["beyond_rate"][-1]
    # Where the market ends the arbitrageur goes on from the same cost.
    for curves in (authors, exact):
        assert curves["beyond_cost"][0] == pytest.approx(curves["arbitrage_cost"][-1], rel=1e-3)


@pytest.mark.parametrize("name", ["figure_5_larger_market", "figure_8_lean_market"])
def test_the_best_of_several_models_is_never_dearer_than_the_authors(
    records: dict[str, common.Record], name: str
) -> None:
    exact = common.drawable(records[name]["exact"])
    attained = exact["attained_by_authors"]
    assert np.isfinite(attained).mean() > 0.5
    cost = exact["arbitrage_cost"]
    assert np.all((cost <= attained * (1 + 1e-7)) | np.isnan(attained))
    # Their reading of the same cascades can be lower than what they cost, by little; it is said.
    read = common.drawable(records[name]["authors"])["margin"]
    assert np.all(exact["margin"] >= read - 2.0)
    assert "less than their cascade costs" in records[name]["exact"]["reading"]


def test_prices_fall_step_by_step_until_no_margin_is_left(
    records: dict[str, common.Record],
) -> None:
    record = records["figure_2_price_competition"]
    for method in ("authors", "exact"):
        path = common.drawable(record["paths"][method])
        factor = path["prices"][1:] / path["prices"][:-1]
        assert factor.max() <= 1 + 1e-7
        assert factor.min() >= record["step"] - 1e-6
        assert np.all(path["prices"] >= path["cost"] * (1 - 1e-7))
        assert path["margins"][0].max() > 5
        assert path["margins"][-1].max() < 1e-6
        values = record["values"][method]
        assert values["gain from deviating at the Bertrand price, at most"] <= 1e-12
        assert values["price in the end over the Bertrand price, at most"] == pytest.approx(1)


def test_shares_of_the_revenue_add_up(records: dict[str, common.Record]) -> None:
    for name, shares in records["figure_3_revenue_share"]["shares"].items():
        parts = common.drawable(shares)
        parts.pop("solve_rate")
        total = sum(parts.values())
        defined = np.isfinite(total)
        # Nobody may reach the highest solve rates held out.
        assert defined[:-10].all() if name == "held out" else defined.all()
        # The authors compute cost and purchases by formulas that differ slightly.
        np.testing.assert_allclose(total[defined], 100, atol=0.5)
    new = records["figure_9_lean_revenue_share"]["shares"]["held out"]["shares"]
    total = np.array(new, dtype=float).sum(axis=0)
    np.testing.assert_allclose(total[np.isfinite(total)], 100, atol=1e-6)
    assert np.isfinite(total).sum() > 3


def test_a_wrong_value_is_noticed(records: dict[str, common.Record]) -> None:
    record = records["figure_1_profit"]
    authors = record["values"]["authors"]
    published = [
        common.Published(name, value, 1e-9, "")
        for name, value in authors.items()
        if value is not None
    ]
    assert "peak margin" in [each.name for each in published]
    assert all(each.reproduced for each in common.compare(published, record))
    for wrong in (authors["peak margin"] + 0.2, None):
        perturbed = {**record, "values": {**record["values"]}}
        perturbed["values"]["authors"] = {**authors, "peak margin": wrong}
        off = [each for each in common.compare(published, perturbed) if not each.reproduced]
        assert [each.name for each in off] == ["peak margin"]


@pytest.mark.parametrize(
    ("published", "reproduced", "same"),
    [
        (1.0, 1.1, True),
        (1.0, 1.1001, False),
        (1.0, 0.8999, False),
        (1.0, None, False),
        (None, 1.0, False),
        (None, None, True),
    ],
)
def test_the_tolerance_is_a_limit(
    published: float | None, reproduced: float | None, same: bool
) -> None:
    record: dict[str, Any] = {"values": {"authors": {"x": reproduced}, "exact": {}}}
    (compared,) = common.compare([common.Published("x", published, 0.1 + 1e-12, "")], record)
    assert compared.reproduced is same
    assert compared.exact is None


def test_a_forgotten_value_is_a_mistake(records: dict[str, common.Record]) -> None:
    with pytest.raises(KeyError, match="no such quantity"):
        common.compare(
            [common.Published("no such quantity", 1.0, 1.0, "")], records["figure_1_profit"]
        )


def test_the_runner_resumes_and_writes_the_same_again(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(
        f"{common.figure_name(figure)}{suffix}"
        for figure in FIGURES.values()
        for suffix in (".json", ".pdf", ".png")
    )
    record = json.loads((folder / "figure_1_profit.json").read_text(encoding="utf-8"))
    assert [each["name"] for each in record["published"]] == [
        each.name for each in figure_1_profit.PUBLISHED
    ]
    some = ["profit", "3", "figure_8_lean_market"]
    arguments = [*some, "--quick", "--market", "simulated", "--output", str(tmp_path)]
    inside = tmp_path / "simulated-quick"
    inside.mkdir()
    for path in folder.iterdir():
        (inside / path.name).write_bytes(path.read_bytes())
    (inside / "figure_1_profit.png").unlink()  # an interrupted run
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert "[3/3] figure_8_lean_market: simulated provers, 445 instances" in printed.out
    assert printed.out.count("computed before") == 3
    assert "shown for orientation, not enforced" in printed.out
    assert "41.1" in printed.out
    assert printed.err == ""
    for path in folder.iterdir():
        assert (inside / path.name).read_bytes() == path.read_bytes()
    # Other inputs, a broken record, or the wish for it: computed anew.
    again = ["3", "--quick", "--market", "simulated", "--fresh", "--output", str(tmp_path)]
    assert main(again) == 0
    assert "computed before" not in capsys.readouterr().out
    broken = inside / "figure_1_profit.json"
    broken.write_text(broken.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    assert main(arguments) == 0
    assert capsys.readouterr().out.count("computed before") == 2


def test_other_data_and_options_give_another_fingerprint(pair: arb.Market) -> None:
    other = pair.select(instances=pair.instances[1:])
    prints = {
        common.fingerprint(figure_1_profit, pair, {}),
        common.fingerprint(figure_1_profit, other, {}),
        common.fingerprint(figure_1_profit, pair, {"points": 3}),
        common.fingerprint(FIGURES["2"], pair, {}),
    }
    assert len(prints) == 4
    assert common.fingerprint(figure_1_profit, pair, {}) in prints


def test_many_allocations_at_once_are_each_the_authors_curve(simulated: arb.Market) -> None:
    market = simulated.select(models=["minicoder4b", "gpt5mini", "deepseek"])
    given = staged([0.001, 0.02, 1.0], 3, 1.0)
    scored = Scored(market, arb.budget_grid(), given)
    rates = np.linspace(0.3, 0.75, 15)
    costs = spend_at(scored.cascades, rates)
    for allocation, cost in zip(given, costs, strict=True):
        policy = arb.paper_curve(market, allocation)
        np.testing.assert_allclose(cost, policy.spend_at(rates), rtol=1e-9)
        np.testing.assert_allclose(
            spend_at(scored.providers, rates).T, policy.model_prices_at(rates), rtol=1e-9
        )
    choice = per_rate(scored, rates)
    np.testing.assert_array_equal(choice.cost, np.fmin.reduce(costs))
    sold = choice.margin > 0
    np.testing.assert_allclose(choice.shares[:, sold].sum(axis=0), 1.0, atol=0.02)
    np.testing.assert_allclose(choice.providers_shares.sum(axis=0), 1.0)
    # Reading a budget grid is off by about a percent where a stage ends.
    np.testing.assert_allclose(choice.attained, choice.cost, rtol=0.02)


def test_what_an_allocation_costs_is_what_its_plan_costs(simulated: arb.Market) -> None:
    market = simulated.select(models=["minicoder4b", "gpt5mini", "deepseek"])
    grid = arb.budget_grid()
    rates = np.linspace(0.3, 0.74, 12)
    _, choice = single(Scored(market, grid, np.array([[0.004, 0.03, 0.966]])), rates)
    curves = arb.dollar_curves(market, grid)
    # Every total, cut from the last stage backwards.
    total = np.geomspace(1e-3, 1.0, 4001)
    amounts = [total.clip(max=0.004), (total - 0.004).clip(0, 0.03), (total - 0.034).clip(min=0)]
    unsolved, spend = market.weight[:, None], np.zeros(len(total))
    for model, amount in zip(curves.models, amounts, strict=True):
        spend = spend + (unsolved * model.spend(amount)).sum(axis=0)
        unsolved = unsolved * model.failure(amount)
    solved = 1.0 - unsolved.sum(axis=0)
    for rate, cost in zip(rates, choice.attained, strict=True):
        enough = int(np.flatnonzero(solved >= rate)[0])
        assert spend[enough - 1] <= cost <= spend[enough] * (1 + 1e-12)


def test_allocations_follow_the_authors_rules() -> None:
    budgets = [0.1, 0.25, 0.5, 1.0]
    expected = set()
    for row in product([0.0, *budgets], repeat=3):
        cut = list(row)
        for m in (2, 1, 0):
            cut[m] = max(cut[m] - max(sum(cut) - 1.0, 0.0), 0.0)
        used = [each for each in cut if each > 0]
        if used == sorted(used):
            expected.add(tuple(round(each, 8) for each in cut))
    found = staged(budgets, 3, 1.0)
    assert sorted(expected) == [tuple(row) for row in np.round(found, 8).tolist()]
    # As many as the authors have, with four models and with three.
    assert [len(staged(STAGE_BUDGETS, models, 1.0)) for models in (4, 3)] == [14_526, 2_098]
    assert len(halves(PAIR_BUDGETS, 0.5)) == 102


@pytest.mark.parametrize("states", [300, 20_000])
def test_a_bound_on_plans_becomes_one_on_mixtures(pair: arb.Market, states: int) -> None:
    frontier = arb.cascade_frontier(pair, most_states=states)
    rates = np.linspace(0.3, frontier.max_solve_rate, 40)
    bound = bound_of_mixtures(frontier, rates)
    assert np.all(bound <= frontier.bound_at(rates) + 1e-12)
    # A finer lattice is cheaper, and still not below it.
    finer = arb.cascade_frontier(pair).mixture_spend_at(rates)
    assert np.all(bound <= finer)
    if states > 300:
        assert np.all(bound >= 0.8 * frontier.mixture_spend_at(rates))


@pytest.mark.parametrize(("gap", "words"), [(3.0, "3.0"), (3.001, "3.1"), (0.0, "0.0")])
def test_a_bound_is_rounded_up(gap: float, words: str) -> None:
    assert f"over {words}% less" in held_out.proof(gap)


@pytest.fixture(scope="module")
def validated(pair: arb.Market) -> arb.estimation.CrossValidatedMargin:
    rows = np.arange(0, len(pair.instances), 4)
    frontier = arb.cascade_frontier(arb.dollar_curves(held_out.part(pair, rows)))
    rates = np.linspace(0.8, 0.99, 7) * frontier.market_max_solve_rate
    return arb.estimation.cross_validate_margin(frontier, folds=3, repeats=1, solve_rates=rates)


def test_figures_cross_validate_by_one_protocol(
    validated: arb.estimation.CrossValidatedMargin,
) -> None:
    market, expected = validated.market, validated.held_out
    curves = arb.dollar_curves(market)
    alone, cascades = [], []
    for rest, fold in held_out.divisions(market, 3):
        known, new = curves.on(rest), curves.on(fold)
        weight = float(market.weight[fold].sum())
        alone.append(
            [held_out.scored_cascades(known.only([each]), new, weight) for each in curves.names]
        )
        cascades.append(held_out.scored_cascades(known, new, weight))
    found = arb.estimation.compare_held_out(alone, cascades, validated.solve_rates)
    assert np.isfinite(found.gain).sum() >= 5
    np.testing.assert_allclose(found.price, expected.price, rtol=1e-9)
    np.testing.assert_allclose(found.cost, expected.cost, rtol=1e-9)


@pytest.mark.slow
def test_classes_are_cross_validated_by_the_same(
    validated: arb.estimation.CrossValidatedMargin,
) -> None:
    # The mixtures are those of the hull, fitted for a grid of solve rates.
    curves = arb.dollar_curves(validated.market)
    gain = figure_11_policy_classes.held_out_gains(curves, validated.solve_rates, 3)["mixed"]
    np.testing.assert_allclose(gain, validated.held_out.gain, atol=0.02)


def test_margins_lie_below_their_bounds(records: dict[str, common.Record]) -> None:
    profit = records["figure_1_profit"]["curves"]["exact"]
    for curves in (
        common.drawable(profit),
        *(
            common.drawable(records[name]["exact"])
            for name in ("figure_5_larger_market", "figure_8_lean_market")
        ),
    ):
        if "bound" in curves:
            assert np.all(curves["bound"] <= curves["arbitrage_cost"] * (1 + 1e-7))
        assert np.all(curves["margin"] <= curves["margin_bound"] + 1e-6)
        assert np.nanmax(curves["margin"]) > 5
    six = common.drawable(records["figure_5_larger_market"]["searched"])
    assert np.all(six["own_margin"] <= six["own_margin_bound"] + 1e-6)
    classes = records["figure_11_policy_classes"]["classes"]
    found = {
        name: {key: np.array(entry[key], float) for key in ("margin", "margin_bound")}
        for name, entry in classes.items()
    }
    for entry in found.values():
        assert np.all(entry["margin"] <= entry["margin_bound"] + 1e-6)
    for worse, better in pairwise(found.values()):
        assert np.all(worse["margin"] <= better["margin"] + 1e-6)


def test_arbitrage_ends_where_the_margin_does(records: dict[str, common.Record]) -> None:
    for entry in records["figure_12_verification"]["panels"].values():
        values = np.array(entry["values"])
        for end, margins in zip(
            entry["ends"], np.array(entry["self-verification"], float), strict=True
        ):
            assert margins[0] > 5
            assert np.all(margins[values > end] <= 1e-6)
            assert np.all(margins[values < 0.5 * end] > 0)
        # Held out, too, the margin is there at first and less at last. In between it may be least:
        # where a fold's policies hardly reach a solve rate any more, they are dear.
        held = np.array(entry["held out"], dtype=float)
        assert np.all(held[:, 0] > 0)
        assert np.all(held[:, -1] < held[:, 0])
    dearer = records["figure_12_verification"]["panels"]["cost"]["held out"]
    assert np.all(np.diff(np.array(dearer, dtype=float), axis=1) < 0)


def test_providers_who_re_price_come_with_a_certificate(
    records: dict[str, common.Record],
) -> None:
    rows = {row["case"]: row for row in records["figure_13_repricing"]["rows"]}
    assert all(row["epsilon"] is not None and row["epsilon"] < 100 for row in rows.values())
    alone, listed = rows["Re-priced, no arbitrage"], rows["List prices, no arbitrage"]
    assert alone["epsilon"] < 0.2
    assert alone["price"] < listed["price"]
    assert listed["multipliers"] == [1.0, 1.0]
    two = rows["List prices, two arbitrageurs"]
    assert two["price"] < listed["price"]
    assert two["arbitrageur_profit"] == pytest.approx(0.0, abs=1e-9)
    for case, row in rows.items():
        # Scored in sample, what is held out otherwise comes to what the game says.
        assert row["scored in sample"]["price"] == pytest.approx(row["price"], rel=0.1), case
        assert row["held out"]["price"] > 0
    assert alone["held out"]["provider_profit"] is None
    assert two["held out"]["provider_profit"] == pytest.approx(two["provider_profit"], rel=0.1)


def test_wrong_values_on_recorded_data_fail_loudly(
    folder_market: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code = main(["1", "--market", str(folder_market), "--output", str(out)])
    printed = capsys.readouterr()
    assert code == 1
    assert "NOT REPRODUCED" in printed.err
    assert "figure_1_profit, arbitrageur's cost at 75%: published 78.7 USD per 500 issues" in (
        printed.err
    )
    assert "OFF" in printed.out
    # The picture is there all the same: one wants to look at it.
    assert (out / "figure_1_profit.png").is_file()
    # First looks and made-up data go elsewhere.
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert main(["1", "--quick", "--market", str(folder_market), "--output", str(out)]) == 1
    assert main(["1", "--quick", "--market", "simulated", "--output", str(out)]) == 0
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    inside = [path.name for path in out.iterdir() if path.is_dir()]
    assert sorted(inside) == ["quick", "simulated-quick"]


def test_files_of_others_are_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = tmp_path / "simulated-quick"
    inside.mkdir()
    mine = inside / "figure_3_revenue_share.png"
    mine.write_bytes(b"a picture of somebody else's")
    arguments = ["3", "--quick", "--market", "simulated", "--output", str(tmp_path)]
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert str(mine) in printed.err
    assert "--force" in printed.err
    assert [path.name for path in inside.iterdir()] == [mine.name]
    assert mine.read_bytes() == b"a picture of somebody else's"
    # Other figures are not in the way.
    assert main(["2", *arguments[1:]]) == 0
    assert main([*arguments, "--force"]) == 0
    assert mine.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("market", "message"),
    [("no/such/folder", "neither a data set's name nor a folder"), (".", "gpt5mini")],
)
def test_a_market_that_is_not_there(
    market: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sonnet.jsonl").write_text('{"id": "a", "attempts": [1], "mean_cost": 1.0}\n')
    assert main(["--market", market, "--output", "out"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("paper_figures: ")
    assert message in printed.err
    assert not (tmp_path / "out").exists()


def test_an_unknown_figure(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["99"])
    assert "no figure '99'" in capsys.readouterr().err


def test_auto_prefers_real_data_and_downloads_nothing(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    assert load("auto", figure_1_profit).simulated
    real_data = request.getfixturevalue("real_data")
    monkeypatch.setenv("ARBMODELS_DATA", str(real_data))
    assert load("auto", figure_1_profit).name == "olmedo2026/swebench"


def test_a_value_beyond_the_range_is_undefined() -> None:
    rates, values = np.array([0.5, 0.6, 0.7]), np.array([1.0, 2.0, 4.0])
    assert common.at(rates, values, 0.65) == pytest.approx(3.0)
    assert common.at(rates, values, 0.7) == 4.0
    for beyond in (0.4999, 0.7001, 0.0, 1.0):
        assert np.isnan(common.at(rates, values, beyond))


def test_a_full_disk_leaves_the_picture_of_before(
    records: dict[str, common.Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = records["figure_1_profit"]
    (path, *_) = common.write_pictures(figure_1_profit, record, tmp_path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(common.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        common.write_pictures(figure_1_profit, record, tmp_path)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_undefined_numbers_become_null() -> None:
    assert common.plain([0.5, np.nan, np.inf], 100) == [50.0, None, None]
    assert common.plain(float("nan")) is None
    assert common.plain([[1, 2], [3, np.nan]]) == [[1.0, 2.0], [3.0, None]]
    back = common.drawable({"x": [1.0, None]})["x"]
    assert np.isnan(back[1])
