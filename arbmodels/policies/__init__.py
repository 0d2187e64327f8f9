"""Policies around the cheapest cascade: classes, limits per instance, parallel attempts."""

from arbmodels.policies.batches import BatchFrontier, batch_frontier
from arbmodels.policies.classes import PolicyClass, PolicyClasses, policy_classes
from arbmodels.policies.limits import LimitedFrontier, Limits, limited_frontier
from arbmodels.policies.policy import Policy, Serving
from arbmodels.policies.risk import CvarPlan, SpendDistribution, cvar_plan, spend_distribution

__all__ = [
    "BatchFrontier",
    "CvarPlan",
    "LimitedFrontier",
    "Limits",
    "Policy",
    "PolicyClass",
    "PolicyClasses",
    "Serving",
    "SpendDistribution",
    "batch_frontier",
    "cvar_plan",
    "limited_frontier",
    "policy_classes",
    "spend_distribution",
]
