"""What results say: reasons, regret, payments, starts, conflicts, files, pictures."""

from __future__ import annotations

import itertools
import json
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import arbmodels as arb
import routing_judge as rj
from arbmodels._assignment.program import Answer
from arbmodels.errors import SolverError
from arbmodels.routing import solve as solving

SOLVE = np.array([[0.5, 0.9], [0.2, 0.6], [0.7, 0.8], [0.1, 0.9]])
SPEND = np.array([[1.0, 4.0], [1.0, 5.0], [2.0, 4.0], [1.0, 3.0]])
SEGMENT = ["de", "en", "de", "en"]


def problem(**options):
    given = {"models": ["gpt5mini", "large"], "segment": SEGMENT, **options}
    return arb.RoutingProblem.from_arrays(SOLVE, SPEND, **given)


# Reasons and regret


def test_reasons_add_up_and_explain_the_choice():
    result = problem().add_budget(7.5).add_floor(0.3, "de").solve()
    for instance in range(4):
        frame = result.explain(instance).to_frame()
        prices = [column for column in frame if column.startswith("price of")]
        assert frame["priced value"].to_numpy() == pytest.approx(
            (frame["value"] - frame[prices].sum(axis=1)).to_numpy()
        )
        assert frame["loss"].min() == 0.0
        bought = frame.drop(index=2)
        assert frame["value"].tolist() == pytest.approx(frame["solve_probability"].tolist())
        price = result.shadow_prices["budget"] * 4
        assert bought["price of budget"].tolist() == pytest.approx(
            (price * bought["spend"]).tolist()
        )
    text = str(result.explain(0))
    assert "Why 1 x " in text
    assert "gpt5mini" in text
    assert " *" in text
    with pytest.raises(arb.InputError, match="no instance 4; they are 0 to 3"):
        result.explain(4)
    named = problem(instances=["w", "x", "y", "z"]).solve()
    assert named.explain("x").chosen == 1
    with pytest.raises(arb.InputError, match="no instance 'q'"):
        named.explain("q")


def test_values_are_per_instance_whatever_its_weight():
    weighted = problem(weight=[1, 2, 3, 4])
    for each in (weighted, weighted.start_from([0, 0, 1, 1], max_changes=2)):
        frame = each.solve().explain(3).to_frame()
        assert frame["value"].tolist() == pytest.approx(frame["solve_probability"].tolist())


def test_only_few_instances_lose_at_the_prices():
    rng = np.random.default_rng(2)
    big = arb.RoutingProblem.from_arrays(
        rng.random((60, 4)), rng.random((60, 4)), weight=rng.random(60) + 0.1
    )
    result = big.add_budget(8).add_capacity("model-2", 20).solve()
    lost = [result.explain(i).frame.loc[result.assignment[i], "loss"] for i in range(60)]
    assert (np.array(lost) > 1e-9).sum() <= 8


@pytest.mark.parametrize("kind", ["oracle", "per-segment", "single"])
def test_regret_is_what_the_best_plan_would_add(kind):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        world = rj.arrays_world(rng, kind, offered=0.8)
        result = world.problem.add_budget(0.3).solve()
        options = np.where(world.uses.any(axis=1)[None] | (world.solve >= 0), world.solve, 0)
        own = world.solve[np.arange(len(options)), result.assignment]
        assert result.regret() == pytest.approx(options.max(axis=1) - own)
        cheapest = world.problem.minimize_spend().solve()
        assert cheapest.regret() == pytest.approx(np.zeros(len(own)))
        profit = world.problem.maximize_profit(2.0).penalize_abstention(0.1).solve()
        if kind == "oracle":
            assert profit.regret() == pytest.approx(np.zeros(len(own)), abs=1e-9)


# Contracts


