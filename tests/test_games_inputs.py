"""Whatever games are given: an error of ours, or a meaning. Nonsense of every kind, everywhere."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import arbmodels as arb
from arbmodels import games as g
from arbmodels.errors import ArbModelsError
from arbmodels.games import differentiated as s


class Odd:
    """An object that is nothing that a game knows."""

    def __repr__(self):
        return "Odd()"


#: Never a number, an array of numbers, names, an object or a word of a choice.
NEVER = {
    "None in a list": [None],
    "object": Odd(),
    "complex": 1 + 2j,
    "complex array": np.array([1j, 2.0]),
    "ragged": [[1.0], [1.0, 2.0]],
    "date": np.datetime64("2026-01-01"),
    "masked": np.ma.masked_array([1.0, 2.0], [True, False]),
    "set": {1.0, 2.0},
    "function": len,
    "class": float,
    "bytes": b"ab",
    "generator": "generator",
}
NOT_NUMBERS = {
    "text": "5",
    "texts": ["5", "6"],
    "text among numbers": [0.5, "0.6"],
    "true": True,
    "truths": [True, False],
    "truth among numbers": [True, 0.5],
    "mapping": {"a": 1.0},
    "frame": pd.DataFrame({"a": ["x"]}),
    "empty": [],
    "nan": float("nan"),
    "nans": [float("nan"), float("nan")],
    "huge": 10**400,
    "many axes": np.ones((2, 2, 2, 2)),
}
NOT_NAMES = {
    "empty name": [""],
    "blank": [" a"],
    "twice": ["a", "a"],
    "one text": "ab",
    "a number": 3,
    "nan": [float("nan")],
}
NOT_WHOLE = {"half": 1.5, "negative": -1, "infinite": float("inf")}

MENU = {
    "solve_rate": 0.7,
    "models": ("a", "b"),
    "expected": [[2.0, 0.0], [0.5, 1.0]],
    "single": [2.0, np.inf],
    "exact": True,
}


def small_market():
    return arb.Market(["a", "b"], ["i", "j"], [[4, 4]] * 2, [[2, 3]] * 2, [[1.0, 3.0]] * 2)


def cascade_set():
    return g.CascadeSet(**MENU)


def provider_game():
    return g.ProviderGame((cascade_set(),), g.Consumers([0.7], high=4.0), 0.5)


def bertrand():
    return g.BertrandGame([0.5, 0.6], [g.Seller("a", [1, 2]), g.Seller("b", [3, 2])])


def smooth_game():
    return s.DifferentiatedGame(logit(), [1.0, 1.0])


def logit():
    return s.LogitDemand(["a", "b"], [1.0, 1.0], 1.0)


def finite():
    return g.FiniteGame.from_matrices([[3, 0], [5, 1]], [[3, 5], [0, 1]])


def spread():
    return g.PriceDistribution([1.0, 2.0], [0.5, 0.5])


def market():
    return arb.load_market("swebench-sim", models=["gpt5mini", "deepseek"])


#: Callable, valid arguments, and of which kind each one is that is replaced by nonsense: n(umbers),
#: m (names), o (an object of a kind), w (a whole number), t(ruth), c(hoice) and x (text).
CALLS = {
    "BertrandGame": (
        g.BertrandGame,
        {"solve_rates": [0.5], "sellers": [g.Seller("a", [1.0])], "willingness_to_pay": 2.0},
        {"solve_rates": "n", "sellers": "o", "willingness_to_pay": "n", "name": "x"},
    ),
    "provider_revenue": (lambda e: bertrand().provider_revenue(e), {"e": 1}, {"e": "o"}),
    "ProviderGame.from_market": (
        g.ProviderGame.from_market,
        {"market": small_market(), "solve_rates": [0.4]},
        {"market": "o", "solve_rates": "n"},
    ),
    "cascade_sets_of": (
        g.cascade_sets_of,
        {"market": small_market(), "solve_rates": [0.4]},
        {"market": "o", "solve_rates": "n", "most_states": "w", "tolerance": "s"},
    ),
    "certified_cascade_sets": (
        g.certified_cascade_sets,
        {"source": small_market(), "solve_rates": [0.4]},
        {
            "source": "o",
            "solve_rates": "n",
            "prices": "n",
            "gap": "s",
            "most_states": "w",
            "time_limit": "s",
        },
    ),
    "reseller": (
        g.reseller,
        {"name": "a", "source": arb.cascade_frontier(small_market()), "solve_rates": [0.4]},
        {"name": "x", "source": "o", "solve_rates": "n", "overhead": "s"},
    ),
    "Seller": (
        g.Seller,
        {"name": "a", "cost": [1.0], "purchases": {}},
        {"name": "x", "cost": "a", "purchases": "o"},
    ),
    "certify": (
        g.certify,
        {
            "players": ["a", "b"],
            "solve_rates": [0.5],
            "prices": [[1.0, 2.0]],
            "costs": [[0.5, 0.6]],
        },
        {
            "players": "m",
            "solve_rates": "n",
            "prices": "n",
            "costs": "n",
            "willingness_to_pay": "n",
            "tie_rule": "c",
        },
    ),
    "bertrand_profit": (
        g.bertrand_profit,
        {"price": 1.0, "cost": 0.5, "rival_prices": [2.0], "rival_costs": [1.0]},
        {"tie_rule": "c"},
    ),
    "best_response": (
        g.best_response,
        {"cost": 0.5, "rival_prices": [2.0], "rival_costs": [1.0]},
        {"tie_rule": "c"},
    ),
    "undercut": (
        g.undercut,
        {"game": bertrand(), "step": 0.9, "start": 4.0},
        {"game": "o", "step": "n"},
    ),
    "step_statics": (
        g.step_statics,
        {"game": bertrand(), "steps": [0.9], "start": 4.0},
        {"game": "o", "steps": "n"},
    ),
    "arbitrageurs_from": (g.arbitrageurs_from, {"arbitrage": 3}, {"arbitrage": "o"}),
    "providers_from": (g.providers_from, {"arbitrage": 3}, {"arbitrage": "o"}),
    "CapacityGame": (
        g.CapacityGame,
        {"capacities": [0.5, 0.4], "willingness_to_pay": [0.5, 1.0]},
        {
            "capacities": "n",
            "costs": "n",
            "willingness_to_pay": "n",
            "mass": "n",
            "players": "m",
            "tie_rule": "c",
            "unit": "x",
        },
    ),
    "CaptiveGame": (
        g.CaptiveGame,
        {"captive": [0.1, 0.2], "informed": 0.5},
        {
            "captive": "n",
            "informed": "n",
            "costs": "n",
            "willingness_to_pay": "n",
            "players": "m",
            "tie_rule": "c",
        },
    ),
    "CapacityGame.solve": (
        g.CapacityGame([0.5, 0.4]).solve,
        {},
        {"method": "c", "tolerance": "n", "time_limit": "n"},
    ),
    "CapacityGame.certify": (
        g.CapacityGame([0.5, 0.4]).certify,
        {"strategies": [spread(), spread()]},
        {"strategies": "o"},
    ),
    "CapacityGame.profits": (
        g.CapacityGame([0.5, 0.4]).profits,
        {"prices": [[0.5, 0.6]]},
        {"prices": "n"},
    ),
    "CapacityGame.demand": (g.CapacityGame([0.5, 0.4]).demand, {"price": 0.5}, {"price": "a"}),
    "capacity_statics": (
        g.capacity_statics,
        {"game": g.CapacityGame([0.5]), "factors": [1.0]},
        {"game": "o", "factors": "n", "tolerance": "n"},
    ),
    "PriceDistribution": (
        g.PriceDistribution,
        {"prices": [1.0], "masses": [1.0]},
        {"prices": "n", "masses": "n", "pieces": "o"},
    ),
    "PriceDistribution.certain": (g.PriceDistribution.certain, {"price": 1.0}, {"price": "n"}),
    "PriceDistribution.on_grid": (
        g.PriceDistribution.on_grid,
        {"prices": [1.0], "masses": [1.0]},
        {"prices": "n", "masses": "n"},
    ),
    "PriceDistribution.quantile": (spread().quantile, {"share": 0.5}, {"share": "a"}),
    "PriceDistribution.sample": (spread().sample, {"count": 3}, {"count": "w", "seed": "w"}),
    "PriceDistribution.cdf": (spread().cdf, {"price": 0.5}, {"price": "a"}),
    "PriceGame": (
        g.PriceGame,
        {"payoff": lambda p: p, "lowest": [0.0], "highest": [1.0]},
        {"lowest": "n", "highest": "n", "players": "m", "resolution": "w", "name": "x"},
    ),
    "FiniteGame": (
        g.FiniteGame,
        {"payoffs": np.zeros((2, 2, 2)), "players": ["a", "b"], "actions": [["x", "y"], [1, 2]]},
        {"payoffs": "n", "players": "m", "actions": "m", "unit": "x"},
    ),
    "FiniteGame.from_matrices": (
        g.FiniteGame.from_matrices,
        {"row": np.eye(2), "column": np.eye(2)},
        {"row": "n", "column": "n", "players": "m", "actions": "m"},
    ),
    "FiniteGame.from_function": (
        g.FiniteGame.from_function,
        {"payoff": lambda p: p, "prices": [[1.0, 2.0]]},
        {"players": "m"},
    ),
    "FiniteGame.solve": (
        finite().solve,
        {},
        {"method": "c", "paths": "w", "time_limit": "n"},
    ),
    "FiniteGame.certify": (
        finite().certify,
        {"strategies": [[1.0, 0.0], [1.0, 0.0]]},
        {"strategies": "n"},
    ),
    "FiniteGame.certify_joint": (
        finite().certify_joint,
        {"joint": [[1.0, 0.0], [0.0, 0.0]]},
        {"joint": "n", "coarse": "t"},
    ),
    "FiniteGame.correlated": (
        finite().correlated,
        {},
        {"objective": "c", "coarse": "t", "method": "c", "time_limit": "n"},
    ),
    "FiniteGame.payoff_by_action": (
        finite().payoff_by_action,
        {"strategies": [[1.0, 0.0], [1.0, 0.0]]},
        {"strategies": "n"},
    ),
    "LogitDemand": (
        s.LogitDemand,
        {"products": ["a", "b"], "quality": 1.0, "price_coefficient": 1.0, "nests": ["x", "x"]},
        {
            "products": "m",
            "quality": "n",
            "price_coefficient": "n",
            "sigma": "n",
            "outside": "t",
            "market_size": "n",
        },
    ),
    "LogitDemand.from_solve_rates": (
        s.LogitDemand.from_solve_rates,
        {"products": ["a"], "solve_rates": [0.5], "value": 1.0, "price_coefficient": 1.0},
        {"products": "m", "solve_rates": "n", "value": "n", "price_coefficient": "n"},
    ),
    "LogitDemand.from_shares": (
        s.LogitDemand.from_shares,
        {"products": ["a"], "prices": [1.0], "shares": [0.5], "price_coefficient": 1.0},
        {"products": "m", "prices": "n", "shares": "n", "price_coefficient": "n"},
    ),
    "LinearDemand": (
        s.LinearDemand,
        {"products": ["a", "b"], "intercept": 1.0, "slopes": [[2, -1], [-1, 2]]},
        {"products": "m", "intercept": "n", "slopes": "n"},
    ),
    "LinearDemand.symmetric": (
        s.LinearDemand.symmetric,
        {"products": ["a", "b"], "intercept": 1.0, "own": 2.0, "cross": 1.0},
        {"products": "m", "intercept": "n", "own": "n", "cross": "n"},
    ),
    "LinearDemand.hotelling": (
        s.LinearDemand.hotelling,
        {"products": ["a", "b"], "transport": 1.0},
        {"products": "m", "transport": "n"},
    ),
    "VerticalDemand": (
        s.VerticalDemand,
        {"products": ["a", "b"], "solve_rates": [0.5, 0.6]},
        {
            "products": "m",
            "solve_rates": "n",
            "lowest": "n",
            "highest": "n",
            "outside": "t",
            "market_size": "n",
        },
    ),
    "quantities": (logit().quantities, {"prices": [1.0, 2.0]}, {"prices": "v"}),
    "consumer_surplus": (logit().consumer_surplus, {"prices": [1.0, 2.0]}, {"prices": "v"}),
    "DifferentiatedGame": (
        s.DifferentiatedGame,
        {"demand": logit(), "costs": [1.0, 1.0]},
        {
            "demand": "o",
            "costs": "n",
            "owners": "o",
            "unit_tax": "n",
            "ad_valorem_tax": "n",
            "fixed": "o",
            "name": "x",
            "currency": "x",
        },
    ),
    "DifferentiatedGame.solve": (
        smooth_game().solve,
        {},
        {"starts": "w", "seed": "w", "tolerance": "n", "limit": "w"},
    ),
    "DifferentiatedGame.certify": (
        smooth_game().certify,
        {"prices": [1.0, 2.0]},
        {"prices": "n", "resolution": "w"},
    ),
    "DifferentiatedGame.best_response": (
        smooth_game().best_response,
        {"firm": "a", "prices": [1.0, 2.0]},
        {"firm": "o", "prices": "n"},
    ),
    "DifferentiatedGame.profits": (smooth_game().profits, {"prices": [1.0, 2.0]}, {"prices": "v"}),
    "implied_costs": (
        s.implied_costs,
        {"demand": logit(), "prices": [2.0, 2.0]},
        {"demand": "o", "prices": "n", "owners": "o", "unit_tax": "n", "ad_valorem_tax": "n"},
    ),
    "CascadeSet": (
        g.CascadeSet,
        MENU,
        {
            "solve_rate": "n",
            "models": "m",
            "expected": "n",
            "single": "n",
            "exact": "t",
            "shortfall": "n",
            "checked": "w",
            "currency": "x",
            "proof": "o",
        },
    ),
    "CascadeSet.cost": (cascade_set().cost, {"prices": [1.0, 1.0]}, {"prices": "n"}),
    "CascadeSet.direct": (cascade_set().direct, {"prices": [1.0, 1.0]}, {"prices": "n"}),
    "Proof": (g.Proof, {"prices": [[1.0]], "bound": [1.0]}, {"prices": "n", "bound": "n"}),
    "Consumers": (
        g.Consumers,
        {"solve_rates": [0.7], "high": 4.0},
        {"solve_rates": "n", "low": "n", "high": "n", "mass": "n", "captive": "n"},
    ),
    "Consumers of a sample": (
        g.Consumers,
        {"solve_rates": [0.7], "sample": [1.0]},
        {"sample": "s"},
    ),
    "LogitConsumers": (
        g.LogitConsumers,
        {"solve_rates": [0.7], "value": 1.0, "sensitivity": 1.0},
        {"solve_rates": "n", "value": "n", "sensitivity": "n", "sigma": "n", "captive": "n"},
    ),
    "linear_consumers": (
        g.linear_consumers,
        {"cascade_sets": [cascade_set()], "choke_multiple": 2.0},
        {"cascade_sets": "o", "choke_multiple": "n", "mass": "n", "captive": "n"},
    ),
    "logit_consumers": (
        g.logit_consumers,
        {"cascade_sets": [cascade_set()]},
        {"cascade_sets": "o", "elasticity": "n", "bought": "n", "sigma": "n", "mass": "n"},
    ),
    "ProviderGame": (
        g.ProviderGame,
        {"cascade_sets": [cascade_set()], "consumers": g.Consumers([0.7], high=4.0)},
        {
            "cascade_sets": "o",
            "consumers": "o",
            "marginal_cost": "n",
            "arbitrageurs": "o",
            "providers": "o",
            "fixed": "f",
            "tie_rule": "c",
            "name": "x",
        },
    ),
    "ProviderGame.profits": (
        provider_game().profits,
        {"multipliers": [1.0, 1.0]},
        {"multipliers": "n"},
    ),
    "calibrate_costs": (g.calibrate_costs, {"game": 3}, {"game": "o"}),
    "ProviderGame.solve": (
        provider_game().solve,
        {},
        {"tolerance": "n", "time_limit": "n", "grid": "w", "start": "n", "seed": "w"},
    ),
    "ProviderGame.certify": (
        provider_game().certify,
        {"strategies": ()},
        {"strategies": "o"},
    ),
    "outcome": (
        g.outcome,
        {"game": provider_game(), "strategies": [1.0, 1.0]},
        {"game": "o", "strategies": "n"},
    ),
    "ProviderGame.stackelberg": (
        provider_game().stackelberg,
        {"leader": "a"},
        {"leader": "o"},
    ),
    "comparative_statics": (
        g.comparative_statics,
        {"game": provider_game(), "feature": "captive", "values": [0.1]},
        {"game": "o", "feature": "c", "values": "n"},
    ),
    "decompose_revenue": (g.decompose_revenue, {"game": 3}, {"game": "o"}),
    "bootstrap_decomposition": (
        g.bootstrap_decomposition,
        {"market": 3, "build": 3},
        {"market": "o"},
    ),
    "entry_game": (
        g.entry_game,
        {"market": 3, "consumers": 3, "fixed_cost": 1.0},
        {"market": "o"},
    ),
    "entry_threshold": (
        g.entry_threshold,
        {"game": provider_game(), "entrant": "a"},
        {"game": "o", "entrant": "o", "arbitrageurs": "o", "entrant_moves": "t"},
    ),
    "distillation_statics": (
        g.distillation_statics,
        {"market": 3, "teacher": "a", "students": ["b"], "consumers": 3},
        {"market": "o"},
    ),
    "solve_certified": (
        g.solve_certified,
        {"source": 3, "game": provider_game()},
        {"source": "o"},
    ),
    "Deviations": (
        g.Deviations,
        {
            "players": ("a",),
            "profit": [1.0],
            "gain": [0.0],
            "deviation": [None],
            "attained": [True],
            "exact": True,
            "domain": "",
            "tie_rule": "",
            "resolution": 1,
            "unit": "USD",
        },
        {
            "players": "m",
            "profit": "n",
            "gain": "n",
            "exact": "t",
            "resolution": "w",
            "unit": "x",
        },
    ),
}

KINDS = {
    "n": {**NEVER, **NOT_NUMBERS},
    # An array of any shape, or a mapping's or a sample's: fewer kinds of nonsense.
    "a": {
        k: v
        for k, v in {**NEVER, **NOT_NUMBERS}.items()
        if k not in ("empty", "nan", "nans", "many axes")
    },
    "v": {k: v for k, v in {**NEVER, **NOT_NUMBERS}.items() if k != "many axes"},
    "s": {k: v for k, v in {**NEVER, **NOT_NUMBERS}.items() if k != "many axes"},
    "m": {**{k: v for k, v in NEVER.items() if k not in ("set", "ragged")}, **NOT_NAMES},
    "o": {**NEVER, "text": "5", "a number": 3.5, "nan": float("nan"), "true": True},
    "f": {**NEVER, "text": "a", "a number": 3.5, "true": True},
    "w": {**NEVER, **NOT_NUMBERS, **NOT_WHOLE},
    "t": {**NEVER, "text": "yes", "one": 1, "zero": 0, "a list": [True], "nan": float("nan")},
    "c": {**NEVER, "text": "no such", "empty": "", "a number": 1, "nan": float("nan")},
    "x": {"a number": 3, "bytes": b"ab", "a list": ["a"], "object": Odd(), "true": True},
}

#: Lists of entries, which any iterable may be.
LISTS = {
    *("players", "products", "models", "owners", "actions", "steps", "factors", "values"),
    *("arbitrageurs", "deviation", "strategies"),
}

CASES = [
    pytest.param(call, arguments, parameter, kind, id=f"{what}-{parameter}")
    for what, (call, arguments, kinds) in CALLS.items()
    for parameter, kind in kinds.items()
]


@pytest.mark.parametrize(("call", "arguments", "parameter", "kind"), CASES)
def test_nonsense_is_refused_with_our_own_errors(call, arguments, parameter, kind):
    for what, value in KINDS[kind].items():
        if what == "generator" and parameter in LISTS:
            continue  # a list of entries, which has a meaning
        given = (x for x in [1.0, 2.0]) if what == "generator" else value
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                call(**{**arguments, parameter: given})
            except ArbModelsError:
                continue
            except Exception as error:  # whatever else it is, is what is wrong
                pytest.fail(f"{parameter} = {what}: {type(error).__name__}: {error}")
            else:
                pytest.fail(f"{parameter} = {what} was accepted")


@pytest.mark.parametrize("size", [1e308, -1e308])
def test_costs_whose_products_overflow_are_refused(size):
    demand = logit()
    with pytest.raises(ArbModelsError, match="up to 1e"):
        s.DifferentiatedGame(demand, costs=[size, 1.0])


@pytest.mark.parametrize("count", [-1, 10**8, 10**400])
def test_how_many_arbitrageurs_there_may_be(count):
    with pytest.raises(ArbModelsError, match="whole number from 0 to"):
        provider_game().replace(arbitrageurs=count)
