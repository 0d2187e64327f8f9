"""What the docstring of a formulation states, section by section."""

from __future__ import annotations

import re
from typing import NamedTuple

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
