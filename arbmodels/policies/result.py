"""Policy classes side by side: the result of ``policy_classes``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from arbmodels.curves import Curves
from arbmodels.display import Displayed, TextTable, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.policies.points import check_spend
from arbmodels.policies.policy import Policy, Serving, score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colour, dashes and width of every class: colour-blind safe, told apart in grey by their dashes.
#: Classes often save the same; of lines on top of each other the wider ones stay visible.
_STYLES = (
    ("#000000", "-", 1.6), ("#56B4E9", "-", 5.5), ("#F0E442", "-", 3.6), ("#0072B2", "-", 2.2),
    ("#B22222", "-", 1.2), ("#B22222", "--", 1.2), ("#009E73", "-", 1.6), ("#000000", ":", 1.4),
    ("#999999", "-.", 1.6),
)  # fmt: skip
#: Columns of solve rates that a table shows.
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class PolicyClass:
    """One class of policies on the grid of solve rates.

    Parameters
    ----------
    name, label : str
        What ``plan_at`` takes, and what tables show.
    proof : str
        What is proven about ``spend``.
    deployable : bool
        Whether its policies can be run without knowing the instance's own solve probabilities.
    reach : float
        Largest solve rate of the class.
    spend, bound : float array [U], currency units per instance
        Least expected spend found, and a proven lower bound on the class; NaN out of reach.
    servings_at : callable
        Solve rate -> the cheapest plans.
    servings_within : callable
        Expected spend -> the plans that solve most for it.
    """

    name: str
    label: str
    proof: str
    deployable: bool
    reach: float
    spend: FloatArray
    bound: FloatArray
    servings_at: Callable[[float], tuple[Serving, ...]]
    servings_within: Callable[[float], tuple[Serving, ...]]


@dataclass(frozen=True, eq=False, repr=False)
class PolicyClasses(Displayed):
    """What every class of policies costs, and what it saves against the best single model.

    Made by :func:`arbmodels.policies.policy_classes`. Classes contain each other from the first to
    the last as far as their labels say so; all numbers are in-sample.

    Parameters
    ----------
    curves : Curves
        The convention everything is scored under.
    solve_rates : float array [U]
    classes : tuple of C PolicyClass
        The first is the best single model.
    """

    curves: Curves
    solve_rates: FloatArray
    classes: tuple[PolicyClass, ...]

    @property
    def market(self) -> Market:
        """The market the policies serve."""
        return self.curves.market

    @property
    def convention(self) -> str:
        """Unit, integration, estimator and accounting of every number here."""
        return self.curves.convention

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(each.name for each in self.classes)

    @property
    def spend(self) -> FloatArray:
        """Least expected spend, [C, U], currency units per instance; NaN out of reach."""
        return np.stack([each.spend for each in self.classes])

    @property
    def bound(self) -> FloatArray:
        """Proven lower bounds on the classes' spend, [C, U], currency units per instance."""
        return np.stack([each.bound for each in self.classes])

    @property
    def reach(self) -> FloatArray:
        """Largest solve rates, [C]."""
        return np.array([each.reach for each in self.classes])

    @property
    def saving(self) -> FloatArray:
        """1 - spend / spend of the best single model, [C, U]; NaN beyond either's reach."""
        single = self.classes[0].spend
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(single > 0, 1.0 - self.spend / single, 0.0 * self.spend + 0.0 * single)

    def plan_at(self, name: str, solve_rate: float) -> Policy:
        """Return the cheapest policy of a class at any solve rate, computed there.

        Parameters
        ----------
        name : str
            One of :attr:`names`.
        solve_rate : float

        Returns
        -------
        Policy
            Its ``plan`` is the plan where one plan serves everything.

        Raises
        ------
        InputError
            If there is no such class, or it does not reach the solve rate.
        """
        return self._policy(self._class(name), lambda each: each.servings_at(float(solve_rate)))

    def plan_within(self, name: str, spend: float) -> Policy:
        """Return the policy of a class that solves most for an expected spend.

        Parameters
        ----------
        name : str
            One of :attr:`names`.
        spend : float, currency units per instance
            One budget over all instances: what a segment saves another may use.

        Raises
        ------
        InputError
            If there is no such class, or the spend is negative or not finite.
        """
        check_spend(spend)
        return self._policy(self._class(name), lambda each: each.servings_within(float(spend)))

    def _class(self, name: str) -> PolicyClass:
        if name not in self.names:
            raise InputError(
                f"No policy class {name!r}; there are {', '.join(map(repr, self.names))}."
            )
        return self.classes[self.names.index(name)]

    def _policy(
        self, chosen: PolicyClass, servings_of: Callable[[PolicyClass], tuple[Serving, ...]]
    ) -> Policy:
        servings = servings_of(chosen)
        rate, spend = score(servings, self.curves)
        return Policy(chosen.name, rate, spend, servings, chosen.deployable, self.market.currency)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per class and solve rate."""
        count = len(self.solve_rates)
        return pd.DataFrame(
            {
                "class": np.repeat(self.names, count),
                "deployable": np.repeat([each.deployable for each in self.classes], count),
                "solve_rate": np.tile(self.solve_rates, len(self.classes)),
                "spend": self.spend.ravel(),
                "bound": self.bound.ravel(),
                "saving": self.saving.ravel(),
            }
        )

    def table(self) -> TextTable:
        """Return spend and saving of every class at up to five solve rates."""
        shown = np.unique(np.linspace(0, len(self.solve_rates) - 1, _SHOWN).astype(int))
        saving, spend = self.saving, self.spend
        rows = []
        for row, each in enumerate(self.classes):
            cells = [
                number(spend[row, u])
                + (f" ({percent(saving[row, u])})" if row and np.isfinite(saving[row, u]) else "")
                for u in shown
            ]
            use = "yes" if each.deployable else "oracle"
            rows.append((each.label, *cells, percent(each.reach), use))
        proofs = "\n".join(f"  {each.label}: {each.proof}" for each in self.classes)
        return TextTable(
            f"Policy classes on {self.market.name}: spend in {self.market.currency}/instance"
            " (saving against the best single model)",
            ("class", *(percent(self.solve_rates[u], 2) for u in shown), "reach", "deployable"),
            rows,
            f"What is proven:\n{proofs}\n{self.convention}; in-sample.",
        )

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the saving of every class against the solve rate."""
        axes = new_axes(7.2, 3.6) if axes is None else axes
        saving = self.saving
        for row, each in enumerate(self.classes[1:], start=1):
            colour, dashes, width = _STYLES[row % len(_STYLES)]
            axes.plot(
                100 * self.solve_rates,
                100 * saving[row],
                color=colour,
                ls=dashes,
                lw=width,
                label=each.label + ("" if each.deployable else " (oracle)"),
            )
        axes.set_xlabel("Solve rate (%)")
        axes.set_ylabel("Saving against the best single model (%)")
        axes.set_title(self.market.name)
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return axes
