"""Finite games: equilibria, certificates, correlated advice."""

from __future__ import annotations

import numpy as np

from arbmodels.games import FiniteGame
from tests.differential.harness import Area, Case, between, holds, same
from tests.differential.tolerances import CANCELLED, ROUNDING
from tests.judges import finite as judge

#: A player's gain that counts as rounding, over its own range of payoffs.
_EXACT = 1e-8


def _payoffs(rng: np.random.Generator, sizes: tuple[int, ...]) -> np.ndarray:
    shape = (len(sizes), *sizes)
    kind = rng.random()
    if kind < 0.35:  # ties: degenerate
        value = rng.integers(-2, 3, shape) * 1.0
    elif kind < 0.5:
        value = rng.integers(0, 2, shape) * 1.0
    else:
        value = rng.normal(size=shape)
    if len(sizes) == 2 and rng.random() < 0.2:
        value[1] = -value[0]
    if rng.random() < 0.3:  # players in different units
        scale = 10.0 ** rng.uniform(-5, 5, len(sizes))
        value = value * scale.reshape(-1, *(1 for _ in sizes))
    if rng.random() < 0.1:
        value = value + 1000.0
    return value


def draw_game(rng: np.random.Generator) -> Case:
    """Two players with up to five actions, or three with up to three."""
    if rng.random() < 0.75:
        sizes: tuple[int, ...] = tuple(int(n) for n in rng.integers(1, 6, 2))
    else:
        sizes = tuple(int(n) for n in rng.integers(1, 4, 3))
    return {"payoffs": _payoffs(rng, sizes).tolist()}


def check_game(case: Case) -> None:
    """All pure equilibria, every answer an equilibrium by one's own count, all others too."""
    payoffs = np.array(case["payoffs"])
    game = FiniteGame(payoffs)
    exact, rough = judge.pure(payoffs, 1e-13), judge.pure(payoffs, 1e-11)
    mine = {tuple(int(a) for a in row) for row in game.pure_equilibria()}
    holds("finite: pure equilibria", exact <= mine <= rough, sorted(mine), sorted(exact))
    answer = game.solve(time_limit=5.0)
    ranges = np.array([float(np.ptp(own)) for own in payoffs])
    sizes = np.array([float(np.abs(own).max()) for own in payoffs])
    for one in (answer, *answer.others):
        strategies = [np.asarray(own) for own in one.strategies]
        for own in strategies:
            holds(
                "finite: a strategy is a distribution",
                own.min() >= 0 and abs(own.sum() - 1) < CANCELLED,
                own.tolist(),
            )
        profits, gains = judge.gains(payoffs, strategies)
        for k in range(len(payoffs)):
            scale = float(sizes[k])
            same("finite: profit", one.profits[k], profits[k], ROUNDING, scale)
            same("finite: gain", one.deviations.gain[k], gains[k], ROUNDING, scale)
        holds(
            "finite: an equilibrium",
            np.all(gains <= _EXACT * ranges + CANCELLED * sizes),
            (gains / np.maximum(ranges, 1e-300)).tolist(),
            "no gain",
        )


def draw_bimatrix(rng: np.random.Generator) -> Case:
    """Small matrices of whole numbers."""
    shape = tuple(int(n) for n in rng.integers(1, 4, 2))
    most = int(rng.choice([2, 9]))
    row, column = rng.integers(0, most + 1, shape), rng.integers(0, most + 1, shape)
    return {"row": row.tolist(), "column": column.tolist()}


def check_bimatrix(case: Case) -> None:
    """Certificates of rational equilibria are zero; of others the gain is right."""
    row, column = np.array(case["row"], float), np.array(case["column"], float)
    game = FiniteGame.from_matrices(row, column)
    payoffs = np.stack([row, column])
    known = judge.supports(case["row"], case["column"])
    scale = float(np.abs(payoffs).max()) + 1.0
    for x, y in known:
        found = game.certify([[float(p) for p in x], [float(p) for p in y]])
        holds("bimatrix: known equilibrium", found.epsilon <= CANCELLED * scale, found.epsilon, 0)
    answer = game.solve(time_limit=5.0)
    for one in (answer, *answer.others):
        _, gains = judge.gains(payoffs, [np.asarray(own) for own in one.strategies])
        holds("bimatrix: an equilibrium", gains.max() <= _EXACT * scale, gains.tolist(), 0)


def draw_correlated(rng: np.random.Generator) -> Case:
    """Welfare or one player's payoff; any joint distribution to certify."""
    sizes = tuple(int(n) for n in rng.integers(1, 4, int(rng.choice([2, 2, 3]))))
    joint = rng.random(sizes) * (rng.random(sizes) < 0.7) + 1e-3
    return {
        "payoffs": _payoffs(rng, sizes).tolist(),
        "objective": int(rng.integers(-1, len(sizes))),
        "coarse": bool(rng.random() < 0.5),
        "joint": (joint / joint.sum()).tolist(),
    }


def check_correlated(case: Case) -> None:
    """Value of the best one against one program, bound, advice that is followed."""
    payoffs, coarse = np.array(case["payoffs"]), case["coarse"]
    players = tuple(f"p{k}" for k in range(len(payoffs)))
    game = FiniteGame(payoffs, players)
    sizes = np.array([float(np.abs(own).max()) for own in payoffs])
    joint = np.array(case["joint"])
    found = game.certify_joint(joint / joint.sum(), coarse=coarse)
    gains = judge.joint_gains(payoffs, joint / joint.sum(), coarse=coarse)
    for k in range(len(players)):
        same("correlated: gain of any advice", found.gain[k], gains[k], ROUNDING, float(sizes[k]))
    weights = [1.0 if case["objective"] in (-1, k) else 0.0 for k in range(len(players))]
    objective = "welfare" if case["objective"] < 0 else players[case["objective"]]
    answer = game.correlated(objective, coarse=coarse)
    best = judge.best_joint(payoffs, weights, coarse=coarse)
    scale = float(sum(w * s for w, s in zip(weights, sizes, strict=True))) + float(
        sizes.max() * 1e-6
    )
    between("correlated: value", best, answer.value, best, 1e-7, scale)
    holds("correlated: bound", answer.bound >= best - 1e-7 * scale, answer.bound, best)
    advice = np.asarray(answer.distribution)
    gains = judge.joint_gains(payoffs, advice, coarse=coarse)
    ranges = np.array([float(np.ptp(own)) for own in payoffs])
    holds(
        "correlated: an equilibrium",
        np.all(gains <= 1e-7 * ranges + CANCELLED * sizes),
        gains.tolist(),
        0,
    )


AREAS = (
    Area(
        "finite",
        draw_game,
        check_game,
        share=5,
        axes={"action 0": [("payoffs", 1)], "action 1": [("payoffs", 2)]},
    ),
    Area(
        "bimatrix",
        draw_bimatrix,
        check_bimatrix,
        share=5,
        axes={"row": [("row", 0), ("column", 0)], "column": [("row", 1), ("column", 1)]},
    ),
    Area("correlated", draw_correlated, check_correlated, share=4),
)
