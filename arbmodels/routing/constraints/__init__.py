r"""The constraints of routing: one class each, with its mathematics, unit, check and row.

Notation: x[i, j] = 1 when plan j serves instance i, p[i, j] its solve probability, s[i, j] its
expected spend at list prices, a[i, j, m] its expected attempts of model m, w[i] the weights
(summing to one over the N instances, so that an instance counts N w[i] times in totals), S the
instances of the constraint's segment and period (all without one), P a set of models: one, or
those of a provider.
"""

from arbmodels.routing.constraints.base import Constraint
from arbmodels.routing.constraints.changes import ChangeLimit
from arbmodels.routing.constraints.contracts import Contract
from arbmodels.routing.constraints.latency import LatencyLimit, MeanLatency
from arbmodels.routing.constraints.menu import MenuLimit
from arbmodels.routing.constraints.money import Budget
from arbmodels.routing.constraints.pairs import Allowed, Forbidden
from arbmodels.routing.constraints.quality import QualityFloor, RelativeFloor
from arbmodels.routing.constraints.volume import Capacity, Commitment, ShareLimit

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
    "MenuLimit",
    "QualityFloor",
    "RelativeFloor",
    "ShareLimit",
]
