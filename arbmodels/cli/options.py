"""The arguments and options that several commands share, each defined once.

Reading what the user wrote: lists, pairs, solve rates, markets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from inspect import Parameter, Signature, cleandoc, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypeVar, cast

import typer

from arbmodels.cli.output import FILES, check_files
from arbmodels.errors import InputError

if TYPE_CHECKING:
    from arbmodels.curves import Curves
    from arbmodels.market import Market
    from arbmodels.prices import PriceCatalogue

    Opened: TypeAlias = Market
else:
    Opened = Any  # the market of a command, made by on_market: its type is not loaded at start-up


Command = TypeVar("Command", bound=Callable[..., None])

_WHICH = "Which market"
Source = Annotated[
    str,
    typer.Argument(
        metavar="MARKET",
        show_default=False,
        help="A data set's name, or a file or folder: tables, leaderboards, logs of evaluations,"
        " saved markets; see `arbmodels formats`.",
    ),
]
Models = Annotated[
    str | None,
    typer.Option("--models", metavar="A,B", help="Only these models, in this order."),
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="model=llm,...",
        rich_help_panel=_WHICH,
        help="What a table calls its columns: model, instance, solved or score or attempts and"
        " successes, cost, segment, weight, tokens.",
    ),
]
MissingPairs = Annotated[
    Literal["intersection", "mask"],
    typer.Option(
        "--missing",
        metavar="HOW",
        rich_help_panel=_WHICH,
        help="Instances without a record for every model. intersection: leave them out. mask: keep"
        " them and never buy the missing pair.",
    ),
]
InvalidRows = Annotated[
    Literal["raise", "mask"],
    typer.Option(
        "--invalid",
        metavar="HOW",
        rich_help_panel=_WHICH,
        help="Attempts without an outcome or a cost. raise: report them all. mask: leave them out"
        " and count them.",
    ),
]
Clip = Annotated[
    bool,
    typer.Option(
        "--clip", rich_help_panel=_WHICH, help="Set scores up to 0.05 outside 0 and 1 to these."
    ),
]
OutcomeKind = Annotated[
    Literal["verified", "score"] | None,
    typer.Option(
        "--outcome",
        metavar="KIND",
        rich_help_panel=_WHICH,
        show_default="verified if every outcome is 0 or 1",
        help="verified: solved or not. score: a grade from 0 to 1.",
    ),
]
Accept = Annotated[
    float | None,
    typer.Option(
        "--accept",
        metavar="SCORE",
        rich_help_panel=_WHICH,
        help="Take an answer for solved from this score on: what cascades and margins need.",
    ),
]
Benchmark = Annotated[
    str | None,
    typer.Option(
        "--benchmark",
        metavar="NAME",
        rich_help_panel=_WHICH,
        help="Which one, where a leaderboard or log holds several.",
    ),
]
Metric = Annotated[
    str | None,
    typer.Option(
        "--metric",
        metavar="NAME",
        rich_help_panel=_WHICH,
        help="Which score, where a log of evaluations holds several.",
    ),
]
Filter = Annotated[
    str | None,
    typer.Option(
        "--filter",
        metavar="NAME",
        rich_help_panel=_WHICH,
        help="Which reading of an answer, where a log of evaluations holds several.",
    ),
]
Costs = Annotated[
    str | None,
    typer.Option(
        "--costs",
        metavar="MODEL=X,...",
        rich_help_panel=_WHICH,
        help="What an attempt costs, where the records do not say.",
    ),
]
TokenPrices = Annotated[
    str | None,
    typer.Option(
        "--token-prices",
        metavar="FILE",
        rich_help_panel=_WHICH,
        help="Prices of tokens, where the records say no costs: genai-prices, a file of LiteLLM or"
        " OpenRouter, or a table with model, input, output per million tokens.",
    ),
]
On = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="DATE",
        rich_help_panel=_WHICH,
        show_default="each attempt's own day",
        help="The day of the token prices.",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        rich_help_panel=_WHICH,
        show_default="ARBMODELS_DATA, else a download",
        help="Where your copies of the published data sets are.",
    ),
]
#: How a source is read: the options that every command on a market has, with their defaults.
_READING: tuple[tuple[str, Any, Any], ...] = (
    ("columns", None, Columns),
    ("missing", "intersection", MissingPairs),
    ("invalid", "raise", InvalidRows),
    ("clip", False, Clip),
    ("outcome", None, OutcomeKind),
    ("accept", None, Accept),
    ("benchmark", None, Benchmark),
    ("metric", None, Metric),
    ("filter", None, Filter),
    ("costs", None, Costs),
    ("token_prices", None, TokenPrices),
    ("on", None, On),
    ("data", None, Data),
)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
SolveRates = Annotated[
    str | None,
    typer.Option("--at", metavar="0.70,0.75", help="Solve rates between 0 and 1."),
]
#: The billings a spend can be counted in; "olmedo2026" is that of Olmedo et al. (2026).
Billing = Literal[
    "olmedo2026",
    "dollars-pay-past-record",
    "dollars-stop-at-record",
    "attempts-pay-past-record",
    "attempts-stop-at-record",
]
#: What is counted unless asked otherwise: a bill that somebody would pay.
DEFAULT_BILLING: Literal["attempts-stop-at-record"] = "attempts-stop-at-record"
#: None stands for the default, or what the method brings.
BillingOption = Annotated[
    Billing | None,
    typer.Option(
        "--billing",
        metavar="RULE",
        show_default=f"{DEFAULT_BILLING}; with --method olmedo2026, theirs",
        help="How spend is counted. attempts-stop-at-record, attempts-pay-past-record: whole"
        " attempts. The record: an unsolved instance costs no more than its recorded attempts, or"
        " money past them. olmedo2026: dollars, log-linear on their 250 budgets, paying past the"
        " record. dollars-pay-past-record, dollars-stop-at-record: exact dollars. Dollars use each"
        " instance's own cost, which no policy knows.",
    ),
]
Refine = Annotated[
    int,
    typer.Option(
        "--refine",
        metavar="K",
        min=1,
        help="Cut the grid of a --billing in dollars K times finer.",
    ),
]
#: The billings in which plans are whole attempts.
AttemptsBilling = Literal["attempts-pay-past-record", "attempts-stop-at-record"]
AttemptsBillingOption = Annotated[
    AttemptsBilling,
    typer.Option(
        "--billing",
        metavar="RULE",
        help="How spend is counted, in whole attempts. attempts-stop-at-record,"
        " attempts-pay-past-record: an unsolved instance costs no more than its recorded attempts,"
        " or money past them.",
    ),
]
MostAttempts = Annotated[
    int | None,
    typer.Option(
        "--attempts",
        metavar="K",
        min=1,
        show_default="each model's longest record",
        help="Plan at most K attempts of each model.",
    ),
]
Seconds = Annotated[
    list[str] | None,
    typer.Option(
        "--seconds", metavar="MODEL=S,...", help="How long an attempt of each model takes."
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", metavar="FILE", help="Write the answer as a table (.csv or .parquet)."
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE", help="Draw a figure (.png, .pdf or .svg)."),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")]
Seed = Annotated[
    int, typer.Option("--seed", metavar="N", min=0, help="The same seed, the same numbers.")
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        show_default="one",
        help="Processes, -1 for one per core. The numbers do not depend on it.",
    ),
]
MethodOption = Annotated[
    Literal["exact", "olmedo2026"],
    typer.Option(
        "--method",
        metavar="METHOD",
        help="exact: the cheapest cascade at every solve rate, or the cheapest found with what is"
        " proven of it, where not every amount fits. olmedo2026: the single allocation of"
        " Olmedo et al. (2026), for two models, the cheap one first.",
    ),
]


def described(*examples: str) -> Callable[[Command], Command]:
    """Make a command's help of its docstring and of example command lines."""

    def describe(command: Command) -> Command:
        # The help formatter keeps line breaks, so every paragraph becomes one line; a backspace
        # on a line of its own keeps it from joining the examples.
        paragraphs = cleandoc(command.__doc__ or "").split("\n\n")
        parts = [paragraph.replace("\n", " ") for paragraph in paragraphs]
        if examples:
            parts.append(
                "\n".join(["\b\nExamples:", *(f"  arbmodels {line}" for line in examples)])
            )
        command.__doc__ = "\n\n".join(parts)
        return command

    return describe


