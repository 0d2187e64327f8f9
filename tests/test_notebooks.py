"""The notebooks run, say only what they compute, and are committed clean and light."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import arbmodels as arb

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LARGEST = 300_000  # bytes
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|tmp|root|home|Users|mnt|opt|var)/|[A-Z]:\\\\")
#: Besides arbmodels: what its users have anyway.
#: What a notebook may import.
ALLOWED_IMPORTS = {
    "arbmodels",
    "json",
    "matplotlib",
    "numpy",
    "pandas",
    "pathlib",
    "pyomo",
    "tempfile",
}
#: Digits that are names or code, not results.
NAMES_WITH_DIGITS = re.compile(
    r"(?s:```.*?```)|`[^`]*`|\]\([^)]*\)|\$\$[^$]*\$\$|\$[^$]*\$|GPT-5|v3\.2|\b(?:19|20)\d\d\b"
)


def _read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def _market(notebook: Any) -> str:
    """Return the market of the first cell of code."""
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    return re.findall(r'^MARKET = "(.*?)"', first.source, re.MULTILINE)[0]


def _each(paths: list[Path]) -> Any:
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


every_notebook = _each(NOTEBOOKS)
#: Bundled markets, and the recorded ones that a notebook may be switched to.
RECORDED = {"swebench-sim": "olmedo2026/swebench", "questions-sim": "routellm"}
#: The games take minutes, and the record of `benchmarks/provider_claims.py` has them on real data.
switched = _each([path for path in NOTEBOOKS if path.stem != "04_pricing_games"])


def _cells(path: Path, kind: str) -> list[Any]:
    return [cell for cell in _read(path).cells if cell.cell_type == kind]


def _texts(outputs: list[Any]) -> Iterator[str]:
    """Yield every output that people read; pictures and widgets (random names) are left out."""
    for output in outputs:
        yield output.get("text", "")
        for kind, content in output.get("data", {}).items():
            if not kind.startswith(("image/", "application/vnd.jupyter.widget-")):
                yield str(content)


def _run(notebook: Any, folder: Path) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()


def _words(cell: Any) -> list[str]:
    """Return what a cell shows without its numbers, which may differ in the last digit."""
    text = " ".join(_texts(cell.get("outputs", [])))
    return sorted(re.findall(r"[^\W\d]+", re.sub(r"\d[\d.,]*(e[+-]?\d+)?", " ", text)))


def _complaints(notebook: Any) -> list[str]:
    """Return what a reader should not see."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            first = cell.source.splitlines()[0]
            if output.output_type == "error":
                found.append(f"{first}: {output.ename}: {output.evalue}")
            if output.get("name") == "stderr":
                found.append(f"{first}: {output.text}")
            if output.output_type == "display_data" and "image/png" not in output.data:
                found.append(f"{first}: shown besides the cell's own result: {output.data}")
    return found


def test_there_are_notebooks() -> None:
    assert {"01_quickstart", "02_routing", "03_cascades"} <= {path.stem for path in NOTEBOOKS}


@every_notebook
def test_runs_and_is_up_to_date(path: Path, tmp_path: Path) -> None:
    notebook = _read(path)
    committed = [_words(cell) for cell in notebook.cells]
    _run(notebook, tmp_path)
    assert _complaints(notebook) == []
    assert list(tmp_path.iterdir()) == []
    assert [_words(cell) for cell in notebook.cells] == committed, "out of date: make notebooks"


@switched
def test_one_switch_leads_to_the_real_market(
    path: Path, tmp_path: Path, real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARBMODELS_DATA", str(real_data))
    notebook = _read(path)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    bundled = _market(notebook)
    assert first.source.count(f'MARKET = "{bundled}"') == 1
    assert first.source.count(f'"{RECORDED[bundled]}"') == 1
    first.source = first.source.replace(f'"{bundled}"', f'"{RECORDED[bundled]}"', 1)
    _run(notebook, tmp_path)
    assert _complaints(notebook) == []
    text = "\n".join(text for cell in notebook.cells for text in _texts(cell.get("outputs", [])))
    assert bundled not in text
    if bundled == "swebench-sim":  # the other notebook makes a table of the market
        assert f"{RECORDED[bundled]} (recorded)" in text


@every_notebook
def test_committed_outputs_are_there_and_clean(path: Path) -> None:
    notebook = _read(path)
    code = _cells(path, "code")
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert sum(bool(cell.outputs) for cell in code) > len(code) // 2
    assert _complaints(notebook) == []
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in code:
        for text in _texts(cell.outputs):
            assert not MACHINE_PATHS.search(text), text
            assert " at 0x" not in text, text  # an address differs from run to run
            assert "\x1b" not in text, text  # escape codes of a terminal


@every_notebook
def test_committed_file_is_light(path: Path) -> None:
    assert path.stat().st_size < LARGEST


@every_notebook
def test_only_the_public_api_is_used(path: Path) -> None:
    tree = ast.parse("\n".join(cell.source for cell in _cells(path, "code")))
    imported = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [str(node.module)]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert "arbmodels" in imported
    parts = {name for name in imported if name.startswith("arbmodels.")}
    assert {name for name in parts if not name.startswith("arbmodels.formulations.")} == set()
    assert {name.split(".")[0] for name in imported} <= ALLOWED_IMPORTS
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    assert all(not node.attr.startswith("_") for node in attributes)
    used = {
        node.attr
        for node in attributes
        if isinstance(node.value, ast.Name) and node.value.id == "arb"
    }
    assert used <= set(arb.__all__)


@every_notebook
def test_every_number_in_the_prose_is_computed(path: Path) -> None:
    """Numbers stand in outputs, where they follow the data; the prose has none of its own."""
    for cell in _cells(path, "markdown"):
        assert not re.search(r"\d", NAMES_WITH_DIGITS.sub("", cell.source)), cell.source


@every_notebook
def test_opens_with_what_the_reader_gets_and_needs(path: Path) -> None:
    opening = _cells(path, "markdown")[0].source
    assert opening.startswith("# ")
    for promise in ("**What you will be able to do.**", "**What it takes.**"):
        assert promise in opening


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("read from /home/ann/data", True),
        ("'/tmp/x.csv'", True),
        ("olmedo2026/swebench", False),
        ("https://example.org/home/", False),
        ("0.3 USD/instance", False),
    ],
)
def test_machine_paths_are_recognised(text: str, found: bool) -> None:
    assert bool(MACHINE_PATHS.search(text)) is found
