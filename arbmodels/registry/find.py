"""Formulations by name: the entry points of the installed packages, or a file."""

from __future__ import annotations

import ast
import importlib
import importlib.machinery
import importlib.util
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from arbmodels.errors import InputError
from arbmodels.registry.notation import to_markdown
from arbmodels.registry.sections import Sections, sections_of

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
