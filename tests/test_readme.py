"""What the README shows a newcomer works as written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_it_is_one_screen():
    assert len(README.splitlines()) <= 130


def test_the_example_prints_what_the_readme_says(capsys):
    (example,) = BLOCKS
    assert len(example.strip().splitlines()) <= 14
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102 - our own README
    (shown,) = re.findall(r"```text\n(.*?)```", README, flags=re.DOTALL)
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(((?!http)[^)#]+)\)", README))))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()


def test_commands_are_in_the_makefile():
    targets = (ROOT / "Makefile").read_text()
    named = re.findall(r"(?:^|`)make ([a-z]+)", README, flags=re.MULTILINE)
    assert {"demo", "test"} <= set(named)
    for target in named:
        assert re.search(rf"^{target}:", targets, flags=re.MULTILINE), target
