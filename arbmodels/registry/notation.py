r"""From the notation of docstrings, ``sum_g v[g, j] x[g, j] <= B``, to TeX and Markdown.

The notation is made to be read in a terminal: an index stands in brackets (``x[g, j]``) or after an
underscore (``a_m``), a sum's index after ``sum_`` (in parentheses if it is more than a letter),
words are words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from arbmodels.registry.sections import REQUIRED, Sections, sections_of

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
