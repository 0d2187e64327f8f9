"""Seeded routing instances, in general form: for the engine, and as one sparse matrix for peers.

N instances by M models and abstaining; solve probability logistic in skill less difficulty, cost
log-normal, rising with price and difficulty. A constraint is a quantity ("solve", "spend" or "one",
an attempt) summed over the instances of a segment, or all, and the attempts of a model, or all.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse

from arbmodels._assignment import Arrays, AssignmentProgram, Block

Array = npt.NDArray[np.floating]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
QUANTITIES = ("one", "solve", "spend")


@dataclass(frozen=True)
class Row:
    """A coupling row: at most (sense 1) or at least (sense -1) ``limit``."""

    quantity: str
    sense: float
    limit: float
    model: int | None = None
    segment: int | None = None


@dataclass(frozen=True, eq=False)
class Instance:
    """Arrays [N, M], rows, and which quantity is the objective; the last plan abstains."""

    solve: Array
    spend: Array
    segment: IntArray | None
    rows: tuple[Row, ...]
    maximize: bool

    @property
    def size(self) -> int:
        """N."""
        return len(self.solve)

    @property
    def plans(self) -> int:
        """M + 1."""
        return int(self.solve[0].size) + 1

    def program(self) -> AssignmentProgram:
        """Return the program as the engine holds it; nothing is copied."""
        classes = 1 if self.segment is None else int(self.segment.max()) + 1
        objective = np.zeros((3, classes, self.plans))
        objective[1 if self.maximize else 2] = 1.0
        rows = np.zeros((len(self.rows), 3, classes, self.plans))
        for r, row in enumerate(self.rows):
            where = slice(row.segment, None if row.segment is None else row.segment + 1)
            models = slice(-1) if row.model is None else slice(row.model, row.model + 1)
            rows[r, QUANTITIES.index(row.quantity), where, models] = 1.0
        return AssignmentProgram(
            Arrays(Block(0, (self.solve, self.spend), self.segment)),
            objective,
            rows,
            np.array([row.sense for row in self.rows]),
            np.array([row.limit for row in self.rows]),
            self.maximize,
        )

    def objective(self) -> FloatArray:
        """Return the objective of every pair, [N (M + 1)]."""
        return _flat(self.solve if self.maximize else self.spend)

    def matrix(self) -> sparse.csr_array:
        """Return the coupling rows over the pairs, [R, N (M + 1)]."""
        rows = []
        for row in self.rows:
            entries = np.ones(self.solve.shape)
            if row.quantity != "one":
                entries = np.array(self.solve if row.quantity == "solve" else self.spend)
            if row.segment is not None and self.segment is not None:
                entries = entries * (self.segment == row.segment)[:, None]
            if row.model is not None:
                entries = entries * (np.arange(self.plans - 1) == row.model)
            rows.append(sparse.csr_array(_flat(entries)[None]))
        return sparse.csr_array(sparse.vstack(rows, format="csr"))

    def one_each(self) -> sparse.csr_array:
        """Return the rows that give every instance one plan, [N, N (M + 1)]."""
        pairs = self.size * self.plans
        start = np.arange(0, pairs + 1, self.plans)
        return sparse.csr_array((np.ones(pairs), np.arange(pairs), start), shape=(self.size, pairs))

    def sides(self) -> tuple[FloatArray, FloatArray]:
        """Return lower and upper limits of the coupling rows."""
        sense = np.array([row.sense for row in self.rows])
        limit = np.array([row.limit for row in self.rows])
        return np.where(sense > 0, -np.inf, limit), np.where(sense > 0, limit, np.inf)

    def save(self, folder: Path) -> None:
        """Write it as plain files."""
        np.save(folder / "solve.npy", self.solve)
        np.save(folder / "spend.npy", self.spend)
        if self.segment is not None:
            np.save(folder / "segment.npy", self.segment)
        record = {"maximize": self.maximize, "rows": [asdict(row) for row in self.rows]}
        (folder / "program.json").write_text(json.dumps(record))

    @classmethod
    def load(cls, folder: Path) -> Instance:
        """Read what :meth:`save` wrote."""
        record = json.loads((folder / "program.json").read_text())
        segment = folder / "segment.npy"
        return cls(
            np.load(folder / "solve.npy"),
            np.load(folder / "spend.npy"),
            np.load(segment) if segment.exists() else None,
            tuple(Row(**row) for row in record["rows"]),
            record["maximize"],
        )


def market(size: int, models: int = 20, seed: int = 0) -> tuple[Array, Array]:
    """Return solve probability and spend [N, M]; float32 from five million instances on."""
    rng = np.random.default_rng(seed)
    price = 0.02 * np.exp(rng.normal(0, 1, models))
    skill = rng.normal(0, 1, models) + 0.8 * np.log(price / 0.02)
    kind = np.float32 if size >= 5_000_000 else np.float64
    solve, spend = np.empty((size, models), kind), np.empty((size, models), kind)
    step = 100_000
    for start in range(0, size, step):
        here = slice(start, min(start + step, size))
        count = here.stop - start
        difficulty = rng.normal(0, 1, (count, 1))
        noise = rng.normal(0, 0.5, (count, models))
        solve[here] = 1 / (1 + np.exp(difficulty - skill + noise))
        spend[here] = price * np.exp(0.3 * difficulty + rng.normal(0, 0.3, (count, models)))
    return solve, spend


def budget(size: int, models: int = 20, seed: int = 0) -> Instance:
    """Maximise the solve rate; budget 15% of what always taking the best model costs."""
    solve, spend = market(size, models, seed)
    best = spend[np.arange(size), solve.argmax(axis=1)].sum(dtype=np.float64)
    return Instance(solve, spend, None, (Row("spend", 1.0, 0.15 * float(best)),), True)


def floor(size: int, models: int = 20, seed: int = 0) -> Instance:
    """Minimise the spend; at least 90% of the best achievable solve rate."""
    solve, spend = market(size, models, seed)
    best = solve.max(axis=1).sum(dtype=np.float64)
    return Instance(solve, spend, None, (Row("solve", -1.0, 0.9 * float(best)),), False)


def _flat(entries: Array) -> FloatArray:
    """Append the plan that abstains to [N, M]; return the pairs in one row."""
    flat: FloatArray = np.hstack([entries, np.zeros((len(entries), 1))]).ravel().astype(float)
    return flat
