"""Capacities and captive buyers: closed forms, certificates and grids against each other."""

from __future__ import annotations

from functools import cache

import hypothesis.strategies as st
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings

from arbmodels.errors import InputError
from arbmodels.games import closed_forms as symbolic
from arbmodels.games.bertrand_edgeworth import CapacityGame, CaptiveGame
from arbmodels.games.price_distribution import Piece, PriceDistribution

CAPACITIES = st.floats(0.05, 1.4)
COSTS = st.floats(0.0, 0.9)


def simulated_profit(game, player, price, strategies, draws=200_000):
    """Expected profit at one price by simulation of the rivals, and its standard error."""
    profiles = np.empty((draws, len(strategies)))
    for k, strategy in enumerate(strategies):
        profiles[:, k] = price if k == player else strategy.sample(draws, seed=k)
    profits = game.profits(profiles)[:, player]
    return profits.mean(), profits.std() / np.sqrt(draws)


# The formulas.


def test_derived_formulas_are_the_published_ones():
    """Equal costs of zero: p0 = v(1-k2)/k1, F_1, F_2, the atom and the profit of games.md."""
    p, v, k1, k2, c1, c2 = sp.symbols("p v k_i k_j c_i c_j", positive=True)
    free = {c1: 0, c2: 0}
    found = symbolic.two_capacities().formulas
    spare = k1 + k2 - 1
    p0 = v * (1 - k2) / k1
    assert sp.simplify(found["p_0"].subs(free) - p0) == 0
    assert sp.simplify(found["F_i"].subs(free) - (p - p0) * k2 / (p * spare)) == 0
    assert sp.simplify(found["F_j"].subs(free) - (p - p0) * k1 / (p * spare)) == 0
    assert sp.simplify(found["atom_i"].subs(free) - (1 - k2 / k1)) == 0
    assert sp.simplify(found["profit_i"].subs(free) - v * (1 - k2)) == 0


def test_derived_captive_formula_is_the_published_one():
    share, p, v, n, m, c = sp.symbols("lambda p v n m c", positive=True)
    formula = symbolic.captive_symmetric().formulas["F"]
    found = formula.subs({m: (1 - share) / n, c: 0})
    published = 1 - ((1 - share) * (v - p) / (share * n * p)) ** (1 / (n - 1))
    values = {share: 0.4, v: 2.0, n: 3, p: 1.7}
    assert float(found.subs(values)) == pytest.approx(float(published.subs(values)), abs=1e-14)


@cache
def derived():
    """Lowest price, own and rival distributions as functions of p, v, c_i, c_j, k_i, k_j."""
    found = symbolic.two_capacities().formulas
    arguments = sp.symbols("p v c_i c_j k_i k_j", positive=True)
    return [sp.lambdify(arguments, found[name]) for name in ("p_0", "F_i", "F_j")]


@settings(max_examples=60, deadline=None)
@given(st.floats(0.2, 0.99), st.floats(0.2, 0.99), COSTS, COSTS)
def test_closed_form_is_the_derived_one(k1, k2, c1, c2):
    if k1 + k2 <= 1.01:
        return
    game = CapacityGame([k1, k2], [c1, c2])
    answer = game.solve("closed_form")
    lowest, own, rival = derived()
    floors = [c1 + (1 - c1) * (1 - k2) / k1, c2 + (1 - c2) * (1 - k1) / k2]
    i = int(np.argmax(floors))
    j = 1 - i
    costs, sizes = (c1, c2), (k1, k2)
    values = (1.0, costs[i], costs[j], sizes[i], sizes[j])
    low = lowest(1.0, *values)
    assert answer.strategies[i].lowest == pytest.approx(low, abs=1e-9)
    for price in (low + 0.3 * (1 - low), low + 0.9 * (1 - low)):
        assert answer.strategies[i].cdf(price) == pytest.approx(own(price, *values), abs=1e-9)
        assert answer.strategies[j].cdf(price) == pytest.approx(rival(price, *values), abs=1e-9)


# Certificates.


@settings(max_examples=150, deadline=None)
@given(CAPACITIES, CAPACITIES, COSTS, COSTS)
def test_closed_form_of_two_sellers_is_certified(k1, k2, c1, c2):
    """Every case: enough demand for both, limit prices, mixed prices with atoms, equal costs."""
    answer = CapacityGame([k1, k2], [c1, c2]).solve("closed_form")
    assert answer.epsilon < 1e-12
    assert answer.iterations == 0
    assert (answer.profits > -1e-12).all()


