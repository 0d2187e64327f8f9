"""pass@k in rational numbers, from its definition.

Of n recorded attempts c succeeded; F(k) is the probability that k attempts all fail.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb


def unbiased(n: int, c: int, k: int) -> Fraction:
    """F(k) of k draws without replacement; frozen from the n-th draw on."""
    k = min(k, n)
    return Fraction(comb(n - c, k), comb(n, k))


def geometric(n: int, c: int, k: int) -> Fraction:
    """F(k) of k independent draws, each solved with probability c / n."""
    return Fraction(n - c, n) ** k


def beta_binomial(n: int, c: int, k: int, alpha: Fraction, beta: Fraction) -> Fraction:
    """F(k) under a Beta(alpha, beta) prior: the chance that the next k draws all fail.

    By Polya's urn: after j more failures the next fails with (beta + n - c + j) / (alpha + beta +
    n + j).
    """
    left = Fraction(1)
    for j in range(k):
        left *= (beta + n - c + j) / (alpha + beta + n + j)
    return left


def beta_binomial_zero(
    n: int, c: int, k: int, alpha: Fraction, beta: Fraction, zero: Fraction
) -> Fraction:
    """The same where a share ``zero`` of the instances is never solved: Bayes' rule."""
    if c > 0:
        return beta_binomial(n, c, k, alpha, beta)
    hopeful = (1 - zero) * beta_binomial(0, 0, n, alpha, beta)
    hopeless = zero / (zero + hopeful)
    return hopeless + (1 - hopeless) * beta_binomial(n, c, k, alpha, beta)


def spend(n: int, price: Fraction, failures: list[Fraction], *, stop: bool) -> list[Fraction]:
    """G(k): attempt j + 1 is paid if the first j failed, up to the n-th if one stops there."""
    total, out = Fraction(0), [Fraction(0)]
    for j, left in enumerate(failures[:-1]):
        if n > 0 and not (stop and j >= n):
            total += price * left
        out.append(total)
    return out
