"""Any finite game: payoffs over action profiles, and every way to solve it.

Pictures of two-player games: epsilon over all profiles, and best responses.

The answer of a finite game: a strategy per player, with epsilon first.

Correlated answers of a finite game: a joint distribution of advice, with epsilon first.

Finite games from tables and JSON files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np
import numpy.typing as npt

from arbmodels._clock import clock
from arbmodels._pandas import pd
from arbmodels.display import Displayed, TextTable, model_color, new_axes, percent, summary
from arbmodels.display import number as shown_number
from arbmodels.errors import InputError
from arbmodels.games.certificate import Deviations
from arbmodels.games.equilibrium import Equilibrium
from arbmodels.games.finite import solve as solvers
from arbmodels.games.finite import strategies as mixed
from arbmodels.games.finite.correlated import solve_joint
from arbmodels.games.finite.learning import JOINT, play
from arbmodels.games.finite.strategies import (
    Action,
    actions_of,
    certify_joint,
    certify_strategies,
    check_strategies,
    joint_of,
    payoffs_of,
    players_of,
)
from arbmodels.games.inputs import chosen, number, numbers, text, truth, whole
from arbmodels.games.inputs import listed as entries
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_MARK = "#B22222"
#: Legends of pictures that fill their axes.
_BELOW: dict[str, Any] = {
    "loc": "upper center",
    "bbox_to_anchor": (0.5, -0.18),
    "frameon": False,
    "ncols": 2,
}


def least_gain(game: FiniteGame, ax: Axes | None) -> Axes:
    """Draw epsilon over all profiles, with the pure equilibria or the profile of least epsilon."""
    _two_players(game, "A map of epsilon")
    ax = new_axes() if ax is None else ax
    x, y = _places(game)
    epsilon = game.least_gain()
    mesh = ax.pcolormesh(x, y, epsilon.T, shading="nearest", cmap="viridis")
    ax.figure.colorbar(mesh, ax=ax, label=f"Largest gain ({game.unit})")
    found = game.pure_equilibria()
    if len(found):
        mark, label = "o", f"{len(found)} pure equilibri{'um' if len(found) == 1 else 'a'}"
    else:
        mark, label = "X", f"No pure equilibrium; least {shown_number(float(epsilon.min()), 2)}"
        found = mixed.least_profile(game.payoffs)[None]
    at = x[found[:, 0]], y[found[:, 1]]
    ax.plot(*at, mark, color=_MARK, mec="white", ms=7, ls="none", label=label)
    ax.grid(visible=False)
    return _named(game, ax)


def best_responses(game: FiniteGame, ax: Axes | None) -> Axes:
    """Draw where each player's action is a best response to the other's."""
    _two_players(game, "A picture of best responses")
    ax = new_axes() if ax is None else ax
    x, y = _places(game)
    gains = mixed.gains(game.payoffs)
    marks = (("o", 5.0), ("s", 3.0))
    for k, (player, (mark, size)) in enumerate(zip(game.players, marks, strict=True)):
        scale = max(float(np.ptp(game.payoffs[k])), np.finfo(float).tiny)
        best = np.argwhere(gains[k] <= mixed.ROUNDING * scale)
        colour = model_color(player, game.players)
        label = f"Best responses of {player}"
        at = x[best[:, 0]], y[best[:, 1]]
        ax.plot(*at, mark, color=colour, ms=size, ls="none", label=label)
    return _named(game, ax)


def _two_players(game: FiniteGame, what: str) -> None:
    if len(game.players) != 2:
        raise InputError(f"{what} needs two players; this game has {len(game.players)}.")


def _places(game: FiniteGame) -> tuple[FloatArray, FloatArray]:
    first, second = (
        np.asarray(own, dtype=float) if numeric else np.arange(len(own), dtype=float)
        for own, numeric in zip(game.actions, game.numeric, strict=True)
    )
    return first, second


def _named(game: FiniteGame, ax: Axes) -> Axes:
    first, second = (
        f"{'Price' if numeric else 'Action'} of {player}"
        for player, numeric in zip(game.players, game.numeric, strict=True)
    )
    ax.set(xlabel=first, ylabel=second, title=game.name)
    ax.legend(**_BELOW)
    return ax


#: Actions listed per player in a table.
_LISTED = 6
#: A gain over the range of the player's own payoffs up to this is rounding.
_EXACT = 1e-9


class ScaledEquilibrium(Equilibrium):
    """An equilibrium of a finite game, whose gains are judged on every player's own scale."""

    game: FiniteGame

    @property
    def scaled_gain(self) -> FloatArray:
        """Every player's largest gain over the range of its own payoffs, [P]; 0 if they are one."""
        axes = tuple(range(1, self.game.payoffs.ndim))
        span = self.game.payoffs.max(axis=axes) - self.game.payoffs.min(axis=axes)
        return self.deviations.gain / np.where(span > 0, span, 1.0)

    @property
    def converged(self) -> bool:
        """Whether nobody gains more than rounding, on the own scale."""
        return float(self.scaled_gain.max()) <= _EXACT