def test_a_contract_is_paid_as_agreed():
    base = problem(providers={"gpt5mini": "openai"}).maximize_profit(10.0)
    deal = base.add_contract("large", fee=2.0, tiers=[(0, 1), (8, 0.25)], credit=3.0)
    result = deal.solve()
    listed = sum(SPEND[i, 1] for i, j in enumerate(result.assignment) if j == 1)
    paid = result.payments["large"]
    assert paid.list_spend == pytest.approx(listed)
    assert paid.payment == pytest.approx(2 + (8 - 3) + 0.25 * (listed - 8))
    assert result.outlay == pytest.approx(result.spend - listed + paid.payment)
    assert result.objective == pytest.approx(10 * 4 * result.solve_rate - result.outlay)
    text = str(result)
    assert "contract with large: " in text
    assert "total to pay" in text
    assert "rate 0.00 from 0.00, 1.00 from 3.00, 0.250 from 8.00" in str(deal)
    assert json.loads(json.dumps(result.to_dict()))["payments"]["large"]["used"] is True


def test_no_more_is_paid_than_is_due(monkeypatch):
    deal = problem().add_contract("large", tiers=[(0, 0.5), (6, 0.25)]).add_budget(100.0)
    answer = deal.solve()
    # An engine may leave the amounts of the tiers larger: the budget does not bind.
    slack = Answer("optimal", answer.assignment, 0.8, 0.8, answer.row_prices, np.array([6.0, 9, 1]))
    monkeypatch.setattr(solving, "solve", lambda *_: slack)
    result = deal.solve()
    assert result.auxiliary == {
        "tier 1 of large": 6.0,
        "tier 2 of large": pytest.approx(10.0),
        "tier 2 of large reached": 1.0,
    }
    assert result.activity["budget"] == pytest.approx(0.5 * 6 + 0.25 * 10)
    assert result.outlay == pytest.approx(result.activity["budget"])


def test_where_a_payment_cannot_be_attributed():
    deal = problem(providers={"gpt5mini": "both", "large": "both"}).add_contract("both", fee=1)
    for change in (
        lambda p: p.add_budget(5, "de"),
        lambda p: p.add_budget(5, model="large"),
    ):
        with pytest.raises(arb.InputError, match="how much of the payment of the contract with"):
            change(deal).solve()
    assert deal.add_budget(5, provider="both").solve().payments["both"].payment <= 5 + 1e-9


def test_budgets_at_list_prices_beside_a_contract():
    rates = [(0, 0.5)]
    deal = problem().add_contract("large", tiers=rates).add_budget(6)
    result = deal.add_budget(4.5, "en", list_prices=True).solve()
    spend, solve = np.hstack([SPEND, np.zeros((4, 1))]), np.hstack([SOLVE, np.zeros((4, 1))])
    paid = spend * [1.0, 0.5, 1.0]
    best = max(
        solve[range(4), plans].mean()
        for plans in itertools.product(range(3), repeat=4)
        if paid[range(4), plans].sum() <= 6 and spend[[1, 3], [plans[1], plans[3]]].sum() <= 4.5
    )
    assert result.objective == pytest.approx(best)
    assert result.activity["budget at list prices in en"] <= 4.5 + 1e-9
    assert result.outlay <= 6 + 1e-9
    single = deal.add_budget(5, model="large", list_prices=True).add_budget(2, model="large")
    assert single.solve().spend > 0


# Starts


def test_a_start_is_kept_where_nothing_is_better(monkeypatch):
    first = problem().add_budget(8).solve()

    def gives_up(*_):
        raise SolverError("out of time")

    monkeypatch.setattr(solving, "solve", gives_up)
    with pytest.raises(SolverError, match="out of time"):
        problem().add_budget(8).solve()
    again = problem().add_budget(8).start_from(first).solve(time_limit=1)
    assert again.status == "time limit"
    assert again.objective == first.objective
    assert again.bound >= first.bound
    with pytest.raises(SolverError, match="No assignment was found in time"):
        problem().add_budget(0.5 * first.spend).start_from(first).solve()  # not allowed there


def test_an_interruption_gives_the_best_so_far(monkeypatch):
    full = problem().add_budget(8)
    program = full.program()

    def interrupted(*_):
        nothing = np.zeros(4, dtype=np.int32)
        return Answer("interrupted", nothing, 0.0, 0.7, np.zeros(len(program.limits)))

    monkeypatch.setattr(solving, "solve", interrupted)
    result = full.solve()
    assert result.status == "interrupted"
    assert result.bound == 0.7
    assert result.objective == pytest.approx(SOLVE[:, 0].mean())
    assert "(interrupted, " in str(result)


