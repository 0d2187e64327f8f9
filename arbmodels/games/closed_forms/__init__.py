"""Equilibria in closed form, derived by computer algebra (``pip install 'arbmodels[symbolic]'``).

Every function derives its formula from first-order and indifference conditions when called.
"""

from arbmodels.games.closed_forms.base import ClosedForm
from arbmodels.games.closed_forms.bertrand_edgeworth import (
    captive_symmetric,
    two_capacities,
    two_captive,
    two_sellers,
)
from arbmodels.games.closed_forms.products import (
    circular_city,
    complements,
    homogeneous_bertrand,
    hotelling,
    linear_duopoly,
    linear_oligopoly,
    linear_stackelberg,
    logit_lambert,
    logit_markup,
    logit_symmetric,
    nested_logit_markup,
    vertical_covered,
    vertical_uncovered,
)

__all__ = [
    "ClosedForm",
    "captive_symmetric",
    "circular_city",
    "complements",
    "homogeneous_bertrand",
    "hotelling",
    "linear_duopoly",
    "linear_oligopoly",
    "linear_stackelberg",
    "logit_lambert",
    "logit_markup",
    "logit_symmetric",
    "nested_logit_markup",
    "two_capacities",
    "two_captive",
    "two_sellers",
    "vertical_covered",
    "vertical_uncovered",
]
