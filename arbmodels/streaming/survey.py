"""One look at all blocks before anything is solved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arbmodels.assignment.source import Block, FloatArray, Source
from arbmodels.errors import DataError
from arbmodels.streaming.check import problems_of, without_model

_REMEDY = "Correct the numbers named; nothing was solved."


@dataclass(frozen=True, eq=False)
class _Seen:
    """What one block has."""

    size: int
    weight: FloatArray
    problems: tuple[str, ...]


def survey(source: Source, models: Sequence[str], classes: int, *, abstain: bool) -> FloatArray:
    """Return the weight of every class, [C].

    Raises
    ------
    DataError
        With every wrong number, and every instance that nothing may serve.
    """
    seen = source.map(_look, tuple(models), classes, abstain)
    problems = [problem for each in seen for problem in each.problems]
    weight: FloatArray = np.sum([each.weight for each in seen], axis=0)
    if sum(each.size for each in seen) != source.groups:
        problems.append("the blocks do not make up the groups of the source")
    elif not problems and not weight.sum() > 0:
        problems.append("all weights are zero")
    if problems:
        raise DataError("streamed instances", problems, _REMEDY)
    return weight


def _look(block: Block, models: tuple[str, ...], classes: int, abstain: bool) -> _Seen:
    problems = _shape_problems(block, models, classes)
    if problems:
        return _Seen(block.size, np.zeros(classes), tuple(problems))
    problems = problems_of(block, models, lambda i: f"instance {block.start + i}")
    if not abstain:
        problems += [
            f"instance {block.start + i}: no model is offered; allow abstaining"
            for i in np.flatnonzero(without_model(block))[:100].tolist()
        ]
    which = np.zeros(block.size, np.int64) if block.classes is None else block.classes
    weight = np.bincount(which, block.weights, minlength=classes).astype(float)
    return _Seen(block.size, weight, tuple(problems))


def _shape_problems(block: Block, models: tuple[str, ...], classes: int) -> list[str]:
    place = f"block at instance {block.start}"
    if len(block.quantities) != 2:
        return [f"{place}: {len(block.quantities)} quantities, not solve rates and spends"]
    expected = (block.size, len(models))
    arrays = {"solve rates": (block.quantities[0], expected)}
    arrays["spends"] = (block.quantities[1], expected)
    for name, values, shape in (
        ("offered", block.offered, expected),
        ("classes", block.classes, expected[:1]),
        ("weights", block.weights, expected[:1]),
    ):
        if values is not None:
            arrays[name] = (values, shape)  # type: ignore[assignment]
    problems = [
        f"{place}: {name} of shape {values.shape}, expected {shape}"
        for name, (values, shape) in arrays.items()
        if values.shape != shape
    ]
    if not problems and block.classes is not None and block.size:
        least, most = int(block.classes.min()), int(block.classes.max())
        if least < 0 or most >= classes:
            problems.append(
                f"{place}: classes from {least} to {most}, but there are {classes} segments"
            )
    return problems
