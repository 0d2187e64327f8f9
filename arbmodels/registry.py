r"""Formulations by name: the entry points of the installed packages, or a file.

What the docstring of a formulation states, section by section.

From the notation of docstrings, ``sum_g v[g, j] x[g, j] <= B``, to TeX and Markdown.

The notation is made to be read in a terminal: an index stands in brackets (``x[g, j]``) or after an
underscore (``a_m``), a sum's index after ``sum_`` (in parentheses if it is more than a letter),
words are words.

Whether a formulation states what it must, and two ways of solving it agree.
"""

from __future__ import annotations

import ast
import importlib
import importlib.machinery
import importlib.util
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import NamedTuple

import numpy as np

from arbmodels.display import Displayed, TextTable
from arbmodels.errors import InfeasibleError, InputError

#: Sections that every formulation has, by the word their heading begins with.
REQUIRED = ("Sets", "Parameters", "Variables", "Objective", "Constraints", "Size")
_HEADING = re.compile(rf"^({'|'.join(REQUIRED)})\b.*:$")
#: A symbol with its index, at the beginning of an entry whose symbol is long.
_SYMBOL = re.compile(r"^(?:[A-Za-z]\w*(?:\[[^\]]*\]|\([^)]*\))?)(?:, [A-Za-z]\w*)* +(?=\S)")
#: Text at the margin ends the mathematics.
_INDENTED = re.compile(r"^(?: {4}|$)")
UNITS = (
    "currency",
    "dollar",
    "probability",
    "rate",
    "seconds",
    "attempts",
    "weight",
    "share",
    "number",
    "token",
    "instances",
    "utility",
    "index",
    "dimensionless",
)


class Entry(NamedTuple):
    """A symbol and what it means."""

    symbol: str
    meaning: str


class Sections(NamedTuple):
    """The parts of a formulation's docstring.

    Attributes
    ----------
    title : str
        First words of the first line.
    purpose : str
        The rest of the first line.
    before, after : str
        Paragraphs before and after the mathematics.
    mathematics : dict of str to tuple of str
        Lines below each heading, without their indentation of four.
    headings : dict of str to str
        The headings in full.
    """

    title: str
    purpose: str
    before: str
    mathematics: dict[str, tuple[str, ...]]
    headings: dict[str, str]
    after: str

    def entries(self, section: str) -> list[Entry]:
        """Return the symbols of Sets, Parameters or Variables with their meanings."""
        found: list[Entry] = []
        for line in self.mathematics.get(section, ()):
            if line.startswith(" ") and found:  # goes on
                found[-1] = Entry(found[-1].symbol, f"{found[-1].meaning} {line.strip()}".strip())
            elif line.strip():
                symbol, _, meaning = line.partition("  ")
                if not meaning and (long := _SYMBOL.match(line)):
                    symbol, meaning = line[: long.end()], line[long.end() :]
                found.append(Entry(symbol.strip(), meaning.strip()))
        return found

    def problems(self) -> list[str]:
        """Return what is not stated: sections, meanings, units."""
        if not self.title:
            return ["The module has no docstring; begin with 'Title: what it decides.'"]
        found = []
        if not self.purpose:
            found.append("The first line must read 'Title: what it decides.'")
        missing = [name for name in REQUIRED if not self.mathematics.get(name)]
        if missing:
            found.append(f"Sections that are not there or empty: {', '.join(missing)}.")
        for section in ("Sets", "Parameters", "Variables"):
            found += [
                f"{section}: {symbol} has no meaning; write it two blanks after the symbol."
                for symbol, meaning in self.entries(section)
                if not meaning
            ]
        found += [
            f"Parameters: {symbol} has no unit (one of {', '.join(UNITS)})."
            for symbol, meaning in self.entries("Parameters")
            if meaning and not any(unit in meaning for unit in UNITS)
        ]
        return found


