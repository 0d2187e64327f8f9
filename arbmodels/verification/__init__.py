"""Costly and imperfect verification: what checks may cost, and what their errors do."""

from arbmodels.verification.baseline import Baseline
from arbmodels.verification.frontier import VerifiedFrontier, verified_frontier
from arbmodels.verification.policy import most_profitable_plan
from arbmodels.verification.scored import VerifiedPlan, verified_plan
from arbmodels.verification.simulate import SimulatedPlan, simulate_plan
from arbmodels.verification.sweep import VerificationSweep, verification_sweep
from arbmodels.verification.threshold import VerificationThreshold, verification_threshold
from arbmodels.verification.verdicts import VerdictCurve, VerdictCurves, verdict_curves
from arbmodels.verification.verifier import Verifier

__all__ = [
    "Baseline",
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
