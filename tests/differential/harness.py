"""Draw random problems, ask the package and a judge, stop at the first disagreement.

A case is a dictionary of plain values (numbers, strings, lists), so that it can be printed,
pasted and made smaller. Case k of an area depends on the seed, the area and k alone: not on other
areas, nor on how many processes share the work.
"""

from __future__ import annotations

import contextlib
import copy
import io
import math
import multiprocessing
import os
import pprint
import time
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

Case = dict[str, Any]
#: Cases that a process works through before it reports.
_CHUNK = 25
#: Seconds spent on making a disagreement smaller.
_SHRINKING = 20.0


class Disagreement(Exception):  # noqa: N818 - it is what was looked for
    """The package and a judge give different answers.

    Parameters
    ----------
    what : str
        Which number or label, in fixed words: cases are made smaller as long as these stay.
    package, judge : object
        The two answers.
    """

    def __init__(self, what: str, package: object = None, judge: object = None) -> None:
        super().__init__(what, package, judge)
        self.what, self.package, self.judge = what, package, judge

    def __str__(self) -> str:
        return f"{self.what}\n  package: {self.package!r}\n  judge:   {self.judge!r}"


class Refusal(Exception):  # noqa: N818 - an answer of its own
    """The package said, in words of its own, that it cannot answer: counted, not a disagreement."""


@dataclass(frozen=True)
class Area:
    """One kind of problem.

    Parameters
    ----------
    name : str
    draw : function
        Random generator -> case.
    check : function
        Case -> None; raises Disagreement.
    share : float
        Of all cases, relative to the other areas: cheap ones have more.
    axes : mapping of str to sequence of (key, axis)
        What can be left out of a case together: "model" -> entries of these arrays. One is kept,
        unless the name says "any stage".
    simpler : mapping of str to value
        What a key may be replaced by to make a case simpler.
    """

    name: str
    draw: Callable[[np.random.Generator], Case]
    check: Callable[[Case], None]
    share: float = 1.0
    axes: Mapping[str, Sequence[tuple[str, int]]] = field(default_factory=dict)
    simpler: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """A disagreement, its case as drawn and made smaller."""

    area: str
    index: int
    seed: int
    what: str
    text: str
    case: Case

    def report(self) -> str:
        """Return what disagrees, and code that shows it."""
        body = pprint.pformat(self.case, width=96, sort_dicts=False, compact=True)
        return (
            f"{self.area}, case {self.index} of seed {self.seed}: {self.text}\n\n"
            "# Paste at the root of the repository:\n"
            "from tests.differential import replay\n\n"
            f"replay({self.area!r}, {body})\n"
        )


def same(what: str, package: object, judge: object, rel: float, scale: float = 0.0) -> None:
    """Compare numbers or arrays, NaN meaning NaN, relative to the larger one or to a scale."""
    mine, theirs = np.asarray(package, dtype=float), np.asarray(judge, dtype=float)
    if mine.shape != theirs.shape:
        raise Disagreement(f"{what}: shape", mine.shape, theirs.shape)
    size = np.maximum(np.maximum(np.abs(mine), np.abs(theirs)), scale)
    with np.errstate(invalid="ignore"):
        equal = (np.abs(mine - theirs) <= rel * size) | (mine == theirs)
    if not np.all(equal | (np.isnan(mine) & np.isnan(theirs))):
        raise Disagreement(what, package if np.ndim(package) == 0 else mine.tolist(), _plain(judge))


def between(
    what: str, low: object, package: object, high: object, rel: float, scale: float = 0.0
) -> None:
    """Ask that low <= package <= high, NaN meaning NaN in all three."""
    a, x, b = (np.asarray(each, dtype=float) for each in (low, package, high))
    room = rel * np.maximum(np.maximum(np.abs(a), np.abs(b)), scale)
    with np.errstate(invalid="ignore"):
        inside = (x >= a - room) & (x <= b + room)
    undefined = np.isnan(x) & (np.isnan(a) | np.isnan(b))
    if not np.all(inside | undefined):
        raise Disagreement(what, x.tolist(), {"from": a.tolist(), "to": b.tolist()})


def holds(what: str, condition: object, package: object = None, judge: object = None) -> None:
    """Ask that something is so."""
    if not condition:
        raise Disagreement(what, package, judge)


def _plain(value: object) -> object:
    return np.asarray(value, dtype=float).tolist() if np.ndim(value) else value  # type: ignore[arg-type]


def attempt(area: Area, case: Case) -> Disagreement | None:
    """Check a case; an error of any kind is a disagreement too."""
    found = asked(area, case)
    return None if isinstance(found, Refusal) else found


