"""Costly and imperfect verification: what checks may cost, and what their errors do."""

from arbmodels.verification.curves import (
    Point,
    Rates,
    VerdictCurve,
    VerdictCurves,
    Verifier,
    verdict_curves,
)
from arbmodels.verification.frontier import (
    Baseline,
    Hull,
    VerifiedFrontier,
    verified_frontier,
)
from arbmodels.verification.plan import (
    SimulatedPlan,
    VerifiedPlan,
    most_profitable_plan,
    simulate_plan,
    verified_plan,
)
from arbmodels.verification.sweep import (
    VerificationSweep,
    VerificationThreshold,
    verification_sweep,
    verification_threshold,
)

__all__ = [
    "Baseline",
    "Hull",
    "Point",
    "Rates",
    "SimulatedPlan",
    "VerdictCurve",
    "VerdictCurves",
    "VerificationSweep",
    "VerificationThreshold",
    "VerifiedFrontier",
    "VerifiedPlan",
    "Verifier",
    "most_profitable_plan",
    "simulate_plan",
    "verdict_curves",
    "verification_sweep",
    "verification_threshold",
    "verified_frontier",
    "verified_plan",
]