@pytest.mark.parametrize(
    ("game", "kind", "profits"),
    [
        (CapacityGame([0.8, 0.6]), "mixed", [0.4, 0.3]),
        (CapacityGame([0.3, 0.5]), "pure", [0.3, 0.5]),  # nobody is short of customers
        (CapacityGame([1.0, 1.0]), "pure", [0.0, 0.0]),  # Bertrand
        (CapacityGame([2.0, 3.0], [0.2, 0.5]), "pure", [0.3, 0.0]),  # the limit price
        (CapacityGame([0.7, 0.7], [0.1, 0.1]), "mixed", [0.27, 0.27]),  # alike: no atom
        (CapacityGame([0.7]), "pure", [0.7]),  # a monopolist
        (CapacityGame([0.9, 0.9], [0.2, 1.0]), "pure", [0.72, 0.0]),  # a cost at the cap
    ],
)
def test_known_cases(game, kind, profits):
    answer = game.solve()
    assert answer.kind == kind
    assert answer.profits == pytest.approx(profits)
    assert answer.epsilon < 1e-12
    assert str(answer).startswith("epsilon = ")


@pytest.mark.parametrize("spare", [1e-3, 1e-6, 1e-8, 1e-12, 1e-15])
def test_hardly_any_spare_capacity(spare):
    for costs in ([0, 0], [0.1, 0.3]):
        answer = CapacityGame([0.6, 0.4 + spare], costs).solve()
        assert answer.epsilon <= 1e-7


def test_mass_and_capacity_in_other_units():
    answer = CapacityGame([80, 60], 0.1, 2.0, mass=100.0).solve()
    assert answer.profits == pytest.approx([76.0, 57.0])
    assert answer.relative_epsilon < 1e-12


def test_certificate_measures_a_wrong_point_exactly():
    game = CapacityGame([0.8, 0.6])
    certain = PriceDistribution.certain
    found = game.certify([certain(0.9), certain(0.9)])
    # Undercutting sells all: limits from below, not attained.
    assert found.gain.tolist() == pytest.approx([0.9 * (0.8 - 0.8 / 1.4), 0.9 * (0.6 - 0.6 / 1.4)])
    assert found.attained.tolist() == [False, False]
    assert found.deviation == (0.9, 0.9)
    low = game.certify([certain(0.1), certain(0.1)])
    assert low.deviation == (1.0, 1.0)
    assert low.gain[0] == pytest.approx(0.4 - 0.1 * 0.8 / 1.4)
    assert low.attained.all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 3), st.booleans())
def test_no_tried_price_beats_the_exact_best_response(seed, count, captive):
    """Against random atoms, ties with them and unequal costs included."""
    rng = np.random.default_rng(seed)
    costs = rng.choice([0.0, 0.1, 0.2], count)
    rule = str(rng.choice(["low_cost", "share"]))
    if captive:
        game = CaptiveGame(rng.random(count), 0.5, costs, tie_rule=rule)
    else:
        worth = rng.choice([0.4, 0.7, 1.0], 3, replace=False)
        game = CapacityGame(0.2 + rng.random(count), costs, worth, tie_rule=rule)
    prices = [np.sort(rng.choice(np.linspace(0.1, 1, 10), 4, replace=False)) for _ in range(count)]
    masses = [rng.dirichlet(np.ones(4)) for _ in range(count)]
    strategies = [PriceDistribution(p, m) for p, m in zip(prices, masses, strict=True)]
    found = game.certify(strategies)
    tenths = np.linspace(0.1, 1, 10)
    between = np.union1d(np.linspace(0, 1.1, 17), tenths)
    # Prices just below every breakpoint come as near as one likes.
    for grid, least in ((between, 0.0), (np.union1d(tenths, tenths - 1e-9), found.gain - 1e-7)):
        weights = np.zeros((count, len(grid)))
        for weight, p, m in zip(weights, prices, masses, strict=True):
            weight[np.abs(grid[:, None] - p).argmin(axis=0)] = m
        on_grid = game.finite([grid] * count).certify(weights)
        assert on_grid.profit == pytest.approx(found.profit, abs=1e-12)
        assert (found.gain >= on_grid.gain - 1e-12).all()
        assert (on_grid.gain >= least).all()


