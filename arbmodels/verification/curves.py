r"""What becomes of k attempts of one model under a verifier: delivered, wrong, all rejected.

With alpha the false-accept and beta the false-reject rate, and attempts of an instance
exchangeable, let F(k) be the probability that k attempts are all rejected. Attempt k + 1 is right
and accepted after k rejections with probability

.. math:: R(k) = (1-\beta)\, p\, F'(k), \qquad W(k) = \alpha\, (1-p)\, F''(k),

p being the chance that an attempt is right, F' the same function when one right attempt has been
taken out of the record and F'' when one wrong one has (exchangeability: that attempt might have
been the first). F(k) - F(k+1) = R(k) + W(k).

The chance of k rejections. Let attempts come from an urn of A right and B wrong ones that grows by
one of its kind with every draw (Polya), a be the chance that a wrong one is rejected and b that a
right one is. F(k) obeys, being a Gauss hypergeometric function,

.. math:: (A + B + k) F(k+1) = \left[a (B + k) + b (A + k)\right] F(k) - a b k F(k-1).

An urn drawn without replacement from c right and n - c wrong records has A = -c and B = -(n-c):

.. math:: (n - k) F(k+1) = \left[a (n-c-k) + b (c-k)\right] F(k) + a b k F(k-1).

As long as the bracket is positive the ratios F(k+1) / F(k) follow forwards from sums of positive
numbers; once it is negative they do so backwards from F(n+1) = 0. Nothing cancels either way, so
every ratio is good to a few ulp for records of any length.

The lattice of attempts. In state a = (a_1, .., a_M), all attempts rejected so far, an instance is
unanswered with probability prod_m F_im(a_m), whatever the order. One more attempt of model m
delivers a right answer with probability
:math:`\sum_i w_i R_{im}(a_m) \prod_{m' \ne m} F_{im'}(a_{m'})`, and a wrong answer and a bill
likewise. Nothing else is ever learnt, so a policy is a path from the origin that may stop anywhere
(or a mixture of such paths), and for a fixed value of a right answer the best one follows from

.. math:: V(a) = \max\left(0, \max_m \text{gain}_m(a) - \text{cost}_m(a) + V(a + e_m)\right).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels._compiling import compiled
from arbmodels.cascades.lattice import mean_products
from arbmodels.curves import Billing, blocks
from arbmodels.display import Displayed, brief, number, percent
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import Estimator, FloatArray, fit_beta_prior
from arbmodels.plans import Plan

IntArray = npt.NDArray[np.int64]

#: One number for every model, or one per model.
PerModel = float | Mapping[str, float]


class Rates(NamedTuple):
    """A verifier's numbers in the order of some models, each a float array [M]."""

    cost: FloatArray
    false_accept: FloatArray
    false_reject: FloatArray

    def __repr__(self) -> str:
        return brief(self)


@dataclass(frozen=True, repr=False)
class Verifier(Displayed):
    """Says "right" or "wrong" of every attempt; perfect and free by default.

    Verdicts are independent of each other given which attempts are right. An attempt that is
    accepted is delivered and ends the plan; one that is rejected is thrown away.

    Parameters
    ----------
    cost : float or mapping of model to float, currency units per check
        Paid for every attempt, beside the attempt's own price; >= 0.
    false_accept : float or mapping of model to float
        Probability that a wrong attempt is accepted, in [0, 1).
    false_reject : float or mapping of model to float
        Probability that a right attempt is rejected, in [0, 1).

    Raises
    ------
    InputError
        If a number is out of its range. A verifier that accepts (or rejects) whatever it sees is
        no verifier: buy one attempt and do not check it.

    Examples
    --------
    >>> Verifier(cost=0.002, false_accept={"small": 0.1, "large": 0.02}).label
    'check 0.002000, false accept 10.0% small, 2.0% large, false reject 0.0%'
    """

    cost: PerModel = 0.0
    false_accept: PerModel = 0.0
    false_reject: PerModel = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            what, given = field.name, getattr(self, field.name)
            if isinstance(given, Mapping):
                kept: PerModel = {
                    str(model): _checked(what, value, f" of {model!r}")
                    for model, value in given.items()
                }
            else:
                kept = _checked(what, given, "")
            object.__setattr__(self, what, kept)

    @property
    def label(self) -> str:
        """The verifier in words."""
        words = {"cost": "check", "false_accept": "false accept", "false_reject": "false reject"}
        parts = []
        for what, word in words.items():
            show = number if what == "cost" else percent
            given = getattr(self, what)
            if isinstance(given, Mapping):
                listed = ", ".join(f"{show(value)} {model}" for model, value in given.items())
            else:
                listed = show(given)
            parts.append(f"{word} {listed}")
        return ", ".join(parts)

    def rates(self, models: Sequence[str]) -> Rates:
        """Return the numbers for some models; names beyond them are ignored.

        Raises
        ------
        InputError
            If a mapping lacks one of the models.
        """
        columns = []
        for field in fields(self):
            given = getattr(self, field.name)
            if isinstance(given, Mapping):
                lacking = [model for model in models if model not in given]
                if lacking:
                    raise InputError(
                        f"The verifier's {field.name} has no number for {', '.join(lacking)}; it"
                        f" has {', '.join(given) or 'none'}. Add it, or give one number for all."
                    )
                columns.append(np.array([given[model] for model in models]))
            else:
                columns.append(np.full(len(models), given))
        return Rates(*columns)


