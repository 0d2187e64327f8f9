"""Prices of tokens: every source, tiers, dates, caches, and what has no price."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import arbmodels as arb
from arbmodels.errors import DataError, InputError
from arbmodels.market import Market

RNG = np.random.default_rng(5)


def log(models: tuple[str, ...] = ("small", "large"), count: int = 40, **more: Any) -> Market:
    rng = np.random.default_rng(1)
    total = rng.integers(1, 400_000, count)
    out = rng.integers(0, 5_000, count)
    frame = pd.DataFrame(
        {
            "model": [models[k % len(models)] for k in range(count)],
            "instance": [f"i{k // len(models)}" for k in range(count)],
            "solved": rng.integers(0, 2, count),
            "cost": 1.0,
            "input_tokens": total,
            "cached_tokens": (total * rng.random(count) * 0.5).astype(int),
            "cache_write_tokens": (total * rng.random(count) * 0.4).astype(int),
            "output_tokens": out,
            "reasoning_tokens": (out * rng.random(count)).astype(int),
            **more,
        }
    )
    return arb.load_market(frame, missing="mask")


OWN = pd.DataFrame(
    {
        "model": ["small", "small", "large", "large"],
        "input": [0.25, 0.5, 3.0, 2.0],
        "output": [2.0, 3.0, 15.0, 10.0],
        "cached": [0.025, 0.05, None, 0.2],
        "reasoning": [None, None, 20.0, None],
        "above": [0, 200_000, 0, 0],
        "valid_from": [None, None, None, "2026-03-01"],
        "valid_to": [None, None, "2026-03-01", None],
    }
)


def by_hand(market: Market, day: dt.date) -> list[Decimal]:
    """The judge: one attempt at a time, in decimals."""
    million = Decimal(1_000_000)
    records = market.records
    assert records is not None
    found = []
    for k in range(len(records)):
        n = {
            name: Decimal(int(records.column(name)[k]))  # type: ignore[index]
            for name in (
                "input_tokens",
                "cached_tokens",
                "cache_write_tokens",
                "output_tokens",
                "reasoning_tokens",
            )
        }
        plain = n["input_tokens"] - n["cached_tokens"] - n["cache_write_tokens"]
        if market.models[records.model[k]] == "small":
            long = n["input_tokens"] > 200_000
            each, read, out = (
                (Decimal("0.5"), Decimal("0.05"), Decimal(3))
                if long
                else (Decimal("0.25"), Decimal("0.025"), Decimal(2))
            )
            thought = out
        elif day < dt.date(2026, 3, 1):
            each, read, out, thought = Decimal(3), Decimal(3), Decimal(15), Decimal(20)
        else:
            each, read, out, thought = Decimal(2), Decimal("0.2"), Decimal(10), Decimal(10)
        cost = each * (plain + n["cache_write_tokens"]) + read * n["cached_tokens"]
        cost += out * (n["output_tokens"] - n["reasoning_tokens"]) + thought * n["reasoning_tokens"]
        found.append(cost / million)
    return found


@pytest.mark.parametrize("day", ["2026-02-28", "2026-03-01"])
def test_tiers_caches_reasoning_and_dates(day: str) -> None:
    market = log()
    catalogue = arb.price_catalogue(OWN, per=1e6, name="ours")
    repriced = market.reprice(catalogue, on=day)
    assert repriced.records is not None
    expected = [float(cost) for cost in by_hand(market, dt.date.fromisoformat(day))]
    np.testing.assert_allclose(repriced.records.cost, expected, rtol=1e-12)
    assert repriced.prices is not None
    assert repriced.prices.on == day
    assert repriced.prices.name == "ours"
    assert f"prices: ours, on {day}, sha256" in str(repriced)
    assert repriced.success_cost is None, "one attempt each: nothing to tell them apart"
    np.testing.assert_array_equal(repriced.successes, market.successes)


def test_success_and_failure_cost_what_their_tokens_do() -> None:
    market = log(("small",), 40)
    frame = market.to_frame().assign(instance="one")
    repriced = arb.load_market(frame).reprice(arb.price_catalogue(OWN, per=1e6), on="2026-01-01")
    assert repriced.records is not None
    assert repriced.success_cost is not None
    solved = repriced.records.score == 1
    np.testing.assert_allclose(repriced.success_cost, repriced.records.cost[solved].mean())


def test_each_attempt_has_its_own_day() -> None:
    days = ["2026-02-28T23:59:59Z", "2026-03-01T00:00:00Z"] * 20
    market = log(time=days)
    catalogue = arb.price_catalogue(OWN, per=1e6)
    repriced = market.reprice(catalogue)
    assert repriced.records is not None
    early, late = (by_hand(market, dt.date.fromisoformat(day[:10])) for day in days[:2])
    expected = [float((early, late)[k % 2][k]) for k in range(40)]
    np.testing.assert_allclose(repriced.records.cost, expected, rtol=1e-12)
    assert repriced.prices is not None
    assert repriced.prices.on == "each attempt's own day"
    with pytest.raises(InputError, match=r"by date, and attempts have no time: say on which day"):
        log().reprice(catalogue)


def test_the_package_genai_prices_agrees() -> None:
    genai = pytest.importorskip("genai_prices", reason="needs the extra prices")
    models = ("openai/gpt-5-mini", "anthropic/claude-opus-4-6", "google/gemini-2.5-pro")
    market = log(models, 60, reasoning_tokens=0)
    catalogue = arb.price_catalogue("genai-prices")
    for day in ("2026-02-10", "2026-11-01"):
        repriced = market.reprice(catalogue, on=day)
        records = repriced.records
        assert records is not None
        for k in range(len(records)):
            provider, _, model = repriced.models[records.model[k]].partition("/")
            usage = genai.Usage(
                input_tokens=int(records.input_tokens[k]),  # type: ignore[index]
                cache_read_tokens=int(records.cached_tokens[k]),  # type: ignore[index]
                cache_write_tokens=int(records.cache_write_tokens[k]),  # type: ignore[index]
                output_tokens=int(records.output_tokens[k]),  # type: ignore[index]
            )
            peer = genai.calc_price(
                usage,
                model,
                provider_id=provider,
                genai_request_timestamp=dt.datetime.fromisoformat(f"{day}T12:00:00+00:00"),
            )
            assert math.isclose(records.cost[k], float(peer.total_price), rel_tol=1e-9), (
                model,
                day,
            )
    assert catalogue.named("gpt-5-mini-2025-08-07") == "openai/gpt-5-mini"
    batch = market.select(models=[models[0]]).reprice(catalogue, on="2026-11-01", batch=True)
    whole = market.select(models=[models[0]]).reprice(catalogue, on="2026-11-01")
    np.testing.assert_allclose(batch.cost, whole.cost / 2)


LITELLM = {
    "sample_spec": {"input_cost_per_token": 0.0, "litellm_provider": "one of them"},
    "small": {
        "litellm_provider": "openai",
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 2e-6,
        "input_cost_per_token_above_200k_tokens": 2e-6,
        "cache_read_input_token_cost": 1e-7,
        "input_cost_per_token_batches": 5e-7,
        "output_cost_per_token_batches": 1e-6,
        "supports_vision": True,
    },
    "vendor/large": {
        "litellm_provider": "vendor",
        "input_cost_per_token": 3e-6,
        "output_cost_per_token": 1.5e-5,
    },
    "unknown": {
        "litellm_provider": "vendor",
        "input_cost_per_token": 0.0,
        "output_cost_per_token": 0.0,
    },
    "voice": {"litellm_provider": "vendor", "input_cost_per_second": 0.1},
}


def test_litellm(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text(json.dumps(LITELLM))
    catalogue = arb.price_catalogue(file, date="2026-11-30")
    assert catalogue.named("large") == "vendor/large"
    assert "LiteLLM, of 2026-11-30, sha256" in catalogue.source.text
    market = log(cache_write_tokens=0, reasoning_tokens=0)
    records = market.reprice(catalogue).records
    assert records is not None
    for k in range(len(records)):
        total, read, out = (
            float(column[k])  # type: ignore[index]
            for column in (records.input_tokens, records.cached_tokens, records.output_tokens)
        )
        rate = 2e-6 if total > 200_000 else 1e-6
        expected = rate * (total - read) + 1e-7 * read + 2e-6 * out
        if records.model[k] == 1:
            expected = 3e-6 * total + 1.5e-5 * out
        assert math.isclose(records.cost[k], expected, rel_tol=1e-12)
    with pytest.raises(InputError, match=r"'unknown' is priced at 0 or not at all.* free=\['unkn"):
        catalogue.rate_of("unknown")
    with pytest.raises(InputError, match="'voice' has no price per token"):
        catalogue.rate_of("voice")


def test_openrouter(tmp_path: Path) -> None:
    entries = [
        {"id": "a/small", "pricing": {"prompt": "0.000001", "completion": "0.000002"}},
        {"id": "b/small", "pricing": {"prompt": "0.000003", "completion": "0.000002"}},
        {
            "id": "a/large",
            "pricing": {
                "prompt": "0.00001",
                "completion": "0.00002",
                "input_cache_read": "0.000001",
                "request": "0.01",
            },
        },
        {"id": "auto", "pricing": {"prompt": "-1", "completion": "-1"}},
        {"id": "gift", "pricing": {"prompt": "0", "completion": "0"}},
    ]
    file = tmp_path / "models.json"
    file.write_text(json.dumps({"data": entries}))
    catalogue = arb.price_catalogue(file)
    with pytest.raises(InputError, match=r"several models 'small' at different prices: a/small, b"):
        catalogue.named("small")
    with pytest.raises(InputError, match=r"'auto' has a price that varies \(-1\)"):
        catalogue.named("auto")
    market = log(("small", "large", "gift"), 30, cache_write_tokens=0)
    with pytest.raises(InputError, match="'gift' is priced at 0"):
        market.reprice(catalogue, models={"small": "a/small"})
    repriced = market.reprice(catalogue, models={"small": "b/small"}, free=["gift"])
    assert repriced.mean_cost[2] == 0
    assert repriced.cost[:, 1].min() >= 0.01
    file.write_text(json.dumps({"data": [{"id": "a"}]}))
    with pytest.raises(DataError, match='entry 0: needs "id" and "pricing"'):
        arb.price_catalogue(file)


def test_an_unknown_model_is_never_free() -> None:
    catalogue = arb.price_catalogue(OWN, per=1e6)
    market = log(("small", "larg"))
    with pytest.raises(InputError, match=r"no price of 'larg': an unknown model is never free\. T"):
        market.reprice(catalogue, on="2026-01-01")
    with pytest.raises(InputError, match=r"The nearest are 'large'"):
        market.reprice(catalogue, on="2026-01-01")
    repriced = market.reprice(catalogue, on="2026-01-01", models={"larg": "large"})
    assert repriced.models == ("small", "larg")


WRONG = [
    ({"input": [-1.0]}, "the price input is -1e-06; it must be at least 0"),
    ({"valid_from": ["2026-02-01"], "valid_to": ["2026-01-01"]}, "from 2026-02-01 to 2026-01-01"),
    ({"valid_from": ["soon"]}, "row 0: valid_from must be a day such as 2026-01-31, not 'soon'"),
    ({"output": ["cheap"]}, "row 0: output must be a number, found 'cheap'"),
    ({"model": [""]}, "row 0: model must be"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_wrong_prices(changes: dict[str, list[Any]], message: str) -> None:
    table = {"model": ["m"], "input": [1.0], "output": [2.0]} | changes
    with pytest.raises(DataError, match=message):
        arb.price_catalogue(pd.DataFrame(table), per=1e6)


def test_other_mistakes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"3 per token, which is 3e\+06 per million; is it per mil"):
        arb.price_catalogue(pd.DataFrame({"model": ["m"], "input": [3.0], "output": [1e-6]}))
    twice = pd.DataFrame({"model": ["m", "m"], "input": [1.0] * 2, "output": [2.0] * 2})
    with pytest.raises(DataError, match="m has two prices between ever and ever"):
        arb.price_catalogue(twice, per=1e6)
    with pytest.raises(InputError, match="no column output; it has model, input"):
        arb.price_catalogue(twice.drop(columns="output"))
    catalogue = arb.price_catalogue(OWN, per=1e6)
    with pytest.raises(InputError, match="'large' has prices by date: say on which day"):
        catalogue.rate_of("large")
    with pytest.raises(InputError, match="on must be a day such as 2026-01-31, not 'now'"):
        log().reprice(catalogue, on="now")
    later = pd.DataFrame(
        {"model": ["small"], "input": [1.0], "output": [1.0], "valid_from": ["2026-01-01"]}
    )
    with pytest.raises(InputError, match="no price on 2025-12-31; the first is of 2026-01-01"):
        arb.price_catalogue(later, per=1e6).rate_of("small", dt.date(2025, 12, 31))
    with pytest.raises(InputError, match="has no price of batches"):
        log().reprice(catalogue, on="2026-01-01", batch=True)
    with pytest.raises(InputError, match=r"is no file. Give 'genai-prices'"):
        arb.price_catalogue(tmp_path / "none.json")
    with pytest.raises(InputError, match="carry no numbers of input and output tokens"):
        arb.load_market("swebench-sim").reprice(catalogue)
    (tmp_path / "p.json").write_text('{"small": {"litellm_provider": ')
    with pytest.raises(DataError, match="cut short"):
        arb.price_catalogue(tmp_path / "p.json")
    with pytest.raises(InputError, match="more input tokens read from and written to caches than"):
        log(cached_tokens=400_000).reprice(catalogue, on="2026-01-01")
    unknown = log(input_tokens=[None, *[500_000] * 39])
    with pytest.raises(DataError, match="attempt 0 of 'small' on 'i0' has no cost"):
        unknown.reprice(catalogue, on="2026-01-01")


def test_a_repriced_market_is_saved_with_its_source(tmp_path: Path) -> None:
    market = log().reprice(arb.price_catalogue(OWN, per=1e6), on="2026-01-01")
    again = arb.load_market(market.save(tmp_path / "m.jsonl"))
    assert again.equals(market)
    assert again.prices == market.prices


def test_what_if_a_price_were_another() -> None:
    market = log()
    catalogue = arb.price_catalogue(OWN, per=1e6)
    half = catalogue.changed("small", input=0.125e-6, output=1e-6)
    assert "small changed" in half.source.text
    assert half.rate_of("small", dt.date(2026, 1, 1)).cached == pytest.approx(2.5e-8)
    with pytest.raises(InputError, match="no price 'imput'; there are input, cached"):
        catalogue.changed("small", imput=1.0)
    scaled = market.scale_costs({"small": 0.5, "large": 0.0})
    np.testing.assert_allclose(scaled.mean_cost, [0.5, 0.0])
    with pytest.raises(InputError, match="no model 'tiny'"):
        market.scale_costs({"tiny": 1.0})
    with pytest.raises(InputError, match="factor of small"):
        market.scale_costs({"small": -1.0})


def test_records_without_costs_are_loaded_by_their_tokens() -> None:
    market = log()
    frame = market.to_frame().drop(columns="cost")
    catalogue = arb.price_catalogue(OWN, per=1e6)
    with pytest.raises(InputError, match=r"no cost is recorded.*prices=arb\.price_catalogue"):
        arb.load_market(frame)
    loaded = arb.load_market(frame, prices=catalogue, on="2026-01-01", name="table")
    assert loaded.equals(market.reprice(catalogue, on="2026-01-01"))
    frame.loc[0, "input_tokens"] = None
    with pytest.raises(DataError, match="row 0: 'cost' must be"):
        arb.load_market(frame, prices=catalogue, on="2026-01-01")
    masked = arb.load_market(
        frame, prices=catalogue, on="2026-01-01", invalid="mask", missing="mask"
    )
    assert "1 of 40 rows left out: cost missing" in masked.notes
    with pytest.raises(InputError, match="has costs; leave prices= out"):
        arb.load_market(market.to_frame(), prices=catalogue)
    with pytest.raises(InputError, match="on is the day of the prices"):
        arb.load_market(frame, on="2026-01-01")