def asked(area: Area, case: Case) -> Disagreement | Refusal | None:
    """Check a case, telling refusals from answers that agree."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            area.check(copy.deepcopy(case))
    except (Disagreement, Refusal) as found:
        return found
    except Exception as error:
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        place = ""
        if where is not None:
            code = where.tb_frame.f_code
            place = f" in {os.path.basename(code.co_filename)}, {code.co_name}"
        return Disagreement(f"{type(error).__name__}{place}", str(error), "an answer")
    return None


def draw(area: Area, seed: int, index: int) -> Case:
    """Return case ``index`` of an area."""
    rng = np.random.default_rng([seed, zlib.crc32(area.name.encode()), index])
    return area.draw(rng)


def shrunk(area: Area, case: Case, what: str, seconds: float = _SHRINKING) -> Case:
    """Make a case smaller as long as the same disagreement stays."""
    deadline = time.monotonic() + seconds
    again = True
    while again and time.monotonic() < deadline:
        again = False
        for smaller in _smaller(area, case):
            if time.monotonic() > deadline:
                break
            if smaller == case:
                continue
            found = attempt(area, smaller)
            if found is not None and found.what == what:
                case, again = smaller, True
                break
    return case


def _smaller(area: Area, case: Case) -> Iterator[Case]:
    for name, places in area.axes.items():
        held = [(key, axis) for key, axis in places if case.get(key) is not None]
        if not held:
            continue
        count = _length(case[held[0][0]], held[0][1])
        if count == 1 and not name.startswith("any "):
            continue
        for position in range(count):
            with contextlib.suppress(IndexError, TypeError, KeyError):
                yield {
                    **case,
                    **{key: _without(case[key], axis, position) for key, axis in held},
                }
    for key, value in area.simpler.items():
        if case.get(key) != value:
            yield {**case, key: value}
    for digits in (0, 1, 2, 3):
        for key, value in case.items():
            if key == "seed":
                continue
            rounded = _rounded(value, digits)
            if rounded != value:
                yield {**case, key: rounded}


def _length(value: Any, axis: int) -> int:
    return len(value) if axis == 0 else _length(value[0], axis - 1)


def _without(value: Any, axis: int, position: int) -> Any:
    if axis == 0:
        return [each for k, each in enumerate(value) if k != position]
    return [_without(each, axis - 1, position) for each in value]


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, bool) or not isinstance(value, float | list | dict):
        return value
    if isinstance(value, list):
        return [_rounded(each, digits) for each in value]
    if isinstance(value, dict):
        return {key: _rounded(each, digits) for key, each in value.items()}
    if value == 0 or not math.isfinite(value):
        return value
    return float(f"{value:.{digits}e}")


class Done(NamedTuple):
    """What a chunk came to: cases done and refused, seconds of CPU, the slowest, a failure."""

    name: str
    cases: int
    refused: int
    seconds: float
    slowest: float
    failure: Failure | None


def _chunk(task: tuple[str, int, int, int]) -> Done:
    """Work through some cases of an area, up to the first failure."""
    from tests.differential import AREAS

    name, seed, start, end = task
    area, began, slowest, refused = AREAS[name], time.process_time(), 0.0, 0
    failure, done = None, 0
    for index in range(start, end):
        before = time.process_time()
        case = draw(area, seed, index)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            found = asked(area, case)
        slowest = max(slowest, time.process_time() - before)
        done += 1
        if isinstance(found, Disagreement):
            failure = Failure(name, index, seed, found.what, str(found), case)
            break
        refused += found is not None
    return Done(name, done, refused, time.process_time() - began, slowest, failure)


def counts(areas: Sequence[Area], cases: int) -> dict[str, int]:
    """Divide the cases among the areas by their shares; the sum is right, and each has one."""
    total = sum(area.share for area in areas)
    ends = np.cumsum([area.share for area in areas]) / total * cases
    whole = np.diff(np.concatenate([[0], np.rint(ends).astype(int)]))
    return {area.name: max(1, int(n)) for area, n in zip(areas, whole, strict=True)}


def _tasks(wanted: Mapping[str, int], seed: int) -> list[tuple[str, int, int, int]]:
    """Chunks of all areas, side by side: each area is a tenth done when all are."""
    placed = [
        ((start + 0.5) / count, (name, seed, start, min(start + _CHUNK, count)))
        for name, count in wanted.items()
        for start in range(0, count, _CHUNK)
    ]
    return [task for _, task in sorted(placed)]


@dataclass
class Tally:
    """Cases done and refused, seconds of CPU and the slowest case, by area."""

    cases: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    slowest: dict[str, float] = field(default_factory=dict)

    def add(self, done: Done) -> None:
        """Count a chunk."""
        name = done.name
        self.cases[name] = self.cases.get(name, 0) + done.cases
        self.refused[name] = self.refused.get(name, 0) + done.refused
        self.seconds[name] = self.seconds.get(name, 0.0) + done.seconds
        self.slowest[name] = max(self.slowest.get(name, 0.0), done.slowest)


def run(
    areas: Sequence[Area],
    cases: int,
    seed: int,
    workers: int = 1,
    *,
    keep_going: bool = False,
) -> tuple[Tally, list[Failure]]:
    """Run cases; stop at the first failure (in the order of the tasks), or collect one per kind.

    Parameters
    ----------
    areas : sequence of Area
    cases, seed : int
    workers : int
        Processes; neither cases nor the first failure depend on it.
    keep_going : bool
        Go on after a failure, keeping the first of each area and kind.
    """
    wanted = counts(areas, cases)
    tasks = _tasks(wanted, seed)
    tally, failures = Tally(), list[Failure]()
    seen = set[tuple[str, str]]()
    bar = tqdm(total=sum(wanted.values()), unit="case", disable=None, smoothing=0.05)
    with contextlib.ExitStack() as stack:
        stack.enter_context(bar)
        if workers > 1:
            pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(workers))
            results: Iterator[Any] = pool.imap(_chunk, tasks)
        else:
            results = map(_chunk, tasks)
        for task, first in zip(tasks, results, strict=False):
            done = first
            while True:
                tally.add(done)
                bar.update(done.cases)
                bar.set_postfix_str(done.name)
                failure = done.failure
                if failure is None:
                    break
                if (failure.area, failure.what) not in seen:
                    seen.add((failure.area, failure.what))
                    failures.append(failure)
                    tqdm.write(f"{failure.area}, case {failure.index}: {failure.what}")
                if not keep_going:
                    break
                done = _chunk((failure.area, seed, failure.index + 1, task[3]))
            if failures and not keep_going:
                break
    by_name = {area.name: area for area in areas}
    small = [
        Failure(
            one.area,
            one.index,
            one.seed,
            one.what,
            str(attempt(by_name[one.area], case) or one.text),
            case,
        )
        for one in failures
        for case in [shrunk(by_name[one.area], one.case, one.what)]
    ]
    return tally, small