def on_market(
    *examples: str,
    check: Callable[..., object] | None = None,
    only: Callable[..., str] | None = None,
) -> Callable[[Command], Command]:
    """Make a command of a function of a market: the options that say which market, and the help.

    Files that the command would write, and solve rates, are checked before the market is loaded;
    so is whatever ``check`` checks (or reads) of all the options given. A command whose own
    options name the models has ``only``, which reads them there, and no ``--models``. A function
    that asks for ``source``, ``force`` or ``data`` gets what was given.
    """

    def make(command: Command) -> Command:
        asked = list(signature(command, eval_str=True).parameters.values())[1:]
        passed = {each.name for each in asked}
        shared = {"source", "force", "json", *(name for name, _, _ in _READING)}
        own = [each for each in asked if each.name not in shared]
        option = partial(Parameter, kind=Parameter.KEYWORD_ONLY)
        parameters = [
            Parameter("source", Parameter.POSITIONAL_OR_KEYWORD, annotation=Source),
            *(each for each in own if each.kind is Parameter.POSITIONAL_OR_KEYWORD),
            *(() if only else [option("models", default=None, annotation=Models)]),
            *(each for each in own if each.kind is Parameter.KEYWORD_ONLY),
            *(
                [option("force", default=False, annotation=Force)]
                if passed & {*FILES, "force"}
                else []
            ),
            *(option(name, default=value, annotation=kind) for name, value, kind in _READING),
            *(each for each in asked if each.name == "json"),
        ]

        def run(**given: Any) -> None:
            force = given.get("force", False)
            check_files(force=force, **{each: given[each] for each in FILES if each in given})
            if given.get("at") is not None:
                solve_rates(given["at"])
            if check is not None:
                check(**given)
            models = only(**given) if only else given.pop("models")
            reading = {name: given[name] for name, _, _ in _READING}
            if "on" in passed and reading["token_prices"] is None:
                reading["on"] = None  # the command's own
            market = open_market(given["source"], models, **reading)
            command(market, **{name: value for name, value in given.items() if name in passed})

        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return described(*examples)(cast("Command", run))

    return make


