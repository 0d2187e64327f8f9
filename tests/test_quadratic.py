"""Small quadratic programs: conditions of optimality, and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from arbmodels._assignment.newton import minimise


def drawn(seed, equations):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 25))
    root = rng.normal(size=(count, int(rng.integers(1, count + 1))))
    quadratic = root @ root.T * 10 ** rng.uniform(-2, 2)
    upper = np.where(rng.random(count) < 0.2, np.inf, rng.uniform(0.1, 2.0, count))
    linear = rng.normal(size=count)
    linear[np.isinf(upper)] = np.abs(linear[np.isinf(upper)]) + 0.1  # bounded below
    matrix = rng.normal(size=(equations, count))
    inside = rng.random(count) * np.minimum(upper, 1.0)
    return quadratic, linear, matrix, matrix @ inside, upper


@pytest.mark.parametrize("seed", range(40))
def test_the_duality_gap_in_a_box_is_closed(seed):
    quadratic, linear, matrix, right, upper = drawn(seed, 0)
    x = minimise(quadratic, linear, matrix, right, upper)
    assert (x >= 0).all()
    assert (x <= upper).all()
    slope = quadratic @ x + linear
    rising, falling = np.maximum(slope, 0.0), np.maximum(-slope, 0.0)
    ended = np.isfinite(upper)
    assert (falling[~ended] <= 1e-6).all()
    gap = rising @ x + falling[ended] @ (upper - x)[ended]
    assert gap <= 1e-6 * (1.0 + np.abs(linear).max())


@pytest.mark.parametrize("seed", range(20))
def test_with_equations_as_good_as_scipy(seed):
    quadratic, linear, matrix, right, upper = drawn(seed, 2)
    x = minimise(quadratic, linear, matrix, right, upper)
    assert matrix @ x == pytest.approx(right, abs=1e-6)

    def worth(y):
        return 0.5 * y @ quadratic @ y + linear @ y

    found = minimize(
        worth,
        np.minimum(upper, 1.0) / 2,
        jac=lambda y: quadratic @ y + linear,
        bounds=[(0.0, end) for end in upper],
        constraints={"type": "eq", "fun": lambda y: matrix @ y - right, "jac": lambda _: matrix},
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    assert worth(x) <= found.fun + 1e-5 * (1 + abs(found.fun))
