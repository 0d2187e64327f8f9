"""The RouteLLM data set: making the table of published files, reading it, prices, features."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from arbmodels.data import (
    ROUTELLM_PRICES,
    TokenPrice,
    dataset_info,
    fetch,
    list_datasets,
    load_features,
    load_market,
    routellm,
    routellm_market,
)
from arbmodels.data import download as store_module
from arbmodels.errors import DataError, DownloadError, InputError
from routellm_cases import with_routellm

HEADER = "prompt,mixtral-8x7b-instruct-v0.1,gpt-4-1106-preview"
MMLU = f'{HEADER}\n"Is ""x"" − 1\nA. 0\nAnswer:",True,False\n"Two\nAnswer:",False,True\n'
GSM8K = (
    f"{HEADER},mixtral-8x7b-instruct-v0.1_response,gpt-4-1106-preview_response\n"
    'How many?,True,True," Four.\n#### 4\n\n","Four, is it?"\nAnd now?,False,True,NA,5\n'
)
TABLE = """\
benchmark,segment,instance,prompt_chars,mixtral_8x7b_correct,gpt4_1106_correct,\
mixtral_8x7b_response_chars,gpt4_1106_response_chars
mmlu,virology,virology-0,23,1,0,,
mmlu,virology,virology-1,11,0,1,,
gsm8k,gsm8k,gsm8k-0,9,1,1,15,12
gsm8k,gsm8k,gsm8k-1,8,0,1,2,1
"""


def test_assembling_keeps_lengths_and_outcomes_and_no_text() -> None:
    made = routellm.assemble([("mmlu", "virology", MMLU), ("gsm8k", "gsm8k", GSM8K)])
    assert made == TABLE


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Return a data folder of one's own with a small table."""
    (tmp_path / "routellm").mkdir()
    (tmp_path / "routellm" / "outcomes.csv").write_text(TABLE)
    return tmp_path


def test_the_market_has_one_attempt_per_question_and_the_stated_price(mine: Path) -> None:
    market = load_market("routellm", data=mine)
    assert market.models == ("mixtral-8x7b", "gpt4-1106")
    assert market.segment == ("virology", "virology", "gsm8k", "gsm8k")
    np.testing.assert_array_equal(market.attempts, 1)
    np.testing.assert_array_equal(market.successes, [[1, 0], [0, 1], [1, 1], [0, 1]])
    # 23 characters are 5.75 tokens; a one-letter answer is one token.
    np.testing.assert_allclose(market.cost[0], [1e-6 * 0.6 * 6.75, 1e-6 * (57.5 + 30)])
    np.testing.assert_allclose(market.cost[2], [1e-6 * 0.6 * 24 / 4, 1e-6 * (22.5 + 90)])
    assert "differs from the tested table" in market.notes[0]
    assert "costs are an assumption" in market.notes[1]


def test_prices_and_tokens_can_be_changed(mine: Path) -> None:
    prices = {**ROUTELLM_PRICES, "mixtral-8x7b": TokenPrice(1.0, 0.0)}
    market = routellm_market(prices=prices, characters_per_token=2.0, data=mine)
    np.testing.assert_allclose(market.cost[:, 0], [11.5e-6, 5.5e-6, 4.5e-6, 4e-6])
    assert "mixtral-8x7b 1/0" in market.notes[-1]


def test_features_are_what_is_known_before_the_answer(mine: Path) -> None:
    features = load_features("routellm", data=mine)
    assert list(features.columns) == ["benchmark", "segment", "prompt_chars"]
    assert tuple(features.index) == load_market("routellm", data=mine).instances
    assert features["prompt_chars"].tolist() == [23, 11, 9, 8]


def test_load_market_selects_and_relabels(mine: Path) -> None:
    market = load_market("routellm", models=["gpt4-1106"], segment=None, data=mine)
    assert (market.models, market.segment) == (("gpt4-1106",), None)
    with pytest.raises(InputError, match="no model 'gpt4'"):
        load_market("routellm", models=["gpt4"], data=mine)
    with pytest.raises(InputError, match="currency does not apply to routellm"):
        load_market("routellm", currency="EUR", data=mine)


