"""Cross-fitted predictions, and how good they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.display import (
    Displayed,
    TextTable,
    model_colour,
    model_label,
    new_axes,
    number,
    percent,
)
from arbmodels.market import Market

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = npt.NDArray[np.float64]

#: Bins, of equally many instances, of the calibration error and of the reliability diagram.
_BINS = 10


@dataclass(frozen=True, eq=False, repr=False)
class CrossFitted(Displayed):
    """Predictions for every instance, by models fitted on other instances.

    Made by :func:`arbmodels.cross_fit`.

    Attributes
    ----------
    market : Market
        The outcomes that were learnt from and that the predictions are scored on.
    features : tuple of str
        Columns used.
    solve : float array [N, M]
        Probability that one attempt solves; cross-fitted and calibrated.
    cost : float array [N, M], currency units
        Expected price of one attempt; cross-fitted.
    base_solve, base_cost : float array [N, M]
        Means over the same training folds, without features: what skill is measured against.
    fold : int array [N]
        Each instance was predicted from the instances of the other folds.
    calibration, classifier : str
    grouped : bool
        Whether groups of instances were kept together.
    """

    market: Market
    features: tuple[str, ...]
    solve: FloatArray
    cost: FloatArray
    base_solve: FloatArray
    base_cost: FloatArray
    fold: npt.NDArray[np.int64]
    calibration: str
    classifier: str
    grouped: bool

    @property
    def label(self) -> str:
        """How the predictions were made."""
        folds = f"cross-fitted, {int(self.fold.max()) + 1} folds"
        kept = " of whole groups" if self.grouped else ""
        return f"{folds}{kept}, {self.classifier}, calibrated ({self.calibration})"

    @cached_property
    def _rate(self) -> FloatArray:
        market = self.market
        rate: FloatArray = np.where(
            market.recorded, market.successes / np.maximum(market.attempts, 1), np.nan
        )
        return rate

    def scores(self) -> pd.DataFrame:
        """Return one row per model: how good the predictions are, on instances not fitted on.

        Returns
        -------
        DataFrame
            ``brier`` and ``log_loss`` (mean squared error and mean log loss of one attempt),
            ``base_brier`` and ``base_log_loss`` of the training folds' mean, ``skill`` = 1 -
            brier / base_brier, ``calibration_error`` (mean distance between predicted and observed
            rate in ten bins of equally many instances), ``calibration_noise`` (what perfectly
            calibrated predictions would show), ``predicted_rate``, ``observed_rate``,
            ``cost_error`` and ``base_cost_error`` (mean absolute error over mean cost), and
            ``cost_ratio`` (total predicted over total actual cost).
        """
        rows = []
        for m in range(len(self.market.models)):
            there = self.market.recorded[:, m]
            weight = self.market.weight[there] / self.market.weight[there].sum()
            rate, solve, base = (a[there, m] for a in (self._rate, self.solve, self.base_solve))
            bins = self._bins(m)
            share = bins["weight"].to_numpy() / bins["weight"].sum()
            distance = (bins["predicted"] - bins["observed"]).abs()
            paid = self.market.cost[there, m]
            mean = float(weight @ paid)
            brier, base_brier = _brier(rate, solve, weight), _brier(rate, base, weight)
            rows.append(
                {
                    "brier": brier,
                    "base_brier": base_brier,
                    "skill": 1 - brier / base_brier if base_brier else np.nan,
                    "log_loss": _log_loss(rate, solve, weight),
                    "base_log_loss": _log_loss(rate, base, weight),
                    "calibration_error": float(share @ distance),
                    "calibration_noise": float(share @ bins["standard_error"]) * np.sqrt(2 / np.pi),
                    "predicted_rate": float(weight @ solve),
                    "observed_rate": float(weight @ rate),
                    "cost_error": float(weight @ abs(self.cost[there, m] - paid)) / mean,
                    "base_cost_error": float(weight @ abs(self.base_cost[there, m] - paid)) / mean,
                    "cost_ratio": float(weight @ self.cost[there, m]) / mean,
                }
            )
        return pd.DataFrame(rows, index=pd.Index(self.market.models, name="model"))

    def reliability(self) -> pd.DataFrame:
        """Return one row per model and bin: predicted and observed solve rate, standard error.

        Bins hold equally many instances, in the order of the predicted probability.
        """
        frames = {model: self._bins(m) for m, model in enumerate(self.market.models)}
        return pd.concat(frames, names=["model", "bin"])

    def _bins(self, m: int) -> pd.DataFrame:
        rows = np.flatnonzero(self.market.recorded[:, m])
        rows = rows[np.argsort(self.solve[rows, m], kind="stable")]
        found = []
        for part in np.array_split(rows, min(_BINS, len(rows))):
            weight = self.market.weight[part]
            if not weight.sum():
                continue
            share = weight / weight.sum()
            solve, tried = self.solve[part, m], self.market.attempts[part, m]
            variance = float(share**2 @ (solve * (1 - solve) / tried))
            found.append(
                {
                    "predicted": float(share @ solve),
                    "observed": float(share @ self._rate[part, m]),
                    "standard_error": np.sqrt(variance),
                    "instances": len(part),
                    "weight": float(weight.sum()),
                }
            )
        return pd.DataFrame(found)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per instance: fold, and per model predicted solve probability and cost."""
        columns: dict[str, Any] = {"fold": self.fold}
        for m, model in enumerate(self.market.models):
            columns[f"solve {model}"] = self.solve[:, m]
            columns[f"cost {model}"] = self.cost[:, m]
        return pd.DataFrame(columns, index=pd.Index(self.market.instances, name="instance"))

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as plain Python values, ready for JSON."""
        return {"label": self.label, "scores": self.scores().to_dict("index")}

    def table(self) -> TextTable:
        """Return the table shown in terminals and notebooks."""
        scores = self.scores()
        rows = [
            (
                model_label(str(model)),
                number(row["brier"], 3),
                number(row["base_brier"], 3),
                percent(row["skill"]),
                number(row["log_loss"], 3),
                number(row["base_log_loss"], 3),
                f"{percent(row['calibration_error'])} ({percent(row['calibration_noise'])})",
                percent(row["cost_error"]),
                percent(row["base_cost_error"]),
            )
            for model, row in scores.iterrows()
        ]
        return TextTable(
            f"Predictions for {self.market.name} from {', '.join(self.features)}: {self.label}",
            (
                "model",
                "Brier",
                "base rate's",
                "skill",
                "log loss",
                "base rate's",
                "calibration error (noise)",
                "cost error",
                "mean's",
            ),
            rows,
            "Every number is on instances that the prediction was not fitted on. skill: 1 - Brier /"
            " base rate's. calibration error: mean distance of predicted from observed in ten bins;"
            " in brackets what perfect calibration would show. cost error: mean absolute error over"
            " mean cost.",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the reliability diagram: observed against predicted, with 95% intervals."""
        axes = new_axes(4.4, 4.0) if ax is None else ax
        axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=(0, (4, 3)))
        brier, base = (self.scores()[name].to_numpy() for name in ("brier", "base_brier"))
        for m, model in enumerate(self.market.models):
            bins = self._bins(m)
            axes.errorbar(
                bins["predicted"],
                bins["observed"],
                yerr=1.96 * bins["standard_error"],
                fmt="o",
                markersize=4.5,
                capsize=2,
                linewidth=1.1,
                color=model_colour(model, self.market.models),
                label=f"{model_label(model)}, Brier {brier[m]:.3f} (base rate {base[m]:.3f})",
            )
        axes.set(
            xlabel="predicted solve rate (cross-fitted)",
            ylabel="observed solve rate",
            xlim=(0, 1),
            ylim=(0, 1),
        )
        axes.set_aspect("equal")
        axes.legend(frameon=False, loc="upper left", fontsize=8)
        return axes


def _brier(rate: FloatArray, solve: FloatArray, weight: FloatArray) -> float:
    return float(weight @ (rate * (1 - solve) ** 2 + (1 - rate) * solve**2))


def _log_loss(rate: FloatArray, solve: FloatArray, weight: FloatArray) -> float:
    """Return the mean log loss; infinite where what was ruled out happened."""
    with np.errstate(divide="ignore", invalid="ignore"):
        won = np.where(rate > 0, -rate * np.log(solve), 0.0)
        lost = np.where(rate < 1, -(1 - rate) * np.log1p(-solve), 0.0)
    return float(weight @ (won + lost))
