r"""Pooling a few bought issues with a prior over models and issues.

The issues of a market are draws from an unknown distribution G over (solve probabilities, prices)
of the models. With a Dirichlet-process prior of base :math:`G_0` and strength :math:`n_0`, its
posterior mean after n issues is

.. math:: \frac{n_0 G_0 + n \hat G_n}{n_0 + n},

what was seen and :math:`n_0` issues of the prior's making. Little was bought: the prior decides;
much: it does not matter any more.

The base pools over models and issues. An issue is impossible with probability ``impossible``, else
of a difficulty z ~ N(0, 1) that it has for both models, and
:math:`\operatorname{logit} p_m = \mu_m + \sigma z + \tau \varepsilon_m` with
:math:`\varepsilon_m \sim N(0, 1)`. The skill :math:`\mu_m` is such that the mean solve rate is
what was seen of model m, shrunk to a common 1/2 by ``strength`` issues. Prices are the model's
mean price, which is seen exactly enough with one issue.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import expit, ndtri

from arbmodels.estimation.authors_search import AuthorsSearch, Records
from arbmodels.passk import FloatArray

#: Issues that stand for the base distribution; quasi-random, so few are enough.
_ATOMS = 64


@dataclass(frozen=True)
class Prior:
    """What is believed about issues before any was bought.

    The defaults did best of fourteen settings on five other pairs of models: three of SWE-bench,
    which share the issues of the published pair and two of them GPT-5 mini, and two of Lean. The
    strength is the largest that was tried.

    Parameters
    ----------
    strength : float
        How many issues the belief is worth, n0 > 0.
    impossible : float
        Share of the issues that no model ever solves.
    difficulty : float
        Spread of the log odds over issues that the models share.
    taste : float
        Spread of the log odds over issues that is a model's own.
    price_spread : float
        Standard deviation of the log price of an attempt over issues.
    """

    strength: float = 40.0
    impossible: float = 0.2
    difficulty: float = 2.0
    taste: float = 2.0
    price_spread: float = 0.5


def pooled_margins(
    search: AuthorsSearch, records: Records, prior: Prior, span: float
) -> FloatArray:
    """Return every allocation's mean margin on the posterior mean of the market, [A].

    Parameters
    ----------
    search : AuthorsSearch
    records : Records
        What was bought.
    prior : Prior
    span : float
        Solve rates from so far below the better model's reach count.
    """
    count = len(records.weight)
    failures = search.failures(records)
    base = base_failures(search, records, prior)
    share = prior.strength / (prior.strength + count)
    weight = np.concatenate([(1.0 - share) * records.weight, np.full(_ATOMS, share / _ATOMS)])
    pooled = (np.concatenate(failures_of) for failures_of in zip(failures, base, strict=True))
    first, second = pooled
    return search.margins((first, second), weight, span=span)


def base_failures(
    search: AuthorsSearch, records: Records, prior: Prior
) -> tuple[FloatArray, FloatArray]:
    """Return F of both models at every budget on the base's issues, [64, B] each."""
    normal = _atoms()
    count = len(records.weight)
    rate = (records.successes / records.attempts).mean(axis=0)
    seen = (count * rate + prior.strength * 0.5) / (count + prior.strength)
    failures = []
    for m in range(2):
        spread = prior.difficulty * normal[:, 0] + prior.taste * normal[:, 1 + m]
        possible = np.arange(_ATOMS) >= round(prior.impossible * _ATOMS)
        chance = np.where(possible, expit(_skill(spread[possible], seen[m]) + spread), 0.0)
        price = records.cost[:, m].mean() * np.exp(prior.price_spread * normal[:, 3 + m])
        bought = np.floor(search.grid / price[:, None] * (1 + 1e-12))
        failures.append((1.0 - chance[:, None]) ** bought)
    return failures[0], failures[1]


def _skill(spread: FloatArray, rate: float) -> float:
    """Return mu at which the mean of expit(mu + spread) is ``rate``/(share possible), bisected."""
    low, high = -20.0, 20.0
    goal = min(rate * _ATOMS / len(spread), 0.98)
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(middle + spread).mean() < goal else (low, middle)
    return (low + high) / 2


@lru_cache
def _atoms() -> FloatArray:
    """Return quasi-random standard normals, [64, 5]."""
    # Slow to import, and not needed where margins are only shown.
    from scipy.stats import qmc

    points = qmc.Sobol(5, scramble=True, seed=0).random(_ATOMS)
    normal: FloatArray = ndtri(points)
    return normal