def _checked(what: str, value: object, whose: str) -> float:
    """Return the number, or say why it cannot be used."""
    try:
        number_ = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number_ = float("nan")
    if what == "cost":
        good, wanted = 0 <= number_ <= 1e100, "0 or a positive finite number"
    else:
        good, wanted = 0 <= number_ < 1, "a probability below 1"
    if not good:
        raise InputError(f"The verifier's {what}{whose} is {value!r}; it must be {wanted}.")
    return number_


@dataclass(frozen=True, eq=False, repr=False)
class VerdictCurve(Displayed):
    """One model's attempts, up to K per instance, as if no other model were tried.

    Parameters
    ----------
    rejected : float array [N, K + 1]
        F(k), probability that the first k attempts are all rejected.
    right, wrong : float arrays [N, K]
        R(k) and W(k), probability that attempt k + 1 is the first accepted and right, or wrong.
    bought : float array [N, K]
        Probability that attempt k + 1 is made, and checked: F(k), or 0 where none is offered.
    """

    rejected: FloatArray
    right: FloatArray
    wrong: FloatArray
    bought: FloatArray


@dataclass(frozen=True, eq=False, repr=False)
class VerdictCurves(Displayed):
    """The curves of a market's models under one verifier and one billing.

    Parameters
    ----------
    market : Market
    verifier : Verifier
    models : tuple of VerdictCurve, length M
    max_attempts, estimator, past_record
        As given to :func:`verdict_curves`, the last as ``billing``.
    """

    market: Market
    verifier: Verifier
    models: tuple[VerdictCurve, ...]
    max_attempts: int | None
    estimator: Estimator
    past_record: Billing

    @property
    def names(self) -> tuple[str, ...]:
        """The models that may be bought from."""
        return self.market.models

    @property
    def billing(self) -> str:
        """Unit, estimator and billing in words."""
        words = f"attempts, {self.estimator} pass@k"
        return f"{words}, {self.past_record}" if self.estimator == "unbiased" else words

    def under(self, verifier: Verifier) -> VerdictCurves:
        """Return the curves of the same market and billing under another verifier."""
        return verdict_curves(
            self.market, verifier, self.max_attempts, self.estimator, self.past_record
        )


