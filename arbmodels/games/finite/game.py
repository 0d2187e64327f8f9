"""Any finite game: payoffs over action profiles, and every way to solve it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.clock import clock
from arbmodels.errors import InputError
from arbmodels.games.deviations import Deviations
from arbmodels.games.finite import finders, mixed, pictures, pure
from arbmodels.games.finite.advice import CorrelatedEquilibrium
from arbmodels.games.finite.certificate import (
    Action,
    certify_joint,
    certify_strategies,
    check_strategies,
    joint_of,
)
from arbmodels.games.finite.correlated import solve_joint
from arbmodels.games.finite.equilibrium import FiniteEquilibrium
from arbmodels.games.finite.inputs import actions_of, payoffs_of, players_of
from arbmodels.games.finite.regret import JOINT, play
from arbmodels.games.inputs import chosen, number, numbers, text, truth, whole
from arbmodels.games.inputs import listed as entries
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Method = finders.Method


@dataclass(frozen=True, eq=False)
class FiniteGame:
    """A game of finitely many players with finitely many actions.

    Parameters
    ----------
    payoffs : float array [P, A_1, ..., A_P]
        Payoff of each player at every profile of actions, in ``unit``.
    players : sequence of str, length P, optional
    actions : sequence of sequences of float or str, optional
        Prices or names of each player's actions; their positions by default.
    name, unit : str

    Raises
    ------
    InputError
        If the payoffs have another shape, are not finite, or a player has no action.

    Examples
    --------
    >>> game = FiniteGame.from_matrices([[3, 0], [5, 1]], [[3, 5], [0, 1]])
    >>> game.pure_equilibria().tolist()
    [[1, 1]]
    >>> game.solve().epsilon
    0.0
    """

    payoffs: FloatArray
    players: tuple[str, ...] = ()
    actions: tuple[tuple[Action, ...], ...] = ()
    name: str = "Finite game"
    unit: str = "payoff"

    def __post_init__(self) -> None:
        payoffs = payoffs_of(self.payoffs)
        players = players_of(self.players, payoffs)
        text("name", self.name)
        text("unit", self.unit)
        actions = actions_of(self.actions, players, payoffs)
        payoffs.setflags(write=False)
        object.__setattr__(self, "payoffs", payoffs)
        object.__setattr__(self, "players", players)
        object.__setattr__(self, "actions", actions)

    @classmethod
    def from_matrices(
        cls,
        row: npt.ArrayLike,
        column: npt.ArrayLike,
        *,
        players: Sequence[str] = (),
        actions: Sequence[Sequence[Action]] = (),
        name: str = "Finite game",
        unit: str = "payoff",
    ) -> FiniteGame:
        """Return the two-player game of two payoff matrices, [A_1, A_2] each.

        Raises
        ------
        InputError
            If the matrices differ in shape.
        """
        first, second = numbers(row, "row"), numbers(column, "column")
        if first.shape != second.shape or first.ndim != 2:
            raise InputError(
                f"The payoff matrices have shapes {first.shape} and {second.shape}; both are"
                " [actions of player 1, actions of player 2]."
            )
        stacked = np.stack([first, second])
        return cls(stacked, players, actions, name, unit)  # type: ignore[arg-type]

    @classmethod
    def from_function(
        cls,
        payoff: Callable[[FloatArray], FloatArray],
        prices: Sequence[npt.ArrayLike],
        players: Sequence[str] = (),
        *,
        name: str = "Price game",
        unit: str = "USD",
    ) -> FiniteGame:
        """Return the game in which players choose prices from grids.

        Parameters
        ----------
        payoff : function
            Takes price profiles [K, P], returns every player's profit [K, P].
        prices : sequence of float arrays [A_i], length P
            Each player's grid.
        players : sequence of str, optional
        name, unit : str

        Raises
        ------
        InputError
            If a grid is empty or not finite, or the function returns another shape.
        """
        if not callable(payoff):
            raise InputError(f"payoff must be a function, not {payoff!r}.")
        grids = [
            np.atleast_1d(numbers(own, "A price grid"))  # type: ignore[arg-type]
            for own in entries(prices, "prices")
        ]
        for k, own in enumerate(grids):
            if own.ndim != 1 or len(own) == 0 or not np.isfinite(own).all():
                raise InputError(
                    f"The price grid of player {k + 1} is a list of at least one finite number."
                )
        if not grids:
            raise InputError("Give one price grid per player.")
        sizes = tuple(len(own) for own in grids)
        profiles = np.stack(np.meshgrid(*grids, indexing="ij"), axis=-1).reshape(-1, len(grids))
        profits = numbers(payoff(profiles), "What the payoff function returned")
        if profits.shape != profiles.shape:
            raise InputError(
                f"The payoff function returned shape {profits.shape} for price profiles"
                f" {profiles.shape}; return one profit per profile and player."
            )
        payoffs = np.moveaxis(profits.reshape(*sizes, len(grids)), -1, 0)
        actions = tuple(tuple(own.tolist()) for own in grids)
        return cls(payoffs, players, actions, name, unit)  # type: ignore[arg-type]

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Whether each player's actions are prices (numbers)."""
        return tuple(not any(isinstance(x, str) for x in own) for own in self.actions)

    def payoff_by_action(self, strategies: Sequence[FloatArray]) -> list[FloatArray]:
        """Return what each action of each player pays against the others' strategies."""
        given = [
            numbers(own, "A strategy")  # type: ignore[arg-type]
            for own in entries(strategies, "strategies")
        ]
        checked = check_strategies(given, self.payoffs.shape[1:])
        return mixed.payoff_by_action(self.payoffs, checked)

    def certify(self, strategies: Sequence[npt.ArrayLike]) -> Deviations:
        """Return what every player could gain by deviating from proposed mixed strategies.

        Parameters
        ----------
        strategies : sequence of float arrays [A_i], length P
        """
        given = [
            numbers(own, "A strategy")  # type: ignore[arg-type]
            for own in entries(strategies, "strategies")
        ]
        checked = check_strategies(given, self.payoffs.shape[1:])
        return certify_strategies(self.payoffs, checked, self.players, self.actions, self.unit)

    def certify_joint(self, joint: npt.ArrayLike, *, coarse: bool = False) -> Deviations:
        """Return what every player could gain by leaving the advice of a joint distribution.

        Parameters
        ----------
        joint : float array [A_1, ..., A_P]
        coarse : bool
            One action instead of whatever is advised; otherwise one for every advice.
        """
        given = numbers(joint, "The joint distribution")
        coarse = truth(coarse, "coarse")
        if given.shape != self.payoffs.shape[1:]:
            raise InputError(
                f"The joint distribution has shape {given.shape}, expected"
                f" {self.payoffs.shape[1:]}."
            )
        check_strategies([given.ravel()], [given.size])
        return certify_joint(
            self.payoffs, given, self.players, self.actions, self.unit, coarse=coarse
        )

    def pure_equilibria(self) -> npt.NDArray[np.intp]:
        """Return every pure equilibrium, [K, P]: positions of the actions."""
        return pure.pure_profiles(self.payoffs)

    def solve(
        self,
        method: Method = "auto",
        *,
        paths: int | None = None,
        time_limit: float = 10.0,
    ) -> FiniteEquilibrium:
        """Return an equilibrium with its certificate, and the others that were found.

        Parameters
        ----------
        method : str
            "auto", "pure", "enumeration", "lemke_howson", "zero_sum", "polymatrix", "smoothed" or
            "regret".
            auto enumerates all equilibria of two players with up to about 8 actions each, pure ones
            first. Larger games: pure equilibria; if there is none, for two players the linear
            program of a zero-sum game or Lemke-Howson, for more iterated polymatrix approximation;
            if those do not end at an equilibrium in time, continuation from the smoothed game,
            then regret matching. pure returns the profile of least epsilon where there is no pure
            equilibrium, each player's gain over the range of its own payoffs.
        paths : int, optional
            Lemke-Howson: how many paths to follow to their ends, short ones first; by default
            that from every action. If given, auto does not enumerate.
        time_limit : float
            Seconds, after which the best answer so far is returned with its epsilon.

        Returns
        -------
        FiniteEquilibrium

        Raises
        ------
        InputError
            If the method is unknown or does not suit the number of players.
        """
        chosen(method, "method", get_args(Method))
        time_limit = number(time_limit, "time_limit", 0.0, above=True)
        if paths is not None:
            paths = whole(paths, "paths", 1)
        found = finders.find(self.payoffs, method, clock() + time_limit, paths)
        answers = [self._answer(one) for one in found]
        first = answers[0]
        return FiniteEquilibrium(**{**vars(first), "others": tuple(answers[1:])})

    def correlated(
        self,
        objective: str = "welfare",
        *,
        coarse: bool = False,
        method: Literal["program", "regret"] = "program",
        time_limit: float = 60.0,
    ) -> CorrelatedEquilibrium:
        """Return a correlated equilibrium, the best by an objective.

        Parameters
        ----------
        objective : str
            "welfare" (the sum of payoffs), or a player whose payoff is maximised.
        coarse : bool
            Coarse correlated: players decide whether to follow before they see the advice.
        method : {"program", "regret"}
            A linear program with row generation, or regret matching (coarse only; any point of
            the set rather than the best).
        time_limit : float
            Seconds. If the program is not finished, the better by the objective of what it has
            (if its epsilon is rounding) and a Nash equilibrium is returned, with the bound.

        Returns
        -------
        CorrelatedEquilibrium
        """
        chosen(objective, "objective", ("welfare", *self.players))
        coarse = truth(coarse, "coarse")
        chosen(method, "method", ("program", "regret"))
        if method == "regret" and not coarse:
            raise InputError(
                f"No method {method!r} here; choose 'program', or 'regret' with coarse=True."
            )
        time_limit = number(time_limit, "time_limit", 0.0, above=True)
        weights = np.array([float(objective in ("welfare", name)) for name in self.players])
        deadline = clock() + time_limit
        total = np.tensordot(weights, self.payoffs, axes=(0, 0))
        if method == "regret":
            if self.payoffs[0].size > JOINT:
                raise InputError(
                    f"The joint distribution of {self.payoffs[0].size:,} profiles is too large"
                    f" (limit {JOINT:,}); use solve('regret') for independent strategies."
                )
            averages = play(finders.own_scale(self.payoffs), deadline, joint=True)
            joint = cast("FloatArray", averages.joint)
            how, rounds = "regret matching+", averages.rounds
            trace, bound = averages.trace, float(total.max())
        else:
            answer = solve_joint(self.payoffs, weights, deadline, coarse=coarse)
            joint, bound, trace, rounds = (
                answer.distribution,
                answer.bound,
                answer.trace,
                answer.rounds,
            )
            how = f"linear programs in HiGHS with {answer.rows:,} rows found as needed"
            if not answer.finished:
                nash = self.solve(paths=1)
                joint = joint_of(nash.strategies)
                how = f"{nash.found_by}, as the {how} were not finished in time"
        deviations = self.certify_joint(joint, coarse=coarse)
        return CorrelatedEquilibrium(
            "coarse correlated" if coarse else "correlated",
            self,
            joint,
            deviations.profit,
            objective if objective == "welfare" else f"the payoff of {objective}",
            float((total * joint).sum()),
            bound,
            deviations,
            how,
            rounds,
            trace,
        )

    def least_gain(self) -> FloatArray:
        """Return epsilon of every pure profile, [A_1, ..., A_P]: zero at the pure equilibria."""
        return pure.least_gain(self.payoffs)

    def plot_least_gain(self, axes: Axes | None = None) -> Axes:
        """Draw epsilon over two players' action profiles; pure equilibria are marked.

        Raises
        ------
        InputError
            Unless there are two players.
        """
        return pictures.least_gain(self, axes)

    def plot_best_responses(self, axes: Axes | None = None) -> Axes:
        """Draw each of two players' best responses to every action of the other.

        Raises
        ------
        InputError
            Unless there are two players.
        """
        return pictures.best_responses(self, axes)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per profile: the actions, then ``payoff PLAYER`` of each."""
        where = np.indices(self.payoffs.shape[1:]).reshape(len(self.players), -1)
        columns = {
            player: [self.actions[k][index] for index in where[k]]
            for k, player in enumerate(self.players)
        }
        pays = {
            f"payoff {player}": own.ravel()
            for player, own in zip(self.players, self.payoffs, strict=True)
        }
        return pd.DataFrame({**columns, **pays})

    def _answer(self, found: finders.Found) -> FiniteEquilibrium:
        deviations = self.certify(found.strategies)
        pure_play = all(float(own.max()) == 1.0 for own in found.strategies)
        return FiniteEquilibrium(
            "pure" if pure_play else "mixed",
            self,
            found.strategies,
            deviations.profit,
            deviations,
            found.found_by,
            found.iterations,
            found.trace,
            complete=found.complete,
        )
