r"""The constraints of routing: one class each, with its mathematics, unit, check and row.

Notation: x[i, j] = 1 when plan j serves instance i, p[i, j] its solve probability, s[i, j] its
expected spend at list prices, a[i, j, m] its expected attempts of model m, w[i] the weights
(summing to one over the N instances, so that an instance counts N w[i] times in totals), S the
instances of the constraint's segment and period (all without one), P a set of models: one, or
those of a provider.
"""

from arbmodels.routing.constraints.base import Constraint
from arbmodels.routing.constraints.contracts import Contract
from arbmodels.routing.constraints.limits import (
    Budget,
    Capacity,
    Commitment,
    LatencyLimit,
    MeanLatency,
    QualityFloor,
    RelativeFloor,
    ShareLimit,
)
from arbmodels.routing.constraints.structure import Allowed, ChangeLimit, Forbidden, PlanLimit

__all__ = [
    "Allowed",
    "Budget",
    "Capacity",
    "ChangeLimit",
    "Commitment",
    "Constraint",
    "Contract",
    "Forbidden",
    "LatencyLimit",
    "MeanLatency",
    "PlanLimit",
    "QualityFloor",
    "RelativeFloor",
    "ShareLimit",
]