@pytest.mark.parametrize(
    "game",
    [
        CapacityGame([0.9, 0.7], [0.1, 0.3]),
        CaptiveGame([0.3, 0.1], 0.6),
        CaptiveGame([0.1, 0.1, 0.1], 0.7, 0.2),
    ],
)
def test_simulated_rivals_leave_nothing_to_gain(game):
    """Indifference over the support, by drawing the rivals' prices from their distributions."""
    answer = game.solve()
    for player in range(len(answer.players)):
        own = answer.strategies[player]
        for share in (0.1, 0.5, 0.9):
            price = float(own.quantile(share)) if share < 1 else own.highest
            mean, error = simulated_profit(game, player, price, answer.strategies)
            assert abs(mean - answer.profits[player]) < 5 * error + 1e-9
        mean, error = simulated_profit(game, player, 0.9 * own.lowest, answer.strategies)
        assert mean < answer.profits[player] + 5 * error


def test_other_continuous_distributions_are_refused_not_guessed():
    game = CapacityGame([0.5, 0.5, 0.5])
    piece = Piece(0.5, 1.0, -1.0, 1.0, 0.0)
    spread = PriceDistribution.spread(piece)
    with pytest.raises(InputError, match="on_grid"):
        game.certify([spread, spread, spread])


# Grids.


def test_double_oracle_nears_the_closed_form():
    game = CapacityGame([0.8, 0.6])
    exact, found = game.solve(), game.solve("double_oracle", tolerance=0.01)
    assert found.relative_epsilon < 0.01
    assert found.profits == pytest.approx(exact.profits, rel=0.01)
    assert np.all(np.diff(found.trace[:, 1]) < 0)
    prices = np.linspace(0.55, 0.95, 9)
    for one, other in zip(exact.strategies, found.strategies, strict=True):
        assert one.cdf(prices) == pytest.approx(other.cdf(prices), abs=0.03)


def test_epsilon_on_the_continuous_game_falls_as_one_over_the_grid():
    """A regret of zero on the grid hides a gain between its prices."""
    game = CapacityGame([0.8, 0.6])
    gains = []
    for count in (51, 101, 201):
        grid = np.linspace(0, 1, count)
        finite = game.finite([grid, grid]).solve()
        assert finite.epsilon < 1e-12
        strategies = [PriceDistribution.on_grid(grid, own) for own in finite.strategies]
        gains.append(game.certify(strategies).epsilon)
    assert gains == pytest.approx([0.8 / (n - 1) for n in (51, 101, 201)])


def test_grids_that_are_shifted_keep_paths_short():
    """On a common grid the paths of this game are exponentially long; on shifted ones linear."""
    answer = CaptiveGame([0.3, 0.1], 0.6).solve("double_oracle", tolerance=0.004)
    assert answer.relative_epsilon < 0.004
    assert answer.profits == pytest.approx([0.3, 0.7 / 3], rel=0.01)


def test_several_kinds_of_consumers_by_double_oracle():
    game = CapacityGame([0.5, 0.4], willingness_to_pay=np.linspace(0.2, 1, 9))
    exact, answer = game.solve(), game.solve("double_oracle", tolerance=0.01)
    assert answer.relative_epsilon < 0.01
    assert answer.profits == pytest.approx(exact.profits, rel=0.02)
    with pytest.raises(InputError, match="double_oracle"):
        CapacityGame([0.5, 0.4, 0.3], willingness_to_pay=[0.5, 1.0]).solve("closed_form")


# Two sellers and several kinds of consumers: the judge serves consumers one kind after the other.


def sold_by_hand(capacities, worth, mass, first, price):
    """What the later of two sellers sells at ``price`` once the earlier one has sold all it can.

    Consumers of the highest willingness to pay are served first.
    """
    left = [(w, m) for w, m in sorted(zip(worth, mass, strict=True), reverse=True)]
    sales = []
    for size, asked in zip(capacities, (first, price), strict=True):
        sold, rest = 0.0, []
        for willing, many in left:
            taken = min(many, size - sold) if willing >= asked else 0.0
            sold += taken
            rest.append((willing, many - taken))
        left = rest
        sales.append(sold)
    return sales[1]


