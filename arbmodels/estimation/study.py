"""How good a policy is that was learnt for a few dollars: the paper's robustness study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from arbmodels._pandas import pd
from arbmodels.curves import default_budget_grid
from arbmodels.display import ARBITRAGEUR_COLOR, Displayed, TextTable, number, percent, styled
from arbmodels.errors import InputError
from arbmodels.estimation.learning import (
    MOST_ATTEMPTS,
    SPAN,
    IntArray,
    Learner,
    PaperSearch,
    Prior,
    Records,
    buy,
    check,
    margins_of,
)
from arbmodels.estimation.workers import run
from arbmodels.market import Market
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_COLOURS = (ARBITRAGEUR_COLOR, "#0072B2")


@dataclass(frozen=True, eq=False, repr=False)
class RobustnessStudy(Displayed):
    """Margins of policies learnt for search budgets.

    Made by :func:`arbmodels.estimation.robustness_study`.

    Parameters
    ----------
    market : Market
    panels : tuple of P str
        What was learnt on and what was scored on.
    learners : tuple of L str
    budgets : tuple of B floats, currency units
    margin : float array [P, L, B, D]
        Mean margin, over the panel's solve rates, of the policy of every draw. All learners made
        the same searches.
    best : float array [P]
        Of the best allocation there is.
    """

    market: Market
    panels: tuple[str, ...]
    learners: tuple[str, ...]
    budgets: tuple[float, ...]
    margin: FloatArray
    best: FloatArray

    @property
    def mean(self) -> FloatArray:
        """Mean over the draws, [P, L, B]."""
        mean: FloatArray = self.margin.mean(axis=-1)
        return mean

    def band(self, level: float = 0.9) -> FloatArray:
        """Return the quantiles (1 - level) / 2 and (1 + level) / 2 over draws, [2, P, L, B]."""
        return np.quantile(self.margin, [(1 - level) / 2, (1 + level) / 2], axis=-1)

    def advantage(self, learner: str, over: str) -> tuple[FloatArray, FloatArray]:
        """Return how much more one learner's policies earn than another's on the same searches.

        Returns
        -------
        mean, standard_error : float arrays [P, B]
            Of the difference of margins over the draws.
        """
        first, second = (self.margin[:, self.learners.index(each)] for each in (learner, over))
        difference = first - second
        error = difference.std(axis=-1, ddof=1) / np.sqrt(difference.shape[-1])
        return difference.mean(axis=-1), error

    def to_frame(self) -> pd.DataFrame:
        """Return a row per panel, learner and budget: mean, 5% and 95% quantile of the margin."""
        low, high = self.band()
        return pd.DataFrame(
            [
                {
                    "panel": panel,
                    "learner": learner,
                    "search_budget": budget,
                    "mean": self.mean[p, k, b],
                    "low": low[p, k, b],
                    "high": high[p, k, b],
                }
                for p, panel in enumerate(self.panels)
                for k, learner in enumerate(self.learners)
                for b, budget in enumerate(self.budgets)
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return mean and 90% band of every panel, learner and budget, ready for JSON."""
        return {
            "market": self.market.name,
            "unit": "margin, share of the market price",
            "currency": self.market.currency,
            "draws": self.margin.shape[-1],
            "best": dict(zip(self.panels, self.best.tolist(), strict=True)),
            "results": self.to_frame().to_dict("records"),
        }

    def table(self) -> TextTable:
        """Return mean and 90% band per panel, budget and learner."""
        low, high = self.band()
        rows = [
            (
                panel if b == 0 else "",
                number(budget, 3),
                *(
                    f"{percent(self.mean[p, k, b])} ({percent(low[p, k, b])} to"
                    f" {percent(high[p, k, b])})"
                    for k in range(len(self.learners))
                ),
            )
            for p, panel in enumerate(self.panels)
            for b, budget in enumerate(self.budgets)
        ]
        best = ", ".join(
            f"{panel} {percent(value)}" for panel, value in zip(self.panels, self.best, strict=True)
        )
        return TextTable(
            f"Margin on {self.market.name} after a search: mean and 5% to 95% of"
            f" {self.margin.shape[-1]} searches",
            ("learnt and scored on", f"search [{self.market.currency}]", *self.learners),
            rows,
            f"Best allocation there is: {best}.",
        )

    def plot(self, ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
        """Draw a panel each: mean margin and 90% band against the search budget."""
        if ax is None:
            import matplotlib.pyplot as plt

            count = len(self.panels)
            _, drawn = plt.subplots(
                1, count, figsize=(3.4 * count, 3.2), layout="constrained", squeeze=False
            )
            ax = [styled(each) for each in drawn[0]]
        low, high = 100 * self.band()
        for p, (panel, each) in enumerate(zip(self.panels, ax, strict=True)):
            for k, learner in enumerate(self.learners):
                colour = _COLOURS[k % len(_COLOURS)]
                each.fill_between(
                    self.budgets, low[p, k], high[p, k], color=colour, alpha=0.15, lw=0
                )
                each.plot(self.budgets, 100 * self.mean[p, k], color=colour, lw=2, label=learner)
            each.axhline(100 * self.best[p], color="grey", lw=0.8, ls="--", label="best allocation")
            each.set_xscale("log")
            each.set_xlabel(f"Search budget ({self.market.currency})")
            each.set_ylabel("Margin (%)")
            each.set_title(panel)
        ax[0].legend(frameon=False)
        return ax


#: The published search budgets, USD.
BUDGETS = (1.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1000.0)
#: Draws of one task.
_PER_TASK = 25


def robustness_study(
    market: Market,
    segment: str | None = None,
    *,
    budgets: Sequence[float] = BUDGETS,
    draws: int = 200,
    learners: Sequence[Learner] = ("olmedo2026",),
    starts: Mapping[str, float] | None = None,
    most_attempts: int = MOST_ATTEMPTS,
    counted: Sequence[str] | None = None,
    shares: FloatArray | None = None,
    span: float = SPAN,
    points: int = 1000,
    prior: Prior | None = None,
    seed: int = 0,
    workers: int | None = None,
) -> RobustnessStudy:
    """Learn policies for search budgets, many times over, and score each on a whole market.

    Parameters
    ----------
    market : Market
        Two models, the cheap one first; every pair recorded.
    segment : str, optional
        Besides the panel in which policies are learnt and scored on all issues, one in which they
        are learnt on this segment and scored on the others, and the reverse.
    budgets : sequence of floats, currency units
    draws : int
        Searches per panel and budget, at least 2. All learners see the same ones.
    learners : sequence of {"olmedo2026", "pooled"}
    starts : mapping of panel to solve rate, optional
        Where the range of solve rates begins over which a policy's margin is averaged; it ends at
        the largest solve rate of the better model of the market that is scored on, and begins
        ``span`` below by default. Panels are called "all", "<segment> to others" and "others to
        <segment>".
    most_attempts : int
        Of each model per issue.
    counted : sequence of str, optional
        Models whose attempts are paid from the search budget; all by default.
    shares : float array, optional
        Of the largest budget that the first model may get; by default the paper's 100 of their
        search among two models (:func:`arbmodels.paper_policy`).
    span : float
        Margins are averaged over solve rates from so far below the better model's largest solve
        rate; learners look at as much below what they believe to be its largest solve rate.
    points : int
        How many solve rates.
    prior : Prior, optional
        Of the pooled learner.
    seed : int
    workers : int, optional
        Processes; results do not depend on it (:func:`arbmodels.estimation.workers.run`).

    Returns
    -------
    RobustnessStudy

    Raises
    ------
    InputError
        If the market has not two models, no such segment, or there are too few draws.

    Notes
    -----
    Olmedo, Schölkopf, Hardt (2026), figure 4. They do not say how a search is made; the procedure
    of :func:`arbmodels.estimation.learning.buy` is the one, of some twenty that were tried,
    whose means come closest to the published ones.

    References
    ----------
    Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404
    (2026).
    """
    learners = tuple(learners)
    check(market, learners)
    if draws < 2 or not learners or len(budgets) == 0:
        raise InputError(f"draws is {draws}; give at least 2, and a budget and a learner.")
    panels = _panels(market, segment)
    if unknown := sorted(set(starts or {}) - set(panels)):
        raise InputError(f"No panel {unknown[0]!r}; the panels are {', '.join(panels)}.")
    grid = default_budget_grid(market)
    search = PaperSearch(grid, points=points)
    if shares is not None:
        search = replace(search, shares=np.asarray(shares, dtype=float))
    values = {
        name: _values(search, score, (starts or {}).get(name), span)
        for name, (_, score) in panels.items()
    }
    seeds = np.random.SeedSequence(seed).spawn(len(panels) * len(budgets) * draws)
    tasks, places = [], []
    for p, (fit, _) in enumerate(panels.values()):
        for b, dollars in enumerate(budgets):
            task = _Task(
                fit, search, dollars, learners, most_attempts, counted, span, prior or Prior()
            )
            for start in range(0, draws, _PER_TASK):
                first = (p * len(budgets) + b) * draws
                tasks.append((task, seeds[first + start : first + min(start + _PER_TASK, draws)]))
                places.append((p, b, start))
    parts = run(_some_draws, tasks, workers, f"searches, up to {_PER_TASK} each")
    margin = np.empty((len(panels), len(learners), len(budgets), draws))
    for (p, b, start), chosen in zip(places, parts, strict=True):
        of_panel = values[tuple(panels)[p]]
        margin[p, :, b, start : start + chosen.shape[1]] = of_panel[chosen]
    best = np.array([values[name].max() for name in panels])
    return RobustnessStudy(market, tuple(panels), learners, tuple(budgets), margin, best)


class _Task(NamedTuple):
    """What the draws of a task have in common."""

    market: Market
    search: PaperSearch
    dollars: float
    learners: tuple[Learner, ...]
    most_attempts: int
    counted: Sequence[str] | None
    span: float
    prior: Prior


def _some_draws(task: _Task, seeds: Sequence[np.random.SeedSequence]) -> IntArray:
    """Return the allocations that the learners choose, as positions, [L, draws]."""
    chosen = np.empty((len(task.learners), len(seeds)), dtype=np.int64)
    for d, seed in enumerate(seeds):
        rng = np.random.default_rng(seed)
        bought = buy(task.market, task.dollars, rng, task.most_attempts, task.counted)
        for k, learner in enumerate(task.learners):
            chosen[k, d] = np.argmax(
                margins_of(learner, task.search, bought.records, task.prior, task.span)
            )
    return chosen


def _panels(market: Market, segment: str | None) -> dict[str, tuple[Market, Market]]:
    """Return the market to learn on and the one to score on, by panel."""
    panels = {"all": (market, market)}
    if segment is not None:
        others = [name for name in market.segments if name != segment]
        inside = market.select(segments=[segment])
        if not others:
            raise InputError(f"{market.name} has no segment but {segment!r} to score on.")
        outside = market.select(segments=others)
        panels[f"{segment} to others"] = (inside, outside)
        panels[f"others to {segment}"] = (outside, inside)
    return panels


def _values(search: PaperSearch, market: Market, start: float | None, span: float) -> FloatArray:
    """Return the mean margin of every allocation on a whole market, [A]."""
    records = Records(market.attempts, market.successes, market.cost, market.weight)
    failures = search.failures(records)
    largest = 1.0 - float(search.survival(failures, records.weight)[0][:, -1].min())
    first = max(largest - span, 0.0) if start is None else start
    rates = np.linspace(first, largest, search.points)
    return search.margins(failures, records.weight, rates)
