"""Outcome records, and the prices and margins of the market of two models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import arbmodels as arb

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Record:
    """Outcomes of M models on N instances.

    Attributes
    ----------
    instances : tuple of str, [N]
    attempts, successes : int, [N, M]
    cost : float, [N, M]
        US dollars per attempt.
    """

    instances: tuple[str, ...]
    attempts: IntArray
    successes: IntArray
    cost: FloatArray

    @property
    def rate(self) -> FloatArray:
        """Observed single-attempt solve rate, [N, M]."""
        rate: FloatArray = self.successes / self.attempts
        return rate


@dataclass(frozen=True)
class TwoModelMarket:
    """Prices and margins of the first two models of a record.

    Attributes
    ----------
    crossing : float
        Solve rate from which the second model stays the cheaper one.
    max_solve_rate : float
        Highest solve rate of a single model within the largest budget.
    single, exact : float, [1000]
        Margins from 0.68 to the reach: of the one allocation with the largest mean margin, by the
        authors' accounting; and of the cheapest cascade for every solve rate.
    """

    crossing: float
    max_solve_rate: float
    single: FloatArray
    exact: FloatArray


def load_record(folder: Path, models: Sequence[str]) -> Record:
    """Read ``<model>.jsonl`` files; keep the instances that all models have."""
    tables = []
    for model in models:
        lines = (folder / f"{model}.jsonl").read_text(encoding="utf-8").splitlines()
        tables.append({row["id"]: row for row in map(json.loads, lines)})
    instances = tuple(sorted(set.intersection(*(set(table) for table in tables))))
    rows = [[table[name] for table in tables] for name in instances]
    return Record(
        instances,
        np.array([[len(cell["attempts"]) for cell in row] for row in rows], dtype=np.int64),
        np.array([[sum(cell["attempts"]) for cell in row] for row in rows], dtype=np.int64),
        np.array([[cell["mean_cost"] for cell in row] for row in rows], dtype=np.float64),
    )


def two_model_market(record: Record) -> TwoModelMarket:
    """Price the first two models of a record, alone and in cascades."""
    market = arb.Market(
        ("first", "second"),
        record.instances,
        record.attempts[:, :2],
        record.successes[:, :2],
        record.cost[:, :2],
    )
    authors = arb.arbitrage(market, method="olmedo2026")
    rates, prices = authors.solve_rates, authors.model_prices
    first_cheaper = np.flatnonzero(~(prices[:, 0] > prices[:, 1]) & ~np.isnan(prices[:, 0]))
    return TwoModelMarket(
        crossing=float(rates[first_cheaper[-1]]) if len(first_cheaper) else float(rates[0]),
        max_solve_rate=authors.market_max_solve_rate,
        single=authors.margin,
        exact=arb.arbitrage(arb.dollar_curves(market)).margin,
    )
