"""pass@k: the probability that at least one of k attempts solves an instance.

Four estimators of the failure probability F(k) = 1 - pass@k from n recorded attempts of which c
succeeded. All are vectorised over instances and stable for thousands of attempts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from arbmodels.errors import InputError

Estimator = Literal["unbiased", "geometric", "beta-binomial", "beta-binomial-zero"]
FloatArray = npt.NDArray[np.float64]
_WITH_PRIOR = ("beta-binomial", "beta-binomial-zero")


@dataclass(frozen=True)
class BetaPrior:
    """Distribution of a model's solve probability over instances: Beta, and a mass at zero.

    Parameters
    ----------
    alpha, beta : float
        Of the Beta distribution, > 0.
    zero : float
        Share of the instances that the model never solves, in [0, 1).

    References
    ----------
    Griffiths, *Maximum likelihood estimation for the beta-binomial distribution and an application
    to the household distribution of the total number of cases of a disease*, Biometrics 29 (1973).
    """

    alpha: float
    beta: float
    zero: float = 0.0

    @property
    def mean(self) -> float:
        """Expected solve probability of one attempt on a new instance."""
        return (1.0 - self.zero) * self.alpha / (self.alpha + self.beta)

    def hopeless(self, attempts: npt.ArrayLike, successes: npt.ArrayLike) -> FloatArray:
        r"""Return the posterior probability that an instance is one that is never solved.

        Zero once it was solved, else
        :math:`\pi_0 / (\pi_0 + (1 - \pi_0) B(a, b + n) / B(a, b))`.
        """
        n, c = np.asarray(attempts, dtype=float), np.asarray(successes, dtype=float)
        if self.zero == 0:
            return np.zeros(np.broadcast(n, c).shape)
        from scipy.special import betaln

        unlucky = np.exp(betaln(self.alpha, self.beta + n) - betaln(self.alpha, self.beta))
        share = self.zero / (self.zero + (1.0 - self.zero) * unlucky)
        hopeless: FloatArray = np.where(c > 0, 0.0, share)
        return hopeless


def pass_at_k(
    attempts: npt.ArrayLike,
    successes: npt.ArrayLike,
    k: npt.ArrayLike,
    estimator: Estimator = "unbiased",
    prior: BetaPrior | None = None,
) -> FloatArray:
    r"""Estimate the probability that at least one of ``k`` attempts succeeds.

    With n attempts and c successes,

    * ``unbiased``: :math:`1 - \binom{n-c}{k} / \binom{n}{k}` for k <= n; beyond the record the
      curve is frozen at 1 if c > 0 and 0 otherwise;
    * ``geometric``: :math:`1 - (1 - c/n)^k`, the plug-in, biased but defined for every k >= 0;
    * ``beta-binomial``: :math:`1 - B(a+c, b+n-c+k) / B(a+c, b+n-c)`, the posterior mean under a
      Beta(a, b) prior. It extrapolates past the record with shrinkage;
    * ``beta-binomial-zero``: the same where there is a success; where there is none, the instance
      is hopeless with the posterior probability h of :meth:`BetaPrior.hopeless`, and pass@k is
      (1 - h) times that. Without the mass at zero, every instance is solved in the end.

    Parameters
    ----------
    attempts, successes : int array
        n >= 1 and 0 <= c <= n; broadcast against ``k``.
    k : array
        Number of attempts, >= 0; whole numbers for the unbiased estimator.
    estimator : {"unbiased", "geometric", "beta-binomial", "beta-binomial-zero"}
    prior : BetaPrior, optional
        Needed by, and only by, the beta-binomial ones; see :func:`fit_beta_prior`.

    Returns
    -------
    float array
        Probabilities, of the broadcast shape.

    Raises
    ------
    InputError
        If counts are impossible, k is negative or (unbiased) fractional, or the prior does not
        go with the estimator.

    Notes
    -----
    The unbiased form is that of Chen et al. (2021), "Evaluating large language models trained on
    code", equation 1.

    References
    ----------
    Chen et al., *Evaluating large language models trained on code*, arXiv 2107.03374 (2021).

    Griffiths, *Maximum likelihood estimation for the beta-binomial distribution and an application
    to the household distribution of the total number of cases of a disease*, Biometrics 29 (1973).

    Examples
    --------
    >>> pass_at_k(4, 1, [1, 2, 4, 9]).round(12).tolist()
    [0.25, 0.5, 1.0, 1.0]
    """
    n, c, k = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (attempts, successes, k)))
    # Written so that NaN fails every check.
    if not np.all((n >= 1) & (n == np.floor(n)) & (c >= 0) & (c <= n) & (c == np.floor(c))):
        raise InputError("pass@k needs whole numbers with attempts >= 1 and 0 <= successes <= n.")
    if not np.all((k >= 0) & np.isfinite(k)):
        raise InputError("pass@k needs finite k >= 0.")
    if estimator in _WITH_PRIOR and prior is not None:
        if prior.zero > 0 and estimator == "beta-binomial":
            raise InputError("This prior has a mass at zero: use 'beta-binomial-zero'.")
        from scipy.special import betaln

        a, b = prior.alpha + c, prior.beta + n - c
        log_ratio: FloatArray = betaln(a, b + k) - betaln(a, b)
        # Rounding must not make a tiny probability negative.
        return (1.0 - prior.hopeless(n, c)) * (0.0 - np.expm1(np.minimum(log_ratio, 0.0)))
    if prior is not None or estimator in _WITH_PRIOR:
        raise InputError(
            "The beta-binomial estimators, and no others, take a prior: fit one with"
            " fit_beta_prior."
        )
    if estimator == "unbiased":
        if not np.all(k == np.floor(k)):
            raise InputError("The unbiased pass@k is defined for whole k only; use another one.")
        return _unbiased(n, c, k)
    if estimator == "geometric":
        # log1p keeps rare successes accurate; p = 1 fails with probability 0^k (0^0 = 1).
        with np.errstate(divide="ignore", invalid="ignore"):
            log_failure = np.where(k > 0, k * np.log1p(-c / n), 0.0)
        return 0.0 - np.expm1(log_failure)
    raise _no_estimator(estimator)


def _no_estimator(estimator: str) -> InputError:
    return InputError(
        f"No estimator {estimator!r}; choose 'unbiased', 'geometric', 'beta-binomial' or"
        " 'beta-binomial-zero'."
    )


#: Up to so many factors, log F is summed term by term; log-gammas lose digits of a small pass@k.
_FACTORS = 32


def _unbiased(n: FloatArray, c: FloatArray, k: FloatArray) -> FloatArray:
    """1 - C(n-c, k) / C(n, k), the ratio being symmetric in c and k."""
    k = np.minimum(k, n)
    possible = k <= n - c  # otherwise k draws cannot all be failures
    n, c, k = (np.where(possible, x, 0.0) for x in (n, c, k))
    few, many = np.minimum(c, k), np.maximum(c, k)
    summed = np.zeros_like(n)
    for j in range(int(min(few.max(initial=0.0), _FACTORS))):
        summed += np.log1p(np.divide(-many, n - j, out=np.zeros_like(n), where=j < few))
    log_failure = summed
    if (few > _FACTORS).any():
        from scipy.special import gammaln

        gammas = gammaln(n - c + 1) - gammaln(n - c - k + 1)
        gammas -= gammaln(n + 1) - gammaln(n - k + 1)
        log_failure = np.where(few <= _FACTORS, summed, np.minimum(gammas, 0.0))
    return np.where(possible, 0.0 - np.expm1(log_failure), 1.0)


def failure_table(
    attempts: npt.NDArray[np.int64],
    successes: npt.NDArray[np.int64],
    most: int,
    estimator: Estimator = "unbiased",
) -> FloatArray:
    r"""Tabulate F(k) = 1 - pass@k for k = 0..``most`` and every instance of one model.

    A running product, accurate to a few ulp per attempt and quicker than a log-gamma per cell:
    F(k+1) / F(k) is (n-c-k)/(n-k) unbiased, (n-c)/n geometric, (b+n-c+k)/(a+b+n+k) beta-binomial;
    with a mass at zero, what is hopeless is added in the end.

    Parameters
    ----------
    attempts, successes : int array [N]
        Where ``attempts`` is zero the model is not offered: F = 1 for every k.
    most : int
        Largest k.
    estimator : {"unbiased", "geometric", "beta-binomial", "beta-binomial-zero"}
        A beta-binomial prior is fitted to these very instances (empirical Bayes).

    Returns
    -------
    float array [N, most + 1]

    Raises
    ------
    InputError
        If there is no such estimator, or the record does not identify its prior.
    """
    n, c = attempts[:, None].astype(float), successes[:, None].astype(float)
    k = np.arange(most, dtype=float)
    hopeless = np.zeros(n.shape)
    if estimator == "unbiased":
        failed, tried = n - c - k, n - k  # frozen beyond the record: no ratio
    elif estimator == "geometric":
        failed, tried = n - c + 0.0 * k, n + 0.0 * k
    elif estimator in _WITH_PRIOR:
        known = attempts > 0
        prior = fit_beta_prior(
            attempts[known], successes[known], zero=estimator == "beta-binomial-zero"
        )
        hopeless = np.where(n > 0, prior.hopeless(n, c), 0.0)
        failed, tried = prior.beta + n - c + k, prior.alpha + prior.beta + n + k
    else:
        raise _no_estimator(estimator)
    failure = np.ones((len(n), most + 1))
    ratio = failure[:, 1:]
    np.divide(failed, tried, out=ratio, where=(tried > 0) & (n > 0))
    np.maximum(ratio, 0.0, out=ratio)
    np.cumprod(failure, axis=1, out=failure)
    return hopeless + (1.0 - hopeless) * failure if hopeless.any() else failure


#: Bounds of log(alpha), log(beta) in the fit: from nearly Bernoulli to nearly constant.
_LOG_BOUNDS = (-7.0, 9.0)
#: Bounds of the log odds of the mass at zero: as good as none, to nearly all.
_ZERO_BOUNDS = (-12.0, 7.0)
#: A smaller mass is none.
_NO_MASS = 1e-4


def _not_identified(attempts: FloatArray, needed: int) -> InputError:
    count = int(np.count_nonzero(attempts >= needed))
    words = {2: "two", 3: "three"}[needed]
    what = "a mass at zero beside a Beta" if needed == 3 else "a Beta prior"
    less = " or leave the mass at zero out" if needed == 3 and attempts.max(initial=0) >= 2 else ""
    return InputError(
        f"{count} of {attempts.size} instances have {words} attempts: how instances differ, which"
        f" {what} is about, cannot be told from fewer than {words} instances with {words} or more."
        f" Record more attempts{less}; estimator='unbiased' needs no prior."
    )


def fit_beta_prior(
    attempts: npt.ArrayLike, successes: npt.ArrayLike, *, zero: bool = False
) -> BetaPrior:
    r"""Fit a Beta prior to a model's outcomes by maximum marginal likelihood.

    Maximises :math:`\sum_i \log B(a+c_i, b+n_i-c_i) - \log B(a, b)` over log a and log b in
    [-7, 9]; where all outcomes agree the maximum lies at such a bound. With a mass :math:`\pi_0`
    at zero the likelihood of an instance is :math:`\pi_0 [c_i = 0] + (1 - \pi_0)` times that.

    *What identifies it.* From n attempts on an instance the data tell of the mean of p, p^2, ..,
    p^n over instances and of nothing else. One attempt each knows the mean only, which every
    spread of p shares: the Beta's second parameter needs instances with two attempts, a mass at
    zero, the third, instances with three. At least as many of these as there are parameters are
    asked for; a hundred are better.

    Parameters
    ----------
    attempts, successes : int array [N]
        n >= 1 and 0 <= c <= n per instance.
    zero : bool
        Whether some instances may be such that the model never solves them.

    Returns
    -------
    BetaPrior

    Raises
    ------
    InputError
        If there is no instance, a count is impossible, or too few instances have two attempts
        (three with a mass at zero), so that any spread would fit as well.

    Notes
    -----
    Beta-binomial empirical Bayes, see Casella (1985), "An introduction to empirical Bayes data
    analysis"; the mass at zero as in Lambert (1992), "Zero-inflated Poisson regression".
    Deterministic: fixed starts, the best is kept. The fit with a mass at zero also starts from
    the one without, so it is never less likely.

    References
    ----------
    Griffiths, *Maximum likelihood estimation for the beta-binomial distribution and an application
    to the household distribution of the total number of cases of a disease*, Biometrics 29 (1973).
    """
    n, c = np.asarray(attempts, dtype=float), np.asarray(successes, dtype=float)
    if n.size == 0 or not np.all((n >= 1) & (c >= 0) & (c <= n)):
        raise InputError("A beta prior needs instances with attempts >= 1 and 0 <= successes <= n.")
    needed = 3 if zero else 2
    if np.count_nonzero(n >= needed) < needed:
        raise _not_identified(n, needed)
    from scipy.special import betaln

    def loss(theta: FloatArray) -> float:
        a, b = np.exp(theta[:2])
        solved = betaln(a + c, b + n - c) - betaln(a, b)
        if zero:
            odds = theta[2]
            mixed = solved - np.logaddexp(0.0, odds)
            mass = np.where(c > 0, -np.inf, -np.logaddexp(0.0, -odds))
            solved = np.logaddexp(mixed, mass)
        return float(-np.mean(solved))

    def best(starts: list[list[float]]) -> FloatArray:
        from scipy.optimize import minimize  # a third of a second, for this alone

        bounds = [_LOG_BOUNDS, _LOG_BOUNDS, _ZERO_BOUNDS][: len(starts[0])]
        fits = [minimize(loss, start, method="L-BFGS-B", bounds=bounds) for start in starts]
        theta: FloatArray = min(fits, key=lambda fit: float(fit.fun)).x
        return theta

    centre = float(np.clip(np.mean(c / n), 0.02, 0.98))
    beginnings = [
        np.log([strength * centre, strength * (1 - centre)]).tolist()
        for strength in (0.5, 2.0, 20.0)
    ]
    if not zero:
        alpha, beta = np.exp(best(beginnings))
        return BetaPrior(float(alpha), float(beta))
    plain = fit_beta_prior(n, c)
    logs = [float(np.log(plain.alpha)), float(np.log(plain.beta))]
    starts = [[*start, odds] for start in beginnings for odds in (-3.0, 0.0)]
    theta = best([*starts, [*logs, _ZERO_BOUNDS[0]]])
    alpha, beta = np.exp(theta[:2])
    share = 1.0 / (1.0 + np.exp(-theta[2]))
    return BetaPrior(float(alpha), float(beta), float(share)) if share > _NO_MASS else plain