def most_by_hand(game, player, rival):
    """The most that a seller earns at any price, limits from below included."""
    cost, size = float(game.costs[player]), float(game.capacities[player])
    worth, mass = game.willingness_to_pay.tolist(), game.mass.tolist()
    other = float(game.capacities[1 - player])
    ends = [piece.low for piece in rival.pieces] + [piece.high for piece in rival.pieces]
    inner = [np.linspace(piece.low, piece.high, 60) for piece in rival.pieces]
    points = np.unique(np.concatenate([worth, rival.prices, ends, *inner, [cost]]))
    best = 0.0
    for price in points[points > cost]:
        higher = sum(m for p, m in zip(rival.prices, rival.masses, strict=True) if p >= price)
        for piece in rival.pieces:
            at = min(max(price, piece.low), piece.high)
            here, end = (piece.level + piece.slope / (x - piece.pole) for x in (at, piece.high))
            higher += here - end
        alone = sold_by_hand([0.0, size], worth, mass, 0.0, price)
        after = sold_by_hand([other, size], worth, mass, 0.0, price)
        best = max(best, (price - cost) * (higher * alone + (1 - higher) * after))
    return best


def sellers_drawn(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 6))
    rule = "share" if seed % 3 == 0 else "low_cost"
    if seed % 2:  # eighths: ties of costs, steps and capacities
        worth = np.unique(rng.integers(2, 9, count) / 8)
        return CapacityGame(
            rng.integers(1, 10, 2) / 8, rng.integers(0, 7, 2) / 8, worth, tie_rule=rule
        )
    mass = rng.dirichlet(np.ones(count))
    worth = rng.uniform(0.2, 1, count)
    return CapacityGame(
        rng.uniform(0.05, 1.1, 2), rng.uniform(0, 0.7, 2), worth, mass, tie_rule=rule
    )


@pytest.mark.parametrize("seed", range(60))
def test_two_sellers_before_any_steps_of_demand(seed):
    game = sellers_drawn(seed)
    found = game.solve()
    assert found.found_by == "closed form"
    assert found.epsilon < 1e-12
    for player in (0, 1):
        most = most_by_hand(game, player, found.strategies[1 - player])
        assert most <= found.profits[player] + 1e-9
        # Its own prices earn it, by simulation of the rules themselves.
    rng = np.random.default_rng(seed)
    drawn = np.column_stack([own.quantile(rng.random(20_000)) for own in found.strategies])
    earned = game.profits(drawn)
    error = earned.std(axis=0) / np.sqrt(len(drawn))
    assert np.all(np.abs(earned.mean(axis=0) - found.profits) < 5 * error + 1e-9)


def test_the_capacities_that_grids_gave_up_on():
    for worth in ([0.5, 0.7, 1.0], [0.3, 0.6, 1.0], [0.8, 0.9, 1.0]):
        found = CapacityGame([0.9, 0.89], [0.27, 0.26], worth).solve()
        assert found.relative_epsilon < 1e-9


@pytest.mark.parametrize("game", [CapacityGame, CaptiveGame])
def test_a_dear_rival_that_shares_ties_mixes_just_above_its_cost(game):
    if game is CapacityGame:
        found = CapacityGame([1.0, 1.0], [0.2, 0.8], [0.9], [1.0], tie_rule="share").solve()
    else:
        found = CaptiveGame([0.0, 0.0], 1.0, [0.2, 0.8], 0.9, tie_rule="share").solve()
    assert found.profits == pytest.approx([0.6, 0.0])
    assert found.epsilon < 1e-12
    assert found.strategies[0].prices.tolist() == [0.8]
    assert found.strategies[1].lowest == pytest.approx(0.8)
    assert found.strategies[1].highest > 0.8


def test_asymmetric_captive_sellers_by_grids():
    """Three sellers: the one with the most captive buyers does not compete (Baye et al. 1992)."""
    game = CaptiveGame([0.1, 0.2, 0.15], 0.5)
    answer = game.solve(tolerance=0.03)
    assert answer.kind == "mixed"
    assert answer.relative_epsilon < 0.03
    assert answer.profits[1] == pytest.approx(0.2, rel=0.01)
    # The others compete as two sellers would, down to the price that the next one can bear.
    assert answer.profits[2] == pytest.approx(0.15, rel=0.02)


def test_three_sellers_with_capacities_by_shifted_grids():
    """The largest seller gets what the others leave over: v (mass - the others' capacities)."""
    game = CapacityGame([0.5, 0.4, 0.3])
    answer = game.solve()
    assert answer.relative_epsilon <= 5e-3
    assert answer.profits[0] == pytest.approx(1 - 0.7, rel=5e-3)
    assert answer.kind == "mixed"
    assert answer.iterations == len(answer.trace)
    # The certificate, by drawing the rivals' prices.
    for player, own in enumerate(answer.strategies):
        price = float(own.quantile(0.5))
        mean, error = simulated_profit(game, player, price, answer.strategies)
        assert mean <= answer.profits[player] + answer.deviations.gain[player] + 5 * error
    again = game.solve()
    assert again.epsilon == answer.epsilon


