"""What every plan does on every group of instances, and how well the record knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.display import Displayed, TextTable, number

if TYPE_CHECKING:
    from arbmodels.routing.statement import Statement

FloatArray = npt.NDArray[np.float64]
#: Rows of a printed table.
_SHOWN = 40


@dataclass(frozen=True, eq=False, repr=False)
class Estimates(Displayed):
    """Means over the recorded instances of every group, with counts and standard errors.

    Made by :meth:`arbmodels.routing.RoutingProblem.estimates`.

    Parameters
    ----------
    groups, plans : tuple of str
        Segments (or all instances), and the plans that buy something.
    instances : int array [G]
    recorded : int array [G, J]
        Instances of the group with a record of the plan; the others count as their mean.
    solve, spend : float array [G, J]
        Weighted means: solve rate (or score), and currency units. NaN without a record.
    solve_error, spend_error : float array [G, J]
        Standard errors over the draw of instances; NaN for fewer than two.
    rate, currency : str
        What ``solve`` is called; unit of ``spend``.
    """

    groups: tuple[str, ...]
    plans: tuple[str, ...]
    instances: npt.NDArray[np.int64]
    recorded: npt.NDArray[np.int64]
    solve: FloatArray
    spend: FloatArray
    solve_error: FloatArray
    spend_error: FloatArray
    rate: str
    currency: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row per group and plan."""
        g, j = (each.ravel() for each in np.indices(self.solve.shape))
        what = self.rate.replace(" ", "_")
        return pd.DataFrame(
            {
                "group": np.array(self.groups, dtype=object)[g],
                "plan": np.array(self.plans, dtype=object)[j],
                "instances": self.instances[g],
                "recorded": self.recorded[g, j],
                what: self.solve[g, j],
                f"{what}_standard_error": self.solve_error[g, j],
                "spend": self.spend[g, j],
                "spend_standard_error": self.spend_error[g, j],
            }
        )

    def table(self) -> TextTable:
        """Return the means with their standard errors."""
        frame = self.to_frame()
        what = self.rate.replace(" ", "_")
        rows = [
            (
                row["group"],
                row["plan"],
                f"{row['recorded']} of {row['instances']}",
                f"{number(row[what], 3)} ± {number(row[f'{what}_standard_error'], 2)}",
                f"{number(row['spend'], 3)} ± {number(row['spend_standard_error'], 2)}",
            )
            for row in frame.head(_SHOWN).to_dict("records")
        ]
        more = len(frame) - _SHOWN
        notes = [f"... and {more} more rows in to_frame()"] * (more > 0)
        notes.append("±: standard error over instances. Instances without a record count as the")
        notes[-1] += " mean of the recorded ones of their group, as if missing at random."
        return TextTable(
            "What plans do on groups of instances",
            ("group", "plan", "recorded", self.rate, f"spend [{self.currency}/instance]"),
            rows,
            "\n".join(notes),
        )


def estimates_of(problem: Statement) -> Estimates:
    """Return the estimates of a problem's groups; see :class:`Estimates`."""
    pooled = problem.plan_table
    table = pooled.unpooled or pooled
    assignment = "per-segment" if "segment" in table.partitions else "single"
    if problem.assignment != "oracle":
        assignment = problem.assignment
    groups = table.groups(assignment)
    codes = groups.of_instance
    assert codes is not None  # noqa: S101 - not of an oracle
    names = tuple(str(name) for name in groups.names)
    width = table.width
    there = np.ones((table.size, width), dtype=bool) if table.offered is None else table.offered
    buys = np.flatnonzero(~table.abstains[:width])
    shape = (len(names), len(buys))
    weight = table.times
    means = {what: (np.full(shape, np.nan), np.full(shape, np.nan)) for what in ("solve", "spend")}
    counts = np.zeros(shape, dtype=np.int64)
    for place, j in enumerate(buys.tolist()):
        known = np.where(there[:, j], weight, 0.0)
        counts[:, place] = np.bincount(codes, there[:, j], len(names))
        total = np.bincount(codes, known, len(names))
        for what, (mean, error) in means.items():
            values = table.quantity(what)[:, j].astype(float)
            with np.errstate(invalid="ignore", divide="ignore"):
                weighted = np.where(known > 0, known * values, 0.0)
                mean[:, place] = np.bincount(codes, weighted, len(names)) / total
                apart = np.where(known > 0, known * (values - mean[codes, place]), 0.0)
                squares = np.bincount(codes, apart**2, len(names)) / total**2
                n = counts[:, place]
                several = np.where(n > 1, n / np.maximum(n - 1, 1), np.nan)
                error[:, place] = np.sqrt(squares * several)
    return Estimates(
        names,
        tuple(table.plans[j].label for j in buys),
        np.bincount(codes, minlength=len(names)),
        counts,
        means["solve"][0],
        means["spend"][0],
        means["solve"][1],
        means["spend"][1],
        table.rate,
        table.currency,
    )
