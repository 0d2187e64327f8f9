"""The provider game: payoffs, exact best responses, and certificates that agree with neither."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbmodels.errors import InputError
from arbmodels.games import CascadeSet, Consumers, ProviderGame, Strategy, outcome
from arbmodels.games.providers.best_response import (
    best_response,
    payoff_matrix,
    profit_pieces,
    top_multiplier,
)
from arbmodels.games.providers.certificate import rivals_of
from provider_cases import FAR, MENU, brute_force, pure, small_game

OVERHEADS = st.sampled_from([0, 1, 2, 5, (0.0, 0.1), (0.05, 0.05), (0.2,)])


def test_arbitrageurs_price_as_the_formula_says() -> None:
    prices = [[1.0, 1.0]]  # V = 1.5, best direct 2.0
    two = small_game(2).served(0, prices)
    assert two.price[0] == pytest.approx(1.5)
    assert two.kept[0] == 0
    one = small_game(1).served(0, prices)
    assert one.price[0] == pytest.approx(2.0)  # the monopoly price 2.75 lies above the direct offer
    assert one.kept[0] == pytest.approx(0.5)
    lone = small_game(1, high=2.2).served(0, prices)
    assert lone.price[0] == pytest.approx((2.2 + 1.5) / 2)
    unequal = small_game((0.0, 0.1)).served(0, prices)
    assert unequal.price[0] == pytest.approx(1.65)
    costly = small_game((0.5,)).served(0, prices)  # 2.25 is dearer than buying directly
    assert costly.price[0] == 2.0
    assert costly.resold.sum() == 0
    nobody = small_game(0).served(0, prices)
    assert nobody.price[0] == 2.0
    assert nobody.direct.tolist() == [[2.0, 0.0]]


def test_money_adds_up() -> None:
    game = small_game((0.05, 0.1), far=True, captive=0.2)
    rng = np.random.default_rng(0)
    for w in rng.uniform(0.2, 2, (30, 2)):
        found = outcome(game, w)
        spent = found.paid
        got = found.revenue.sum(axis=1) + found.kept + found.overhead
        assert spent == pytest.approx(got)
        assert game.profits(w)[0] == pytest.approx(found.total_profit)
        assert found.welfare <= found.consumer_surplus + spent @ found.mass + 1e-12


@settings(max_examples=25)
@given(OVERHEADS, st.floats(0.0, 3.9), st.booleans(), st.floats(0, 0.5), st.integers(0, 10**6))
def test_three_routes_to_the_best_response_agree(
    arbitrageurs: object, low: float, far: bool, captive: float, seed: int
) -> None:
    game = small_game(arbitrageurs, low=low, far=far, captive=captive)  # type: ignore[arg-type]
    rng = np.random.default_rng(seed)
    prices = rng.uniform(0.1, 2.5, 2)
    pure = [Strategy(prices[[k]], np.ones(1)) for k in (0, 1)]
    certificate = game.certify(pure)
    assert certificate.exact
    for player in (0, 1):
        best = best_response(game, player, prices).profit
        assert certificate.profit[player] == pytest.approx(game.profits(prices)[0, player])
        total = max(certificate.profit[player] + certificate.gain[player], 0.0)
        assert total == pytest.approx(best, abs=1e-9)
        top = top_multiplier(game, player)
        tried = brute_force(game, player, prices, top)
        assert tried <= best + 1e-12
        assert tried >= best - 5e-2 * max(best, 0.1)


@settings(max_examples=15)
@given(st.integers(0, 10**6), OVERHEADS)
def test_mixed_rivals_are_certified_exactly(seed: int, arbitrageurs: object) -> None:
    game = small_game(arbitrageurs, far=True)  # type: ignore[arg-type]
    rng = np.random.default_rng(seed)
    mixed = [Strategy(rng.uniform(0.2, 2, 7), rng.dirichlet(np.ones(7))) for _ in (0, 1)]
    certificate = game.certify(mixed)
    assert certificate.exact
    for player in (0, 1):
        rivals, weight = rivals_of(mixed, player)
        best = best_response(game, player, rivals, weight)
        assert certificate.profit[player] + certificate.gain[player] == pytest.approx(
            best.profit, abs=1e-9
        )
        # The deviation really earns that much, or prices beside it do.
        deviation = certificate.deviation[player]
        if deviation is not None:
            beside = float(deviation) * (1 + np.array([0, -1e-9, 1e-9]))
            rows = np.repeat(rivals, 3, axis=0)
            rows[:, player] = np.tile(beside, len(rivals))
            earned = game.profits(rows)[:, player].reshape(-1, 3).T @ weight
            assert earned.max() == pytest.approx(best.profit, abs=1e-6)


def test_pieces_and_payoffs_are_the_same_function() -> None:
    rng = np.random.default_rng(5)
    for arbitrageurs in (0, 1, 3, (0.0, 0.2)):
        game = small_game(arbitrageurs, low=0.7, far=True, captive=0.1)
        own, theirs = rng.uniform(0.1, 3, 40), rng.uniform(0.1, 3, 30)
        rivals = np.ones((30, 2))
        rivals[:, 1] = theirs
        pairs = np.stack(np.meshgrid(own, theirs, indexing="ij"), axis=-1).reshape(-1, 2)
        true = game.profits(pairs)[:, 0].reshape(40, 30)
        assert payoff_matrix(game, 0, own, rivals) == pytest.approx(true, abs=1e-12)


def test_a_sample_of_willingness_to_pay_is_exact_too() -> None:
    rng = np.random.default_rng(2)
    consumers = Consumers([0.7], sample=rng.uniform(0.5, 4, 40))
    game = ProviderGame((MENU,), consumers, 0.3, 2)
    prices = np.array([0.8, 1.1])
    certificate = game.certify([Strategy(prices[[k]], np.ones(1)) for k in (0, 1)])
    assert certificate.exact
    for player in (0, 1):
        best = best_response(game, player, prices).profit
        assert certificate.profit[player] + certificate.gain[player] == pytest.approx(best)
        assert brute_force(game, player, prices, 4.0) == pytest.approx(best, rel=1e-2)
    with pytest.raises(InputError, match="market power"):
        ProviderGame((MENU,), consumers, 0.3, 1)


def test_an_owner_of_two_models_and_a_fixed_provider() -> None:
    cascade_set = CascadeSet(
        0.7,
        ("a", "b", "c"),
        [[2, 0, 0], [0.5, 0.6, 0.3], [0, 1, 0.8], [0, 0, 2.5]],
        [2.0, np.inf, 2.5],
        False,
    )
    owned = {"one": ("a", "c"), "two": ("b",)}
    game = ProviderGame((cascade_set,), Consumers([0.7], high=4.0), 0.2, 2, owned, fixed=("two",))
    certificate = game.certify([Strategy(np.array([1.1]), np.ones(1))] * 2)
    assert certificate.players == ("one",)
    best = best_response(game, 0, np.array([1.1, 1.1]))
    assert certificate.profit[0] + certificate.gain[0] == pytest.approx(best.profit)
    assert brute_force(game, 0, [1.1, 1.1], top_multiplier(game, 0)) == pytest.approx(
        best.profit, rel=1e-2
    )


def test_ties_go_by_the_rule() -> None:
    cascade_set = CascadeSet(0.7, ("a", "b"), [[2.0, 0.0], [0.0, 2.0]], [2.0, 2.0], True)
    consumers = Consumers([0.7], low=5.0, high=5.0)
    costs = {"a": 0.2, "b": 0.4}
    share = ProviderGame((cascade_set,), consumers, costs, 0)
    assert share.profits([1, 1])[0] == pytest.approx([0.8, 0.6])
    low_cost = share.replace(tie_rule="low_cost")
    assert low_cost.profits([1, 1])[0] == pytest.approx([1.6, 0.0])
    at_the_cap = share.profits([2.5, 9.0])[0]  # exactly the willingness to pay: they buy
    assert at_the_cap == pytest.approx([5 - 0.4, 0.0])
    below_cost = share.profits([0.1, 1])[0]
    assert below_cost == pytest.approx([-0.2, 0.0])
    # Undercutting a tie gains in the limit only.
    certificate = share.certify([Strategy(np.ones(1), np.ones(1))] * 2)
    assert certificate.gain == pytest.approx([0.8, 0.6])
    assert not certificate.attained.any()


def test_beyond_the_top_nothing_is_sold() -> None:
    game = small_game(2, far=True)
    for player in (0, 1):
        prices = np.ones(2)
        prices[player] = top_multiplier(game, player) * 1.01
        assert game.profits(prices)[0, player] == 0
        pieces = profit_pieces(game, player, prices[None], np.ones(1), 3 * prices[player])
        assert pieces.value(2.5 * prices[player]) == 0


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"arbitrageurs": -1}, "number of arbitrageurs"),
        ({"arbitrageurs": "two"}, "overheads"),
        ({"arbitrageurs": (-0.1,)}, "overheads"),
        ({"marginal_cost": -0.1}, "marginal cost"),
        ({"marginal_cost": {"a": 0.1}}, "each of"),
        ({"providers": {"one": ("a",)}}, "exactly one provider"),
        ({"fixed": ("z",)}, "No provider"),
        ({"tie_rule": "coin"}, "tie rule"),
        ({"cascade_sets": (MENU, FAR)}, "do not fit"),
        ({"cascade_sets": (FAR,)}, "do not fit"),
    ],
)
def test_bad_games_are_refused(changes: dict[str, object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        small_game().replace(**changes)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"solve_rates": [1.5], "high": 1.0}, "between 0 and 1"),
        ({"solve_rates": [0.5]}, "high"),
        ({"solve_rates": [0.5], "low": 2.0, "high": 1.0}, "between low and high"),
        ({"solve_rates": [0.5], "high": [1.0, 2.0]}, "one per solve rate"),
        ({"solve_rates": [0.5], "high": 1.0, "mass": 0.0}, "mass"),
        ({"solve_rates": [0.5], "high": 1.0, "captive": 1.0}, "captive"),
        ({"solve_rates": [0.5], "sample": [-1.0]}, "sample"),
    ],
)
def test_bad_consumers_are_refused(arguments: dict[str, object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        Consumers(**arguments)  # type: ignore[arg-type]


def test_bad_strategies_are_refused() -> None:
    game = small_game()
    with pytest.raises(InputError, match="one for each"):
        game.certify([Strategy(np.ones(1), np.ones(1))])
    with pytest.raises(InputError, match="sum to one"):
        game.certify([Strategy(np.ones(1), np.array([0.5]))] * 2)
    with pytest.raises(InputError, match="one multiplier"):
        game.profits([1.0, 1.0, 1.0])


def test_who_sells_nothing_at_a_profit_is_certified_exactly() -> None:
    # Sums of pieces that cancel leave some 1e-17; a search finds 0 there.
    for seed in range(155, 170):
        rng = np.random.default_rng(seed)
        rows = np.vstack([np.diag([2.0, 2.2, 2.5]), rng.uniform(0.1, 1.2, (6, 3))])
        cascade_set = CascadeSet(0.7, ("a", "b", "c"), rows, [2.0, 2.2, 2.5], True)
        costs = rng.uniform(0.2, 0.9, 3)
        game = ProviderGame((cascade_set,), Consumers([0.7], high=4.0), costs, 2)
        below = rng.uniform(0.05, 0.15, 3)
        prices = np.where(rng.random(3) < 0.5, below, rng.uniform(0.1, 1.5, 3))
        certificate = game.certify([Strategy(prices[[k]], np.ones(1)) for k in range(3)])
        assert certificate.exact, seed
        tried = max(brute_force(game, 2, prices, top_multiplier(game, 2), 501), 0.0)
        assert certificate.profit[2] + certificate.gain[2] >= tried - 1e-12


@pytest.mark.parametrize("overhead", [0.0, 0.1, 1 / 3, 0.3])
def test_kinks_at_zero_are_not_pieces_of_their_own(overhead: float) -> None:
    """A kink at 1e-16, the rounding of zero, made a piece so steep that it promised 0.7."""
    cascade_set = CascadeSet(0.5, ("a", "b"), [[0.8, 0.0], [0.0, 2.0]], [0.8, 2.0], True)
    game = ProviderGame(
        (cascade_set,), Consumers([0.5], high=1.7, mass=0.3), [0.0, 0.9], arbitrageurs=[overhead]
    )
    certificate = game.certify(pure([1.0625, 0.9]))
    assert certificate.exact
    assert certificate.profit == pytest.approx([0.1275, 0.0])
    assert certificate.gain == pytest.approx([0.0, 0.0], abs=1e-12)
