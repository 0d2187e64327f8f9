"""What the site is made of besides the pages in ``docs``: notebooks, reference, formulations.

Mathematics is turned into MathML here, which browsers draw themselves: no script, no network.
"""

from __future__ import annotations

import re
import shutil
import sys
from html import unescape
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

import gallery_page  # noqa: E402
import notebook_pages  # noqa: E402
import reference_pages  # noqa: E402
import source_pages  # noqa: E402

from arbmodels.display import aligned_right  # noqa: E402

_MATHEMATICS = re.compile(r'<(span|div) class="arithmatex">(.*?)</\1>', re.DOTALL)

_NO_WORDS = re.compile(r'–\s*<div class="doc-md-description">\s*</div>')

#: The heading of an object in the reference, up to its permanent link.
_OBJECT = re.compile(
    r'(<h\d id="(arbmodels\.[\w.]+)" class="doc doc-heading">.*?)'
    r'(?=<a href="[^"]*" class="headerlink")',
    re.DOTALL,
)

_TABLE = re.compile(r"<table(?: data-output[^>]*)?>.*?</table>", re.DOTALL)
_ROW = re.compile(r"<tr.*?</tr>", re.DOTALL)
_CELL = re.compile(r"<(t[hd])([^>]*)>(.*?)</\1>", re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the generated pages into the table of contents."""
    nav: list[dict[str, Any]] = config.nav or []
    for section in nav:
        if "Tutorials" in section:
            section["Tutorials"] = notebook_pages.contents()
        if "Reference" in section:
            section["Reference"] = reference_pages.contents()
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages and the pictures they show."""
    generated: dict[str, str | bytes] = {
        **notebook_pages.pages(),
        **reference_pages.pages(),
        **gallery_page.pages(),
        **source_pages.pages(),
        **_papers(),
    }
    for uri, content in generated.items():
        files.append(File.generated(config, uri, content=content))
    return files


def _papers() -> dict[str, str]:
    """Return the pages that stand at the top of the repository, with their links to each other."""
    made = {}
    for name in ("CHANGELOG", "CONTRIBUTING"):
        text = (ROOT / f"{name}.md").read_text(encoding="utf-8")
        text = text.replace("](docs/", "](").replace("](CONTRIBUTING.md", "](contributing.md")
        made[f"{name.lower()}.md"] = text
    return made


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Replace TeX by MathML, align numbers, and link objects to their source."""
    del config, files
    if page.file.src_uri.startswith("source/"):
        return html

    def mathml(found: re.Match[str]) -> str:
        text = unescape(found[2]).strip()
        display = "block" if text.startswith(r"\[") else "inline"
        try:
            made = str(convert(text[2:-2].strip(), display=display))
            # A box of its own scrolls; browsers let mathematics itself overflow the page.
            return f'<div class="equation">{made}</div>' if display == "block" else made
        except Exception as error:
            raise ValueError(f"{page.file.src_uri}: no MathML for {text}") from error

    def with_source(found: re.Match[str]) -> str:
        address = source_pages.address(found[2])
        if address is None:
            return found[1]
        above = "../" * page.file.src_uri.count("/")
        return f'{found[1]}<a class="source" href="{above}{address}">source</a>'

    html = _NO_WORDS.sub("", _MATHEMATICS.sub(mathml, html))
    return _TABLE.sub(lambda found: _aligned(found[0]), _OBJECT.sub(with_source, html))


def _aligned(table: str) -> str:
    """Put columns of numbers to the right and columns of words to the left, headings with them."""
    rows = [list(_CELL.finditer(row)) for row in _ROW.findall(table)]
    body = [row for row in rows if any(cell[1] == "td" for cell in row)]
    sides = []
    # From the right: a cell that spans rows is missing on the left of those below.
    for column in range(1, max(map(len, rows), default=0) + 1):
        texts = [re.sub(r"<[^>]+>", "", row[-column][3]) for row in body if column <= len(row)]
        sides.insert(0, "right" if aligned_right([unescape(text) for text in texts]) else "left")

    def row(found: re.Match[str]) -> str:
        here = iter(sides[-len(_CELL.findall(found[0])) :])

        def cell(found: re.Match[str]) -> str:
            attributes = re.sub(r' style="[^"]*"', "", found[2])
            style = f'style="text-align: {next(here)}"'
            return f"<{found[1]}{attributes} {style}>{found[3]}</{found[1]}>"

        return _CELL.sub(cell, found[0])

    return _ROW.sub(row, table)


def on_pre_build(config: MkDocsConfig) -> None:
    """Start from an empty folder, so that no page of a former build stays."""
    shutil.rmtree(config.site_dir, ignore_errors=True)
