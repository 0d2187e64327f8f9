"""Maximum likelihood for the latent part of simulated markets, by stochastic approximation.

Stack an instance's log-odds of solving and its transformed costs into x[i] = (theta[i], y[i]) of
2M numbers. The model says

    x[i] | H[i] = h ~ N(mean[h], L L' + diag(psi)),    H[i] ~ Bernoulli(hard share of its segment),

with L [2M, F] holding the loadings of both halves. The costs y are seen; theta is seen only through
the successes, binomial given theta. Adaptive sampling can be ignored: whether to go on depended on
outcomes that are in the record, so it does not enter the likelihood of theta.

SAEM (Delyon, Lavielle, Moulines 1999): draw (theta, H) given everything else with a Markov chain,
average its sufficient statistics with decreasing weights, and maximise given the average. The
chain moves theta by elliptical slice sampling (Murray, Adams, MacKay 2010), all instances at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_expit
from tqdm import trange

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

ITERATIONS, BURN_IN, SWEEPS = 1500, 500, 3
#: Exponent of the decreasing weights; between 1/2 and 1.
DECAY = 0.7
#: A segment's hard share is shrunk towards the overall one as by this many further instances.
PRIOR_INSTANCES = 4.0
#: Smallest variance specific to one model.
VARIANCE_FLOOR = 1e-3


@dataclass
class LatentFit:
    """The current estimates.

    Attributes
    ----------
    mean : float, [2, 2M]
        Of ordinary and of hard instances; log-odds first, then transformed costs.
    loadings : float, [2M, F]
    variance : float, [2M]
        Specific to each entry.
    hard_share : float, [S]
    """

    mean: FloatArray
    loadings: FloatArray
    variance: FloatArray
    hard_share: FloatArray

    @property
    def covariance(self) -> FloatArray:
        """Of x within a class, [2M, 2M]."""
        covariance: FloatArray = self.loadings @ self.loadings.T + np.diag(self.variance)
        return covariance


@dataclass(frozen=True)
class Outcomes:
    """What the fit sees: attempts and successes [N, M], transformed costs [N, M], segments [N]."""

    attempts: IntArray
    successes: IntArray
    cost: FloatArray
    segment: IntArray

    def log_likelihood(self, theta: FloatArray) -> FloatArray:
        """Binomial log-likelihood of log-odds theta [N, M], per instance, [N]."""
        failures = self.attempts - self.successes
        terms = self.successes * log_expit(theta) + failures * log_expit(-theta)
        total: FloatArray = terms.sum(axis=1)
        return total


def fit_latent(outcomes: Outcomes, factors: int, seed: int) -> LatentFit:
    """Return the maximum likelihood estimate, up to the noise of the Markov chain."""
    rng = np.random.default_rng(seed)
    failures = outcomes.attempts - outcomes.successes
    theta = np.log((outcomes.successes + 0.3) / (failures + 0.3))
    hard = (outcomes.successes.sum(axis=1) < 0.01 * outcomes.attempts.sum(axis=1)).astype(np.int64)
    fit = _start(np.hstack([theta, outcomes.cost]), hard, factors, outcomes.segment.max() + 1)
    averaged: list[FloatArray] = []
    for iteration in trange(ITERATIONS, desc="latent factors"):
        theta, hard = _draw(outcomes, fit, theta, hard, rng)
        drawn = _statistics(outcomes, theta, hard, len(fit.hard_share))
        weight = max(1.0, iteration - BURN_IN + 1.0) ** -DECAY
        averaged = [a + weight * (b - a) for a, b in zip(averaged or drawn, drawn, strict=True)]
        _maximise(fit, *averaged)
    return fit


def _start(x: FloatArray, hard: IntArray, factors: int, segments: int) -> LatentFit:
    """Principal components of the crude estimates."""
    mean = np.array([x[hard == h].mean(axis=0) for h in (0, 1)])
    covariance = np.cov((x - mean[hard]).T)
    values, vectors = np.linalg.eigh(covariance)
    loadings = (vectors * np.sqrt(np.maximum(values, 0.0)))[:, ::-1][:, :factors]
    variance = np.maximum(np.diag(covariance) - (loadings**2).sum(axis=1), 0.1)
    return LatentFit(mean, loadings, variance, np.full(segments, hard.mean()))


def _draw(
    outcomes: Outcomes, fit: LatentFit, theta: FloatArray, hard: IntArray, rng: np.random.Generator
) -> tuple[FloatArray, IntArray]:
    """Move (theta, H) by a few sweeps that leave their conditional law unchanged."""
    size, models = theta.shape
    rows = np.arange(size)
    covariance = fit.covariance
    given_cost = np.linalg.solve(covariance[models:, models:], covariance[models:, :models])
    conditional = covariance[:models, :models] - covariance[:models, models:] @ given_cost
    root = np.asarray(np.linalg.cholesky(conditional), dtype=np.float64)
    cost_gap = outcomes.cost - fit.mean[:, None, models:]
    centre = fit.mean[:, None, :models] + cost_gap @ given_cost
    share = fit.hard_share[outcomes.segment]
    log_class = np.log([1.0 - share, share])
    log_class += [_log_normal(gap, covariance[models:, models:]) for gap in cost_gap]
    for _ in range(SWEEPS):
        theta = _slice(outcomes, theta, centre[hard, rows], root, rng)
        log_both = log_class + [_log_normal(theta - at, conditional) for at in centre]
        hard = (rng.random(size) < expit(log_both[1] - log_both[0])).astype(np.int64)
        # Between the classes theta has far to go: also propose to switch and carry it along.
        other = 1 - hard
        moved = theta - centre[hard, rows] + centre[other, rows]
        gain = outcomes.log_likelihood(moved) - outcomes.log_likelihood(theta)
        gain += log_class[other, rows] - log_class[hard, rows]
        accepted = np.log(rng.random(size)) < gain
        theta = np.where(accepted[:, None], moved, theta)
        hard = np.where(accepted, other, hard)
    return theta, hard


def _slice(
    outcomes: Outcomes,
    theta: FloatArray,
    centre: FloatArray,
    root: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """One elliptical slice step for every instance."""
    offset = theta - centre
    ellipse = rng.standard_normal(theta.shape) @ root.T
    level = outcomes.log_likelihood(theta) + np.log(rng.random(len(theta)))
    angle = rng.random(len(theta)) * 2.0 * np.pi
    low, high = angle - 2.0 * np.pi, angle.copy()
    moved, active = theta.copy(), np.ones(len(theta), dtype=bool)
    while active.any():
        proposal = centre + offset * np.cos(angle)[:, None] + ellipse * np.sin(angle)[:, None]
        accepted = active & (outcomes.log_likelihood(proposal) > level)
        moved[accepted] = proposal[accepted]
        active &= ~accepted
        low = np.where(angle < 0.0, angle, low)
        high = np.where(angle >= 0.0, angle, high)
        angle = low + rng.random(len(theta)) * (high - low)
    return moved


def _log_normal(gap: FloatArray, covariance: FloatArray) -> FloatArray:
    """Log density of N(0, covariance) at gap [N, D], up to a constant that depends on D only."""
    root = np.linalg.cholesky(covariance)
    scaled = np.linalg.solve(root, gap.T)
    density: FloatArray = -0.5 * (scaled**2).sum(axis=0) - np.log(np.diag(root)).sum()
    return density


def _statistics(
    outcomes: Outcomes, theta: FloatArray, hard: IntArray, segments: int
) -> list[FloatArray]:
    """Instances per class and segment [2, S], sums per class [2, 2M], second moments [2M, 2M]."""
    x = np.hstack([theta, outcomes.cost])
    counts = [np.bincount(outcomes.segment, hard == h, segments) for h in (0, 1)]
    return [np.array(counts), np.array([x[hard == h].sum(axis=0) for h in (0, 1)]), x.T @ x]


def _maximise(fit: LatentFit, counts: FloatArray, sums: FloatArray, second: FloatArray) -> None:
    """Update fit: class means and shares in closed form, then one EM step of factor analysis."""
    size, hard = counts.sum(), counts[1].sum()
    fit.hard_share = (counts[1] + PRIOR_INSTANCES * hard / size) / (
        counts.sum(axis=0) + PRIOR_INSTANCES
    )
    in_class = counts.sum(axis=1)[:, None]
    fit.mean = sums / in_class
    within = (second - (fit.mean * in_class).T @ fit.mean) / size
    scaled = fit.loadings / fit.variance[:, None]
    posterior = np.linalg.inv(np.eye(fit.loadings.shape[1]) + fit.loadings.T @ scaled)
    to_factors = posterior @ scaled.T
    cross = within @ to_factors.T
    fit.loadings = cross @ np.linalg.inv(posterior + to_factors @ cross)
    unexplained = np.diag(within) - (fit.loadings * cross).sum(axis=1)
    fit.variance = np.maximum(unexplained, VARIANCE_FLOOR)