def sections_of(text: str) -> Sections:
    """Split a docstring; what is not there comes back empty."""
    lines = text.split("\n")
    title, _, purpose = lines[0].partition(": ") if lines else ("", "", "")
    before: list[str] = []
    after: list[str] = []
    mathematics: dict[str, list[str]] = {}
    headings: dict[str, str] = {}
    inside = ""
    for line in lines[1:]:
        heading = _HEADING.match(line)
        if heading and heading[1] not in mathematics:
            inside = heading[1]
            mathematics[inside], headings[inside] = [], line.removesuffix(":")
        elif inside and _INDENTED.match(line) and not after:
            mathematics[inside].append(line[4:])
        else:
            (after if mathematics else before).append(line)
    kept = {name: tuple(_trimmed(below)) for name, below in mathematics.items()}
    return Sections(
        title.strip().removesuffix("."),
        purpose.strip(),
        "\n".join(_trimmed(before)),
        kept,
        headings,
        "\n".join(_trimmed(after)),
    )


def _trimmed(lines: list[str]) -> list[str]:
    """Return lines without empty ones at the ends."""
    full = [place for place, line in enumerate(lines) if line.strip()]
    return lines[full[0] : full[-1] + 1] if full else []


_GREEK = {
    "Gamma": r"\Gamma",
    "Phi": r"\Phi",
    "Lambda": r"\Lambda",
    "alpha": r"\alpha",
    "beta": r"\beta",
    "gamma": r"\gamma",
    "epsilon": r"\varepsilon",
    "eta": r"\eta",
    "lambda": r"\lambda",
    "mu": r"\mu",
    "pi": r"\pi",
    "sigma": r"\sigma",
    "inf": r"\infty",
    "sqrt": r"\sqrt",
    "log": r"\log",
    "exp": r"\exp",
}
_OPERATORS = {"sum": r"\sum", "prod": r"\prod", "max": r"\max", "min": r"\min"}
_SIGNS = {
    "<=": r" \le ",
    ">=": r" \ge ",
    "!=": r" \ne ",
    "->": r" \to ",
    "*": r" \cdot ",
    "\\": r" \setminus ",
    "{": r"\{",
    "}": r"\}",
    "%": r"\%",
}
_TOKEN = re.compile(
    r"(?P<name>[A-Za-z]+'*(?:_(?P<below>[A-Za-z0-9]+'*|(?=\()))?)"
    r"|(?P<number>\d+(?:\.\d+)?(?:e-?\d+)?)|(?P<sign><=|>=|!=|->|[*\\{}%])|(?P<gap> {3,})"
    r"|(?P<blank> +)|(?P<other>.)"
)
#: An article within words, not the symbol a.
_ARTICLE = re.compile(r"a (?!in )[a-z]{2}")
#: ``one plan each:  sum_j ...``
_LABEL = re.compile(r"^(?P<label>[a-z][a-z ,-]*): {2,}(?=\S)")
#: What is mathematics within a sentence: a symbol with an index or a sum, and what follows of it.
_STRONG = (
    r"(?:(?:sum|prod)_(?:\([^)\n]*\)|\w'?)|\b[A-Za-z]\w*\[[^\]\n]{1,24}\]|\b[A-Za-z]_[A-Za-z0-9]\b)"
)
_WEAK = r"(?:\b[A-Za-z]\b(?!['’])|\d+(?:\.\d+)?)"
_INLINE = re.compile(
    rf"(?:\b\d+ <= )?{_STRONG}"
    rf"(?:\s?(?:<=|>=|[-+*=])\s?\(?(?:{_STRONG}|{_WEAK})\)?|\s\(?{_STRONG}\)?)*"
)


