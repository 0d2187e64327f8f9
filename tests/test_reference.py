"""The reference is complete: what public functions return is in it, and sources are named."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

import pytest

import arbmodels as arb

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def parts() -> dict[str, list[str]]:
    """Return the public names by page of the reference, as the site lists them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs" / "_site")
        listed: dict[str, list[str]] = importlib.import_module("reference_pages").parts()
    return listed


def functions(name: str, thing: object) -> Iterator[tuple[str, FunctionType]]:
    """Yield a function, or the public methods and properties of a class."""
    if isinstance(thing, FunctionType):
        yield name, thing
    for key in dir(thing) if inspect.isclass(thing) else ():
        member = inspect.getattr_static(thing, key)
        for wrapper in ("__func__", "fget", "func"):  # class methods, properties, cached ones
            member = getattr(member, wrapper, member)
        if isinstance(member, FunctionType) and not key.startswith("_"):
            yield f"{name}.{key}", member


def test_every_type_that_a_public_function_returns_is_in_the_reference(parts):
    listed = {name for names in parts.values() for name in names}
    ours = {
        node.name
        for path in (ROOT / "arbmodels").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    } - {"Path"}  # that of the standard library is what is returned
    missing = {
        f"{where} -> {word}"
        for part, names in parts.items()
        for name in names
        for where, function in functions(
            f"{part}.{name}", getattr(importlib.import_module(f"arbmodels.{part}"), name)
        )
        for word in re.findall(r"\w+", str(inspect.unwrap(function).__annotations__.get("return")))
        if word in ours - listed
    }
    assert missing == set()


def test_what_is_in_the_reference_is_reached_from_the_package(parts):
    for part, names in parts.items():
        home = arb
        for step in part.split("."):
            home = getattr(home, step, arb)
        for name in names:
            assert hasattr(home, name) or hasattr(arb, name), (part, name)


def test_closed_forms_are_reached_as_the_documentation_says():
    code = "import arbmodels as arb; print(arb.games.closed_forms.hotelling.__name__)"
    from cli_cases import python

    assert python("-c", code).stdout.strip() == "hotelling"


def test_references_name_author_title_place_and_year():
    """As in NumPy's style: a paragraph per source, its title in italics."""
    entries = []
    for path in sorted((ROOT / "arbmodels").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node) or ""
                for section in re.findall(
                    r"References\n-{10}\n(.*?)(?=\n\n\w+\n---|\Z)", text, re.DOTALL
                ):
                    entries += [
                        (path.name, " ".join(each.split())) for each in section.split("\n\n")
                    ]
    assert len(entries) > 60
    for path, entry in entries:
        assert re.match(r"\w.+, \*.+\*, .+ \((18|19|20)\d\d\)", entry), (path, entry)