@dataclass(frozen=True, eq=False, repr=False)
class FiniteEquilibrium(ScaledEquilibrium):
    """One strategy per player, with what each could gain by another.

    Made by :meth:`FiniteGame.solve`; an epsilon above rounding says that it is no equilibrium.

    Parameters
    ----------
    kind : {"pure", "mixed"}
    game : FiniteGame
    strategies : tuple of float arrays [A_i], length P
        Probabilities of the actions.
    profits : float array [P]
    deviations : Deviations
        The certificate, found apart from the solver.
    found_by : str
    iterations : int
        Pivots, rounds or steps.
    trace : float array [K, 2]
        Convergence: iterations, epsilon so far over the range of the player's payoffs.
    others : tuple of FiniteEquilibrium
        Further equilibria.
    complete : bool
        Whether this and ``others`` are all extreme equilibria: every other equilibrium is a mixture
        of these. Where False, there may be more.

    References
    ----------
    Nash, *Non-cooperative games*, Annals of Mathematics 54 (1951).
    """

    kind: Literal["pure", "mixed"]
    game: FiniteGame
    strategies: tuple[FloatArray, ...]
    profits: FloatArray
    deviations: Deviations
    found_by: str
    iterations: int
    trace: FloatArray
    others: tuple[FiniteEquilibrium, ...] = ()
    complete: bool = False

    @property
    def _what(self) -> str:
        """Say equilibrium only of what is one up to rounding, on every player's own scale."""
        if self.converged:
            return f"{self.kind} equilibrium"
        return f"no equilibrium but the {self.kind} play of least epsilon that was found"

    def to_frame(self) -> pd.DataFrame:
        """Return a row per player and action played: player, action, probability, payoff.

        The payoff is that of the action against the others' strategies.
        """
        rows = [
            (player, actions[k], float(own[k]), float(value[k]))
            for player, actions, own, value in zip(
                self.game.players,
                self.game.actions,
                self.strategies,
                self.game.payoff_by_action(self.strategies),
                strict=True,
            )
            for k in np.flatnonzero(own > 0)
        ]
        return pd.DataFrame(rows, columns=["player", "action", "probability", "payoff"])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "kind": self.kind,
            "game": self.game.name,
            "epsilon": self.epsilon,
            "scaled_gain": dict(zip(self.game.players, self.scaled_gain.tolist(), strict=True)),
            "strategies": {
                player: [
                    {"action": actions[k], "probability": float(own[k])}
                    for k in np.flatnonzero(own > 0)
                ]
                for player, actions, own in zip(
                    self.game.players, self.game.actions, self.strategies, strict=True
                )
            },
            "profits": dict(zip(self.game.players, self.profits.tolist(), strict=True)),
            "certificate": self.deviations.to_dict(),
            "found_by": self.found_by,
            "iterations": self.iterations,
            "trace": self.trace.tolist(),
            "others": [replace(other, others=()).to_dict() for other in self.others],
            "complete": self.complete,
        }

    def table(self) -> TextTable:
        """Return epsilon, then each player's gain, profit and strategy."""
        unit = self.game.unit
        rows = [
            (
                player,
                shown_number(gain),
                percent(float(scaled), 3),
                shown_number(profit),
                str(int((own > 0).sum())),
                listed(actions, own),
            )
            for player, gain, scaled, profit, actions, own in zip(
                self.game.players,
                self.deviations.gain,
                self.scaled_gain,
                self.profits,
                self.game.actions,
                self.strategies,
                strict=True,
            )
        ]
        note = f"{self.deviations.words}\nFound by {self.found_by}; {self.iterations:,} iterations."
        if self.others:
            note += f" {len(self.others)} other equilibria found (see .others)."
        note += " These are all." if self.complete else " There may be more equilibria."
        return TextTable(
            f"epsilon = {shown_number(self.epsilon)} {unit}: {self._what}, {self.game.name}",
            ("player", f"gain [{unit}]", "of own range", f"profit [{unit}]", "actions", "plays"),
            rows,
            note,
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each player's distribution over its actions: steps up to one, atoms as jumps."""
        ax = new_axes() if ax is None else ax
        numeric = all(self.game.numeric)
        for k, (player, own) in enumerate(zip(self.game.players, self.strategies, strict=True)):
            colour = model_color(player, self.game.players)
            if numeric:
                price = np.asarray(self.game.actions[k], dtype=float)
                order = np.argsort(price)
                ends = np.concatenate([price[order], [price.max()]])
                level = np.concatenate([np.cumsum(own[order]), [1.0]])
                ax.step(ends, level, where="post", color=colour, label=player, lw=1.6)
            else:
                place = np.arange(len(own)) + 0.8 * k / len(self.strategies)
                ax.bar(place, own, 0.8 / len(self.strategies), color=colour, label=player)
        ax.set_xlabel("Price" if numeric else "Action")
        ax.set_ylabel("Probability of at most this price" if numeric else "Probability")
        ax.set_title(f"{self.game.name}\nepsilon = {shown_number(self.epsilon, 2)}")
        ax.legend(frameon=False)
        return ax

    def _progress(self) -> tuple[FloatArray, FloatArray, str, str]:
        steps, measure = self.trace.T
        return steps, measure, f"Steps ({self.found_by})", "epsilon (of the player's range)"


def listed(actions: tuple[float | str, ...], own: FloatArray) -> str:
    """Return the actions played most, with their probabilities."""
    played = np.flatnonzero(own > 0)
    most = played[np.argsort(-own[played], kind="stable")][:_LISTED]
    parts = [
        named(actions[k])
        + ("" if own[k] == 1 else f" with probability {shown_number(float(own[k]), 3)}")
        for k in sorted(most.tolist())
    ]
    return ", ".join(parts) + (", ..." if len(played) > _LISTED else "")


def named(action: float | str) -> str:
    """Return an action as text: a name, a whole number, or four digits of a price."""
    if isinstance(action, str):
        return action
    return f"{action:.0f}" if float(action).is_integer() else shown_number(action)


#: Actions named along an axis.
_TICKS = 5


@dataclass(frozen=True, eq=False, repr=False)
class CorrelatedEquilibrium(ScaledEquilibrium):
    """A joint distribution of advice that nobody gains by leaving.

    Made by :meth:`FiniteGame.correlated`.

    Parameters
    ----------
    kind : {"correlated", "coarse correlated"}
    game : FiniteGame
    distribution : float array [A_1, ..., A_P]
    profits : float array [P]
    objective : str
        What was maximised.
    value, bound : float
        What the distribution reaches of it, and what no equilibrium of this kind exceeds.
    deviations : Deviations
    found_by : str
    iterations : int
    trace : float array [K, 2]
        Rounds, epsilon.
    others : tuple
        Empty: the set is convex, and the objective picks a point of it.

    References
    ----------
    Aumann, *Subjectivity and correlation in randomized strategies*, Journal of Mathematical
    Economics 1 (1974).

    Moulin, Vial, *Strategically zero-sum games: the class of games whose completely mixed
    equilibria cannot be improved upon*, International Journal of Game Theory 7 (1978).
    """

    kind: Literal["correlated", "coarse correlated"]
    game: FiniteGame
    distribution: FloatArray
    profits: FloatArray
    objective: str
    value: float
    bound: float
    deviations: Deviations
    found_by: str
    iterations: int
    trace: FloatArray
    others: tuple[CorrelatedEquilibrium, ...] = ()

    @property
    def strategies(self) -> tuple[FloatArray, ...]:
        """Each player's marginal distribution over its actions."""
        count = self.distribution.ndim
        return tuple(
            self.distribution.sum(axis=tuple(k for k in range(count) if k != player))
            for player in range(count)
        )

    @property
    def gap(self) -> float:
        """How far the value may be from the best, over the best."""
        return max(0.0, self.bound - self.value) / max(abs(self.bound), 1e-12)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per profile advised: each player's action and the probability."""
        where = np.argwhere(self.distribution > 0)
        columns = {
            player: [self.game.actions[k][index] for index in where[:, k]]
            for k, player in enumerate(self.game.players)
        }
        return pd.DataFrame({**columns, "probability": self.distribution[tuple(where.T)]})

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "kind": self.kind,
            "game": self.game.name,
            "epsilon": self.epsilon,
            "objective": self.objective,
            "value": self.value,
            "bound": self.bound,
            "profiles": self.to_frame().to_dict("records"),
            "profits": dict(zip(self.game.players, self.profits.tolist(), strict=True)),
            "certificate": self.deviations.to_dict(),
            "found_by": self.found_by,
            "iterations": self.iterations,
            "trace": self.trace.tolist(),
        }

    def table(self) -> TextTable:
        """Return epsilon, then each player's gain, profit and marginal strategy."""
        unit = self.game.unit
        rows = [
            (
                player,
                shown_number(gain),
                shown_number(profit),
                str(int((own > 0).sum())),
                listed(actions, own),
            )
            for player, gain, profit, actions, own in zip(
                self.game.players,
                self.deviations.gain,
                self.profits,
                self.game.actions,
                self.strategies,
                strict=True,
            )
        ]
        note = (
            f"Maximises {self.objective}: {shown_number(self.value)} {unit}, at most"
            f" {shown_number(self.bound)} (gap {percent(self.gap, 3)}).\n{self.deviations.words}\n"
            f"Found by {self.found_by}; {self.iterations:,} rounds."
        )
        return TextTable(
            f"epsilon = {shown_number(self.epsilon)} {unit}: {self.kind} equilibrium,"
            f" {self.game.name}",
            ("player", f"gain [{unit}]", f"profit [{unit}]", "actions", "advised"),
            rows,
            note,
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the joint distribution of the first two players' actions."""
        ax = new_axes() if ax is None else ax
        joint = self.distribution.sum(axis=tuple(range(2, self.distribution.ndim)))
        joint = joint[:, None] if joint.ndim == 1 else joint
        image = ax.imshow(joint.T, origin="lower", aspect="auto", cmap="Reds")
        ax.figure.colorbar(image, ax=ax, label="Probability")
        ax.grid(visible=False)
        for axis, player in ((ax.xaxis, 0), (ax.yaxis, 1)):
            if player < len(self.game.players):
                actions = self.game.actions[player]
                shown = np.unique(np.linspace(0, len(actions) - 1, _TICKS).round().astype(int))
                axis.set_ticks(shown, [named(actions[k]) for k in shown])
        ax.set_xlabel(f"Action of {self.game.players[0]}")
        ax.set_ylabel(f"Action of {self.game.players[1]}" if len(self.game.players) > 1 else "")
        ax.set_title(
            f"{self.kind.capitalize()} equilibrium, {self.game.name}\n"
            f"epsilon = {shown_number(self.epsilon, 2)}"
        )
        return ax

    def _progress(self) -> tuple[FloatArray, FloatArray, str, str]:
        steps, measure = self.trace.T
        return steps, measure, "Rounds", "epsilon (scaled payoffs)"


Method = solvers.Method


@dataclass(frozen=True, eq=False, repr=False)
class FiniteGame(Displayed):
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

    def table(self) -> TextTable:
        """Return the players, their actions and the range of their payoffs."""
        rows = [
            (
                player,
                f"{len(own):,}",
                summary([named(action) for action in own]),
                shown_number(float(pay.min())),
                shown_number(float(pay.max())),
            )
            for player, own, pay in zip(self.players, self.actions, self.payoffs, strict=True)
        ]
        return TextTable(
            f"{self.name}: {self.payoffs[0].size:,} profiles",
            ("player", "actions", "which", f"least [{self.unit}]", f"most [{self.unit}]"),
            rows,
        )

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
        return mixed.pure_profiles(self.payoffs)

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

        References
        ----------
        Lemke, Howson, *Equilibrium points of bimatrix games*, Journal of the Society for Industrial
        and Applied Mathematics 12 (1964).

        Avis, Rosenberg, Savani, von Stengel, *Enumeration of Nash equilibria for two-player games*,
        Economic Theory 42 (2010).

        von Neumann, *Zur Theorie der Gesellschaftsspiele*, Mathematische Annalen 100 (1928).

        Howson, *Equilibria of polymatrix games*, Management Science 18 (1972).

        Hart, Mas-Colell, *A simple adaptive procedure leading to correlated equilibrium*,
        Econometrica 68 (2000).

        McMahan, Gordon, Blum, *Planning in the presence of cost functions controlled by an
        adversary*, ICML (2003).

        Turocy, *A dynamic homotopy interpretation of the logistic quantal response equilibrium
        correspondence*, Games and Economic Behavior 51 (2005).
        """
        chosen(method, "method", get_args(Method))
        time_limit = number(time_limit, "time_limit", 0.0, above=True)
        if paths is not None:
            paths = whole(paths, "paths", 1)
        found = solvers.find(self.payoffs, method, clock() + time_limit, paths)
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

        References
        ----------
        Aumann, *Subjectivity and correlation in randomized strategies*, Journal of Mathematical
        Economics 1 (1974).

        Moulin, Vial, *Strategically zero-sum games: the class of games whose completely mixed
        equilibria cannot be improved upon*, International Journal of Game Theory 7 (1978).
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
            averages = play(solvers.own_scale(self.payoffs), deadline, joint=True)
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
        return mixed.least_gain(self.payoffs)

    def plot_least_gain(self, ax: Axes | None = None) -> Axes:
        """Draw epsilon over two players' action profiles; pure equilibria are marked.

        Raises
        ------
        InputError
            Unless there are two players.
        """
        return least_gain(self, ax)

    def plot_best_responses(self, ax: Axes | None = None) -> Axes:
        """Draw each of two players' best responses to every action of the other.

        Raises
        ------
        InputError
            Unless there are two players.
        """
        return best_responses(self, ax)

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

    def _answer(self, found: solvers.Found) -> FiniteEquilibrium:
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


#: What the payoff columns of a table begin with.
PAYOFF = "payoff "


def game_from_frame(
    table: pd.DataFrame, name: str = "Finite game", unit: str = "payoff"
) -> FiniteGame:
    """Return the game of a table with a row per profile, as :meth:`FiniteGame.to_frame` writes it.

    Parameters
    ----------
    table : DataFrame
        A column per player with its action, and a column ``payoff PLAYER`` per player. Actions
        are in the order of their price, or of first mention if they are names.
    name, unit : str

    Raises
    ------
    InputError
        If a column or a profile is missing or doubled, or a payoff is no finite number.
    """
    columns = [str(column) for column in table.columns]
    table = table.set_axis(columns, axis=1)
    players = [column[len(PAYOFF) :] for column in columns if column.startswith(PAYOFF)]
    absent = [player for player in players if player not in columns]
    if not players or absent:
        raise InputError(
            f"{name}: the table has the columns {', '.join(columns) or 'none'}; it needs, for every"
            f" player, its action in a column PLAYER and its payoff in '{PAYOFF}PLAYER'"
            + (f" (no column {absent[0]!r})." if absent else ".")
        )
    actions: list[tuple[Action, ...]] = []
    codes = []
    for player in players:
        own = table[player]
        if own.isna().any():
            raise InputError(f"{name}: row {int(np.argmax(own.isna())) + 1} has no {player!r}.")
        numeric = pd.to_numeric(own, errors="coerce")
        if numeric.notna().all():
            listed: tuple[Action, ...] = tuple(sorted({float(x) for x in numeric}))
            places = {action: k for k, action in enumerate(listed)}
            codes.append(numeric.astype(float).map(places).to_numpy(dtype=int))
        else:
            listed = tuple(dict.fromkeys(str(x) for x in own))
            places = {action: k for k, action in enumerate(listed)}
            codes.append(own.astype(str).map(places).to_numpy(dtype=int))
        actions.append(listed)
    sizes = tuple(len(own) for own in actions)
    times = np.zeros(sizes, dtype=int)
    np.add.at(times, tuple(codes), 1)
    if (times != 1).any():
        at = np.argwhere(times != 1)[0]
        profile = ", ".join(f"{player}={actions[k][at[k]]}" for k, player in enumerate(players))
        raise InputError(
            f"{name}: {int(times[tuple(at)])} rows for the profile {profile}; give exactly one for"
            " every combination of actions."
        )
    payoffs = np.empty((len(players), *sizes))
    for k, player in enumerate(players):
        pays = pd.to_numeric(table[PAYOFF + player], errors="coerce").to_numpy(dtype=float)
        if not np.isfinite(pays).all():
            row = int(np.argmax(~np.isfinite(pays)))
            raise InputError(f"{name}: row {row + 1}: '{PAYOFF}{player}' is no finite number.")
        payoffs[k][tuple(codes)] = pays
    return FiniteGame(payoffs, tuple(players), tuple(actions), name, unit)


def read_game(path: str | Path) -> FiniteGame:
    """Read a game from a CSV table or a JSON object.

    Parameters
    ----------
    path : path
        ``.csv``: see :func:`game_from_frame`. ``.json``: an object with ``payoffs`` (nested lists
        [P, A_1, ..., A_P]) and, if wanted, ``players``, ``actions``, ``name`` and ``unit``.

    Raises
    ------
    InputError
        If the file is not there, is of another kind, or does not hold a game.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file}: no such file.")
    if file.suffix.lower() == ".csv":
        try:
            table = pd.read_csv(file)
        except (ValueError, UnicodeDecodeError) as error:
            raise InputError(f"{file} is no CSV table: {error}.") from error
        return game_from_frame(table, file.stem)
    if file.suffix.lower() != ".json":
        raise InputError(f"{file}: a game is read from a .csv or a .json file.")
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{file} is no JSON: {error}.") from error
    if not isinstance(given, dict) or "payoffs" not in given:
        raise InputError(f"{file}: the JSON object needs 'payoffs', nested lists [players, ...].")
    unknown = set(given) - {"payoffs", "players", "actions", "name", "unit"}
    if unknown:
        raise InputError(f"{file}: unknown key {sorted(unknown)[0]!r}.")
    return FiniteGame(
        given["payoffs"],
        tuple(given.get("players", ())),
        tuple(tuple(own) for own in given.get("actions", ())),
        str(given.get("name", file.stem)),
        str(given.get("unit", "payoff")),
    )