def to_tex(text: str) -> str:
    r"""Return TeX for an expression.

    >>> print(to_tex("sum_(g,j) s[g, j] x[g, j] <= B"))
    \sum_{g,j} s_{g,j} x_{g,j} \le B
    >>> print(to_tex("x[g, j] >= 0   for all g in G"))
    x_{g,j} \ge 0 \quad \text{ for all }g \in G
    """
    parts: list[str] = []
    words: list[str] = []

    def end_words() -> None:
        if words:
            parts.append(rf"\text{{ {' '.join(words)} }}")
            words.clear()

    place = 0
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:  # a line break
            place += 1
            continue
        place = token.end()
        name = token["name"]
        if name == "not" and text.startswith(" in ", place):
            end_words()
            parts.append(r" \notin ")
            place += len(" in ")
            continue
        if name and (
            _is_word(name, text, token) or (words and _ARTICLE.match(text, token.start()))
        ):
            words.append(name)
            continue
        if token["blank"] or token["gap"]:
            if token["gap"]:
                end_words()
                parts.append(r" \quad ")
            elif not words:
                parts.append(" ")
            continue
        end_words()
        if name:
            base, _, below = name.partition("_")
            index = to_tex(below)
            if (name.endswith("_") and not below) or text[place : place + 1] == "[":
                inner, place = _bracketed(text, place)
                index = ",".join(filter(None, [index, to_tex(inner)]))
            parts.append(_named(base, index))
        else:
            parts.append(_SIGNS.get(token["sign"] or "", token[0]))
    end_words()
    return re.sub(r" +", " ", "".join(parts)).strip()


def _is_word(name: str, text: str, token: re.Match[str]) -> bool:
    """Whether a name is an English word, not a symbol."""
    if (
        name in _GREEK
        or name.split("_", maxsplit=1)[0] in _OPERATORS
        or name == "in"
        or "_" in name
    ):
        return False
    if text[token.end() : token.end() + 1] in ("[", "("):
        return False
    return len(name.rstrip("'")) > 1 and name.islower()


def _named(base: str, index: str) -> str:
    if base == "in":
        return r" \in "
    letter = base.rstrip("'")
    primes = base[len(letter) :]
    symbol = _GREEK.get(letter) or _OPERATORS.get(letter)
    if symbol is None:
        symbol = letter if len(letter) == 1 else rf"\mathrm{{{letter}}}"
    below = f"_{{{index}}}" if index else ""
    trailing = " " if symbol.startswith("\\") and not below else ""
    return f"{symbol}{primes}{below}{trailing}"


def _bracketed(text: str, place: int) -> tuple[str, int]:
    """Return what stands in the brackets that open at ``place``, and where they end."""
    depth = 0
    for end in range(place, len(text)):
        depth += (text[end] in "[(") - (text[end] in "])")
        if depth == 0:
            return text[place + 1 : end].replace(", ", ","), end + 1
    return text[place + 1 :], len(text)


def to_markdown(text: str, level: int = 1) -> str:
    """Return the docstring of a formulation as Markdown with ``$`` and ``$$`` mathematics.

    Parameters
    ----------
    text : str
    level : int
        Of the heading.
    """
    sections = sections_of(text)
    head = [f"{'#' * level} {sections.title}", _sentences(f"*{_capital(sections.purpose)}*")]
    body = [
        part
        for name in REQUIRED
        if name in sections.mathematics
        for part in _section(sections, name)
    ]
    return "\n\n".join([*head, _sentences(sections.before), *body, _sentences(sections.after)])


def _section(sections: Sections, name: str) -> list[str]:
    title = f"**{_heading(sections.headings[name])}**"
    if name in ("Sets", "Parameters", "Variables"):
        rows = [
            f"| ${_cell(to_tex(symbol))}$ | {_cell(_sentences(meaning))} |"
            for symbol, meaning in sections.entries(name)
        ]
        return [title, "\n".join(["| symbol | meaning |", "| --- | --- |", *rows])]
    if name == "Size":
        return [title, _sentences("\n".join(sections.mathematics[name]))]
    return [title, *_displays(sections.mathematics[name])]


def _displays(lines: Sequence[str]) -> list[str]:
    """Return one display per statement; an indented line goes on with the one before."""
    statements: list[str] = []
    for line in lines:
        if line.startswith(" ") and statements:
            statements[-1] += f" {line.strip()}"
        elif line.strip():
            statements.append(line)
    shown = []
    for statement in statements:
        label = _LABEL.match(statement)
        rest = statement[label.end() :] if label else statement
        before = rf"\text{{{label['label']}:}} \quad " if label else ""
        shown.append(f"$$\n{before}{to_tex(rest)}\n$$")
    return shown


def _heading(text: str) -> str:
    words, separator, rest = text.partition(", with ")
    if separator and "=" in rest:
        return f"{words}, with ${to_tex(rest)}$"
    return text


