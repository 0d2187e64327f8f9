"""The built site: complete, searchable from a folder, and nothing is fetched from elsewhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow


class Links(HTMLParser):
    """What a page fetches when it is opened, where it links to, and the anchors it has."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        text = page.read_text(encoding="utf-8")
        if "source" in page.parts:  # long, and all of one form
            self.anchors.update(re.findall(r'id="(__codelineno-[\d-]+)"', text))
        else:
            self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors.update({found.get("id", ""), found.get("name", "")})
        if tag == "a":
            self.links.append(found.get("href", ""))
        elif tag == "link" and found.get("rel") != "canonical":
            self.fetched.append(found.get("href", ""))
        elif "src" in found:
            self.fetched.append(found["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-d", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path.resolve(): Links(path) for path in site.rglob("*.html") if path.name != "404.html"}


def test_nothing_is_fetched_from_elsewhere(pages):
    for path, page in pages.items():
        for address in page.fetched:
            if not address.startswith("data:"):
                assert "//" not in address, (path, address)
                assert (path.parent / unquote(address.partition("?")[0])).exists(), (path, address)


def test_links_within_the_site_lead_somewhere(pages):
    for path, page in pages.items():
        for link in page.links:
            if not link or re.match(r"[a-z]+:", link):
                continue
            place, _, anchor = unquote(link).partition("#")
            target = (path.parent / place).resolve() if place else path
            assert target.exists(), (path, link)
            assert not anchor or target.suffix != ".html" or anchor in pages[target].anchors, link


def test_objects_of_the_reference_link_to_their_source(site):
    page = (site / "reference" / "passk.html").read_text(encoding="utf-8")
    (line,) = re.findall(r'href="\.\./source/arbmodels/passk\.html#__codelineno-0-(\d+)"', page)[
        -1:
    ]
    code = (ROOT / "arbmodels" / "passk.py").read_text(encoding="utf-8").splitlines()
    assert code[int(line) - 1].startswith("def pass_at_k")


def test_columns_of_numbers_are_aligned_to_the_right(site):
    page = (site / "results.html").read_text(encoding="utf-8")
    assert re.search(r'<th style="text-align: left">method</th>', page)
    assert re.search(r'<td style="text-align: right">78\.74</td>', page)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the search")
def test_search_works_when_pages_are_opened_from_a_folder(site):
    command = ["node", str(ROOT / "tests" / "search_site.js"), str(site), "shadow price"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    found = json.loads(done.stdout)
    assert any(place.startswith("discussion/glossary.html") for place in found)
    assert all((site / place.partition("#")[0]).exists() for place in found)
