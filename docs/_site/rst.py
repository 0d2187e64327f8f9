"""Docstrings are written for Sphinx; this makes Markdown of their roles and mathematics."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import Any

import griffe

_MATH_BLOCK = re.compile(r"^( *)\.\. math::[ ]*\n((?:\1 +.*\n?|\s*\n)+)", re.MULTILINE)
_MATH = re.compile(r":math:`([^`]+)`")
_ROLE = re.compile(r":(?:[a-z]+:)?[a-z]+:`~?(?:[^`<]*<)?([^`>]+)>?`")


def to_markdown(text: str) -> str:
    """Return a docstring with Markdown in the place of reStructuredText."""

    def display(found: re.Match[str]) -> str:
        margin = found[1]
        body = " ".join(dedent(found[2]).split())
        return f"{margin}$$\n{margin}{body}\n{margin}$$\n\n"

    text = _MATH_BLOCK.sub(display, text)
    text = _MATH.sub(r"$\1$", text)
    return _ROLE.sub(lambda found: f"`{found[1].rsplit('.', 1)[-1]}`", text)


class Rst(griffe.Extension):
    """Rewrites every docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **options: Any) -> None:
        """Rewrite the docstring of one object."""
        del options
        if obj.docstring:
            obj.docstring.value = to_markdown(obj.docstring.value)
