"""Formulations are found by entry points, state their mathematics and are compared."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import arbmodels as arb
from arbmodels import registry
from arbmodels.formulations import cascade_flow, correlated_equilibrium
from arbmodels.formulations.solving import solve, values
from arbmodels.registry import GROUP, check, find, formulations, tex_to_text
from cli_cases import bad, good, run, strict

FOLDER = Path(__file__).resolve().parents[1] / "formulations"
HELPERS = {"__init__", "pairs", "small", "lattice", "solving"}
FILES = sorted(path for path in FOLDER.glob("*.py") if path.stem not in HELPERS)
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_every_file_is_found() -> None:
    found = {name for name, each in formulations().items() if each.package == "arbmodels"}
    assert found == {path.stem for path in FILES}
    assert len(found) > 10


@each_file
def test_passes_its_check(path: Path) -> None:
    """Pyomo, CVXPY and a judge that is neither agree on small instances."""
    found = check(path, instances=12, seed=11)
    assert found.passed, found.problems
    assert {"pyomo", "cvxpy"} < set(found.ways)
    assert found.feasible >= 4
    assert found.largest_difference <= 2e-6


@each_file
def test_mathematics_is_rendered(path: Path) -> None:
    formulation = find(path)
    assert formulation.to_markdown(2).startswith(f"## {formulation.title}\n\n*")
    mathematics = "".join(formulation.text.split("$")[1::2])
    assert mathematics.count("{") == mathematics.count("}")
    text = formulation.to_text()
    assert "$" not in text
    assert "\\" not in text
    assert "**" not in text
    assert max(map(len, text.splitlines())) <= 110


def described(tmp_path: Path, text: str):
    """Return a formulation of a docstring."""
    path = tmp_path / "described.py"
    path.write_text(f'r"""{text}"""\n', encoding="utf-8")
    return find(path)


#: Greek letters and what they look like. Those that look like Latin ones have no command in LaTeX,
#: and are understood all the same.
NO_COMMAND = """
    Alpha Α Beta Β Epsilon Ε Zeta Ζ Eta Η Iota Ι Kappa Κ Mu Μ Nu Ν Omicron Ο Rho Ρ Tau Τ Chi Χ
    omicron ο
"""
COMMANDS = """
    alpha α beta β gamma γ delta δ epsilon ϵ zeta ζ eta η theta θ iota ι kappa κ lambda λ mu μ nu ν
    xi ξ pi π rho ρ sigma σ tau τ upsilon υ phi ϕ chi χ psi ψ omega ω
    varepsilon ε vartheta ϑ varkappa ϰ varpi ϖ varrho ϱ varsigma ς varphi φ
    Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω
"""
LETTERS = f"{COMMANDS} {NO_COMMAND}".split()
GREEK = dict(zip(LETTERS[::2], LETTERS[1::2], strict=True))


@pytest.mark.parametrize("name", GREEK)
def test_every_greek_letter_is_shown(name: str, tmp_path: Path) -> None:
    from latex2mathml.converter import convert

    tex, letter = rf"\{name}_{{i,j}} x", GREEK[name]
    assert tex_to_text(tex) == f"{letter}[i, j] x"
    found = described(tmp_path, f"A: b.\n\n**Parameters**\n\n- ${tex}$: c [d]")
    assert f"- {letter}[i, j] x: c [d]" in found.to_text()
    markdown = found._repr_markdown_()
    # MathJax draws commands of LaTeX; latex2mathml makes the pages of the site.
    shown = letter if name in NO_COMMAND.split() else rf"\{name}"
    assert rf"${shown}_{{i,j}} x$" in markdown
    assert name not in convert(f"{shown}_{{i,j}} x")


def wrong(tmp_path: Path, old: str, new: str) -> tuple[str, ...]:
    """Return the problems of the template with one thing changed."""
    text = (FOLDER / "template.py").read_text()
    assert old in text
    path = tmp_path / "mine.py"
    path.write_text(text.replace(old, new))
    return check(path).problems


def test_check_finds_what_is_wrong(tmp_path: Path) -> None:
    assert wrong(tmp_path, "plans", "plans") == ()
    for old, new, message in (
        ("**Size**", "**Length**", "Size"),
        ("what it costs [currency units]", "what it costs", "$s_j$ has no unit"),
        ("what it costs [currency units]", "what it costs [ ]", "$s_j$ has no unit"),
        ("$v_j$: what plan $j$ adds to the mean solve rate [rate]", "$v_j$", "no meaning"),
        (r"\sum_{j \in J} s_j", r"\sum_{j \in J s_j", "no LaTeX mathematics"),
        (r"\sum_{j \in J} s_j", r"\summ_{j \in J} s_j", r"unknown command \summ"),
        ("- $J$: plans", "J are the plans.", "no item of the form"),
        ("def answers(", "def others(", "no function answers"),
        ("cp.Maximize(value @ x)", "cp.Maximize(0 * value @ x)", "the ways disagree"),
        ("[spend @ x <= budget]", "[spend @ x <= 2 * budget]", "the ways disagree"),
        ("    return {", "    return {'alone': 1.0} and {'alone': 1.0} or {", "two are compared"),
        ("    return {", "    return [1.0] or {", "AttributeError"),
        ("    return {", "    return {'a': None, 'b': 1} or {", "TypeError"),
        ("    return {", "    return {'a': np.nan, 'b': 1.0} or {", "disagree"),
        ("import cvxpy as cp", "import no_such_language as cp", "mine needs no_such_language"),
        ("import cvxpy as cp", "raise SystemExit('no')", "cannot be imported (SystemExit: no)"),
        ("rng.uniform(0.2, 0.8) * spend.sum()", "0.0", "same value"),
        ("build_cvxpy(value, spend, budget))", "build_cvxpy(value[1:], spend, 1))", "InputError"),
    ):
        problems = wrong(tmp_path, old, new)
        assert any(message in problem for problem in problems), (old, problems)


@pytest.mark.parametrize("unit", ["kg CO2", "€/1,000 tokens", r"$\mu$s", "1"])
def test_a_unit_is_any_text(tmp_path: Path, unit: str) -> None:
    assert wrong(tmp_path, "[currency units]", f"[{unit}]") == ()


def test_infeasible_instances_count_as_such(tmp_path: Path) -> None:
    problems = wrong(tmp_path, "    return {", "    raise arb.InfeasibleError('no')\n    return {")
    assert problems == ("Only 0 of 8 instances have a solution.",)


def test_what_cannot_be_imported_is_named_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text((FOLDER / "template.py").read_text().replace("cvxpy", "no_such_language"))
    with pytest.raises(arb.InputError, match=f"needs no_such_language.*{path}"):
        find(path).load()
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


def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict, points: dict) -> None:
    """Put a package ``theirs`` with entry points on the path."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "theirs"]:
        monkeypatch.delitem(sys.modules, name)
    package = tmp_path / "theirs"
    package.mkdir()
    for name, text in {"__init__": "", **files}.items():
        (package / f"{name}.py").write_text(text)
    info = tmp_path / "theirs-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    lines = [f"[{GROUP}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(str(tmp_path))


def test_another_package_adds_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (FOLDER / "template.py").read_text()
    install(tmp_path, monkeypatch, {"knapsack": text}, {"knapsack": "theirs.knapsack"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = formulations()["knapsack"]
    assert (found.package, found.path) == ("theirs", tmp_path / "theirs" / "knapsack.py")
    assert "theirs.knapsack" not in sys.modules
    assert check("knapsack").passed


def test_a_broken_plug_in_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the plug-in, its file and what to do; all others are listed and solved."""
    text = (FOLDER / "template.py").read_text()
    files = {
        "double": text,
        "spoilt": "def :",
        "silent": "x = 1",
        "partial": text.replace("**Size**", "**Length**").replace("[currency units]", ""),
        "binary": "",
        "failing": text.replace("import cvxpy as cp", "import no_such_language as cp"),
    }
    points = {
        "template": "theirs.double",
        "lost": "theirs.nowhere",
        "no_package": "nobody.nowhere",
        "raises": "theirs.inner.module",
        "malformed": "a b c",
        **{name: f"theirs.{name}" for name in files if name != "double"},
    }
    install(tmp_path, monkeypatch, files, points)
    (tmp_path / "theirs" / "binary.py").write_bytes(b"\xff\xfe")
    (tmp_path / "theirs" / "inner").mkdir()
    (tmp_path / "theirs" / "inner" / "__init__.py").write_text("raise ValueError('broken')")
    with pytest.warns(UserWarning, match="theirs") as noted:
        found = formulations()
    said = [str(one.message) for one in noted]
    assert len(said) == 9
    for name, *words in (
        ("template", str(tmp_path / "theirs" / "double.py"), "is left out", "Rename"),
        ("lost", "theirs.nowhere cannot be found", "Mend"),
        ("no_package", "nobody.nowhere cannot be found", "Mend"),
        ("raises", "ValueError: broken", "Mend"),
        ("malformed", "a b c", "is left out"),
        ("spoilt", "spoilt.py is no Python file"),
        ("binary", "binary.py is no Python file"),
        ("silent", "silent.py", "no docstring"),
        ("partial", "partial.py", "Size", "has no unit"),
    ):
        (one,) = [text for text in said if text.startswith(f"Formulation {name} (")]
        assert all(word in one for word in words), one
    ours = {path.stem for path in FILES}
    assert set(found) == ours | {"silent", "partial", "failing"}
    assert {found[name].package for name in ours} == {"arbmodels"}
    with pytest.warns(UserWarning, match="theirs"):
        assert check("budget_routing", instances=2).passed
    listed = run("formulations", "list")
    assert listed.exit_code == 0
    assert listed.stderr.count("Warning: Formulation ") == 9
    assert "budget_routing" in listed.stdout
    checked = run("formulations", "check", "template", "failing", "fair_routing", "--json")
    assert [one["passed"] for one in strict(checked.stdout)["checks"]] == [True, False, True]
    assert "failing needs no_such_language" in checked.stderr


def test_a_new_file_in_the_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file is all it takes; a broken one is a warning."""
    text = (FOLDER / "template.py").read_text().replace("[currency units]", "[kg CO2]")
    (tmp_path / "mine.py").write_text(text.replace("s_j", r"\varepsilon_j"))
    (tmp_path / "spoilt.py").write_text("def :")
    (tmp_path / "helper.py").write_text('"""Words."""')
    monkeypatch.setattr(registry.folder, "__path__", [str(tmp_path), *registry.folder.__path__])
    with pytest.warns(UserWarning, match=r"Formulation spoilt is left out: .*spoilt.py is no"):
        found = formulations()
    assert list(found) == ["mine"]
    assert "- ε[j]: what it costs [kg CO2]" in found["mine"].to_text()
    assert check(found["mine"]).passed


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"\sum_{g: k(g) = k} w_g", "∑[g : k(g) = k] w[g]"),
        (r"F_{i,m',a_{m'}}", "F[i, m′, a[m′]]"),
        (r"u_h \ge 0 \quad \text{for all } h", "u[h] ≥ 0 for all h"),
        (r"j \notin A", "j ∉ A"),
        (r"\max t", "max t"),
        (r"\Gamma p + 0.5 \cdot |G|", "Γ p + 0.5·|G|"),
        (r"\frac{a + b}{c} \sqrt{\varepsilon} x^2 y^{n+1}", "(a + b) / c √(ε) x^2 y^(n + 1)"),
        (r"\hat{p}_i \bar\varepsilon", "p̂[i] ε̄"),
        (r"\sum_{k=1}^K x_k", "∑[k = 1]^K x[k]"),
        (r"E^+_a \setminus \{0, 1\}", "E[a]^+ ⧵ {0, 1}"),
    ],
)
def test_latex_as_text(tex: str, text: str) -> None:
    assert tex_to_text(tex) == text


