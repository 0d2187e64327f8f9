"""How far estimates can be trusted: bands, cross-validation, optimism, learning on a budget."""

from arbmodels.cascades.lattice import hull_vertices
from arbmodels.estimation.bootstrap import (
    Band,
    CurveBands,
    MarginBands,
    bootstrap_curves,
    bootstrap_margin,
)
from arbmodels.estimation.cross_validation import (
    CrossValidatedMargin,
    PriceAndCost,
    ScoredPolicies,
    compare_held_out,
    cross_validate_margin,
    held_out,
)
from arbmodels.estimation.learning import LearnedPolicy, Prior, learn_policy
from arbmodels.estimation.off_policy import (
    ClassValues,
    Overlap,
    PolicyValue,
    RequestLog,
    class_values,
    policy_value,
    request_log,
)
from arbmodels.estimation.study import RobustnessStudy, robustness_study

__all__ = [
    "Band",
    "ClassValues",
    "CrossValidatedMargin",
    "CurveBands",
    "LearnedPolicy",
    "MarginBands",
    "Overlap",
    "PolicyValue",
    "PriceAndCost",
    "Prior",
    "RequestLog",
    "RobustnessStudy",
    "ScoredPolicies",
    "bootstrap_curves",
    "bootstrap_margin",
    "class_values",
    "compare_held_out",
    "cross_validate_margin",
    "held_out",
    "hull_vertices",
    "learn_policy",
    "policy_value",
    "request_log",
    "robustness_study",
]
