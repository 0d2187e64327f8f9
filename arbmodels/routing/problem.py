"""The routing problem: instances x plans, an objective, constraints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arbmodels._checks import number_of, numbers_of, seed_of
from arbmodels.display import TextTable
from arbmodels.errors import InputError
from arbmodels.routing.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from arbmodels._assignment.program import Source
    from arbmodels.online.policies import RoutingPolicy, Seen
    from arbmodels.routing.estimates import Estimates
    from arbmodels.routing.export import CvxpyModel
    from arbmodels.routing.frontier import RoutingFrontier
    from arbmodels.routing.result import CrossValidation, RoutingResult
    from arbmodels.routing.robust import PriceOfRobustness, Spread
    from arbmodels.routing.scenarios import Scenarios
    from arbmodels.routing.scoring import Score
    from arbmodels.routing.streamed import StreamedProblem


@dataclass(frozen=True, eq=False, repr=False)
class RoutingProblem(Statement):
    r"""Assign every instance (or segment) to a plan, at best value.

    .. math::
        \max \sum_i w_i \sum_j p_{ij} x_{g(i) j} \quad \text{or} \quad
        \min \sum_i N w_i \sum_j s_{ij} x_{g(i) j} \quad \text{s.t.} \quad
        \sum_j x_{gj} = 1, \quad x_{gj} \in \{0, 1\}

    (or another of :mod:`arbmodels.routing.objectives`) and the rows of
    :mod:`arbmodels.routing.constraints`; p and s are the solve probability and the expected spend
    of plan j on instance i, w the weights (an instance counts :math:`N w_i` times in totals), g(i)
    the group of the instance. Immutable: every method returns a new problem.

    Parameters
    ----------
    market : Market
        :meth:`from_arrays` and :meth:`from_frame` make problems without one.
    plans : sequence of Plan, optional
        One attempt of every model, and abstaining, by default. A plan is offered to an instance if
        all its models have a record there; to a segment (or all instances) if it has records on
        some, and then the others count as the mean of these, which the result says.
    assignment : {"oracle", "per-segment", "single"}
        What a group is: an instance, a segment, or everything.
    providers : mapping, optional
        Model -> who sells it; every model is its own provider by default.
    period : sequence of labels, length N, optional
        When an instance arrives (its month, say), for budgets.
    latency : mapping, optional
        Model -> seconds of one attempt.

    Raises
    ------
    InputError
        If a plan is given twice or names an unknown model, a group has no plan to choose from, or
        plans without an instance in common (a log in which one model served each request), the
        market has no segments where they are needed, or a constraint cannot be meant.

    References
    ----------
    Sinha, Zoltners, *The multiple-choice knapsack problem*, Operations Research 27 (1979).

    Kellerer, Pferschy, Pisinger, *Knapsack problems*, Springer (2004), chapter 11.

    Examples
    --------
    >>> from arbmodels.market import Market
    >>> market = Market(["small", "large"], ["a", "b"], [[4, 2], [4, 2]], [[1, 2], [0, 1]],
    ...                 [[0.01, 0.2], [0.02, 0.3]])
    >>> result = RoutingProblem(market).add_budget(0.25).solve()
    >>> result.solve_rate, round(result.spend, 3), result.counts
    (0.5, 0.2, {'1 x large': 1, 'abstain': 1})
    """

    @staticmethod
    def from_source(
        source: Source,
        models: Sequence[str] | None = None,
        *,
        segments: Sequence[str] | None = None,
        latency: Mapping[str, float] | pd.Series[Any] | None = None,
        providers: Mapping[str, str] | None = None,
        abstain: bool = True,
        currency: str = "USD",
        name: str = "source",
    ) -> StreamedProblem:
        """Make a problem of instances that do not fit into memory; all are looked at once.

        Parameters
        ----------
        source : Source
            :class:`arbmodels.streaming.ParquetSource`, :class:`~arbmodels.streaming.Generated` or
            :class:`~arbmodels.streaming.DaskSource`, with two quantities: solve probability and
            spend [N, M]. Instances count by their weights, as they are.
        models, segments : names, optional
            Where the source has none, [M] and one per class.
        latency, providers : mapping, optional
            Model -> seconds of one attempt; model -> who sells it.
        abstain : bool
            Whether an instance may be left unserved, which costs and solves nothing.
        currency, name : str

        Raises
        ------
        InputError
            If a name or an option cannot be used.
        DataError
            If numbers are wrong, with their places, or nothing may serve an instance.

        Examples
        --------
        >>> import numpy as np
        >>> import arbmodels as arb
        >>> def made(start, size, seed):
        ...     rng = np.random.default_rng([seed, start])
        ...     return arb.streaming.Block(start, (rng.random((size, 2)), np.ones((size, 2))))
        >>> source = arb.streaming.Generated(made, 1000, ["small", "large"], block=100)
        >>> result = arb.RoutingProblem.from_source(source).add_budget(500).solve()
        >>> result.status, int(result.counts.sum()), round(result.spend)
        ('optimal', 1000, 500)
        """
        from arbmodels.routing.streamed import problem_of

        return problem_of(
            source,
            models,
            segments=segments,
            latency=latency,
            providers=providers,
            abstain=abstain,
            currency=currency,
            name=name,
        )

    def estimates(self) -> Estimates:
        """Return what plans do on every segment (or on all instances), with counts and errors.

        These are the means that an assignment per segment, or of one plan for all, chooses by.
        """
        from arbmodels.routing.estimates import estimates_of

        return estimates_of(self)

    def add_robust_budget(
        self, total: float, *, deviation: float | npt.ArrayLike, gamma: float
    ) -> RoutingProblem:
        """Keep a budget though any ``gamma`` instances cost more than expected.

        Parameters
        ----------
        total : float, currency units over all instances
        deviation : float or float array [N, J']
            A share of the expected spend, or currency units per instance and plan; a DataFrame is
            matched by its labels.
        gamma : float
            Instances that may deviate at once. See :mod:`arbmodels.routing.robust`.

        References
        ----------
        Bertsimas, Sim, *The price of robustness*, Operations Research 52 (2004).
        """
        from arbmodels.routing.robust import RobustBudget

        much: float | npt.NDArray[np.floating[Any]]
        if isinstance(deviation, list | tuple) or getattr(deviation, "ndim", 0) > 0:
            much = numbers_of(self.plan_table.placed(deviation, "deviation"), "deviation")
        else:
            much = number_of(deviation, "deviation")
        budget, most = number_of(total, "robust budget"), number_of(gamma, "gamma")
        return self._add(RobustBudget(budget, much, most))

    def add_scenario_floor(
        self,
        rate: float,
        scenarios: Scenarios,
        *,
        cvar: float | None = None,
        chance: float | None = None,
        segment: str | None = None,
    ) -> RoutingProblem:
        """Ask for a solve rate over scenarios: in the mean of the worst, or in most of them.

        Parameters
        ----------
        rate : float in [0, 1]
        scenarios : Scenarios
            Of this problem's pairs; see :func:`arbmodels.routing.scenarios.bootstrap`.
        cvar : float
            0.9: the mean of the worst 10% of scenarios is at least ``rate``.
        chance : float
            0.95: 95% of scenarios are; give one of the two.
        segment : str, optional

        References
        ----------
        Rockafellar, Uryasev, *Optimization of conditional value-at-risk*, Journal of Risk 2 (2000).

        Luedtke, Ahmed, *A sample approximation approach for optimization with probabilistic
        constraints*, SIAM Journal on Optimization 19 (2008).
        """
        from arbmodels.routing.scenarios import scenario_floor

        return self._add(scenario_floor(rate, scenarios, cvar, chance, segment))

    def solve(
        self, gap: float = 1e-6, time_limit: float = 60.0, *, folds: int = 0, seed: int = 0
    ) -> RoutingResult:
        """Find the best assignment and prove how good it is.

        Parameters
        ----------
        gap : float
            Relative gap to prove.
        time_limit : float
            Seconds, looked at between steps of the solver; then the best assignment so far.
            Compiling, once on a machine, does not count.
        folds, seed : int
            If not 0: cross-validate (:meth:`cross_validate`) and show how much of the objective is
            optimism.

        Raises
        ------
        InfeasibleError
            If the constraints conflict; it names a smallest conflicting set and how much each
            of its constraints alone would have to give.
        SolverError
            If no assignment was found in time.

        References
        ----------
        Geoffrion, *Lagrangean relaxation for integer programming*, Mathematical Programming Study 2
        (1974).

        Geoffrion, *Generalized Benders decomposition*, Journal of Optimization Theory and
        Applications 10 (1972).

        Huangfu, Hall, *Parallelizing the dual revised simplex method*, Mathematical Programming
        Computation 10 (2018).

        Examples
        --------
        >>> import arbmodels as arb
        >>> problem = arb.RoutingProblem.from_arrays([[0.2, 0.9], [0.3, 0.4]], [[1, 5], [1, 4]])
        >>> result = problem.minimize_spend().add_floor(0.5).solve()
        >>> result.status, result.objective, result.bound, result.to_frame()["plan"].tolist()
        ('optimal', 6.0, 6.0, ['1 x model-1', '1 x model-0'])
        >>> try:
        ...     problem.add_budget(3).add_floor(0.5).solve()
        ... except arb.InfeasibleError as error:
        ...     {conflict.label: conflict.needed for conflict in error.conflicts}
        {'budget': 6.0, 'quality floor': 0.25}
        """
        from arbmodels.routing.cross_validation import check_folds
        from arbmodels.routing.solve import solve_problem

        seed = seed_of(seed)
        if not isinstance(folds, int) or folds:  # 0, and what is no number, is looked at
            check_folds(folds)
        gap, time_limit = number_of(gap, "gap"), number_of(time_limit, "time_limit")
        if not 0 <= gap < np.inf:
            raise InputError(f"The gap is {gap:g}; give a share, finite and at least 0.")
        if not 0 < time_limit < np.inf:
            raise InputError(f"The time_limit is {time_limit:g}; give seconds, finite and above 0.")
        result = solve_problem(self, gap, time_limit)
        if not folds:
            return result
        return replace(result, validation=self.cross_validate(folds, seed))

    def frontier(
        self,
        label: str = "budget",
        limits: npt.ArrayLike | None = None,
        *,
        points: int = 11,
        exact: bool = True,
        tolerance: float = 1e-3,
        gap: float = 1e-6,
        time_limit: float = 60.0,
    ) -> RoutingFrontier:
        """Move the limit of one constraint through its range.

        Parameters
        ----------
        label : str
            The constraint's, as in the result's shadow prices.
        limits, points, exact, tolerance, gap, time_limit
            See :func:`arbmodels.routing.frontier.frontier`.

        Raises
        ------
        InputError
            If there is no such constraint, or its limit cannot be moved alone (a share).
        InfeasibleError
            If the other constraints conflict.

        Examples
        --------
        >>> import arbmodels as arb
        >>> problem = arb.RoutingProblem.from_arrays([[0.2, 0.9], [0.3, 0.4]], [[1, 5], [1, 4]])
        >>> curve = problem.add_budget(3).frontier("budget", limits=[2, 6, 9])
        >>> curve.objective.round(3).tolist(), curve.bound.round(3).tolist()
        ([0.25, 0.6, 0.65], [0.25, 0.6, 0.65])
        """
        from arbmodels.routing.frontier import Moving, frontier
        from arbmodels.routing.result import meaning

        row, constraint = self.row_of(label)
        moving = Moving(
            label,
            constraint.price_unit(self.plan_table),
            self.plan_table.name,
            self.goal,
            self.objective_unit,
            meaning(self),
        )
        return frontier(
            self.program(),
            row,
            moving,
            limits=limits,
            points=points,
            exact=exact,
            tolerance=tolerance,
            gap=gap,
            time_limit=time_limit,
        )

    def cross_validate(
        self, folds: int = 5, seed: int = 0, gap: float = 1e-4, time_limit: float = 60.0
    ) -> CrossValidation:
        """Fit on a part of the data and score on the rest: what the optimum loses held out.

        See :func:`arbmodels.routing.cross_validation.cross_validate`.

        References
        ----------
        Stone, *Cross-validatory choice and assessment of statistical predictions*, Journal of the
        Royal Statistical Society B 36 (1974).

        Efron, *Estimating the error rate of a prediction rule*, Journal of the American Statistical
        Association 78 (1983).
        """
        from arbmodels.routing.cross_validation import cross_validate

        return cross_validate(self, folds, seed, gap, time_limit)

    def scenarios(
        self, count: int = 100, *, seed: int = 0, attempts: bool = True, instances: bool = False
    ) -> Scenarios:
        """Resample the recorded attempts, the instances, or both, for :meth:`add_scenario_floor`.

        Parameters
        ----------
        count : int
            How many scenarios; they take 4 bytes per scenario, instance and plan.
        seed : int
        attempts, instances : bool
            What is resampled; see :func:`arbmodels.routing.scenarios.bootstrap`.
        """
        from arbmodels.routing.scenarios import bootstrap

        return bootstrap(self.plan_table, count, seed=seed, attempts=attempts, instances=instances)

    def price_of_robustness(
        self,
        gammas: Sequence[float] | None = None,
        *,
        draws: int = 2000,
        seed: int = 0,
        distribution: Spread = "uniform",
        gap: float = 1e-4,
        time_limit: float = 60.0,
    ) -> PriceOfRobustness:
        """Solve with a robust budget for several gammas: objective lost, and budgets broken.

        Parameters are those of :func:`arbmodels.routing.robust.price_of_robustness`.

        References
        ----------
        Bertsimas, Sim, *The price of robustness*, Operations Research 52 (2004).
        """
        from arbmodels.routing.robust import price_of_robustness

        return price_of_robustness(
            self,
            gammas,
            draws=draws,
            seed=seed,
            distribution=distribution,
            gap=gap,
            time_limit=time_limit,
        )

    def score(self, assignment: RoutingResult | Sequence[str | int] | pd.Series[Any]) -> Score:
        """Say what an assignment comes to by the numbers of this problem, whoever chose it.

        Parameters
        ----------
        assignment : RoutingResult, or N labels (or positions) of plans
            A Series, such as a policy's choices, is matched by its index, the instances.

        Raises
        ------
        InputError
            If it is of other instances or names a plan that there is not, or an instance's plan has
            no record (or is not offered).
        """
        from arbmodels.routing.scoring import score

        return score(self, assignment)

    def seen_by(self, policy: RoutingPolicy) -> Seen:
        """Return what a policy sees of these instances, for :meth:`RoutingPolicy.choose`."""
        from arbmodels.routing.result import seen_by

        return seen_by(self, policy)

    def export(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the program as MPS or LP; see :func:`arbmodels.routing.export.write_program`."""
        from arbmodels.routing.export import write_program

        return write_program(self.program(), self._names(), path, overwrite=overwrite)

    def to_pyomo(self) -> Any:
        """Return the program as a Pyomo model; see :func:`arbmodels.routing.export.to_pyomo`."""
        from arbmodels.routing.export import to_pyomo

        return to_pyomo(self.program(), self._names())

    def to_cvxpy(self) -> CvxpyModel:
        """Return the program in CVXPY; see :func:`arbmodels.routing.export.to_cvxpy`."""
        from arbmodels.routing.export import to_cvxpy

        return to_cvxpy(self.program(), self._names())

    def table(self) -> TextTable:
        """Return the problem's size and constraints."""
        from arbmodels.routing.result import problem_table

        return problem_table(self)
