"""Finite games from tables and JSON files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from arbmodels.errors import InputError
from arbmodels.games.finite.certificate import Action
from arbmodels.games.finite.game import FiniteGame

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