@pytest.mark.parametrize(
    ("prices", "per_token", "message"),
    [
        ({"gpt4-1106": TokenPrice(1, 1)}, 4.0, "'mixtral-8x7b' is missing or unknown"),
        ({**ROUTELLM_PRICES, "gpt5": TokenPrice(1, 1)}, 4.0, "'gpt5' is missing or unknown"),
        (None, 0.0, "characters_per_token must be positive"),
        (None, float("nan"), "characters_per_token must be positive"),
    ],
)
def test_wrong_prices(
    mine: Path, prices: dict[str, TokenPrice] | None, per_token: float, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        routellm_market(prices=prices, characters_per_token=per_token, data=mine)


@pytest.mark.parametrize("price", [(-1.0, 1.0), (0.0, 1.0), (1.0, float("inf"))])
def test_a_token_price_must_be_a_price(price: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        TokenPrice(*price)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("virology-1,11,0", "virology-1,11,2", "outcomes.csv:3: mixtral_8x7b_correct is neither"),
        ("virology-1,11", "virology-0,11", "outcomes.csv:3: instance is empty or appears twice"),
        ("virology-1,11", "virology-1,0", "outcomes.csv:3: prompt_chars is not a positive"),
        ("gsm8k-1,8", "gsm8k-1,eight", "outcomes.csv:5: prompt_chars is not a positive"),
        (",2,1\n", ",-2,1\n", "outcomes.csv:5: mixtral_8x7b_response_chars is not a length"),
        ("prompt_chars", "length", "columns missing: prompt_chars"),
        (TABLE.split("\n", 1)[1], "", "no rows"),
        (TABLE, "", "outcomes.csv: 1 problem found"),
    ],
)
def test_a_damaged_table_names_the_place(mine: Path, old: str, new: str, message: str) -> None:
    (mine / "routellm" / "outcomes.csv").write_text(TABLE.replace(old, new))
    with pytest.raises(DataError, match=message):
        load_market("routellm", data=mine)


def test_a_copy_without_the_table_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lacks routellm/outcomes\.csv.*going without data"):
        load_market("routellm", data=tmp_path)
    with pytest.raises(InputError, match="Name the one with routellm/"):
        load_features("routellm", data=tmp_path / "nowhere")
    with pytest.raises(InputError, match="'swebench-sim' has no table of features"):
        load_features("swebench-sim")


# --- making it of the published files ---


class Server(ThreadingHTTPServer):
    """Serves made-up published files and counts what was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.gone = False


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.gone:
            self.send_error(404)
            return
        body = (GSM8K if "gsm8k" in self.path else MMLU).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("ARBMODELS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(store_module, "_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(routellm, "SUBJECTS", ("virology",))
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("ARBMODELS_DATA_URL", f"http://127.0.0.1:{running.server_port}/")
        yield running
        running.shutdown()
        thread.join()


def test_it_is_made_once_and_kept(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routellm, "SHA256", hashlib.sha256(TABLE.encode()).hexdigest())
    monkeypatch.setattr(routellm, "BYTES", len(TABLE.encode()))
    assert not dataset_info("routellm").present
    market = load_market("routellm")
    assert len(market.notes) == 1, "only the prices"
    assert server.asked == [
        "/routellm/evals/mmlu/responses/mmlu_virology.csv",
        "/routellm/evals/gsm8k/gsm8k_responses.csv",
    ]
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert [path.name for path in kept] == ["outcomes.csv"]
    assert kept[0].read_text() == TABLE
    assert fetch("routellm").present
    assert len(server.asked) == 2
    kept[0].write_text(TABLE.replace("virology-0,23,1", "virology-0,23,0"))
    np.testing.assert_array_equal(load_market("routellm").successes, market.successes)
    assert len(server.asked) == 4, "a damaged table is made anew"


def test_another_result_than_the_tested_one_is_not_kept(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"not the tested one .wrong\s+checksum"):
        load_market("routellm")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_without_the_files_it_says_what_to_do(server: Server) -> None:
    server.gone = True
    with pytest.raises(DownloadError) as caught:
        fetch("routellm")
    for part in ("mmlu_virology.csv", "404", "FOLDER/routellm/outcomes.csv", "swebench-sim"):
        assert part in str(caught.value)
    assert len(server.asked) == 1, "what is not there is asked for once"


def test_a_cache_that_cannot_be_written(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ARBMODELS_CACHE", str(tmp_path / "file"))
    with pytest.raises(DownloadError, match="the cache folder cannot be written"):
        load_market("routellm")


# --- the real table ---


def test_it_is_a_data_set_with_a_name() -> None:
    assert "routellm" in list_datasets()
    info = dataset_info("routellm")
    assert (info.present, info.models) == (False, ("mixtral-8x7b", "gpt4-1106"))
    assert "Apache-2.0" in info.licence
    with pytest.raises(InputError, match="no model 'x'"):
        fetch("routellm", models=["x"])


def test_the_real_table_is_the_tested_one(real_data: Path) -> None:
    market = load_market("routellm", data=with_routellm(real_data))
    assert len(market.notes) == 1, "the tested table, so only the note on prices"
    features = load_features(data=real_data)
    assert len(market.instances) == 15361
    assert set(routellm.SUBJECTS) | {"gsm8k"} == set(market.segments)
    right = market.successes.astype(float)
    for benchmark, expected in (("mmlu", [0.681, 0.806]), ("gsm8k", [0.638, 0.857])):
        rows = (features["benchmark"] == benchmark).to_numpy()
        np.testing.assert_allclose(right[rows].mean(axis=0), expected, atol=5e-4)
    np.testing.assert_allclose(market.cost.sum(axis=0), [1.0973, 21.716], rtol=1e-4)