def test_many_constraints_are_checked_without_passes_over_the_instances():
    size = 200_000
    rng = np.random.default_rng(0)
    big = arb.RoutingProblem.from_arrays(
        rng.random((size, 2)), rng.random((size, 2)), segment=rng.integers(0, 40, size)
    )
    start = perf_counter()
    for k in range(40):
        big = big.add_floor(0.1, str(k)).add_budget(1e4, str(k))
    assert perf_counter() - start < 2.0


def test_starts_are_labels_positions_or_results():
    first = problem().add_budget(8).solve()
    labels = [first.plans[j].label for j in first.assignment]
    for start in (first, labels, first.assignment, list(first.assignment)):
        same = problem().minimize_spend().start_from(start, max_changes=0).solve()
        assert same.assignment.tolist() == first.assignment.tolist()
    # Another plan of the same model is no change; a plan that is not there is no start.
    market = arb.Market(["a"], ["x", "y"], [[3], [3]], [[1], [2]], [[1.0], [1.0]])
    twice = arb.RoutingProblem(market, [arb.Plan((("a", 2),))]).solve()
    once = arb.RoutingProblem(market, [arb.Plan(), arb.Plan((("a", 1),))])
    moved = once.minimize_spend().start_from(twice, max_changes=0).solve()
    assert moved.counts == {"1 x a": 2}
    assert moved.activity["number of changes"] == 0


@pytest.mark.parametrize(
    ("earlier", "text"),
    [
        ([0, 1], r"shape \(2,\); give one plan per instance, \(4,\)"),
        ([0, 1, 2, 9], "Instance 3: the earlier plan is number 9, there are 3 plans"),
        (["1 x large", "abstain", "abstain", "2 x large"], "no plan '2 x large'"),
    ],
)
def test_starts_that_are_refused(earlier, text):
    with pytest.raises(arb.InputError, match=text):
        problem().start_from(earlier)


def test_a_result_of_other_instances_is_no_start():
    other = arb.RoutingProblem.from_arrays(SOLVE[:3], SPEND[:3]).solve()
    with pytest.raises(arb.InputError, match="of other instances"):
        problem().start_from(other)


# Lists of instances


def test_lists_of_instances_that_read_alike():
    first = problem(instances=list("abcd"))
    both = first.forbid("large", instances=list("abcd"))
    both = both.forbid("large", instances=list("abca"))
    assert [each.label for each in both.constraints] == [
        "no large for a, b, c, ...",
        "no large for a, b, c, ... (list 2)",
    ]
    assert set(both.solve().assignment) == {0}
    again = both.forbid("large", instances=list("abca"))
    assert len(again.constraints) == 2  # said already


def test_any_number_of_lists_of_instances():
    rng = np.random.default_rng(0)
    solve, spend = rng.random((300, 3)), rng.random((300, 3))
    market = arb.RoutingProblem.from_arrays(solve, spend, segment=["de", "en", "fr"] * 100)
    market = market.add_budget(60).add_budget(15, "de")
    listed, offered = market, np.ones((300, 3), dtype=bool)
    for k in range(80):
        members = rng.choice(300, 4, replace=False)
        offered[members, k % 3] = False
        listed = listed.forbid(f"model-{k % 3}", instances=members.tolist())
    masked = arb.RoutingProblem.from_arrays(
        solve, spend, segment=["de", "en", "fr"] * 100, offered=offered
    )
    masked = masked.add_budget(60).add_budget(15, "de").solve(gap=1e-7)
    assert listed.solve(gap=1e-7).objective == pytest.approx(masked.objective, rel=2e-7)