def verdict_curves(
    market: Market,
    verifier: Verifier,
    max_attempts: int | None = None,
    estimator: Estimator = "unbiased",
    billing: Billing = "stop-at-record",
) -> VerdictCurves:
    """Return what every number of attempts of every model leads to under a verifier.

    * ``unbiased``: attempts are drawn from the record without replacement, as in unbiased pass@k.
      Past the record, *pay past the record* goes on with attempts that are right with probability
      c / n; *stop at the record* makes no further attempt. Under a verifier that rejects nothing
      right both are the frozen curve: by then an instance with a success is solved.
    * ``geometric``: every attempt is right with probability c / n.
    * ``beta-binomial``: the same with c / n replaced by a draw from the posterior.

    Parameters
    ----------
    market : Market
    verifier : Verifier
    max_attempts : int, optional
        Most attempts per model. By default each model's largest record; the geometric and the
        beta-binomial estimator need it to be given.
    estimator : {"unbiased", "geometric", "beta-binomial"}
    billing : {"stop-at-record", "pay-past-record"}
        Matters for the unbiased estimator only.

    Raises
    ------
    InputError
        If an argument cannot be used; the text says what to do.
    """
    market.require_verified("a verifier's error rates")
    if max_attempts is not None and max_attempts < 1:
        raise InputError(f"max_attempts is {max_attempts}; it must be at least 1.")
    if estimator not in ("unbiased", "geometric", "beta-binomial"):
        raise InputError(
            f"No estimator {estimator!r}; choose 'unbiased', 'geometric' or 'beta-binomial'."
        )
    if max_attempts is None and estimator != "unbiased":
        raise InputError(f"The {estimator} estimator has no last attempt: give max_attempts.")
    if billing not in ("pay-past-record", "stop-at-record"):
        raise InputError(f"No billing {billing!r}; choose 'pay-past-record' or 'stop-at-record'.")
    rates = verifier.rates(market.models)
    curves = []
    for m in range(len(market.models)):
        n, c = market.attempts[:, m], market.successes[:, m]
        most = int(n.max()) if max_attempts is None else max_attempts
        chance = _Chance(float(rates.false_accept[m]), float(rates.false_reject[m]), most)
        if estimator == "beta-binomial":
            prior = fit_beta_prior(n[n > 0], c[n > 0])
            curve = chance.from_beta(
                prior.alpha + c.astype(float), prior.beta + (n - c).astype(float)
            )
        elif estimator == "geometric":
            curve = chance.from_record(0 * n, 0 * c, c / np.maximum(n, 1))
        else:
            curve = chance.from_record(n, c, c / np.maximum(n, 1))
        stop = billing == "stop-at-record" and estimator == "unbiased"
        curves.append(_offered(curve, n if stop else np.where(n > 0, most, 0)))
    return VerdictCurves(market, verifier, tuple(curves), max_attempts, estimator, billing)


@dataclass(frozen=True)
class _Chance:
    """A verifier's false-accept and false-reject rates, and how many attempts to look at."""

    alpha: float
    beta: float
    most: int

    def from_record(self, n: IntArray, c: IntArray, p: FloatArray) -> VerdictCurve:
        """Draw from n records, c of them right, then independently, right with probability p."""
        onwards = (1 - self.alpha) * (1 - p) + self.beta * p
        rejected = self._record(n, c, onwards)
        # Past the record draws are independent: the one that is looked at changes nothing.
        past = np.arange(self.most + 1) >= n[:, None]
        less = np.maximum(n - 1, 0)
        after_right = self._record(less, np.maximum(c - 1, 0), onwards)
        after_wrong = self._record(less, np.minimum(c, less), onwards)
        return self._curve(
            p,
            rejected,
            np.where(past, rejected, after_right),
            np.where(past, rejected, after_wrong),
        )

    def from_beta(self, good: FloatArray, bad: FloatArray) -> VerdictCurve:
        """Draw independently at a rate with distribution Beta(good, bad)."""
        return self._curve(
            good / (good + bad),
            self._urn(good, bad),
            self._urn(good + 1, bad),
            self._urn(good, bad + 1),
        )

    def _curve(
        self, p: FloatArray, rejected: FloatArray, after_right: FloatArray, after_wrong: FloatArray
    ) -> VerdictCurve:
        right = (1 - self.beta) * p[:, None] * after_right[:, :-1]
        wrong = self.alpha * (1 - p)[:, None] * after_wrong[:, :-1]
        return VerdictCurve(rejected, right, wrong, rejected[:, :-1])

    def _record(self, n: IntArray, c: IntArray, onwards: FloatArray) -> FloatArray:
        """F(k) for k = 0..most: without replacement to the end of the record, then independent."""
        ratio = np.repeat(onwards[:, None], self.most, axis=1)
        record_ratios(n.astype(float), c.astype(float), 1 - self.alpha, self.beta, ratio)
        return _running(ratio)

    def _urn(self, good: FloatArray, bad: FloatArray) -> FloatArray:
        ratio = np.empty((len(good), self.most))
        urn_ratios(good, bad, 1 - self.alpha, self.beta, ratio)
        return _running(ratio)


