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

_MATHEMATICS = re.compile(r'<(span|div) class="arithmatex">(.*?)</\1>', re.DOTALL)

_NO_WORDS = re.compile(r'–\s*<div class="doc-md-description">\s*</div>')


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
        "changelog.md": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
    }
    for uri, content in generated.items():
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Replace TeX by MathML, and drop the dash after parameters that need no words."""
    del config, files

    def mathml(found: re.Match[str]) -> str:
        text = unescape(found[2]).strip()
        display = "block" if text.startswith(r"\[") else "inline"
        try:
            made = str(convert(text[2:-2].strip(), display=display))
            # A box of its own scrolls; browsers let mathematics itself overflow the page.
            return f'<div class="equation">{made}</div>' if display == "block" else made
        except Exception as error:
            raise ValueError(f"{page.file.src_uri}: no MathML for {text}") from error

    return _NO_WORDS.sub("", _MATHEMATICS.sub(mathml, html))


def on_pre_build(config: MkDocsConfig) -> None:
    """Start from an empty folder, so that no page of a former build stays."""
    shutil.rmtree(config.site_dir, ignore_errors=True)
