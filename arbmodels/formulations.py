"""The algebraic formulations: ``from arbmodels.formulations.budget_routing import build_pyomo``.

In a checkout they are the folder ``formulations`` beside this package, where they are easy to find
and to copy. In a wheel they are a folder of this name inside the package, and this file is not.
"""

from __future__ import annotations

from pathlib import Path

#: Where Python looks for ``arbmodels.formulations.NAME``.
__path__ = [str(Path(__file__).resolve().parents[1] / "formulations")]