@compiled
def record_ratios(
    records: FloatArray, right: FloatArray, keep_wrong: float, keep_right: float, ratio: FloatArray
) -> None:
    """Write F(k+1) / F(k) of draws without replacement into the first n columns of each row.

    ``records`` n and ``right`` c are whole numbers [N]; ``keep_wrong`` a > 0 and ``keep_right`` b
    are the chances of rejection; ``ratio`` is [N, K].
    """
    a, b = keep_wrong, keep_right
    for i in range(len(records)):
        n, c = records[i], right[i]
        last = min(int(n), ratio.shape[1])
        if b == 0.0:
            for k in range(last):
                ratio[i, k] = a * max(n - c - k, 0.0) / (n - k)
            continue
        turn = 0
        previous = 1.0
        while turn < last:
            bracket = a * (n - c - turn) + b * (c - turn)
            if bracket < 0.0:
                break
            previous = (bracket + a * b * turn / previous) / (n - turn)
            ratio[i, turn] = previous
            turn += 1
        following = 0.0
        for k in range(int(n), turn, -1):
            bracket = a * (n - c - k) + b * (c - k)
            following = a * b * k / ((n - k) * following - bracket)
            if k <= last:
                ratio[i, k - 1] = following


@compiled
def urn_ratios(
    right: FloatArray, wrong: FloatArray, keep_wrong: float, keep_right: float, ratio: FloatArray
) -> None:
    """Write F(k+1) / F(k) of a beta-binomial with A = ``right`` > 0, B = ``wrong`` > 0, [N]."""
    a, b = keep_wrong, keep_right
    for i in range(len(right)):
        previous = 1.0
        for k in range(ratio.shape[1]):
            bracket = a * (wrong[i] + k) + b * (right[i] + k)
            previous = (bracket - a * b * k / previous) / (right[i] + wrong[i] + k)
            ratio[i, k] = previous


def _running(ratio: FloatArray) -> FloatArray:
    """Return 1 and the running products of each row's ratios."""
    first = np.ones((len(ratio), 1))
    product: FloatArray = np.cumprod(np.concatenate([first, ratio], axis=1), axis=1)
    return product


def _offered(curve: VerdictCurve, last: IntArray) -> VerdictCurve:
    """Return the curve when no more than ``last`` attempts [N] are ever made."""
    most = curve.right.shape[1]
    if np.all(last >= most):
        return curve
    made = np.arange(most) < last[:, None]
    held = np.minimum(np.arange(most + 1), last[:, None])
    return VerdictCurve(
        np.take_along_axis(curve.rejected, held, axis=1),
        *(np.where(made, table, 0.0) for table in (curve.right, curve.wrong, curve.bought)),
    )


#: Models and states of the largest lattice: some 2 GB of arrays for four models.
MAX_MODELS, MAX_STATES = 4, 20_000_000


class Point(NamedTuple):
    """A path: its solve rate, its cost (penalties included), its steps, and its value V."""

    rate: float
    cost: float
    steps: IntArray
    value: float

    def __repr__(self) -> str:
        return brief(self)


@dataclass(frozen=True, eq=False)
class StepLattice:
    """What every step gains and costs.

    Parameters
    ----------
    names : tuple of str, length M
        Models that may be bought from.
    gain, cost : float arrays [M, S]
        Of the step of model m from each state (flattened): right answers, and currency units
        with penalties; the cost is infinite where a step would leave the lattice.
    sizes : int array [M]
        States per axis.
    """

    names: tuple[str, ...]
    gain: FloatArray
    cost: FloatArray
    sizes: IntArray

    def best(self, value_of_gain: float, value_of_cost: float = 1.0) -> Point:
        """Return the path with the largest value_of_gain x rate - value_of_cost x cost."""
        strides = np.append(np.cumprod(self.sizes[:0:-1])[::-1], 1).astype(np.int64)
        path = np.empty(int((self.sizes - 1).sum()), dtype=np.int64)
        value, rate, cost, length = best_path(
            self.gain, self.cost, strides, value_of_gain, value_of_cost, path
        )
        return Point(rate, cost, path[:length], value)