def test_items_go_on_and_end_with_their_units(tmp_path: Path) -> None:
    found = described(
        tmp_path,
        "A: b.\n\nWords.\n\n**Sets**\n\n- $I$: many\n  things\n- $J$, $K$: more [x] of them\n\n"
        "**Parameters**\n\n- $a$: one, in $[0, 1]$ [kg\n  CO2]\n\nMore [words].\n\n**Size**\n\n1",
    )
    assert found.items("Sets") == [("$I$", "many things", ""), ("$J$, $K$", "more [x] of them", "")]
    assert found.items("Parameters") == [("$a$", "one, in $[0, 1]$", "kg CO2")]
    assert (found.title, found.purpose, found.sections["Size"]) == ("A", "b.", "1")


def test_flow_is_the_library_frontier() -> None:
    """On a lattice of whole attempts the flow costs what the exact frontier says."""
    market = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek"])
    curves = arb.attempt_curves(market, 8)
    frontier = arb.cascade_frontier(curves)
    fails = [model.failure_by_attempt for model in curves.models]
    steps = cascade_flow.steps_of(np.asarray(market.weight), fails, np.asarray(market.cost))
    for build in (cascade_flow.build_pyomo, cascade_flow.build_cvxpy):
        for solve_rate in (0.3, 0.5, 0.7):
            program = build(steps, solve_rate)
            spend = float(frontier.mixture_spend_at(solve_rate))
            assert solve(program) == pytest.approx(spend, rel=1e-6)
            assert steps.rate @ values(program, "x") == pytest.approx(solve_rate, abs=1e-7)
        with pytest.raises(arb.InfeasibleError):
            solve(build(steps, 1.0))


@pytest.mark.parametrize("language", ["pyomo", "cvxpy"])
def test_correlated_equilibrium_is_at_least_the_best_nash(language: str) -> None:
    """Chicken: the best correlated equilibrium pays 10.5, the pure Nash equilibria 9 (Aumann)."""
    gain, build = correlated_equilibrium.gain, getattr(correlated_equilibrium, f"build_{language}")
    first = np.array([[0.0, 7.0], [2.0, 6.0]])
    program = build(first, first.T.copy())
    assert solve(program) == pytest.approx(10.5)
    assert gain(first, first.T, values(program, "p")) == pytest.approx(0.0, abs=1e-8)
    assert gain(first, first.T, np.array([[0.0, 0.0], [0.0, 1.0]])) == pytest.approx(1.0)
    rng = np.random.default_rng(0)
    for _ in range(4):
        pair = rng.uniform(0.0, 1.0, (2, 4, 3))
        library = arb.games.FiniteGame.from_matrices(*pair).correlated("welfare")
        assert solve(build(*pair)) == pytest.approx(library.value, abs=1e-7)
    with pytest.raises(arb.InputError, match="shapes"):
        build(first, first[:1])


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
    mine.write_text(mine.read_text().replace("Maximize(value", "Maximize(0 * value"))
    failed = run("formulations", "check", mine, "--json")
    assert failed.exit_code == 1
    assert not strict(failed.stdout)["checks"][0]["passed"]
    assert "the ways disagree" in failed.stderr
