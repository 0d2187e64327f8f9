"""Sliders: what they show is what the library computes, and a step does little work."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import arbmodels as arb
from arbmodels.games.cascade_set import Repricing
from arbmodels.interactive import Dashboard, Explorer, explore
from arbmodels.interactive.explorer import OWN_PRICES

PAIR = ["gpt5mini", "deepseek"]
RATES = [0.70, 0.745]
#: Python calls of one step; about 40,000 are made.
MOST_CALLS = 100_000


@pytest.fixture(scope="module")
def explorer(simulated: arb.Market) -> Explorer:
    return Explorer.from_market(simulated.select(models=PAIR), RATES, tolerance=0.05, time_limit=60)


@pytest.fixture(scope="module")
def made(explorer: Explorer) -> Dashboard:
    return Dashboard(explorer)


@pytest.fixture
def dashboard(made: Dashboard) -> Dashboard:
    """Return the dashboard as it is after opening."""
    return made.set(prices=[1.0, 1.0], solve_rate=RATES[1], arbitrageurs=2, budget=0.2)


def _redrawn(dashboard: Dashboard, **changes: Any) -> list[int]:
    before = list(dashboard.redrawn)
    dashboard.set(**changes)
    return [now - then for now, then in zip(dashboard.redrawn, before, strict=True)]


def test_curves_at_list_prices_are_those_of_the_margin(
    explorer: Explorer, simulated: arb.Market
) -> None:
    rates = explorer.curves.consumers.solve_rates
    frontier = arb.cascade_frontier(arb.dollar_curves(simulated.select(models=PAIR)))
    known = arb.arbitrage(frontier, solve_rates=rates)
    found = explorer.over_rates([1, 1], 2)
    np.testing.assert_allclose(found.cost, known.arbitrage_cost, rtol=1e-9)
    np.testing.assert_allclose(found.direct.min(axis=1), known.market_price, rtol=1e-9)
    np.testing.assert_allclose(found.margin, known.margin, atol=1e-9)
    np.testing.assert_allclose(found.price, np.minimum(found.cost, known.market_price), rtol=1e-9)


@pytest.mark.parametrize("arbitrageurs", [0, 1])
def test_fewer_arbitrageurs_leave_consumers_the_direct_price_or_less(
    explorer: Explorer, arbitrageurs: int
) -> None:
    found = explorer.over_rates([0.8, 1.3], arbitrageurs)
    best = found.direct.min(axis=1)
    assert np.all(found.price <= best + 1e-12)
    assert np.all(found.price >= found.cost - 1e-12)
    if arbitrageurs == 0:
        np.testing.assert_array_equal(found.price, best)


def test_curves_at_other_prices_are_those_of_a_market_with_other_costs(
    explorer: Explorer, simulated: arb.Market
) -> None:
    pair, w = simulated.select(models=PAIR), np.array([0.6, 1.4])
    dearer = arb.Market(
        pair.models, pair.instances, pair.attempts, pair.successes, pair.cost * w, pair.weight
    )
    rates = explorer.curves.consumers.solve_rates[::5]
    known = arb.arbitrage(arb.cascade_frontier(arb.dollar_curves(dearer)), solve_rates=rates)
    found = explorer.over_rates(w, 2)
    # Its curves have budgets of their own between which they are interpolated.
    np.testing.assert_allclose(found.direct.min(axis=1)[::5], known.market_price, rtol=5e-3)
    np.testing.assert_allclose(found.cost[::5], known.arbitrage_cost, rtol=5e-3)


@pytest.mark.parametrize("arbitrageurs", [0, 1, 2])
def test_gains_are_the_best_over_a_fine_grid(explorer: Explorer, arbitrageurs: int) -> None:
    prices = np.array([1.0, 0.9])
    found = explorer.at_rate(prices, 1, arbitrageurs)
    game = explorer.game(1, arbitrageurs)
    for k in range(2):
        own = np.repeat(prices[None], 20_001, axis=0)
        own[:, k] = np.linspace(0, 8, len(own))
        most = game.profits(own)[:, k].max()
        reached = found.deviations.profit[k] + found.deviations.gain[k]
        assert most <= reached + 1e-12
        assert reached - most <= 1e-3 * reached
        at = int(np.argmin(np.abs(OWN_PRICES - prices[k])))
        np.testing.assert_allclose(found.profits[k, at], found.deviations.profit[k], rtol=1e-9)


def test_equilibria_of_every_setting_are_there_and_certified(explorer: Explorer) -> None:
    for position in range(len(RATES)):
        for count in range(5):
            found = explorer.equilibrium(position, count)
            assert found.game.consumers.solve_rates == pytest.approx([RATES[position]])
            assert len(found.game.arbitrageurs) == min(count, 2)  # type: ignore[arg-type]
            assert found.deviations.exact
            assert found.converged
            assert found.relative_epsilon <= 0.05


def test_the_budget_buys_the_largest_solve_rate_within_it(explorer: Explorer) -> None:
    price = explorer.over_rates([1, 1], 2).price
    rates = explorer.curves.consumers.solve_rates
    assert explorer.reached(price[4], price) == rates[4]
    assert explorer.reached(1e9, price) == rates[-1]
    assert np.isnan(explorer.reached(0.0, price))


def test_a_step_searches_nothing_and_draws_no_frame(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def searched(*_: Any, **__: Any) -> None:
        raise AssertionError("a step searches for cascades or equilibria")

    monkeypatch.setattr(Repricing, "cheapest", searched)
    monkeypatch.setattr(arb.games.ProviderGame, "solve", searched)
    monkeypatch.setattr("arbmodels.interactive.explorer.cascade_sets_of", searched)
    for picture in dashboard.pictures:
        monkeypatch.setattr(picture.canvas, "draw", searched)
    for rate in RATES:
        for count in range(4):
            dashboard.set(solve_rate=rate, arbitrageurs=count, prices=[0.5 + 0.5 * count, 1.2])


def test_the_work_of_a_step_is_bounded(dashboard: Dashboard) -> None:
    calls = 0

    def count(_frame: Any, event: str, _arg: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    first = dashboard.sliders["gpt5mini"]
    sys.setprofile(count)
    try:
        first.value = 0.7
    finally:
        sys.setprofile(None)
    assert 1_000 < calls < MOST_CALLS


@pytest.mark.parametrize(
    ("change", "redrawn"),
    [
        ({"prices": [1.5, 1.0]}, [1, 1, 1, 1]),
        ({"arbitrageurs": 1}, [1, 0, 1, 1]),
        ({"budget": 0.1}, [1, 0, 0, 0]),
        ({"arbitrageurs": 2}, [0, 0, 0, 0]),
    ],
)
def test_only_what_changes_is_redrawn(
    dashboard: Dashboard, change: dict[str, Any], redrawn: list[int]
) -> None:
    assert _redrawn(dashboard, **change) == redrawn


def test_what_moves_is_drawn_where_the_frame_has_it(dashboard: Dashboard) -> None:
    """A frame drawn again, from nothing, leaves the axes where they were."""
    for rate in RATES:
        dashboard.set(solve_rate=rate)
        before = dashboard.image()
        for picture in dashboard.pictures:
            picture.frames.clear()
        assert np.array_equal(dashboard.image(), before)
        prices = dashboard.sliders["gpt5mini"].value, dashboard.sliders["deepseek"].value
        profits = dashboard.pictures[2].axes
        dots = [line for line in profits.lines if line.get_marker() == "o" and line.get_animated()]
        assert [float(dot.get_xdata()[0]) for dot in dots] == list(prices)  # type: ignore[index]


def test_a_hand_on_a_slider_moves_picture_and_table(dashboard: Dashboard) -> None:
    picture, text = dashboard.image(), str(dashboard)
    dashboard.sliders["solve rate"].value = 0
    assert not np.array_equal(picture, dashboard.image())
    assert str(dashboard) != text
    assert "70.00% solved" in str(dashboard)
    dashboard.sliders["solve rate"].value = 1
    assert np.array_equal(picture, dashboard.image())


def test_without_widgets_a_picture_stands_for_the_dashboard(dashboard: Dashboard) -> None:
    data, _ = dashboard._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["image/png"].startswith(b"\x89PNG")
    assert "epsilon" in data["text/plain"]


def test_the_table_says_what_the_providers_could_gain(
    dashboard: Dashboard, explorer: Explorer
) -> None:
    dashboard.set(prices=[1.0, 0.9], solve_rate=0.745, arbitrageurs=1)
    found = explorer.at_rate([1.0, 0.9], 1, 1)
    for row, gain, profit in zip(
        dashboard.table().rows, found.deviations.gain, found.deviations.profit, strict=True
    ):
        assert float(row[2]) == pytest.approx(profit, rel=1e-3)
        assert float(row[3].split(" at ")[0]) == pytest.approx(gain, rel=1e-3)


def test_mistakes_are_told(simulated: arb.Market, dashboard: Dashboard) -> None:
    pair = simulated.select(models=PAIR)
    with pytest.raises(arb.InputError, match="6 models; choose two"):
        explore(simulated)
    for rates in ([0.7], [0.72, 0.7]):
        with pytest.raises(arb.InputError, match="at least two solve rates"):
            explore(pair, rates)
    with pytest.raises(arb.InputError, match="reaches a solve rate of 99"):
        explore(pair, [0.7, 0.99])
    with pytest.raises(arb.InputError, match="its slider goes from 0 to 4"):
        dashboard.set(arbitrageurs=9)
    for beyond in (0.699, 0.75):
        with pytest.raises(arb.InputError, match=r"its slider goes from 0\.7000 to 0\.7450"):
            dashboard.set(solve_rate=beyond)
    with pytest.raises(arb.InputError, match="one multiplier for each"):
        dashboard.set(prices=[1.0])


def test_missing_widgets_are_told(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(arb.InputError, match="arbmodels\\[notebooks\\]"):
        Dashboard(explorer)


def test_routing_follows_the_prices_of_the_sliders() -> None:
    """Judge: the market whose costs are scaled, routed on its own."""
    market = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek"])
    explorer = arb.interactive.Explorer.from_market(market, [0.6, 0.7], tolerance=0.05)
    for prices in ((1.0, 1.0), (0.5, 2.0)):
        scaled = market.scale_costs(dict(zip(market.models, prices, strict=True)))
        alone = arb.RoutingProblem(scaled).add_budget(0.01 * len(market.instances)).solve()
        routed = explorer.routed(prices, 0.01)
        assert routed.solve_rate == pytest.approx(alone.solve_rate, abs=1e-6)
    assert explorer.routed((1.0, 1.0), 0.0).solve_rate == 0.0
