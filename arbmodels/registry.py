r"""Formulations by name: ours, the entry points of other packages, or a file.

A formulation is a Python file. Its docstring states the mathematics in Markdown with LaTeX, which
notebooks and the documentation show as it is and a terminal as text; its function ``answers``
solves a small instance in two ways, which :func:`check` compares.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import math
import re
import sys
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import NamedTuple
from xml.etree.ElementTree import Element, fromstring

import numpy as np

import arbmodels.formulations as folder
from arbmodels.display import Displayed, TextTable
from arbmodels.errors import InfeasibleError, InputError

#: Entry point group under which a package names the modules of its formulations.
GROUP = "arbmodels.formulations"
#: The distribution that brings ours.
_OWN = "arbmodels"
#: Sections that every formulation has; each begins with a line of its name in bold.
REQUIRED = ("Sets", "Parameters", "Variables", "Objective", "Constraints", "Size")
_HEADING = re.compile(r"^\*\*([^*\n]+)\*\*$", re.MULTILINE)
#: An item of a section: ``- $v_{g,j}$: what it is [unit]``.
_ITEM = re.compile(r"^- (?P<symbol>\$[^:]+\$)(?::(?P<meaning>.*))?$", re.DOTALL)
_UNIT = re.compile(r"\[(?P<unit>[^\[\]]*)\]\.?$")
_MATHEMATICS = re.compile(r"\$\$(?P<display>.+?)\$\$|\$(?P<inline>[^$]+)\$", re.DOTALL)
#: Greek letters for which LaTeX has no command because they look like Latin ones.
_LOOKALIKE = re.compile(
    r"\\(Alpha|Beta|Epsilon|Zeta|Eta|Iota|Kappa|Mu|Nu|Omicron|omicron|Rho|Tau|Chi)(?![A-Za-z])"
)
#: Accents, as characters that combine with the letter before.
_ACCENTS = {"^": "\u0302", "~": "\u0303", "¯": "\u0304", "˙": "\u0307"}


class Item(NamedTuple):
    """A symbol in LaTeX, what it means, and its unit (empty if none is given)."""

    symbol: str
    meaning: str
    unit: str


@dataclass(frozen=True, repr=False)
class Formulation:
    r"""One formulation: where it is and what its docstring states.

    The docstring is Markdown. Its first line is ``Title: what it decides.``; every section begins
    with its name in bold on a line; sets, parameters and variables are items of the form
    ``- $v_{g,j}$: what it is [unit]``. A unit is any text.

    Attributes
    ----------
    name : str
        Of the entry point, or of the file.
    path : Path
        Source file.
    package : str
        Distribution that brings it; empty for a file.
    text : str
        Docstring of the module.
    module : str
        Dotted name to import; empty for a file.
    """

    name: str
    path: Path
    package: str
    text: str
    module: str = ""

    @property
    def title(self) -> str:
        """First words of the docstring, up to the colon."""
        return self.text.partition("\n")[0].partition(": ")[0].strip().removesuffix(".")

    @property
    def purpose(self) -> str:
        """What it decides: the rest of the first line."""
        return self.text.partition("\n")[0].partition(": ")[2].strip()

    @property
    def sections(self) -> dict[str, str]:
        """Text below each heading, by heading."""
        parts = _HEADING.split(self.text)
        return {
            name.strip(): below.strip()
            for name, below in zip(parts[1::2], parts[2::2], strict=True)
        }

    def items(self, section: str) -> list[Item]:
        """Return the symbols of a section with their meanings and units."""
        found = []
        for item in re.split(r"^(?=- )", self.sections.get(section, ""), flags=re.MULTILINE):
            # A paragraph after the list is none of its items.
            parts = _ITEM.match(item.partition("\n\n")[0].strip())
            if parts:
                meaning = " ".join((parts["meaning"] or "").split())
                unit = _UNIT.search(meaning)
                stated = unit["unit"].strip() if unit else ""
                found.append(
                    Item(parts["symbol"], meaning[: unit and unit.start()].strip(), stated)
                )
        return found

    def problems(self) -> list[str]:
        """Return what the docstring does not state: sections, meanings, units."""
        if not self.text.strip():
            return ["The module has no docstring; begin with 'Title: what it decides.'"]
        found = []
        if not self.purpose:
            found.append("The first line must read 'Title: what it decides.'")
        missing = [name for name in REQUIRED if not self.sections.get(name)]
        if missing:
            found.append(
                f"Sections that are not there or empty: {', '.join(missing)}. A section begins"
                " with its name in bold on a line, such as **Sets**."
            )
        for section in ("Sets", "Parameters", "Variables"):
            items = self.items(section)
            if not items and section not in missing:
                found.append(f"{section}: no item of the form '- $symbol$: meaning'.")
            found += [
                f"{section}: {item.symbol} has no meaning; write '- {item.symbol}: meaning'."
                for item in items
                if not item.meaning
            ]
        found += [
            f"Parameters: {item.symbol} has no unit; write it in square brackets at the end, such"
            " as [seconds]."
            for item in self.items("Parameters")
            if item.meaning and not item.unit
        ]
        return found

    def to_markdown(self, level: int = 1) -> str:
        """Return the docstring as Markdown below a heading of a level."""
        body = self.text.partition("\n")[2].strip()
        head = f"{'#' * level} {self.title}\n\n*{self.purpose[:1].upper()}{self.purpose[1:]}*"
        return _LOOKALIKE.sub(_greek, f"{head}\n\n{body}")

    def to_text(self) -> str:
        """Return the docstring for a terminal, LaTeX turned into text."""
        text = _MATHEMATICS.sub(_mathematics_as_text, self.text)
        return _HEADING.sub(r"\1:", text)

    def load(self) -> ModuleType:
        """Import the module.

        Raises
        ------
        InputError
            If it, or a library it needs, cannot be imported.
        """
        try:
            if self.module:
                return importlib.import_module(self.module)
            return _run_file(self.name, self.path)
        except ImportError as error:
            raise InputError(
                f"{self.name} needs {error.name or 'a library'}, which cannot be imported"
                f" ({error}). Pyomo and CVXPY come with the extra formulations. File: {self.path}"
            ) from error
        except (Exception, SystemExit) as error:  # whatever a file of others does
            raise InputError(
                f"{self.name} cannot be imported ({type(error).__name__}: {error}). Mend"
                f" {self.path}."
            ) from error

    def __repr__(self) -> str:
        return f"{self.name}: {self.purpose}"

    def _repr_markdown_(self) -> str:
        return self.to_markdown(level=3)


def _greek(found: re.Match[str]) -> str:
    size = "CAPITAL" if found[1][0].isupper() else "SMALL"
    return unicodedata.lookup(f"GREEK {size} LETTER {found[1].upper()}")


def _mathematics_as_text(found: re.Match[str]) -> str:
    try:
        text = tex_to_text(found["display"] or found["inline"])
    except Exception:  # the library's, of many kinds; `check` reports it
        return found[0]
    return f"    {text}" if found["display"] else text


def tex_to_text(tex: str) -> str:
    r"""Return LaTeX mathematics as a line of text, with indices in brackets.

    Raises
    ------
    Exception
        If it is no LaTeX: of latex2mathml, or an InputError for what that lets pass.

    Examples
    --------
    >>> print(tex_to_text(r"\sum_{g,j} s_{g,j} x_{g,j} \le \varepsilon B"))
    ∑[g, j] s[g, j] x[g, j] ≤ ε B
    """
    from latex2mathml.converter import convert

    node = fromstring(convert(_LOOKALIKE.sub(_greek, " ".join(tex.split()))))  # noqa: S314 - ours
    line = re.sub(r"(?<=\S) +", " ", _line(node)).strip()
    unknown = re.search(r"\\[A-Za-z]+", line)
    bare = re.sub(r"\\[{}]", "", tex)
    if unknown or bare.count("{") != bare.count("}"):
        raise InputError(f"unknown command {unknown[0]}" if unknown else "braces do not match")
    return line


def _line(node: Element) -> str:  # noqa: PLR0911 - one tag, one line
    """Return a node of MathML as text."""
    parts = [_line(child) for child in node]
    text = (node.text or "").replace("\xa0", " ")
    match node.tag.rpartition("}")[2]:
        case "mo" | "mi" if text == ":" or (_is_sign(text) and text not in "∑∏√|"):
            return f" {text} "
        case "mo":
            return f"{text} " if text == "," or text.isalpha() else text
        case "mspace":
            return "   "
        case "msub" | "munder":
            return f"{parts[0].rstrip()}[{parts[1].strip()}]"
        case "msup":
            return parts[0] + _raised(parts[1])
        case "msubsup" | "munderover":
            return f"{parts[0]}[{parts[1].strip()}]{_raised(parts[2])}"
        case "mover":
            return parts[0] + _ACCENTS.get((node[1].text or "").strip(), parts[1])
        case "mfrac":
            return " / ".join(part if len(part) < 2 else f"({part})" for part in parts)
        case "msqrt":
            return f"√({parts[0]})"
        case "mtable":
            return "; ".join(parts)
    return text + _side_by_side(parts)


def _is_sign(text: str) -> bool:
    return len(text) == 1 and unicodedata.category(text) == "Sm"


def _raised(power: str) -> str:
    power = power.strip()
    if set(power) <= {"′"}:
        return power
    return f"^{power}" if len(power) < 2 else f"^({power})"


def _side_by_side(parts: list[str]) -> str:
    """Join factors with a blank between two that would else be read as one name."""
    line = ""
    for part in parts:
        names = part[:1].isalnum() or part[:1] in "∑∏√"
        touches = line[-1:].isalnum() or line[-1:] in ("]", ")", "′", "}")
        after_index = line[-1:] == "]" and part[:1] == "("
        line += f" {part}" if (names and touches) or after_index else part
    return line


def formulations() -> dict[str, Formulation]:
    """Return every formulation by name, in order of name: ours, and those of installed packages.

    Ours are the files of ``arbmodels.formulations`` that state their mathematics; a package of
    others registers its own under the entry point group ``arbmodels.formulations``. Nothing is
    imported beyond the packages that hold the modules, so that a formulation whose modelling
    language is missing is listed too.

    Warns
    -----
    UserWarning
        For each plug-in that cannot be read or whose name is taken, which is left out, and for each
        whose docstring lacks something, which is listed; with its file and what to do.
    """
    found: dict[str, Formulation] = {}
    for path in sorted(Path(folder.__path__[0]).glob("[!_]*.py")):
        try:
            text = _docstring(path)
        except InputError as error:
            warnings.warn(f"Formulation {path.stem} is left out: {error} Mend it.", stacklevel=2)
            continue
        ours = Formulation(path.stem, path, _OWN, text, f"{folder.__name__}.{path.stem}")
        if ours.sections:  # others are helpers
            found[path.stem] = ours
    points = sorted(
        (point for point in entry_points(group=GROUP) if _package(point) != _OWN),
        key=lambda point: (_package(point), point.value),
    )
    for point in points:
        by = f"Formulation {point.name} ({point.value}) of package {_package(point) or 'unknown'}"
        try:
            each = _described(point)
        except (Exception, SystemExit) as error:  # whatever a package does when it is imported
            what = (
                str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            )
            warnings.warn(
                f"{by} is left out: {what} Mend that package, or uninstall it.", stacklevel=2
            )
            continue
        by += f", file {each.path}"
        if point.name in found:
            kept = found[point.name]
            warnings.warn(
                f"{by} is left out: the name is that of {kept.path}, package {kept.package}. Rename"
                " one of the entry points, or give the file's path in place of the name.",
                stacklevel=2,
            )
            continue
        if problems := each.problems():
            warnings.warn(
                f"{by} does not state all of its mathematics: {' '.join(problems)} Mend its"
                " docstring.",
                stacklevel=2,
            )
        found[point.name] = each
    return dict(sorted(found.items()))


def find(name: str | Path) -> Formulation:
    """Return a formulation by its registered name, or from a Python file.

    Parameters
    ----------
    name : str or Path
        Of :func:`formulations`, or a path that ends in ``.py``.

    Raises
    ------
    InputError
        If there is none.
    """
    if str(name).endswith(".py"):
        path = Path(name)
        return Formulation(path.stem, path, "", _docstring(path))
    known = formulations()
    if str(name) in known:
        return known[str(name)]
    near = get_close_matches(str(name), known, n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    raise InputError(
        f"No formulation is called {name}.{meant} Registered: {', '.join(known) or 'none'}; a file"
        " is named by a path that ends in .py."
    )


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else ""


def _described(point: EntryPoint) -> Formulation:
    try:
        spec = importlib.util.find_spec(point.module)
    except ModuleNotFoundError:  # of a parent package
        spec = None
    if spec is None or spec.origin is None:
        raise InputError(f"{point.module} cannot be found.")
    path = Path(spec.origin)
    return Formulation(point.name, path, _package(point), _docstring(path), point.module)


def _docstring(path: Path) -> str:
    """Read a module's docstring without running the module."""
    try:
        return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    except (SyntaxError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no Python file ({error}).") from error


def _run_file(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_formulation_{name}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


#: How far two optimal values may be apart, relative to the larger (or to 1e-3).
TOLERANCE = 2e-6


@dataclass(frozen=True, repr=False)
class Check(Displayed):
    """What a check of one formulation found.

    Attributes
    ----------
    name : str
    instances : int
        Random instances on which the ways were compared.
    feasible : int
        How many of them have a solution.
    ways : tuple of str
        The ways of solving that were compared.
    largest_difference : float
        Between two ways, relative to the larger value; NaN where nothing was compared.
    seconds : float
    problems : tuple of str
        Empty if the formulation passes.
    """

    name: str
    instances: int
    feasible: int
    ways: tuple[str, ...]
    largest_difference: float
    seconds: float
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.problems

    def table(self) -> TextTable:
        """Return the check as a table."""
        rows = [
            ("ways of solving", ", ".join(self.ways) or "–"),
            ("instances (with a solution)", f"{self.instances} ({self.feasible})"),
            ("largest relative difference", f"{self.largest_difference:.1e}"),
            ("time [s]", f"{self.seconds:.2f}"),
            *(("problem", problem) for problem in self.problems),
        ]
        verdict = "passes" if self.passed else "does not pass"
        return TextTable(f"{self.name} {verdict}", ("check", "found"), rows)


def check(name: str | Path | Formulation, *, instances: int = 8, seed: int = 0) -> Check:
    """Check one formulation.

    Its docstring must state sets, parameters with units, variables, objective, constraints and
    size. Its module must have a function ``answers(rng)`` that draws one small random instance and
    returns its optimal value by at least two ways, such as
    ``{"pyomo": 1.5, "cvxpy": 1.5, "enumeration": 1.5}``, NaN where a way finds it infeasible (or
    :class:`InfeasibleError` if all do). The values must agree on every instance, and at least half
    of the instances must have a solution, not all with the same value. A formulation that cannot be
    imported does not pass.

    Parameters
    ----------
    name : str, Path or Formulation
        A registered name or a file.
    instances : int
        At least 2.
    seed : int
        Of the random instances.

    Returns
    -------
    Check

    Raises
    ------
    InputError
        If there is no such formulation.
    """
    if instances < 2:
        raise InputError(f"instances is {instances}; give at least 2.")
    formulation = name if isinstance(name, Formulation) else find(name)
    problems = [*formulation.problems(), *_unreadable(formulation.text)]
    try:
        answers = getattr(formulation.load(), "answers", None)
        if not callable(answers):
            problems.append("The module has no function answers(rng) that solves a small instance.")
    except InputError as error:
        answers = None
        problems.append(str(error))
    if not callable(answers):
        return Check(formulation.name, 0, 0, (), math.nan, 0.0, tuple(problems))
    begun = perf_counter()
    compared, found = _compare(answers, instances, seed)
    seconds = perf_counter() - begun
    problems += found
    values = [next(iter(each.values())) for each in compared if _feasible(each)]
    if not found:
        if len(values) < instances / 2:
            problems.append(f"Only {len(values)} of {instances} instances have a solution.")
        elif len({round(value, 9) for value in values}) < 2:
            problems.append("Every instance has the same value, so that nothing is compared.")
    largest = max((_difference(each) for each in compared if _feasible(each)), default=math.nan)
    ways = tuple(dict.fromkeys(way for each in compared for way in each))
    return Check(formulation.name, instances, len(values), ways, largest, seconds, tuple(problems))


def _unreadable(text: str) -> list[str]:
    """Return which LaTeX of a docstring is none."""
    found = []
    for piece in _MATHEMATICS.finditer(text):
        try:
            tex_to_text(piece["display"] or piece["inline"])
        except Exception as error:  # the library's, of many kinds
            found.append(f"{piece[0]} is no LaTeX mathematics ({type(error).__name__}: {error}).")
    return found


def _compare(
    answers: Callable[[np.random.Generator], Mapping[str, float]], instances: int, seed: int
) -> tuple[list[dict[str, float]], list[str]]:
    """Return the values of every instance, and what is wrong with them."""
    compared: list[dict[str, float]] = []
    problems = []
    for number in range(instances):
        try:
            drawn = answers(np.random.default_rng((seed, number)))
            values = {str(way): float(value) for way, value in drawn.items()}
        except InfeasibleError:
            continue
        except Exception as error:
            problems.append(f"Instance {number}: {type(error).__name__}: {error}")
            continue
        if len(values) < 2:
            return compared, [f"answers(rng) solves in {len(values)} way; two are compared."]
        compared.append(values)
        if not _agree(values):
            stated = ", ".join(f"{way} {value:.9g}" for way, value in values.items())
            problems.append(f"Instance {number}: the ways disagree: {stated}.")
    return compared, problems


def _feasible(values: Mapping[str, float]) -> bool:
    return all(math.isfinite(value) for value in values.values())


def _agree(values: Mapping[str, float]) -> bool:
    if not _feasible(values):
        return all(math.isnan(value) for value in values.values())
    return _difference(values) <= TOLERANCE


def _difference(values: Mapping[str, float]) -> float:
    low, high = min(values.values()), max(values.values())
    return (high - low) / max(abs(low), abs(high), 1e-3)
