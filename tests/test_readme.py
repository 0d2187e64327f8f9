"""What the README shows a newcomer works as written."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_the_first_example_is_short():
    assert len(BLOCKS[0].strip().splitlines()) <= 14


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_code_in_the_readme_runs(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some of it writes files
    names: dict[str, object] = {}
    exec(compile(BLOCKS[number], "README.md", "exec"), names)  # noqa: S102 - our own README
    if number == 0:
        assert names["margin"].peak.margin > 0.3
    plt.close("all")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(((?!http)[^)#]+)\)", README))))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()


def test_commands_are_in_the_makefile():
    targets = (ROOT / "Makefile").read_text()
    named = re.findall(r"(?:^|`)make ([a-z]+)", README, flags=re.MULTILINE)
    assert {"demo", "test"} <= set(named)
    for target in named:
        assert re.search(rf"^{target}:", targets, flags=re.MULTILINE), target
