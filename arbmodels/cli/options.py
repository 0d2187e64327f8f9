"""The arguments and options that several commands share, each defined once."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

Command = TypeVar("Command", bound=Callable[..., None])

Source = Annotated[
    str,
    typer.Argument(
        metavar="MARKET",
        show_default=False,
        help="A data set's name, a folder of JSON Lines, or a CSV or Parquet file.",
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
        help="What a table calls its columns: model, instance, solved or attempts and successes,"
        " cost, segment, weight.",
    ),
]
MissingPairs = Annotated[
    Literal["intersection", "mask"],
    typer.Option(
        "--missing",
        metavar="HOW",
        help="Instances without a record for every model. intersection: leave them out. mask: keep"
        " them and never buy the missing pair.",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        show_default="ARBMODELS_DATA, else a download",
        help="Where your copies of the published data sets are.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
SolveRates = Annotated[
    str | None,
    typer.Option("--at", metavar="0.70,0.75", help="Solve rates between 0 and 1."),
]
#: The conventions a spend can be counted in; "authors" is that of Olmedo et al. (2026).
Convention = Literal[
    "authors",
    "dollars-pay-past-record",
    "dollars-stop-at-record",
    "attempts-pay-past-record",
    "attempts-stop-at-record",
]
#: What is counted unless asked otherwise: a bill that somebody would pay.
DEFAULT_CONVENTION: Literal["attempts-stop-at-record"] = "attempts-stop-at-record"
#: None stands for the default, or what the method brings.
AccountingOption = Annotated[
    Convention | None,
    typer.Option(
        "--accounting",
        metavar="RULE",
        show_default=f"{DEFAULT_CONVENTION}; with --method authors, theirs",
        help="How spend is counted. attempts-stop-at-record, attempts-pay-past-record: whole"
        " attempts. The record: an unsolved instance costs no more than its recorded attempts, or"
        " money past them. authors: dollars, log-linear on their 250 budgets, paying past the"
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
        help="Cut the grid of a --accounting in dollars K times finer.",
    ),
]
#: The conventions in which plans are whole attempts.
AttemptsConvention = Literal["attempts-pay-past-record", "attempts-stop-at-record"]
AttemptsAccounting = Annotated[
    AttemptsConvention,
    typer.Option(
        "--accounting",
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
    Literal["exact", "authors"],
    typer.Option(
        "--method",
        metavar="METHOD",
        help="exact: the cheapest cascade at every solve rate, or the cheapest found with what is"
        " proven of it, where not every amount fits. authors: the single allocation of"
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
