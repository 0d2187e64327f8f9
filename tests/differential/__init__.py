"""Differential testing: the package against the judges of :mod:`tests.judges`.

``python -m tests.differential --cases 1000 --seed 0 --workers 2`` draws random problems of every
area, extremes included, and stops at the first disagreement with a small case that shows it.
"""

from __future__ import annotations

from tests.differential import (
    cascades,
    classes,
    crossval,
    finite,
    paper,
    passk,
    posted,
    providers,
    routing,
    smooth,
    verification,
)
from tests.differential.harness import Area, Case, attempt

AREAS: dict[str, Area] = {
    area.name: area
    for module in (
        passk,
        cascades,
        classes,
        crossval,
        paper,
        verification,
        routing,
        posted,
        finite,
        smooth,
        providers,
    )
    for area in module.AREAS
}


def replay(area: str, case: Case) -> None:
    """Check one case of an area; raises :class:`tests.differential.harness.Disagreement`."""
    found = attempt(AREAS[area], case)
    if found is not None:
        raise found
