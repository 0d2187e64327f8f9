"""Formulations are found by entry points, state their mathematics and are compared."""

from __future__ import annotations

import sys
from importlib.metadata import distribution, entry_points
from pathlib import Path

import numpy as np
import pytest

import arbmodels as arb
from arbmodels.registry import GROUP, check, find, formulations, sections_of, to_markdown, to_tex
from cli_cases import bad, good, run, strict
from formulations.cascade_flow import solve as solve_flow
from formulations.cascade_flow import steps_of
from formulations.correlated_equilibrium import gain
from formulations.correlated_equilibrium import solve as solve_correlated

FOLDER = Path(__file__).resolve().parents[1] / "formulations"
HELPERS = {"__init__", "pairs", "small", "lattice"}
FILES = sorted(path for path in FOLDER.glob("*.py") if path.stem not in HELPERS)
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_every_file_is_registered() -> None:
    registered = {point.name for point in entry_points(group=GROUP)}
    assert {path.stem for path in FILES} <= registered, (
        "install the checkout anew: pip install -e ."
    )
    assert len(registered) > 10
    assert set(formulations()) == registered


@each_file
def test_passes_its_check(path: Path) -> None:
    found = check(path)
    assert found.passed, found.problems
    assert len(found.ways) >= 2
    assert found.feasible >= 4
    assert found.largest_difference <= 2e-6


@each_file
def test_mathematics_is_rendered(path: Path) -> None:
    markdown = to_markdown(find(path).text)
    assert markdown.count("$$") >= 4
    mathematics = "".join(markdown.split("$")[1::2])
    assert not {"<=", ">=", "sum_", "prod_"} & set(mathematics.split()), mathematics
    assert mathematics.count("{") - mathematics.count(r"\{") == mathematics.count(
        "}"
    ) - mathematics.count(r"\}")


def wrong(tmp_path: Path, old: str, new: str) -> tuple[str, ...]:
    """Return the problems of the template with one thing changed."""
    text = (FOLDER / "template.py").read_text()
    assert old in text
    path = tmp_path / "mine.py"
    path.write_text(text.replace(old, new))
    return check(path).problems


def test_check_finds_what_is_wrong(tmp_path: Path) -> None:
    assert wrong(tmp_path, "J          plans", "J          plans") == ()
    for old, new, message in (
        ("Size:\n", "Length:\n", "Size"),
        ("what it costs, currency units", "what it costs", "s[j] has no unit"),
        ("v[j]       what plan j adds to the mean solve rate", "v[j]", "v[j] has no meaning"),
        ("def answers(", "def others(", "no function answers"),
        ("cp.Maximize(value @ x)", "cp.Maximize(-value @ x)", "the ways disagree"),
        ("[spend @ x <= budget]", "[spend @ x <= 2 * budget]", "the ways disagree"),
        ('"enumeration": float(', '"cvxpy": float(', "two are compared"),
        ("rng.uniform(0.2, 0.8) * spend.sum()", "0.0", "same value"),
        ("x = solve(value", "x = solve(-value[:-1]", "InputError"),
    ):
        problems = wrong(tmp_path, old, new)
        assert any(message in problem for problem in problems), (old, problems)


def test_infeasible_instances_count_as_such(tmp_path: Path) -> None:
    problems = wrong(
        tmp_path, "    x = solve(value", "    raise arb.InfeasibleError('no')\n    x = solve(value"
    )
    assert problems == ("Only 0 of 8 instances have a solution.",)
    problems = wrong(tmp_path, "if kept else", "if rng.random() < 0.5 else")
    assert any("disagree" in problem for problem in problems)


def test_missing_library_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text((FOLDER / "template.py").read_text().replace("cvxpy", "no_such_language"))
    with pytest.raises(arb.InputError, match="mine needs no_such_language"):
        check(path)
    assert "_formulation_mine" not in sys.modules


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("budget_ruting", "Did you mean budget_routing"),
        ("nowhere.py", "cannot be read"),
    ],
)
def test_unknown_names(name: str, message: str) -> None:
    with pytest.raises(arb.InputError, match=message):
        find(name)


def test_what_is_no_python_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def :")
    with pytest.raises(arb.InputError, match="no Python file"):
        find(tmp_path / "mine.py")
    (tmp_path / "empty.py").write_text("")
    assert "no docstring" in check(tmp_path / "empty.py").problems[0]
    with pytest.raises(arb.InputError, match="at least 2"):
        check("template", instances=1)


