r"""Expected spend above a threshold along the lattice of attempts.

As long as an instance is unsolved, what it has cost depends on the attempts a made, not on their
order: :math:`C_i(a) = \sum_m a_m q_{im}`. An attempt of model m raises the expected excess over a
threshold by :math:`\sum_i w_i S_i(a) \left[(C_i(a) + q_{im} - \eta)^+ - (C_i(a) - \eta)^+\right]`,
which belongs to the step like its spend does: shortest paths handle both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbmodels.curves import Curves
from arbmodels.errors import InputError
from arbmodels.passk import FloatArray
from arbmodels.policies.steps import attempts_made

#: Instances times states that are tabulated: some 0.5 GB.
MAX_CELLS = 30_000_000


@dataclass(frozen=True, eq=False)
class Tails:
    """Survival and spend so far of every instance in every state.

    Parameters
    ----------
    shape : tuple of int
        Of the lattice.
    unsolved : float array [N, states]
        w_i S_i(a), states flattened.
    spent : float array [N, states], currency units
    """

    shape: tuple[int, ...]
    unsolved: FloatArray
    spent: FloatArray

    def excess_steps(self, threshold: float) -> tuple[FloatArray, ...]:
        """Return the expected excess over a threshold that every step adds, as ``step_spend``."""
        above = np.maximum(self.spent - threshold, 0.0).reshape(-1, *self.shape)
        alive = self.unsolved.reshape(-1, *self.shape)
        return tuple(
            np.einsum("i...,i...->...", np.delete(alive, -1, axis=m), np.diff(above, axis=m))
            for m in range(1, len(self.shape) + 1)
        )


def tails_of(curves: Curves, grids: tuple[FloatArray, ...]) -> Tails:
    """Tabulate the instances' states.

    Raises
    ------
    InputError
        If instances times states exceed 30 million.
    """
    market = curves.market
    shape = tuple(len(grid) for grid in grids)
    count = len(market.instances)
    if count * int(np.prod(shape)) > MAX_CELLS:
        raise InputError(
            f"{count} instances on a lattice of {' x '.join(map(str, shape))} attempts are more"
            f" than {MAX_CELLS:,} cells: give attempt_curves(market, max_attempts=...) with fewer."
        )
    unsolved = market.weight.reshape(-1, *[1] * len(shape))
    spent = np.zeros_like(unsolved)
    for axis, (name, curve, grid) in enumerate(
        zip(curves.names, curves.models, grids, strict=True)
    ):
        along = [count, *(-1 if k == axis else 1 for k in range(len(shape)))]
        made = np.stack([attempts_made(curves, name, 0, int(k)) for k in grid], axis=1)
        cost = market.cost[:, [market.model_index(name)]]
        bill = np.where(made > 0, made * np.where(made > 0, cost, 0.0), 0.0)
        unsolved = unsolved * curve.failure(grid).reshape(along)
        spent = spent + bill.reshape(along)
    return Tails(shape, unsolved.reshape(count, -1), spent.reshape(count, -1))