# Conflicts in the user's words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda p: p.forbid("large", segment="de").forbid("gpt5mini").add_floor(0.5, "de"),
            [
                "These 3 of 3 conflict",
                "no large in de: would have to be lifted for 2 instances",
                "no gpt5mini: would have to be lifted for 2 instances",
                "quality floor in de 50.00%: would have to fall to 0.000%",
            ],
        ),
        (
            lambda p: (
                p.limit_models(1)
                .add_commitment("large", attempts=1)
                .add_commitment("gpt5mini", spend=1.0)
            ),
            [
                "number of models 1 model: would have to rise to 2 models",
                "commitment of attempts to large 1.000 attempts: would have to fall to 0.000",
            ],
        ),
        (
            lambda p: p.add_commitment("large", attempts=9),
            [
                "This one cannot be met, whatever the others",
                "commitment of attempts to large 9.000 attempts: would have to fall to 4.000",
            ],
        ),
        (
            lambda p: p.add_share_limit("large", 0.25, of="instances").add_floor(0.6),
            ["share of instances to large 25.00%: would have to rise to 50.00%"],
        ),
        (
            lambda p: p.add_latency_limit(1.5).add_floor(0.7),
            ["latency limit 1.500 seconds: would have to rise to 7.000 seconds"],
        ),
        (
            lambda p: p.add_mean_latency(1.0).add_commitment("large", attempts=4),
            ["mean latency 1.000 seconds: would have to rise to 7.000 seconds"],
        ),
        (
            lambda p: p.limit_plans(0).add_floor(0.1),
            ["number of plans 0 plans: would have to rise to 1 plan"],
        ),
        (
            lambda p: p.start_from([2, 2, 2, 2], max_changes=1).add_floor(0.7),
            ["number of changes 1 instance: would have to rise to 4 instances"],
        ),
        (
            lambda p: p.add_contract("large", fee=3).add_budget(4).add_floor(0.5),
            ["budget 4.000 USD: would have to rise to", "by contract with large"],
        ),
    ],
)
def test_words_of_conflicts(change, words):
    with pytest.raises(arb.InfeasibleError) as caught:
        change(problem(latency=[1.0, 7.0])).solve()
    for each in words:
        assert each in str(caught.value)


def test_an_instance_without_a_plan_is_a_conflict():
    market = problem(abstain=False).forbid("large", segment="de")
    with pytest.raises(arb.InfeasibleError) as caught:
        market.allow_only(["large"]).solve()
    assert "no large in de: would have to be lifted for 2 instances" in str(caught.value)
    assert "only large: would have to be lifted for 2 instances" in str(caught.value)
    one = problem(abstain=False, instances=list("abcd"))
    with pytest.raises(arb.InfeasibleError, match=r"for b: would have to be lifted for 1 inst"):
        one.forbid("large").forbid("gpt5mini", instances=["b"]).solve()


# Words of input errors


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda p: p.add_budget(1, model="gpt"), "no model 'gpt'; it has 'gpt5mini', 'large'"),
        (lambda p: p.add_budget(1, model="large", provider="large"), "model or for a provider"),
        (lambda p: p.add_budget(1, period="may"), "no period 'may'; it has none"),
        (lambda p: p.add_floor(), "as a rate or as a share of_best"),
        (lambda p: p.add_floor(0.5, of_best=0.5), "one of them"),
        (lambda p: p.add_floor(of_best=2), "of the best is 2; give a share between 0 and 1"),
        (lambda p: p.add_commitment("large"), "in attempts or in spend"),
        (lambda p: p.add_commitment("large", spend=-1), "commitment of spend to large is -1"),
        (lambda p: p.add_share_limit("large", 40), "is 40; give a share between 0 and 1"),
        (lambda p: p.add_share_limit("large", 0.4, of="money"), "choose from spend, attempts"),
        (lambda p: p.add_contract("large", fee=-1), "fee -1, credit 0"),
        (lambda p: p.add_contract("large", tiers=[(1, 1)]), "begin at 0 and go up"),
        (lambda p: p.add_contract("large", tiers=[(0, 1), (0, 2)]), "begin at 0 and go up"),
        (lambda p: p.add_contract("large", tiers=[3]), "tiers must be pairs"),
        (lambda p: p.add_contract("large").add_contract("large"), "Two contracts are with"),
        (lambda p: p.forbid("gpt"), "'gpt' is no model, provider or plan"),
        (lambda p: p.forbid("large", segment="fr"), "no segment 'fr'; it has 'de', 'en'"),
        (lambda p: p.forbid("large", instances=[7]), "no instance 7"),
        (lambda p: p.forbid("large", instances=[]), "names no instances"),
        (lambda p: p.forbid("large", instances="abc"), r"write instances=\['abc'\]"),
        (lambda p: p.allow_only("large"), r"write names=\['large'\]"),
        (lambda p: p.allow_only([]), "at least one model"),
        (lambda p: p.limit_models(1.5), "number of models is 1.5; give a whole number"),
        (lambda p: p.limit_models(-1), "number of models is -1"),
        (lambda p: p.add_latency_limit(3), "no latencies are known"),
        (lambda p: p.add_mean_latency(3), "no latencies are known"),
        (lambda p: p.penalize_abstention(-1), "penalty is -1"),
        (lambda p: p.maximize_profit(-1), "A price is -1; give USD per instance solved"),
        (lambda p: p.maximize_profit({"de": 1}), "no entry for segment 'en'"),
        (lambda p: p.maximize_profit({"de": 1, "en": 1, "fr": 1}), "no segment 'fr'"),
        (lambda p: p.maximize_profit([1, 2]), r"price has shape \(2,\)"),
        (lambda p: p.maximize_profit(np.nan), "A price is nan"),
    ],
)
def test_input_errors(change, text):
    with pytest.raises(arb.InputError, match=text):
        change(problem())