def test_another_package_adds_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "theirs"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "knapsack.py").write_text((FOLDER / "template.py").read_text())
    info = tmp_path / "theirs-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    points = f"[{GROUP}]\nknapsack = theirs.knapsack\n"
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = formulations()["knapsack"]
    assert (found.package, found.path) == ("theirs", package / "knapsack.py")
    assert "theirs.knapsack" not in sys.modules
    assert check("knapsack").passed
    (info / "entry_points.txt").write_text(points + "template = theirs.knapsack\n")
    with pytest.raises(arb.InputError, match="Two packages register a formulation template"):
        formulations()
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nlost = theirs.nowhere\n")
    with pytest.raises(arb.InputError, match="cannot be found"):
        formulations()


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("sum_(g: k(g) = k) w[g]", r"\sum_{g: k(g) = k} w_{g}"),
        ("F[i,m',a_m']", "F_{i,m',a_{m'}}"),
        ("u[h] >= 0   for all h with a finite K[h]",
         r"u_{h} \ge 0 \quad \text{ for all }h \text{ with a finite }K_{h}"),
        ("j not in A", r"j \notin A"),
        ("J \\ A", r"J \setminus A"),
        ("max  t", r"\max t"),
        ("Gamma p + 0.5 * |G|", r"\Gamma p + 0.5 \cdot |G|"),
    ],
)  # fmt: skip
def test_notation(text: str, tex: str) -> None:
    assert to_tex(text) == tex


def test_sections_keep_what_goes_on() -> None:
    text = "A: b.\n\nWords.\n\nSets:\n    I    many\n         things\n\nSize:\n    1\n\nMore."
    sections = sections_of(text)
    assert sections.entries("Sets") == [("I", "many things")]
    assert (sections.title, sections.before, sections.after) == ("A", "Words.", "More.")


def test_flow_is_the_library_frontier() -> None:
    """On a lattice of whole attempts the flow costs what the exact frontier says."""
    market = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek"])
    curves = arb.attempt_curves(market, 8)
    frontier = arb.cascade_frontier(curves)
    fails = [model.failure_by_attempt for model in curves.models]
    steps = steps_of(np.asarray(market.weight), fails, np.asarray(market.cost))
    for solve_rate in (0.3, 0.5, 0.7):
        ours = solve_flow(steps, solve_rate)
        assert ours.solve_rate == pytest.approx(solve_rate, abs=1e-7)
        assert ours.spend == pytest.approx(float(frontier.mixture_spend_at(solve_rate)), rel=1e-6)
    with pytest.raises(arb.InfeasibleError, match="reaches"):
        solve_flow(steps, 1.0)


def test_correlated_equilibrium_is_at_least_the_best_nash() -> None:
    """Chicken: the best correlated equilibrium pays 10.5, the pure Nash equilibria 9 (Aumann)."""
    first = np.array([[0.0, 7.0], [2.0, 6.0]])
    found = solve_correlated(first, first.T.copy())
    assert found.total == pytest.approx(10.5)
    assert found.epsilon == pytest.approx(0.0, abs=1e-8)
    assert gain(first, first.T, np.array([[0.0, 0.0], [0.0, 1.0]])) == pytest.approx(1.0)
    rng = np.random.default_rng(0)
    for _ in range(4):
        pair = rng.uniform(0.0, 1.0, (2, 4, 3))
        library = arb.games.FiniteGame.from_matrices(*pair).correlated("welfare")
        assert solve_correlated(*pair).total == pytest.approx(library.value, abs=1e-7)
    with pytest.raises(arb.InputError, match="shapes"):
        solve_correlated(first, first[:1])


def test_command_line(tmp_path: Path) -> None:
    assert "budget_routing" in good("formulations", "list")
    listed = strict(good("formulations", "list", "--json"))["formulations"]
    assert {"name", "decides", "package", "file"} == set(listed[0])
    shown = good("formulations", "show", "fair_routing")
    assert "worst segment:" in shown
    assert strict(good("formulations", "show", "fair_routing", "--json"))["markdown"]
    mine = tmp_path / "mine.py"
    mine.write_text(good("formulations", "show", "template", "--code"))
    assert mine.read_text() == (FOLDER / "template.py").read_text()
    assert "yes" in good("formulations", "check", mine, "--instances", 3)
    assert "Did you mean" in bad("formulations", "show", "budget_ruting")
    mine.write_text(mine.read_text().replace("Maximize(value", "Maximize(-value"))
    failed = run("formulations", "check", mine, "--json")
    assert failed.exit_code == 1
    assert not strict(failed.stdout)["checks"][0]["passed"]
    assert "the ways disagree" in failed.stderr


def test_wheel_has_what_the_entry_points_name() -> None:
    points = distribution("arbmodels").entry_points.select(group=GROUP)
    assert all(point.module.startswith("formulations.") for point in points)
