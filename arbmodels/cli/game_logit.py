"""``arbmodels game logit``: prices of differentiated products under logit demand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arbmodels.cli.options import Force, Json, Plot, described
from arbmodels.cli.output import show, show_json, working
from arbmodels.cli.pictures import check_picture, new_picture, save_picture
from arbmodels.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from arbmodels.games.smooth import LogitDemand

_KNOWN = (
    "product",
    "cost",
    "quality",
    "solve_rate",
    "firm",
    "nest",
    "fixed_price",
    "price",
    "share",
)

ProductTable = Annotated[
    Path,
    typer.Option(
        "--table",
        metavar="FILE",
        show_default=False,
        help="CSV or Parquet, a row per product. Columns: product; cost; quality (utility) or"
        " solve_rate; optionally firm, nest, fixed_price. Without quality and cost: price and"
        " share, from which both are inverted.",
    ),
]
PriceCoefficient = Annotated[
    float,
    typer.Option(
        "--price-coefficient",
        metavar="ALPHA",
        show_default=False,
        help="Utility per currency unit; the higher, the fiercer the competition.",
    ),
]
Value = Annotated[
    float | None,
    typer.Option(
        "--value",
        metavar="PRICE",
        help="What a solved instance is worth to consumers; turns solve rates into qualities.",
    ),
]
Sigma = Annotated[
    float, typer.Option("--sigma", metavar="S", help="Correlation of tastes within a nest.")
]
MarketSize = Annotated[float, typer.Option("--market-size", metavar="N", help="Consumers.")]
NoOutside = Annotated[bool, typer.Option("--no-outside", help="Consumers must buy something.")]
UnitTax = Annotated[float, typer.Option("--unit-tax", metavar="T", help="Per unit sold.")]
AdValoremTax = Annotated[
    float, typer.Option("--ad-valorem-tax", metavar="SHARE", help="Part of the price.")
]
LeaderFirm = Annotated[
    str | None, typer.Option("--leader", metavar="FIRM", help="A firm that prices first.")
]


@described(
    "game logit --table products.csv --price-coefficient 2",
    "game logit --table products.csv --price-coefficient 2 --json",
    "game logit --table observed.csv --price-coefficient 5",
)
def game_logit(
    *,
    table: ProductTable,
    price_coefficient: PriceCoefficient,
    value: Value = None,
    sigma: Sigma = 0.0,
    market_size: MarketSize = 1.0,
    no_outside: NoOutside = False,
    unit_tax: UnitTax = 0.0,
    ad_valorem_tax: AdValoremTax = 0.0,
    leader: LeaderFirm = None,
    plot: Plot = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Find the prices of firms whose products differ, under logit or nested logit demand.

    An independent search for every firm's best prices certifies the answer: no firm gains more
    than epsilon. A table of observed prices and shares is inverted into qualities and marginal
    costs first; if no cost explains a price, the command says so.
    """
    check_picture(plot, force=force)
    frame = _read(table)
    from arbmodels.games.smooth import SmoothGame, implied_costs

    options = {
        "nests": _names(frame, "nest"),
        "sigma": sigma,
        "outside": not no_outside,
        "market_size": market_size,
    }
    demand = _demand(frame, table, value, price_coefficient, options)
    firms = _names(frame, "firm")
    if "cost" in frame or "share" not in frame:
        _need(frame, table, "cost")
        cost = frame["cost"].to_numpy()
    else:
        cost = (
            implied_costs(
                demand, frame["price"], firms, unit_tax=unit_tax, ad_valorem_tax=ad_valorem_tax
            )
            .game()
            .costs
        )
    fixed = {}
    if "fixed_price" in frame:
        given = frame.dropna(subset="fixed_price")
        fixed = dict(zip(given["product"].astype(str), given["fixed_price"], strict=True))
    with working("Looking for the equilibrium", quiet=json):
        found = SmoothGame(
            demand,
            cost,
            firms,
            unit_tax,
            ad_valorem_tax,
            fixed,
            leader,
            f"logit game on {table.name}",
        ).solve()
    if plot is not None:
        figure, axes = new_picture()
        found.plot(axes[0])
        save_picture(figure, plot)
    if json:
        show_json(found.to_dict())
    else:
        show(found.table())


def _read(path: Path) -> pd.DataFrame:
    """Read the table of products."""
    import pandas as pd

    if not path.is_file():
        raise InputError(f"{path} is no file. Name a CSV or Parquet file with a row per product.")
    try:
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (ValueError, OSError, ImportError) as error:
        raise InputError(f"{path} cannot be read as a table: {error}") from error
    if frame.empty:
        raise InputError(f"{path} has no rows; give one per product.")
    _need(frame, path, "product")
    unknown = sorted(set(map(str, frame.columns)) - set(_KNOWN))
    if unknown:
        raise InputError(f"{path}: unknown column {unknown[0]!r}. It may have {', '.join(_KNOWN)}.")
    return frame


def _need(frame: pd.DataFrame, path: Path, column: str) -> None:
    if column not in frame:
        raise InputError(
            f"{path} has no column {column!r}; it has {', '.join(map(str, frame.columns))}."
        )


def _names(frame: pd.DataFrame, column: str) -> tuple[str, ...] | None:
    return tuple(frame[column].astype(str)) if column in frame else None


def _demand(
    frame: pd.DataFrame,
    path: Path,
    value: float | None,
    price_coefficient: float,
    options: dict[str, Any],
) -> LogitDemand:
    """Return demand from observed shares, qualities or solve rates, whichever the table has."""
    from arbmodels.games.smooth import LogitDemand

    products = frame["product"].astype(str).tolist()
    sources = [column for column in ("share", "quality", "solve_rate") if column in frame]
    if len(sources) != 1:
        raise InputError(
            f"{path} needs one of the columns share (with price), quality and solve_rate; it has"
            f" {' and '.join(sources) or 'none of them'}."
        )
    if sources != ["solve_rate"] and value is not None:
        raise InputError("--value turns solve rates into qualities; the table has no solve rates.")
    if sources == ["share"]:
        _need(frame, path, "price")
        if not options.pop("outside"):
            raise InputError("Observed shares leave an outside option; drop --no-outside.")
        observed = frame["price"], frame["share"]
        return LogitDemand.from_shares(products, *observed, price_coefficient, **options)
    if sources == ["quality"]:
        quality = frame["quality"].to_numpy()
        return LogitDemand(tuple(products), quality, price_coefficient, **options)
    if value is None:
        raise InputError("Solve rates need --value: what a solved instance is worth to consumers.")
    rates = frame["solve_rate"]
    return LogitDemand.from_solve_rates(products, rates, value, price_coefficient, **options)