def test_names_of_models_and_providers_that_clash():
    clash = problem(providers={"gpt5mini": "large"})
    with pytest.raises(arb.InputError, match="a model and a provider of other models"):
        clash.add_capacity("large", 1)
    with pytest.raises(arb.InputError, match=r"contracts with .* both cover gpt5mini"):
        problem(providers={"gpt5mini": "openai", "large": "openai"}).add_contract(
            "openai"
        ).add_contract("gpt5mini").solve()
    with pytest.raises(arb.InputError, match="and providers 'large', 'openai'"):
        problem(providers={"gpt5mini": "openai"}).add_capacity("x", 1)


def test_the_worst_segment_needs_segments():
    with pytest.raises(arb.InputError, match="the instances have no segments"):
        arb.RoutingProblem.from_arrays(SOLVE, SPEND).maximize_worst_segment()


# What is shown and written


def test_units_of_shadow_prices():
    result = (
        problem(latency=[1.0, 3.0])
        .minimize_spend()
        .add_floor(of_best=0.6)
        .add_share_limit("large", 0.9)
        .add_mean_latency(9)
        .add_commitment("large", attempts=1)
        .limit_models(2)
        .solve()
    )
    assert result.shadow_price_units == {
        "quality floor, of the best": "USD per share of the best solve rate",
        "share of spend to large": "USD per USD beyond the share",
        "mean latency": "USD per second",
        "commitment of attempts to large": "USD per attempt",
    }
    assert result.activity["number of models"] == 2
    assert "number of models: 2 models of 2 models" in str(result)


def test_the_worst_segment_is_shown():
    result = problem().maximize_worst_segment().add_budget(9).solve()
    assert result.objective == pytest.approx(min(result.segment_rates.values()))
    assert "solve rates by segment: " in str(result)


def test_files(tmp_path):
    result = problem(instances=list("wxyz"), period=["may", "june", "may", "may"]).solve()
    frame = result.to_frame()
    assert list(frame.columns) == ["segment", "period", "plan", "solve_probability", "spend"]
    path = result.to_csv(tmp_path / "a.csv")
    pd.testing.assert_frame_equal(pd.read_csv(path, index_col="instance"), frame)
    with pytest.raises(arb.InputError, match="exists; choose another name or give overwrite"):
        result.to_csv(path)
    result.to_csv(path, overwrite=True)
    with pytest.raises(arb.InputError, match="There is no folder"):
        result.to_csv(tmp_path / "none" / "a.csv")
    with pytest.raises(arb.InputError, match="is a folder"):
        result.to_csv(tmp_path)
    pd.testing.assert_frame_equal(pd.read_parquet(result.to_parquet(tmp_path / "a.pq")), frame)


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("arbmodels.routing.result.find_spec", lambda _: None)
    with pytest.raises(arb.InputError, match=r'pip install "arbmodels\[parquet\]"'):
        problem().solve().to_parquet(tmp_path / "a.pq")


def test_pictures():
    result = problem().add_budget(9).solve()
    axes = result.plot()
    assert any("gpt5mini" in label.get_text() for label in axes.get_yticklabels())
    colours = {patch.get_facecolor()[:3] for patch in axes.patches}
    assert len(colours) == len(result.counts)
    path = result.plot_path()
    assert "proven bound" in [text.get_text() for text in path.get_legend().get_texts()]
    plt.close("all")
