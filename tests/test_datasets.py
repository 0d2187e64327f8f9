from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tqdm import tqdm

from arbmodels.data import dataset_info, fetch, list_datasets, load_features, load_market
from arbmodels.data import download as store_module
from arbmodels.data import leaderboards as leaderboards_module
from arbmodels.data.download import (
    LEADERBOARDS,
    PUBLISHED,
    PublishedFile,
    published_files,
    published_url,
)
from arbmodels.errors import DownloadError, InputError
from arbmodels.market import Market

NAME = "olmedo2026/swebench"


def content(model: str) -> bytes:
    """Made-up outcomes of a model, in the published format."""
    rates = {"gpt5mini": 1, "deepseek": 2, "sonnet": 3}
    attempts = ([1] * rates.get(model, 4) + [0] * 5)[:5]
    return b"".join(
        f'{{"id": "p__{i}", "attempts": {attempts}, "mean_cost": 0.5}}\n'.encode()
        for i in range(200)
    )


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Pretend that the authors published made-up files; return them by path."""
    files = {path: content(Path(path).stem) for path in published_files()}
    registry = {
        path: PublishedFile(len(raw), hashlib.sha256(raw).hexdigest())
        for path, raw in files.items()
    }
    monkeypatch.setattr(store_module, "published_files", lambda: registry)
    monkeypatch.setattr("arbmodels.data.load.published_files", lambda: registry)
    return files


class Server(ThreadingHTTPServer):
    """Serves ``files`` on this machine and counts what was asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = dict(files)
        self.cut: set[str] = set()
        self.failures: dict[str, int] = {}
        self.asked: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        path = self.path.removeprefix("/data/")
        self.server.asked.append(path)
        if self.server.failures.get(path, 0) > 0:
            self.server.failures[path] -= 1
            self.send_error(503)
        elif path not in self.server.files:
            self.send_error(404)
        else:
            body = self.server.files[path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if path in self.server.cut else body)

    def log_message(self, *args: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("ARBMODELS_CACHE", str(folder))
    monkeypatch.setattr(store_module, "_PAUSES", (0.0, 0.0))
    return folder


@pytest.fixture
def server(
    made_up: dict[str, bytes], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    with Server(made_up) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("ARBMODELS_DATA_URL", f"http://127.0.0.1:{running.server_port}/data/")
        yield running
        running.shutdown()
        thread.join()


def cached(cache: Path) -> list[str]:
    return sorted(path.relative_to(cache).as_posix() for path in cache.rglob("*") if path.is_file())


# --- downloading ---


def test_downloads_only_what_is_needed_and_only_once(server: Server, cache: Path) -> None:
    market = load_market(NAME, models=["deepseek", "gpt5mini"])
    assert market.models == ("deepseek", "gpt5mini")
    np.testing.assert_allclose(market.solve_rate, [0.4, 0.2])
    assert (market.name, market.currency, market.notes) == (NAME, "USD", ())
    assert server.asked == ["swebench/deepseek.jsonl", "swebench/gpt5mini.jsonl"]
    assert cached(cache) == [f"olmedo2026/{path}" for path in server.asked]
    load_market(NAME, models=["gpt5mini"])
    assert len(server.asked) == 2


def test_shows_progress(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()

    def in_a_terminal(**options: object) -> tqdm:
        assert options["disable"] is None, "shown in a terminal, and only there"
        return tqdm(**{**options, "disable": False, "file": shown})

    monkeypatch.setattr(store_module, "tqdm", in_a_terminal)
    load_market(NAME, models=["gpt5mini", "deepseek"])
    assert f"{NAME}: 100%" in shown.getvalue()


def test_fetch_makes_it_present(server: Server, cache: Path) -> None:
    before = dataset_info("olmedo2026/lean")
    assert not before.present
    assert before.location.startswith(str(cache / "olmedo2026" / "lean"))
    after = fetch("olmedo2026/lean")
    assert after.present
    assert sorted(server.asked) == [f"lean/kimina-{size}.jsonl" for size in ("1.7b", "72b", "8b")]
    fetch(NAME, models=["mini-coder-4b"])
    assert server.asked[3:] == ["swebench/mini-coder-4b.jsonl"]
    assert load_market("olmedo2026/lean").currency == "FLOPs"


def test_a_truncated_file_is_not_kept(server: Server, cache: Path) -> None:
    server.cut.add("swebench/deepseek.jsonl")
    with pytest.raises(DownloadError, match=r"could not download .*/swebench/deepseek\.jsonl"):
        load_market(NAME, models=["gpt5mini", "deepseek"])
    assert server.asked.count("swebench/deepseek.jsonl") == 3, "a bounded number of tries"
    assert cached(cache) == ["olmedo2026/swebench/gpt5mini.jsonl"]
    server.cut.clear()
    assert load_market(NAME, models=["gpt5mini", "deepseek"]).models[1] == "deepseek"


def test_a_wrong_checksum_is_refused(server: Server, cache: Path) -> None:
    server.files["swebench/gpt5mini.jsonl"] += b"\n"
    with pytest.raises(DownloadError, match=r"not the published file .wrong checksum"):
        load_market(NAME, models=["gpt5mini"])
    assert cached(cache) == []


def test_a_damaged_file_in_the_cache_is_fetched_again(server: Server, cache: Path) -> None:
    load_market(NAME, models=["gpt5mini"])
    file = cache / "olmedo2026" / "swebench" / "gpt5mini.jsonl"
    file.write_bytes(file.read_bytes()[:1000])
    assert not store_module.find_store().has("swebench/gpt5mini.jsonl")
    assert len(load_market(NAME, models=["gpt5mini"]).instances) == 200
    file.write_bytes(file.read_bytes()[:1000])
    server.files.clear()
    with pytest.raises(DownloadError):
        load_market(NAME, models=["gpt5mini"])


def test_a_file_that_is_not_there_is_asked_for_once(server: Server, cache: Path) -> None:
    del server.files["swebench/gpt5mini.jsonl"]
    with pytest.raises(DownloadError, match="404"):
        load_market(NAME, models=["gpt5mini"])
    assert server.asked == ["swebench/gpt5mini.jsonl"]
    assert cached(cache) == []


def test_a_passing_failure_is_tried_again(server: Server, cache: Path) -> None:
    server.failures["swebench/gpt5mini.jsonl"] = 2
    assert load_market(NAME, models=["gpt5mini"]).models == ("gpt5mini",)
    assert len(server.asked) == 3


def test_offline_says_exactly_what_to_do(
    cache: Path, made_up: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server({}) as gone:
        url = f"http://127.0.0.1:{gone.server_port}"
    monkeypatch.setenv("ARBMODELS_DATA_URL", url)
    with pytest.raises(DownloadError) as caught:
        load_market(NAME, models=["gpt5mini", "deepseek"])
    text = str(caught.value)
    for part in (
        f"could not download {url}/swebench/gpt5mini.jsonl",
        f"get swebench/gpt5mini.jsonl, swebench/deepseek.jsonl from {url}",
        "FOLDER/olmedo2026/swebench/gpt5mini.jsonl",
        "set ARBMODELS_DATA=FOLDER",
        'load_market("swebench-sim")',
        str(cache),
    ):
        assert part in text
    assert cached(cache) == []
    for model in ("gpt5mini", "deepseek"):  # do as told
        file = tmp_path / "mine" / "olmedo2026" / "swebench" / f"{model}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(made_up[f"swebench/{model}.jsonl"])
    monkeypatch.setenv("ARBMODELS_DATA", str(tmp_path / "mine"))
    market = load_market(NAME, models=["gpt5mini", "deepseek"])
    assert (market.models, market.notes) == (("gpt5mini", "deepseek"), ())


def test_a_cache_that_cannot_be_written(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ARBMODELS_CACHE", str(tmp_path / "file"))
    with pytest.raises(DownloadError, match="Not a directory") as caught:
        load_market(NAME, models=["gpt5mini"])
    assert "the cache folder cannot be written" in str(caught.value)
    assert "name another cache folder with ARBMODELS_CACHE" in str(caught.value)
    assert server.asked == []


def test_several_that_fetch_the_same_at_once(server: Server, cache: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        markets = list(pool.map(lambda _: load_market(NAME, models=["gpt5mini"]), range(4)))
    assert all(len(market.instances) == 200 for market in markets)
    assert cached(cache) == ["olmedo2026/swebench/gpt5mini.jsonl"]


def test_a_file_changed_in_the_cache_is_fetched_again(server: Server, cache: Path) -> None:
    load_market(NAME, models=["gpt5mini"])
    file = cache / "olmedo2026" / "swebench" / "gpt5mini.jsonl"
    file.write_bytes(file.read_bytes().replace(b"[1, 0", b"[1, 1"))  # of the same size
    np.testing.assert_allclose(load_market(NAME, models=["gpt5mini"]).solve_rate, [0.2])
    assert len(server.asked) == 2


# --- the user's own copy ---


@pytest.fixture
def copy(made_up: dict[str, bytes], tmp_path: Path) -> Path:
    for path in ("swebench/gpt5mini.jsonl", "swebench/deepseek.jsonl"):
        file = tmp_path / "copy" / "olmedo2026" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(made_up[path])
    return tmp_path / "copy"


def test_a_copy_that_differs_is_used_and_said(copy: Path) -> None:
    file = copy / "olmedo2026" / "swebench" / "deepseek.jsonl"
    file.write_bytes(b"\n".join(file.read_bytes().splitlines()[:9]))
    market = load_market(NAME, models=["gpt5mini", "deepseek"], data=copy)
    assert market.notes[0] == f"{file} differs from the published file (checksum)"
    assert market.notes[1].startswith("191 of 200 instances left out")
    assert len(market.notes) == 2
    assert "differs" in str(market)
    assert load_market(NAME, models=["deepseek"], missing="mask", data=copy).attempts.shape[0] == 9


def test_a_copy_that_lacks_files(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError) as caught:
        load_market(NAME, data=copy)
    text = str(caught.value)
    assert f"data={copy} lacks olmedo2026/swebench/sonnet.jsonl" in text
    assert "gpt5mini" not in text
    monkeypatch.setenv("ARBMODELS_DATA", str(copy))
    assert not dataset_info(NAME).present
    with pytest.raises(InputError, match=f"ARBMODELS_DATA={copy} lacks"):
        fetch(NAME)
    assert fetch(NAME, models=["gpt5mini"]).location.endswith(f"(ARBMODELS_DATA={copy})")
    with pytest.raises(InputError, match=r"is not a folder. Name the one with olmedo2026/"):
        load_market(NAME, data=copy / "nowhere")


# --- one door ---


def test_every_kind_of_source(tmp_path: Path, made_up: dict[str, bytes]) -> None:
    folder = tmp_path / "swebench-sim"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(content("a"))
    frame = pd.DataFrame(
        {"llm": ["a"], "instance": ["x"], "attempts": [4], "successes": [1], "cost": [2.0]}
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    for source in (folder, str(folder)):
        market = load_market(source, name="mine", currency="EUR", segment=None)
        assert (market.name, market.currency, market.segment) == ("mine", "EUR", None)
    for source in (tmp_path / "t.csv", frame):
        market = load_market(source, columns={"model": "llm"}, models=["a"])
        assert market.solve_rate.tolist() == [0.25]
        assert market.currency == "USD"
    assert load_market(folder).name == "swebench-sim"


@pytest.mark.parametrize(
    ("source", "arguments", "message"),
    [
        (NAME, {"columns": {}}, "columns does not apply to olmedo2026/swebench, only to a table"),
        (NAME, {"currency": "EUR"}, "currency does not apply to .*, only to your own data"),
        (NAME, {"name": "mine"}, "name does not apply to .*, only to your own data"),
        ("swebench-sim", {"data": "."}, "data does not apply to swebench-sim, only to a publi"),
        (".", {"data": "."}, "data does not apply to ., only to a published data set"),
        (pd.DataFrame(), {"data": "."}, "data does not apply to a data frame"),
        (NAME, {"models": ["gpt5"]}, "no model 'gpt5'; it has gpt5mini, .*, mini-coder-4b"),
        ("swebench-sin", {}, "is neither a data set's name nor a folder .* mean 'swebench-sim'"),
        (
            "nothing",
            {},
            "The data sets are swebench-sim, questions-sim, olmedo2026/swebench, olmedo2026/",
        ),
        (Path("swebench-sim"), {}, "neither a data set's name nor a folder"),
        ("", {}, "'' is neither a data set's name nor a folder"),
        ("x" * 5000, {}, "is neither a data set's name nor a folder"),
        ("~nobody-of-that-name/x", {}, "is neither a data set's name nor a folder"),
        (3, {}, "cannot be loaded from int. Give a data set's name, a folder, a file, or"),
        ({"model": ["s"]}, {}, "cannot be loaded from dict"),
        (NAME, {"data": "x" * 5000}, "is not a folder. Name the one with olmedo2026/"),
        ("swebench-sim", {"models": 3}, "models must be a list of names, not 3"),
    ],
)
def test_wrong_arguments(source: object, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_market(source, **arguments)  # type: ignore[arg-type]


def test_the_list_and_what_is_known() -> None:
    names = list_datasets()
    assert names == ("swebench-sim", "questions-sim", *PUBLISHED, "routellm", *LEADERBOARDS)
    for name in PUBLISHED:
        info = dataset_info(name)
        assert info.name == name
        assert not info.present
        assert "no licence" in info.licence
        assert info.bytes == sum(
            published_files()[PUBLISHED[name].file(model)].bytes for model in info.models
        )
    with pytest.raises(InputError, match="Did you mean 'olmedo2026/lean'"):
        dataset_info("olmedo/lean")
    with pytest.raises(InputError, match="'nothing' is neither"):
        fetch("nothing")


def test_the_registry_is_complete_and_pinned() -> None:
    named = {data.file(model) for data in PUBLISHED.values() for model in data.all_models}
    assert named == set(published_files())
    assert "/a9a214b232a9cc1c4a7ca1855cfe68ca4eacdf0b/" in published_url()


# --- the bundled simulated market ---


def test_the_simulated_market_is_bundled_and_repeatable(simulated: Market) -> None:
    assert simulated.simulated
    assert simulated.name == "swebench-sim"
    assert "(simulated)" in str(simulated)
    assert {"gpt5mini", "deepseek"} <= set(simulated.models)
    assert simulated.recorded.all()
    pair = load_market("swebench-sim", models=["deepseek", "gpt5mini"])
    whole = simulated.select(models=["deepseek", "gpt5mini"])
    np.testing.assert_array_equal(pair.successes, whole.successes)
    np.testing.assert_array_equal(pair.cost, whole.cost)
    assert load_market("swebench-sim", segment=None).segment is None
    assert set(load_market("swebench-sim", segment=lambda name: "all").segments) == {"all"}
    info = fetch("swebench-sim")
    assert (info.present, info.models) == (True, simulated.models)
    for wrong in (load_market, fetch):
        with pytest.raises(InputError, match="no model 'sonnett'"):
            wrong("swebench-sim", models=["sonnett"])


def test_simulated_questions_come_with_what_is_known_beforehand() -> None:
    market, features = load_market("questions-sim"), load_features("questions-sim")
    assert market.simulated
    assert fetch("questions-sim").models == market.models == ("small", "large")
    assert list(features.index) == list(market.instances)
    assert list(features["segment"]) == list(market.segment or ())
    assert (market.attempts == 1).all()
    cheap, dear = market.solve_rate
    assert 0.5 < cheap < dear - 0.05 < 0.9
    assert np.corrcoef(features["prompt_chars"], market.cost[:, 1])[0, 1] > 0.9
    assert (features["prompt_chars"] > 10).all()


# --- the real files ---


def test_the_real_files_are_the_published_ones(real_data: Path) -> None:
    for path, facts in published_files().items():
        raw = (real_data / "olmedo2026" / path).read_bytes()
        assert (len(raw), hashlib.sha256(raw).hexdigest()) == (facts.bytes, facts.sha256)


def test_the_real_markets(real_data: Path, swebench: Market, swebench_pair: Market) -> None:
    assert swebench.attempts.shape == (445, 6)
    assert len(swebench.segments) == 10
    assert swebench.notes == (
        "1 of 446 instances left out: not recorded for every model (psf__requests-1142)",
    )
    assert swebench_pair.models == ("gpt5mini", "deepseek")
    assert swebench_pair.notes == ()
    lean = load_market("olmedo2026/lean", data=real_data)
    assert (lean.attempts.shape, lean.currency, lean.segment) == ((244, 3), "FLOPs", None)
    np.testing.assert_allclose(lean.solve_rate, [0.551, 0.628, 0.703], atol=6e-4)
    students = load_market("olmedo2026/swebench-distill", data=real_data)
    np.testing.assert_allclose(
        students.solve_rate[:5], [0.045, 0.072, 0.095, 0.119, 0.138], atol=6e-4
    )
    twins = load_market(NAME, models=["minicoder4b", "mini-coder-4b"], data=real_data)
    np.testing.assert_array_equal(twins.successes[:, 0], twins.successes[:, 1])
    assert (twins.cost[:, 0] != twins.cost[:, 1]).any()


# --- leaderboards ---


BOARD = "swebench/bash-only"
DETAILS = {
    name: {"resolved": k > 0, "cost": 0.1 * k} for k, name in enumerate(("a__1", "b__2", "c__3"))
}


@pytest.fixture
def board(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server with a small leaderboard, whose checksum the package knows."""
    results = [{"name": name, "per_instance_details": DETAILS} for name in ("s", "l")]
    raw = json.dumps({"leaderboards": [{"name": "bash-only", "results": results}]}).encode()
    server.files["boards.json"] = raw
    facts = PublishedFile(len(raw), hashlib.sha256(raw).hexdigest())
    made = leaderboards_module.Leaderboard(
        BOARD,
        "made up",
        "nowhere at 123",
        "MIT",
        "http://127.0.0.1:9/none",
        "leaderboards/x",
        "boards.json",
        "bash-only",
        ("s", "l"),
        3,
        {"boards.json": ("boards.json", facts)},
    )
    monkeypatch.setattr("arbmodels.data.load.leaderboards", lambda: {BOARD: made})
    return server


def test_leaderboards_are_downloaded_once_and_checked(board: Server, cache: Path) -> None:
    assert not dataset_info(BOARD).present
    market = load_market(BOARD, models=["l", "s"])
    assert market.models == ("l", "s")
    assert market.name == BOARD
    assert "l: 1 of 3 attempts cost 0" in market.notes
    assert dataset_info(BOARD).present
    load_market(BOARD)
    assert board.asked == ["boards.json"]
    assert cached(cache) == ["leaderboards/x/boards.json"]
    with pytest.raises(InputError, match="no model 'x'; it has s, l"):
        load_market(BOARD, models=["x"])


def test_leaderboards_that_arrive_wrong(board: Server, cache: Path) -> None:
    board.files["boards.json"] += b" "
    with pytest.raises(DownloadError, match=r"wrong checksum.*\n.*Nothing wrong was kept"):
        load_market(BOARD)
    del board.files["boards.json"]
    with pytest.raises(DownloadError, match="404"):
        fetch(BOARD)
    assert cached(cache) == []


def test_a_copy_of_a_leaderboard(board: Server, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    with pytest.raises(InputError, match=r"lacks leaderboards/x/boards\.json\. Put 1 files there"):
        load_market(BOARD, data=own)
    (own / "leaderboards" / "x").mkdir(parents=True)
    (own / "leaderboards" / "x" / "boards.json").write_bytes(board.files["boards.json"] + b" ")
    notes = load_market(BOARD, data=own).notes
    assert "differs from the published file (checksum)" in notes[0]


def test_named_leaderboards(leaderboards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = leaderboards.parent
    for name, shape in ((BOARD, (500, 25)), ("openhands/swe-bench", (472, 34))):
        market = load_market(name, data=root)
        assert market.attempts.shape == shape
        assert not any("checksum" in note for note in market.notes)
        info = dataset_info(name, data=root)
        assert info.models == market.models
        assert "Nothing about retries" in info.tells