def names(text: str | None) -> list[str] | None:
    """Split ``"a,b"``; None stays None, for "all of them"."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def number_of(text: str, what: str) -> float:
    """Read a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{what} must be a number, not {text!r}.")
    return value


def solve_rates(text: str) -> list[float]:
    """Read ``"0.70,0.75"``."""
    values = [number_of(part, "A solve rate of --at") for part in text.split(",") if part.strip()]
    if not values:
        raise InputError("--at needs at least one solve rate, such as --at 0.70,0.75.")
    for value in values:
        if not 0 <= value <= 1:
            hint = f" For {value:g}% write {value / 100:g}." if 1 < value <= 100 else ""
            raise InputError(f"A solve rate of --at lies between 0 and 1, not {value:g}.{hint}")
    return values


def limits(option: str, entries: Sequence[str]) -> dict[str, float]:
    """Read ``["name=number", ...]`` of a repeatable option."""
    out: dict[str, float] = {}
    for entry in entries:
        name, equals, value = entry.rpartition("=")
        if not (name and equals):
            raise InputError(f"{option} {entry!r} must look like {option} NAME=NUMBER.")
        if name in out:
            raise InputError(f"{option} names {name!r} twice. Give it once.")
        out[name] = number_of(value, f"{option} {entry!r}: the value")
    return out


def per_model(option: str, entries: Sequence[str] | None) -> dict[str, float]:
    """Read ``MODEL=NUMBER`` pairs, repeated or between commas as in ``--models``."""
    return limits(option, [pair for entry in entries or () for pair in names(entry) or ()])


def column_names(text: str | None) -> dict[str, str] | None:
    """Read ``"model=llm,instance=qid"``."""
    if text is None:
        return None
    mapping = {}
    for entry in names(text) or ():
        role, equals, column = entry.partition("=")
        if not (role and equals and column):
            raise InputError(
                f"--columns has {entry!r}; write ROLE=COLUMN, such as model=llm,instance=qid."
            )
        mapping[role.strip()] = column.strip()
    return mapping


def open_market(source: str, models: str | None, **reading: Any) -> Market:
    """Load a market; what loading left out goes to standard error.

    ``reading`` are the options of :func:`on_market` by name.
    """
    from arbmodels.data import load_market

    accept, given = reading.pop("accept", None), reading.pop("token_prices", None)
    costs = reading.pop("costs", None)
    market = load_market(
        source,
        models=names(models),
        columns=column_names(reading.pop("columns", None)),
        costs=None if costs is None else per_model("--costs", [costs]),
        prices=None if given is None else catalogue_of(given),
        **reading,
    )
    if accept is not None:
        market = market.accept(accept)
    for note in market.notes:
        typer.echo(f"Note: {market.name}: {note}", err=True)
    return market


def catalogue_of(source: str) -> PriceCatalogue:
    """Return the catalogue that was asked for; a table's prices are per million tokens."""
    from arbmodels.data import price_catalogue

    return price_catalogue(source, per=1e6)


def curves_of(market: Market, billing: Billing | None = None) -> Curves:
    """Return the market's curves in one of the billings of ``--billing``."""
    from arbmodels.curves import dollar_curves

    match billing or DEFAULT_BILLING:
        case "olmedo2026":
            return dollar_curves(market)
        case "dollars-pay-past-record":
            return dollar_curves(market, integration="exact")
        case "dollars-stop-at-record":
            return dollar_curves(market, integration="exact", billing="stop-at-record")
        case "attempts-pay-past-record" | "attempts-stop-at-record" as whole:
            return attempt_curves_of(market, whole)


def attempt_curves_of(market: Market, billing: AttemptsBilling, most: int | None = None) -> Curves:
    """Return the market's curves in whole attempts, up to ``most`` of each model."""
    from arbmodels.curves import attempt_curves

    if billing == "attempts-pay-past-record":
        return attempt_curves(market, most, billing="pay-past-record")
    return attempt_curves(market, most)


def round_rates(low: float, high: float) -> list[float]:
    """Return up to ten round solve rates from ``low`` to ``high``, at least one.

    Examples
    --------
    >>> round_rates(0.68, 0.7549)
    [0.68, 0.69, 0.7, 0.71, 0.72, 0.73, 0.74, 0.75]
    """
    if high - low < 1e-6:
        return [high]
    least = (high - low) / 10 * (1 - 1e-9)
    power = 10.0 ** math.floor(math.log10(least))
    step = next(unit * power for unit in (1, 2, 5, 10) if unit * power >= least)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(count * step, 12) for count in range(first, last + 1)] or [high]
