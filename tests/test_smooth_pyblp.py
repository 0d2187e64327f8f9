"""Logit pricing against PyBLP, a peer written by others."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from smooth_cases import random_logit


@pytest.mark.parametrize(("nests", "sigma"), [(None, 0.0), (3, 0.5), (3, 0.8)])
def test_prices_and_shares_are_those_of_pyblp(nests, sigma):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyblp

    pyblp.options.verbose = False
    game = random_logit(40, firms=8, nests=nests, sigma=sigma)
    demand = game.demand
    data = {
        "market_ids": np.zeros(40, dtype=int),
        "firm_ids": np.array(game.owners),
        "quality": demand.quality,
    }
    if nests:
        data["nesting_ids"] = np.array(demand.nests)
    simulation = pyblp.Simulation(
        product_formulations=(pyblp.Formulation("0 + prices + quality"),),
        product_data=data,
        beta=[-demand.price_coefficient, 1.0],
        xi=np.zeros(40),
        rho=sigma if nests else None,
    )
    theirs = simulation.replace_endogenous(game.costs[:, None]).product_data
    ours = game.solve()
    np.testing.assert_allclose(ours.prices, theirs.prices.ravel(), rtol=1e-9)
    np.testing.assert_allclose(ours.shares, theirs.shares.ravel(), rtol=1e-8)
