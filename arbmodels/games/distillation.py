"""Distillation: a student enters beside its teacher, who answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from arbmodels._pandas import pd
from arbmodels.cascades import cascade_frontier
from arbmodels.curves import default_budget_grid, dollar_curves
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.cascade_set import cascade_sets_of
from arbmodels.games.providers import (
    Consumers,
    Outcome,
    ProviderGame,
    outcome,
)
from arbmodels.games.statics import Statics
from arbmodels.market import Market


def distillation_statics(
    market: Market,
    teacher: str,
    students: Sequence[str],
    consumers: Consumers,
    *,
    training_revenue: Mapping[str, float] | None = None,
    student_price: float = 1.0,
    marginal_cost: float = 0.3,
    arbitrageurs: int = 2,
    tolerance: float = 5e-3,
    time_limit: float = np.inf,
) -> Statics:
    r"""Return what entering students of different quality do to their teacher.

    For every student (one at a time) and none: the teacher's revenue from consumers and resale
    with the student at its price and the teacher at list price; with the teacher answering by its
    best price; and with both pricing in equilibrium. Arbitrageurs resell cascades of the two.

    .. math:: \text{net} = R_\text{with} + \text{training} - R_\text{without}

    Parameters
    ----------
    market : Market
        With the teacher and all students.
    teacher : str
    students : sequence of str
        In order of quality; the first column of the table.
    consumers : Consumers
        Solve rates beyond the reach of teacher and student together are not served.
    training_revenue : mapping of student to float, optional
        What the teacher earned from the queries the student was trained on, in the unit of
        revenue (per instance, summed over the consumers' mass); 0 by default.
    student_price : float
        The student's price over its list price (recorded cost).
    marginal_cost : float
        Of both, as a share of list price.
    arbitrageurs : int
    tolerance, time_limit : float
        As in :meth:`arbmodels.games.ProviderGame.solve`.

    Returns
    -------
    Statics
        Feature "student"; ``providers`` is "list prices", "teacher answers" or "re-pricing";
        columns ``teacher_revenue``, ``student_revenue``, ``training_revenue``, ``net`` (of the
        teacher, against the same behaviour without a student), and the usual measures.

    Raises
    ------
    InputError
        If a model is missing, a student is the teacher, or a number is out of range.

    References
    ----------
    Hinton, Vinyals, Dean, *Distilling the knowledge in a neural network*, arXiv 1503.02531 (2015).

    Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404
    (2026).
    """
    inputs.a(Market, market, "market")
    inputs.a(Consumers, consumers, "consumers")
    students = inputs.names(students, "students")
    inputs.name(teacher, "teacher")
    inputs.whole(arbitrageurs, "The number of arbitrageurs")
    missing = [m for m in (teacher, *students) if m not in market.models]
    if missing:
        raise InputError(
            f"{market.name}: no model {missing[0]!r}; it has {', '.join(map(repr, market.models))}."
        )
    if teacher in students or not students:
        raise InputError("Name at least one student, and not the teacher itself.")
    student_price = inputs.number(student_price, "The student's price over list", 0.0, above=True)
    given = {} if training_revenue is None else training_revenue
    gained = {
        m: inputs.number(value, f"The training revenue from {m!r}", 0.0)
        for m, value in inputs.a(Mapping, given, "training_revenue").items()
    }
    unknown = [m for m in gained if m not in students]
    if unknown:
        raise InputError(f"Training revenue is given for {unknown[0]!r}, who is no student.")
    rows = []
    before: dict[str, float] = {}
    for student in tqdm([None, *students], desc="students", disable=None, leave=False):
        models = [teacher] if student is None else [teacher, student]
        game = _game(market, models, consumers, marginal_cost, arbitrageurs)
        for how, (result, gain, relative, settled) in _behaviours(
            game, teacher, student_price, tolerance, time_limit
        ).items():
            measures = result.measures()
            own = measures[f"revenue {teacher}"]
            if student is None:
                before[how] = own
            extra = gained.get(student, 0.0) if student else 0.0
            rows.append(
                {
                    "value": student or "none",
                    "providers": how,
                    "epsilon": gain,
                    "relative_epsilon": relative,
                    "settled": settled,
                    "teacher_revenue": own,
                    "student_revenue": measures.get(f"revenue {student}", 0.0),
                    "training_revenue": extra,
                    "net": own + extra - before[how],
                    **{k: v for k, v in measures.items() if " " not in k},
                }
            )
    return Statics(
        "student",
        pd.DataFrame(rows),
        f"Distillation of {teacher} on {market.name}",
        f"{market.currency}/instance x mass",
    )


def _game(
    market: Market,
    models: Sequence[str],
    consumers: Consumers,
    marginal_cost: float,
    arbitrageurs: int,
) -> ProviderGame:
    part = market.select(models=list(models))
    # Provider games count dollars, so that their numbers compare with the authors'; on one grid,
    # whoever is in: a model's cost may not change with the company it is in.
    curves = dollar_curves(part, default_budget_grid(market))
    reached = consumers.solve_rates <= cascade_frontier(curves).max_solve_rate
    if not reached.any():
        raise InputError(
            f"No solve rate of the consumers is within reach of {', '.join(models)}; the lowest is"
            f" {consumers.solve_rates.min():g}."
        )
    served = Consumers(
        consumers.solve_rates[reached],
        low=np.asarray(consumers.low)[reached],
        high=np.asarray(consumers.high)[reached],
        mass=np.asarray(consumers.mass)[reached],
        captive=consumers.captive,
        sample=consumers.sample,
    )
    cascade_sets = cascade_sets_of(curves, served.solve_rates)
    return ProviderGame(cascade_sets, served, marginal_cost, arbitrageurs, name=part.name)


def _behaviours(
    game: ProviderGame, teacher: str, student_price: float, tolerance: float, time_limit: float
) -> dict[str, tuple[Outcome, float, float, bool]]:
    """Outcome, epsilon, epsilon over profit and whether it is settled, by how the two price."""
    prices = np.ones(len(game.players))
    prices[1:] = student_price
    found: dict[str, tuple[Outcome, float, float, bool]] = {
        "list prices": (outcome(game, prices), 0.0, 0.0, True)
    }
    # The student's price enters as its list price, held fixed.
    held = game
    if len(game.players) > 1:
        held = _scaled(game, student_price).replace(fixed=game.players[1:])
    answered = held.stackelberg(teacher)
    found["teacher answers"] = (
        answered.outcome,
        answered.epsilon,
        answered.relative_epsilon,
        answered.converged,
    )
    both = game.solve(tolerance=tolerance, time_limit=time_limit)
    found["re-pricing"] = (both.outcome, both.epsilon, both.relative_epsilon, both.converged)
    return found


def _scaled(game: ProviderGame, factor: float) -> ProviderGame:
    """Return the same game with the second model's list price scaled."""
    if factor == 1.0:
        return game
    scale = np.array([1.0, factor])
    cascade_sets = tuple(
        replace(
            cascade_set,
            expected=cascade_set.expected * scale,
            single=np.where(np.isfinite(cascade_set.single), cascade_set.single * scale, np.inf),
        )
        for cascade_set in game.cascade_sets
    )
    cost = np.asarray(game.marginal_cost) / scale
    return game.replace(cascade_sets=cascade_sets, marginal_cost=cost)