def _sentences(text: str) -> str:
    """Return running text with ``code`` as Markdown's and indexed symbols as mathematics."""
    pieces = re.split(r"(``[^`]+``|\n\n(?: {4}.*\n?)+)", text)
    for place, piece in enumerate(pieces):
        if piece.startswith("``"):
            pieces[place] = f"`{piece.strip('`')}`"
        elif piece.startswith("\n\n    "):
            pieces[place] = f"\n\n$$\n{to_tex(' '.join(piece.split()))}\n$$\n"
        else:
            pieces[place] = _INLINE.sub(_inline, piece)
    return "".join(pieces)


def _inline(found: re.Match[str]) -> str:
    text = " ".join(found[0].split())
    surplus = text.count("(") - text.count(")")
    if surplus < 0 and text.endswith(")"):  # it closes one of the sentence's
        return f"${to_tex(text[:-1])}$)"
    return text if surplus else f"${to_tex(text)}$"


def _cell(text: str) -> str:
    return (
        text.replace("|", r"\vert ") if text.startswith(("|", "\\")) else text.replace("|", "\\|")
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


#: Entry point group under which a package names the modules of its formulations.
GROUP = "arbmodels.formulations"


@dataclass(frozen=True, repr=False)
class Formulation:
    """One formulation: where it is and what its docstring states.

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
    def sections(self) -> Sections:
        """The parts of the docstring."""
        return sections_of(self.text)

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
                f" ({error}). Pyomo and CVXPY come with the extra formulations."
            ) from error

    def __repr__(self) -> str:
        return f"{self.name}: {self.sections.purpose}"

    def _repr_markdown_(self) -> str:
        return to_markdown(self.text, level=3)


def formulations() -> dict[str, Formulation]:
    """Return every formulation that an installed package registers, by name, in order of name.

    Nothing is imported beyond the packages that hold the modules, so that a formulation whose
    modelling language is missing is listed too.

    Raises
    ------
    InputError
        If two packages register the same name, or a module is not where its entry point says.
    """
    found: dict[str, Formulation] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        each = _described(point)
        if point.name in found:
            raise InputError(
                f"Two packages register a formulation {point.name}: {found[point.name].package}"
                f" and {each.package}. Uninstall one, or rename its entry point."
            )
        found[point.name] = each
    return found


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


def _described(point: EntryPoint) -> Formulation:
    package = point.dist.name if point.dist else ""
    spec = _spec(point.module)
    if spec is None or spec.origin is None:
        raise InputError(
            f"The formulation {point.name} of {package} is said to be in {point.module}, which"
            " cannot be found. Install the package anew."
        )
    path = Path(spec.origin)
    return Formulation(point.name, path, package, _docstring(path), point.module)


def _spec(module: str) -> importlib.machinery.ModuleSpec | None:
    try:
        return importlib.util.find_spec(module)
    except ModuleNotFoundError:  # of a parent package
        return None


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
    returns its optimal value by at least two ways that share no solver code, such as
    ``{"pyomo": 1.5, "enumeration": 1.5}``, NaN where a way finds it infeasible (or
    :class:`InfeasibleError` if all do). The values must agree on every instance, and at least half
    of the instances must have a solution, not all with the same value.

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
        If there is no such formulation or it cannot be imported.
    """
    if instances < 2:
        raise InputError(f"instances is {instances}; give at least 2.")
    formulation = name if isinstance(name, Formulation) else find(name)
    problems = formulation.sections.problems()
    answers = getattr(formulation.load(), "answers", None)
    if not callable(answers):
        problems.append("The module has no function answers(rng) that solves a small instance.")
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


def _compare(
    answers: Callable[[np.random.Generator], Mapping[str, float]], instances: int, seed: int
) -> tuple[list[dict[str, float]], list[str]]:
    """Return the values of every instance, and what is wrong with them."""
    compared: list[dict[str, float]] = []
    problems = []
    for number in range(instances):
        try:
            drawn = answers(np.random.default_rng((seed, number)))
        except InfeasibleError:
            continue
        except Exception as error:
            problems.append(f"Instance {number}: {type(error).__name__}: {error}")
            continue
        values = {way: float(value) for way, value in drawn.items()}
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