@compiled
def best_path(  # noqa: PLR0917  compiled functions take no keywords only
    gain: FloatArray,
    cost: FloatArray,
    strides: IntArray,
    value_of_gain: float,
    value_of_cost: float,
    path: IntArray,
) -> tuple[float, float, float, int]:
    """Maximise the value of a path that starts in state 0 and may stop anywhere.

    ``gain`` and ``cost`` are [M, S] per step of model m from state s, ``cost`` being infinite
    where the step leaves the lattice; ``strides`` [M] says how far a step moves in flat states.
    Writes the models of the steps into ``path`` and returns value, gain, cost and length. Ties
    go to stopping, then to the model that comes first.
    """
    models, states = gain.shape
    value = np.zeros(states)
    choice = np.full(states, -1, np.int8)
    for s in range(states - 1, -1, -1):
        best, chosen = 0.0, -1
        for m in range(models):
            if cost[m, s] < np.inf:
                onwards = (
                    value_of_gain * gain[m, s] - value_of_cost * cost[m, s] + value[s + strides[m]]
                )
                if onwards > best:
                    best, chosen = onwards, m
        value[s], choice[s] = best, chosen
    s, steps, gained, spent = 0, 0, 0.0, 0.0
    while choice[s] >= 0:
        m = choice[s]
        path[steps] = m
        gained += gain[m, s]
        spent += cost[m, s]
        s += strides[m]
        steps += 1
    return value[0], gained, spent, steps


def paid_by_outcome(market: Market) -> tuple[FloatArray, FloatArray]:
    """Return what an attempt that is right, and one that is wrong, cost, [N, M]; 0 unrecorded."""
    if market.success_cost is None or market.failure_cost is None:
        paid = np.where(market.recorded, market.cost, 0.0)
        return paid, paid
    return np.nan_to_num(market.success_cost), np.nan_to_num(market.failure_cost)


def plan_of(steps: IntArray, models: Sequence[str]) -> Plan:
    """Return the plan of a path, consecutive attempts of a model in one stage."""
    starts = np.flatnonzero(np.diff(steps, prepend=-1))
    runs = np.diff(np.append(starts, len(steps)))
    stages = zip(steps[starts].tolist(), runs.tolist(), strict=True)
    return Plan(tuple((models[m], float(run)) for m, run in stages))


def step_lattice(
    curves: VerdictCurves, wrong_cost: float, models: Sequence[str] | None = None
) -> StepLattice:
    """Tabulate the steps of some models (all by default).

    Parameters
    ----------
    curves : VerdictCurves
    wrong_cost : float, currency units per wrong answer
        Added to the cost; negative where a wrong answer earns more than it costs.
    models : sequence of str, optional

    Raises
    ------
    InputError
        If there are more than four models or the lattice is too large.
    """
    market = curves.market
    names = market.models if models is None else tuple(models)
    columns = [market.model_index(model) for model in names]
    sizes = np.array([curves.models[m].rejected.shape[1] for m in columns])
    states = int(np.prod(sizes.astype(float)))
    if len(names) > MAX_MODELS or states > MAX_STATES:
        raise InputError(
            f"The lattice method takes up to {MAX_MODELS} models and {MAX_STATES:,} states, not"
            f" {len(names)} models and {' x '.join(map(str, sizes))} = {states:,} states. Choose"
            " models with market.select(models=[...]), or give a smaller max_attempts."
        )
    per_check = curves.verifier.rates(market.models).cost
    rates = curves.verifier.rates(market.models)
    solved, failed = paid_by_outcome(market)
    # Of the attempts made, those that are right are accepted with probability 1 - false reject.
    more = (solved - failed) / (1.0 - rates.false_reject)
    price = failed + per_check
    gain, cost = np.zeros((len(names), states)), np.full((len(names), states), np.inf)
    for position, m in enumerate(columns):
        inside = tuple(
            slice(0, size - (axis == position)) for axis, size in enumerate(sizes.tolist())
        )
        shape = tuple(sizes - (np.arange(len(sizes)) == position))
        gained, paid = np.zeros(shape), np.zeros(shape)
        for rows in blocks(len(market.instances), int(2 * sizes.sum())):
            others = [curves.models[other].rejected[rows].T for other in columns]
            curve, weight = curves.models[m], market.weight[rows]
            bill = curve.bought[rows] * price[rows, m, None] + wrong_cost * curve.wrong[rows]
            if market.success_cost is not None:
                bill += curve.right[rows] * more[rows, m, None]
            for total, table in ((gained, curve.right[rows]), (paid, bill)):
                factors = [*others[:position], table.T, *others[position + 1 :]]
                np.add(total, mean_products(weight, factors), out=total)
        gain[position].reshape(sizes)[inside] = gained
        cost[position].reshape(sizes)[inside] = paid
    return StepLattice(tuple(names), gain, cost, sizes)