@pytest.mark.parametrize("capacities", [[0.6, 0.6, 0.6], [0.3, 0.3, 0.3]])
def test_three_sellers_in_the_pure_ranges(capacities):
    """Any two could serve everybody: price at cost. All together cannot: the highest price."""
    answer = CapacityGame(capacities).solve("double_oracle")
    assert answer.kind == "pure"
    assert answer.epsilon < 1e-12
    assert answer.profits.sum() == pytest.approx(0.9 if capacities[0] == 0.3 else 0.0)


def test_captive_closed_forms():
    two = CaptiveGame([0.25, 0.1], 0.5).solve()
    assert two.profits == pytest.approx([0.25, 0.2])
    assert two.strategies[0].masses == pytest.approx([0.2])
    assert two.epsilon < 1e-12
    many = CaptiveGame([0.1] * 4, 0.5, 0.2).solve()
    assert many.profits == pytest.approx([0.08] * 4)
    assert many.epsilon < 1e-12
    assert CaptiveGame([0.0, 0.0, 0.0], 1.0, 0.3).solve().profits == pytest.approx([0, 0, 0])
    assert CaptiveGame([0.2], 0.5).solve().profits == pytest.approx([0.7])


# Distributions.


def test_distribution_mean_and_draws_agree():
    for own in CapacityGame([0.9, 0.7], [0.1, 0.3]).solve().strategies:
        draws = own.sample(200_000)
        assert draws.min() >= own.lowest
        assert draws.max() <= own.highest
        assert own.mean == pytest.approx(draws.mean(), abs=5 * draws.std() / np.sqrt(len(draws)))
        for price in (0.45, 0.7, 1.0):
            assert own.cdf(price) == pytest.approx((draws <= price).mean(), abs=0.01)


def test_results_export_and_draw():
    import matplotlib.pyplot as plt

    answer = CapacityGame([0.8, 0.6]).solve()
    frame = answer.to_frame()
    assert frame["largest_atom"].tolist() == pytest.approx([0.25, 0.0])
    plain = answer.to_dict()
    assert plain["players"][0]["atoms"] == [{"price": 1.0, "mass": pytest.approx(0.25)}]
    assert plain["players"][1]["atom_price"] is None
    axes = answer.plot()
    assert "epsilon" in axes.get_title()
    plt.close(axes.figure)


# Bad input.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CapacityGame([0.5, 0.0]), r"capacities\[1\] is 0"),
        (lambda: CapacityGame([0.5, -1.0]), r"capacities\[1\] is -1"),
        (lambda: CapacityGame([]), "capacities has shape"),
        (lambda: CapacityGame(["a"]), "must be numbers"),
        (lambda: CapacityGame([0.5, 0.5], [0.1, 0.2, 0.3]), "one number, or 2"),
        (lambda: CapacityGame([0.5, 0.5], [0.1, np.nan]), r"costs\[1\] is nan"),
        (lambda: CapacityGame([0.5], willingness_to_pay=0.0), "willingness_to_pay"),
        (lambda: CapacityGame([0.5], tie_rule="first"), "No tie rule 'first'"),
        (lambda: CapacityGame([0.5, 0.5], players=["a", "a"]), "different names"),
        (lambda: CaptiveGame([0.1, 0.1], 0.0), "informed"),
        (lambda: CaptiveGame([0.1, np.inf], 0.5), r"captive\[1\] is inf"),
        (lambda: CaptiveGame([0.1], 0.5, tie_rule="x"), "No tie rule"),
        (lambda: CapacityGame([0.5, 0.7]).solve("lcp"), "No method 'lcp'"),
        (lambda: CapacityGame([0.5, 0.7]).solve(time_limit=-1), "time_limit must"),
        (lambda: CaptiveGame([0.1, 0.2, 0.3], 0.5).solve("closed_form"), "two sellers"),
        (lambda: CapacityGame([0.5, 0.7]).certify([PriceDistribution.certain(1)]), "1 strategies"),
        (lambda: PriceDistribution([1, 2], [0.5, 0.6]), "add up to 1.1"),
        (lambda: PriceDistribution([2, 1], [0.5, 0.5]), "increase"),
        (lambda: PriceDistribution([1, 2], [1.0]), "one mass per price"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
