"""Every public class shows itself: short, without raw arrays or addresses, names escaped."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import pkgutil
import re

import numpy as np
import pandas as pd
import pytest

import arbmodels as arb
from arbmodels.games.closed_forms import logit_symmetric
from arbmodels.games.differentiated import (
    DifferentiatedGame,
    LinearDemand,
    LogitDemand,
    VerticalDemand,
    implied_costs,
)
from arbmodels.streaming import Block, Generated, ParquetSource

#: A name of a user's model that a notebook must not take for markup.
ODD = "my<u>model"
games, estimation, online = arb.games, arb.estimation, arb.online


@functools.cache
def market():
    """Return the simulated market of two models, sixty issues, one model named oddly."""
    two = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek"])
    named = dataclasses.replace(two, models=(ODD, "deepseek"))
    return named.select(instances=named.instances[:60])


@functools.cache
def curves():
    return arb.attempt_curves(market(), 6)


@functools.cache
def frontier():
    return arb.cascade_frontier(curves())


@functools.cache
def margin():
    return arb.arbitrage(frontier(), solve_rates=np.linspace(0.3, 0.5, 5))


@functools.cache
def bertrand():
    return games.BertrandGame.from_arbitrage(margin())


@functools.cache
def providers():
    cascade_sets = games.cascade_sets_of(curves(), [0.4, 0.5])
    return games.ProviderGame(cascade_sets, games.linear_consumers(cascade_sets, 2.0), 0.3)


@functools.cache
def solved():
    return providers().solve(tolerance=0.05)


@functools.cache
def routed():
    problem = arb.RoutingProblem(market(), arb.attempts_up_to(market(), 2))
    return (
        problem.add_budget(3.0)
        .add_floor(0.1)
        .add_capacity("deepseek", 40)
        .add_commitment("deepseek", spend=0.01)
        .add_share_limit("deepseek", 0.9)
        .limit_models(2)
        .forbid("deepseek", instances=market().instances[:40])
        .allow_only([ODD], instances=market().instances[50:])
        .add_floor(of_best=0.1)
        .add_contract("deepseek", fee=0.01)
    )


@functools.cache
def logged():
    rng = np.random.default_rng(0)
    attempts = np.eye(2, dtype=int)[np.arange(60) % 2]
    log = arb.Market(
        [ODD, "b"],
        [f"r{k}" for k in range(60)],
        attempts,
        attempts * rng.integers(0, 2, (60, 2)),
        rng.random((60, 2)),
        segment=[f"class {k // 20}" for k in range(60)],
    )
    return estimation.request_log(log)


@functools.cache
def result():
    return arb.RoutingProblem(market()).add_budget(3.0).solve()


@functools.cache
def verifier():
    return arb.verification.Verifier(cost=0.001, false_accept={ODD: 0.05, "deepseek": 0.1})


@functools.cache
def verdicts():
    return arb.verification.verdict_curves(market(), verifier(), 4)


def plan():
    return arb.Plan(((ODD, 1), ("deepseek", 2)))


@functools.cache
def arrivals():
    rng = np.random.default_rng(0)
    return online.Arrivals((ODD, "deepseek"), rng.random((40, 2)), rng.random((40, 2)))


@functools.cache
def run():
    return online.serve(arrivals(), online.RoutingPolicy([ODD, "deepseek"], {"spend": 1.0}), 10.0)


@functools.cache
def crossfitted():
    length = np.random.default_rng(0).random(60)
    return arb.predict.cross_fit(
        pd.DataFrame({"length": length}, index=market().instances), market()
    )


@functools.cache
def finite():
    rng = np.random.default_rng(0)
    return games.FiniteGame(rng.random((2, 40, 30)), (ODD, "b"))


@functools.cache
def products():
    demand = LogitDemand([ODD, "b"], [1.0, 1.0], 1.0)
    return DifferentiatedGame(demand, [1.0, 1.0])


@functools.cache
def differentiated():
    return products().solve()


@functools.cache
def capacities():
    return games.CapacityGame(np.full(2, 0.7), willingness_to_pay=np.linspace(1, 2, 50),
                              players=(ODD, "b"))  # fmt: skip


@functools.cache
def entry():
    cost = games.Consumers([0.3], high=1.0)
    return games.entry_game(market(), cost, 0.001)


@functools.cache
def policies():
    return arb.policies.policy_classes(curves(), [0.4])


def block(start, size, seed):
    rng = np.random.default_rng([seed, start])
    return Block(start, (rng.random((size, 2)), rng.random((size, 2))))


def folder_source(folder):
    path = folder / "odd.parquet"
    pd.DataFrame({"p": np.full(9, 0.5), "q": np.full(9, 0.6), "s": 1.0, "t": 2.0}).to_parquet(path)
    return ParquetSource(path, solve=["p", "q"], spend=["s", "t"])


def constraint(kind):
    return next(one for one in routed().constraints if type(one).__name__ == kind)


@functools.cache
def bands():
    return estimation.bootstrap_margin(market(), resamples=3)


@functools.cache
def small():
    return games.FiniteGame([[[3, 0], [5, 1]], [[3, 5], [0, 1]]], (ODD, "b"))


@functools.cache
def explorer():
    return arb.interactive.Explorer.from_market(market(), [0.3, 0.4])


@functools.cache
def budgets():
    return arb.RoutingProblem(market()).add_budget(3.0).frontier(points=3)


@functools.cache
def cross_validated():
    return estimation.cross_validate_margin(market(), folds=2)


def timed():
    return arb.RoutingProblem(market(), latency={ODD: 1.0, "deepseek": 2.0})


def changed():
    problem = arb.RoutingProblem(market()).add_budget(3.0)
    return problem.start_from(problem.solve(), max_changes=3)


#: Every public class, and how one comes about.
OBJECTS = {
    "AssignmentProgram": lambda: routed().program(),
    "Assembled": lambda: routed().assembled,
    "Cheapest": lambda: providers().cascade_sets[0].cheapest(np.ones((50, 2))),
    "Choice": lambda: games.LogitConsumers([0.5], 1.0, 2.0).choose(
        0, np.ones((50, 2)), np.ones(50)
    ),
    "Conflict": lambda: arb.errors.Conflict("budget", 1.0, 2.0, "USD"),
    "CrossValidation": lambda: arb.RoutingProblem(market()).add_budget(3.0).cross_validate(2),
    "CvxpyModel": lambda: arb.RoutingProblem(market()).add_budget(3.0).to_cvxpy(),
    "Payment": lambda: arb.routing.Payment(1.0, 2.0, True),
    "Points": lambda: frontier().bound_steps,
    "PriceRange": lambda: result().price_range("budget"),
    "Rates": lambda: verifier().rates([ODD, "deepseek"]),
    "Reasons": lambda: result().explain(market().instances[0]),
    "Scenarios": lambda: arb.RoutingProblem(market()).add_budget(3.0).scenarios(3),
    "Score": lambda: result().score_on(market()),
    "Seen": lambda: result().problem.seen_by(result().policy()),
    "Served": lambda: providers().served(0, np.ones((50, 2))),
    "TextTable": lambda: margin().table(),
    "Use": lambda: result().uses[0],
    "AdaptivePrice": lambda: online.AdaptivePrice(online.RoutingPolicy([ODD, "b"], {"spend": 1.0})),
    "Allowed": lambda: constraint("Allowed"),
    "Arbitrage": margin,
    "ArbitragePoint": lambda: margin().at(0.4),
    "Arrivals": arrivals,
    "AtRate": lambda: explorer().at_rate((1.0, 1.0), 0, 2),
    "Band": lambda: bands().mean_band(),
    "BatchFrontier": lambda: arb.policies.batch_frontier(
        curves(), {ODD: 60.0, "deepseek": 90.0}, 300.0
    ),
    "ClassValues": lambda: estimation.class_values(logged()),
    "Estimates": lambda: routed().estimates(),
    "Overlap": lambda: estimation.policy_value(logged(), "b").overlap,
    "PolicyValue": lambda: estimation.policy_value(logged(), "b"),
    "RequestLog": logged,
    "BertrandEquilibrium": lambda: bertrand().solve(),
    "BertrandGame": bertrand,
    "BestResponse": lambda: games.best_response(np.zeros(50), np.ones((50, 1)), np.ones((50, 1))),
    "BetaPrior": lambda: arb.BetaPrior(1.0, 2.0),
    "Block": lambda: block(0, 9, 0),
    "Budget": lambda: constraint("Budget"),
    "Builder": lambda: arb.routing.Builder(result().problem.table, "oracle"),
    "Calibration": lambda: games.calibrate_costs(providers()),
    "Capacity": lambda: constraint("Capacity"),
    "CapacityGame": capacities,
    "CaptiveGame": lambda: games.CaptiveGame(np.full(20, 0.02), 0.6),
    "CertifiedPlay": lambda: games.solve_certified(curves(), providers(), rounds=1, tolerance=0.05),
    "ChangeLimit": lambda: changed().constraints[-1],
    "ClosedForm": logit_symmetric,
    "Commitment": lambda: constraint("Commitment"),
    "Consumers": lambda: providers().consumers,
    "Contract": lambda: routed().contracts[0],
    "CorrelatedEquilibrium": lambda: small().correlated(),
    "CostQuality": lambda: arb.predict.cost_quality(crossfitted(), resamples=3),
    "CrossFitted": crossfitted,
    "CrossValidatedMargin": cross_validated,
    "CurveBands": lambda: estimation.bootstrap_curves(market(), resamples=3),
    "Curves": curves,
    "CvarPlan": lambda: arb.policies.cvar_plan(curves(), 0.4, 0.2, level=0.9),
    "DatasetInfo": lambda: arb.data.dataset_info("swebench-sim"),
    "Decomposition": lambda: games.decompose_revenue(providers()),
    "Deviations": lambda: solved().deviations,
    "DeviationsByRate": lambda: bertrand().solve().deviations,
    "DifferentiatedEquilibrium": differentiated,
    "DifferentiatedGame": products,
    "EntryEquilibrium": lambda: entry().solve(),
    "EntryGame": entry,
    "Explorer": explorer,
    "FiniteEquilibrium": lambda: finite().solve(),
    "FiniteGame": finite,
    "FixedPrice": lambda: online.FixedPrice(online.RoutingPolicy([ODD, "b"], {"spend": 1.0})),
    "FixedThreshold": lambda: online.FixedThreshold.fit(arrivals(), 10.0),
    "Forbidden": lambda: constraint("Forbidden"),
    "Frontier": frontier,
    "FrontierPoint": lambda: budgets().at(3.0),
    "Generated": lambda: Generated(block, 9, [ODD, "b"]),
    "ImpliedCosts": lambda: implied_costs(products().demand, [2.0, 2.0]),
    "LatencyLimit": lambda: timed().add_latency_limit(9.0).constraints[0],
    "LearnedPolicy": lambda: estimation.learn_policy(market(), 1.0),
    "LimitedFrontier": lambda: arb.policies.limited_frontier(
        curves(), arb.policies.Limits(dollars=0.6, attempts=3)
    ),
    "Limits": lambda: arb.policies.Limits(dollars=0.6, attempts=3),
    "LinearDemand": lambda: LinearDemand([ODD, "b"], 2.0, [[1, -0.5], [-0.5, 1]]),
    "LogitConsumers": lambda: games.LogitConsumers(np.linspace(0.1, 0.9, 50), 1.0, 2.0),
    "LogitDemand": lambda: products().demand,
    "MarginBands": bands,
    "Market": market,
    "MeanLatency": lambda: timed().add_mean_latency(9.0).constraints[0],
    "CascadeSet": lambda: providers().cascade_sets[0],
    "PlanLimit": lambda: constraint("PlanLimit"),
    "CascadeSetSearch": lambda: games.CascadeSetSearch(curves(), [0.4]),
    "Moving": lambda: budgets().moving,
    "OnlineComparison": lambda: online.OnlineComparison([run()]),
    "OnlineRun": run,
    "Outcome": lambda: solved().outcome,
    "OverRates": lambda: explorer().over_rates((1.0, 1.0), 2),
    "PaperPolicy": lambda: arb.paper_policy(market(), np.linspace(0.3, 0.5, 5)),
    "Part": lambda: arb.routing.Part("spend", np.linspace(0, 1, 999)),
    "Plan": plan,
    "PlanEvaluation": lambda: plan().evaluate(market()),
    "Policy": lambda: policies().plan_at(policies().names[0], 0.4),
    "PolicyClass": lambda: policies().classes[0],
    "PolicyClasses": policies,
    "PriceAndCost": lambda: cross_validated().in_sample,
    "PriceDistribution": lambda: capacities().solve().strategies[0],
    "PriceEquilibrium": lambda: capacities().solve(),
    "PriceGame": lambda: games.PriceGame(lambda p: p * (2 - p), [0, 0], [1, 1], players=(ODD, "b")),
    "Prior": estimation.Prior,
    "Proof": lambda: games.certified_cascade_sets(curves(), [0.4])[0].proof,
    "ProviderEquilibrium": solved,
    "ProviderGame": providers,
    "QualityFloor": lambda: constraint("QualityFloor"),
    "RelativeFloor": lambda: constraint("RelativeFloor"),
    "RobustnessStudy": lambda: estimation.robustness_study(
        market(), budgets=[1.0], draws=2, points=50
    ),
    "RoutingFrontier": budgets,
    "RoutingPolicy": lambda: result().policy(),
    "RoutingProblem": routed,
    "RoutingResult": result,
    "SearchedFrontier": lambda: arb.search_frontier(curves(), [0.4, 0.5]),
    "Seller": lambda: bertrand().sellers[0],
    "Serving": lambda: policies().plan_at(policies().names[0], 0.4).servings[0],
    "ShareLimit": lambda: constraint("ShareLimit"),
    "SimulatedPlan": lambda: arb.verification.simulate_plan(plan(), market(), verifier(), runs=20),
    "SpendDistribution": lambda: arb.policies.spend_distribution(plan(), market()),
    "Statics": lambda: games.step_statics(margin(), [0.5, 0.9]),
    "Strategy": lambda: solved().strategies[0],
    "TokenPrice": lambda: arb.data.TokenPrice(0.6, 0.6),
    "UndercuttingPath": lambda: games.undercut(margin()),
    "VerdictCurve": lambda: verdicts().models[0],
    "VerdictCurves": verdicts,
    "VerificationSweep": lambda: arb.verification.verification_sweep(market(), [0.4], [0, 0.01]),
    "VerificationThreshold": lambda: arb.verification.verification_threshold(market(), 0.4),
    "VerifiedFrontier": lambda: arb.verification.verified_frontier(market(), verifier()),
    "VerifiedPlan": lambda: arb.verification.verified_plan(plan(), market(), verifier()),
    "Verifier": verifier,
    "VerticalDemand": lambda: VerticalDemand([ODD, "b"], [0.5, 0.9], 0.0, 1.0),
}


@pytest.mark.parametrize("name", [*OBJECTS, "ParquetSource"])
def test_it_shows_itself(name, tmp_path):
    thing = OBJECTS[name]() if name in OBJECTS else folder_source(tmp_path)
    assert type(thing).__name__ == name
    shown = repr(thing)
    assert len(shown) < 2_000, f"{len(shown):,} characters"
    assert "array(" not in shown, shown
    assert not re.search(r"0x[0-9a-f]{6}", shown), shown
    html = getattr(thing, "_repr_html_", lambda: "")()
    assert "<u>" not in (html or "")


def test_every_public_class_is_tried():
    """But errors, protocols, bases, records of steps, and what needs a cluster or widgets."""
    public = set()
    for module in pkgutil.walk_packages(arb.__path__, "arbmodels."):
        if "._" in module.name or ".cli" in module.name:
            continue
        loaded = importlib.import_module(module.name)
        public |= {getattr(loaded, name) for name in getattr(loaded, "__all__", ())
                   if inspect.isclass(getattr(loaded, name))}  # fmt: skip
    asked = {
        kind.__name__
        for kind in public
        if not issubclass(kind, BaseException)
        and not inspect.isabstract(kind)
        and not getattr(kind, "_is_protocol", False)
    }
    elsewhere = {
        *("DaskSource", "Dashboard", "ParquetSource", "RowGroup", "StreamedProblem"),
        *("StreamedResult", "Equilibrium", "ScoredPolicies", "PriceOfRobustness"),
        *("Hull", "Labels", "Needed", "Point", "Violation"),
    }
    assert asked - set(OBJECTS) <= elsewhere
