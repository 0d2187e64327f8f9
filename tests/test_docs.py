"""The pages say what works: their code runs, their pictures are there, the commands exist."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

import arbmodels
from cli_cases import good

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
COMMAND = re.compile(r"`(arbmodels [^`\n]+)`|^ *(arbmodels .+)$", re.MULTILINE)
each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)


@each_page
def test_the_code_of_a_page_runs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some of it writes files
    names: dict[str, Any] = {}
    blocks = re.findall(r"^( *)```python\n(.*?)^\1```", path.read_text(), re.DOTALL | re.MULTILINE)
    for _, code in blocks:
        exec(compile(dedent(code), str(path), "exec"), names)  # noqa: S102 - our own pages


@each_page
def test_the_commands_of_a_page_exist(path: Path) -> None:
    for inline, block in COMMAND.findall(path.read_text()):
        words = shlex.split((inline or block).split(">")[0])[1:]
        names = []
        for word in words:
            if not re.fullmatch(r"[a-z-]+", word) or word.startswith("-"):
                break
            names.append(word)
        command = names[:2] if names[0] in ("data", "formulations", "game") else names[:1]
        text = good(*command, "--help")
        for option in (word for word in words if word.startswith("--")):
            assert option in text, (path.name, inline or block)


def test_every_page_is_in_the_table_of_contents() -> None:
    contents = (ROOT / "mkdocs.yml").read_text()
    for path in PAGES:
        assert str(path.relative_to(DOCS)) in contents


def test_every_picture_of_the_gallery_is_light_and_explained() -> None:
    pictures = sorted((DOCS / "figures").glob("*.png"))
    assert len(pictures) >= 3
    for picture in pictures:
        text = (ROOT / "paper_figures" / f"{picture.stem}.py").read_text()
        assert text.startswith(('"""Figure', 'r"""Figure'))
        assert picture.stat().st_size < 200_000


def test_the_gallery_says_which_claims_the_simulated_market_shows() -> None:
    found = json.loads((DOCS / "figures" / "values.json").read_text(encoding="utf-8"))
    source = (DOCS / "_site" / "gallery_page.py").read_text(encoding="utf-8")
    named = set(re.findall(r"\{([^:{}]+):\.\df\}", source))
    assert len(named) > 10
    assert named <= set(found)
    # The verdicts follow from the numbers.
    assert found["margin at 50%"] < found["margin at 70%"] < found["peak margin"]
    assert found["two models, peak margin"] < found["peak margin"]
    assert found["largest share of the spend of Qwen3 Coder 480B and Sonnet"] > 1
    sizes = ("70M", "200M", "600M", "1.8B", "5.4B")
    grown = [found[f"mean margin after {size} tokens"] for size in sizes]
    assert grown == sorted(grown)
    assert grown[0] > 1
    alone, middle, small = (
        [found[f"{who} at {rate}%"] for rate in (66, 68, 70)]
        for who in ("GPT-5 mini alone", "with Qwen3 Coder 30B", "with mini-coder 4B")
    )
    assert 66 < found["with Qwen3 Coder 30B it is lower from"] < 68
    assert middle[0] > alone[0]
    assert middle[1:] < alone[1:]
    assert 68 < found["with mini-coder 4B it is lowest up to"] < 70
    assert small[1] < min(alone[1], middle[1])
    assert middle[2] < small[2] < alone[2]
    assert found["its share at 55% after entry"] < 0.5


def test_nothing_is_fetched_from_elsewhere() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    assert site["strict"] is True
    assert site["theme"]["font"] is False
    assert "extra_javascript" not in site


def test_citation_is_complete() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == arbmodels.__version__
    assert citation["license"] == "MIT"
    assert {"cff-version", "message", "title", "authors", "preferred-citation"} <= set(citation)
