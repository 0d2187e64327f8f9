"""``arbmodels predict``: solve probabilities from features, and what routing by them yields."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arbmodels.cli import options as opt
from arbmodels.cli import output as out
from arbmodels.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

FeatureFile = Annotated[
    Path | None,
    typer.Option(
        "--features",
        metavar="FILE",
        show_default="those of the data set",
        help="What is known before an instance is served: a CSV or Parquet table with a column"
        " instance.",
    ),
]
Folds = Annotated[int, typer.Option("--folds", metavar="K", min=2, help="Of the cross-fitting.")]
Seed = Annotated[int, typer.Option("--seed", metavar="S", help="Of folds and resamples.")]
Resamples = Annotated[
    int, typer.Option("--resamples", metavar="R", min=0, help="Of the bootstrap bands; 0: none.")
]


@opt.on_market("predict routellm --plot curve.png", "predict routellm --resamples 0 --json")
def predict(
    market: opt.Opened,
    *,
    source: str,
    features: FeatureFile = None,
    folds: Folds = 5,
    seed: Seed = 0,
    resamples: Resamples = 200,
    plot: opt.Plot = None,
    data: Path | None = None,
    json: opt.Json = False,
) -> None:
    """Predict who solves what from features, and show what routing by predictions yields.

    Every prediction is fitted on other instances (cross-fitted) and calibrated. Then mean cost and
    solve rate of routing at random, by a threshold, by predicted value at a price, and by an oracle
    that knows every outcome, which is a bound and not deployable. Needs the extra predict.
    """
    known = _features(source, features, data)
    from arbmodels.predict import cost_quality, cross_fit

    with out.working("Fitting on the other folds", quiet=json):
        predictions = cross_fit(known, market, folds=folds, seed=seed)
        curve = cost_quality(predictions, resamples=resamples, seed=seed)
    if plot is not None:
        import matplotlib as mpl

        mpl.use("Agg")
        out.save_picture(curve.plot().get_figure(), plot)  # type: ignore[arg-type]
    if json:
        out.show_json(
            {**out.about(market), "predictions": predictions.to_dict(), "curve": curve.to_dict()}
        )
        return
    out.show(predictions.table(), curve.table())


def _features(source: str, path: Path | None, data: Path | None) -> pd.DataFrame:
    import pandas as pd

    if path is None:
        from arbmodels.data import load_features

        return load_features(source, data=data)
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"--features {path} cannot be read: {error}") from error
    if "instance" not in table:
        raise InputError(f"--features {path} has no column instance.")
    return table.astype({"instance": str}).set_index("instance")
