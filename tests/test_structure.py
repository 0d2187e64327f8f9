"""The house: no import circle between files, and imports are a small part of the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def modules(package: str) -> dict[str, ast.Module]:
    """Return the parsed files of a package by dotted name; a package by its own."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imported(tree: ast.Module, known: set[str]) -> Iterator[str]:
    """Yield what a file imports: at its top, in functions, and for the type checker."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                yield inner if inner in known else node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def run_by_importing(other: str, name: str) -> set[str]:
    """Return what runs when a file imports another: it, and the packages around it not yet run."""
    parts = other.split(".")
    around = {".".join(parts[:k]) for k in range(1, len(parts))}
    return {other} | {package for package in around if not f"{name}.".startswith(f"{package}.")}


@pytest.mark.parametrize("package", ["arbmodels", "paper_figures"])
def test_no_import_circle_between_files(package):
    files = modules(package)
    known = set(files)
    graph: dict[str, set[str]] = {name: set() for name in files}
    for name, tree in files.items():
        for other in imported(tree, known):
            graph[name].update(run_by_importing(other, name) & known - {name})
    order = list(TopologicalSorter(graph).static_order())  # CycleError names the circle
    assert set(order) == known


def test_imports_are_a_small_part_of_the_code():
    lines = imports = 0
    for tree in modules("arbmodels").values():
        spans = [
            (node.end_lineno or node.lineno) - node.lineno + 1
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        imports += sum(spans)
        lines += code_lines(tree)
    assert imports < 0.08 * lines


def code_lines(tree: ast.Module) -> int:
    """Count the lines that hold code, without comments and docstrings."""
    held: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        if isinstance(node, ast.stmt) and hasattr(node, "body"):
            first = node.body[0].lineno
            held.update(range(node.lineno, max(first, node.lineno + 1)))
        elif isinstance(node, ast.stmt):
            held.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(held)


def test_everything_that_is_drawn_takes_axes():
    """``plot(ax=None)``, as in pandas and xarray."""
    without = [
        f"{name}.{owner.name}.{method.name}"
        for name, tree in modules("arbmodels").items()
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        for method in owner.body
        if isinstance(method, ast.FunctionDef) and method.name.startswith("plot")
        if "ax" not in {each.arg for each in method.args.args + method.args.kwonlyargs}
    ]
    assert without == []
