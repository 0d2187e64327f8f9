"""The code of the library as pages, and where in them an object of the reference is."""

from __future__ import annotations

import importlib
import inspect
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def pages() -> dict[str, str]:
    """Return one page per file of the package; they are not searched."""
    made = {}
    for path in sorted((ROOT / "arbmodels").rglob("*.py")):
        place = path.relative_to(ROOT)
        code = path.read_text(encoding="utf-8") or "# empty\n"
        made[f"source/{place.with_suffix('.md').as_posix()}"] = (
            "---\nsearch: { exclude: true }\ntemplate: source.html\n---\n\n"
            f"# {place.as_posix()}\n\n"
            f'``````{{ .python linenums="1" }}\n{code}``````\n'
        )
    return made


def address(name: str) -> str | None:
    """Return where a class, function or property begins; None for what has no code of its own."""
    thing = inspect.unwrap(_definition(_found(name)))
    try:
        _, line = inspect.getsourcelines(thing)
        place = Path(inspect.getsourcefile(thing) or "").relative_to(ROOT)
    except (TypeError, OSError, ValueError):
        return None
    return f"source/{place.with_suffix('.html').as_posix()}#__codelineno-0-{max(line, 1)}"


def _found(name: str) -> Any:
    """Return the object with this dotted name: what a module holds, or a member of it."""
    home, names = name, list[str]()
    while True:
        try:
            thing: Any = importlib.import_module(home)
            break
        except ModuleNotFoundError:
            home, _, last = home.rpartition(".")
            names.insert(0, last)
    for each in names:
        owner, thing = thing, inspect.getattr_static(thing, each, None)
        if thing is None:
            thing = getattr(owner, each, None)  # a name that is loaded when it is first used
    return thing


def _definition(thing: Any) -> Any:
    if isinstance(thing, staticmethod | classmethod):
        return thing.__func__
    if isinstance(thing, property):
        return thing.fget
    return thing.func if isinstance(thing, cached_property) else thing
