"""The best plan when every delivered answer is paid for and wrong ones cost a refund or damages."""

from __future__ import annotations

from arbmodels.curves import Accounting
from arbmodels.market import Market
from arbmodels.passk import Estimator
from arbmodels.verification.lattice import plan_of, step_lattice
from arbmodels.verification.scored import VerifiedPlan, check_terms, score
from arbmodels.verification.verdicts import verdict_curves
from arbmodels.verification.verifier import Verifier


def most_profitable_plan(
    market: Market,
    verifier: Verifier,
    price: float,
    *,
    penalty: float = 0.0,
    refund: float = 0.0,
    max_attempts: int | None = None,
    estimator: Estimator = "unbiased",
    accounting: Accounting = "stop-at-record",
) -> VerifiedPlan:
    r"""Return the plan that earns most per instance; no policy, mixed or not, earns more.

    Profit is price x (right + wrong) - (penalty + refund x price) x wrong - spend. It is additive
    over the steps of a path, so dynamic programming finds the exact optimum. A false reject makes
    further attempts worth while; a false accept ends the plan, and while wrong answers still earn
    something, the best plan courts it: terms with refund 1, or a penalty of at least the price,
    leave nothing to earn from them.

    Parameters
    ----------
    market : Market
        Up to four models.
    verifier : Verifier
    price : float, currency units per delivered answer
    penalty : float, currency units per wrong answer
    refund : float in [0, 1]
        Share of the price that is given back for a wrong answer.
    max_attempts, estimator, accounting
        As in :func:`arbmodels.verification.verdict_curves`.

    Returns
    -------
    VerifiedPlan
        Its ``profit(price, penalty=.., refund=..)`` is the optimum; the plan abstains if nothing
        can be earned.

    Raises
    ------
    InputError
        If an argument cannot be used, or the lattice is too large.
    """
    price, penalty, refund = check_terms(price, penalty, refund)
    curves = verdict_curves(market, verifier, max_attempts, estimator, accounting)
    lattice = step_lattice(curves, wrong_cost=penalty - (1.0 - refund) * price)
    return score(plan_of(lattice.best(price).steps, market.models), curves)
