"""The program: its commands, its exit codes, and how errors reach the user.

Exit codes: 0 fine, 1 the solver failed or something unexpected happened, 2 bad input,
3 the constraints cannot be met.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import arbmodels
from arbmodels.cli import (
    cascades,
    demo,
    formulations,
    games,
    margin,
    market,
    predict,
    route,
    stream,
    verify,
)
from arbmodels.cli.options import described
from arbmodels.errors import ArbModelsError, InfeasibleError, SolverError, WorkerError

BAD_INPUT, INFEASIBLE, SOLVER_FAILED = 2, 3, 1


class _Program(TyperGroup):
    """Turn our own errors into a message on standard error and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InfeasibleError as error:
            code, message = INFEASIBLE, str(error)
        except (SolverError, WorkerError) as error:
            code, message = SOLVER_FAILED, str(error)
        except ArbModelsError as error:
            code, message = BAD_INPUT, str(error)
        typer.echo(f"Error: {message}", err=True)
        raise typer.Exit(code)


app = typer.Typer(
    cls=_Program,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"arbmodels {arbmodels.__version__}")
        raise typer.Exit


@app.callback()
@described()
def _program(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Route, cascade, arbitrage and price AI models: exact, certified, reproducible.

    Start with `arbmodels demo`. Where a command asks for a MARKET, give a data set's name (see
    `arbmodels data list`), or a file or folder in one of many formats (`arbmodels formats`).

    Every command takes --json: one JSON object on standard output, nothing else. Exit codes: 0
    fine, 1 solver failure, 2 bad input, 3 the constraints cannot be met.
    """


app.command("demo", rich_help_panel="Start here")(demo.demo)
app.command("info", rich_help_panel="Markets")(market.info)
app.command("convert", rich_help_panel="Markets")(market.convert)
app.command("reprice", rich_help_panel="Markets")(market.reprice)
app.command("formats", rich_help_panel="Markets")(market.formats)
app.add_typer(market.app, name="data", rich_help_panel="Markets")
app.command("route", rich_help_panel="Routing and cascades")(route.route)
app.command("predict", rich_help_panel="Routing and cascades")(predict.predict)
app.command("stream", rich_help_panel="Routing and cascades")(stream.stream)
app.add_typer(formulations.app, name="formulations", rich_help_panel="Routing and cascades")
app.command("frontier", rich_help_panel="Routing and cascades")(cascades.frontier)
app.command("search", rich_help_panel="Routing and cascades")(cascades.search)
app.command("classes", rich_help_panel="Routing and cascades")(cascades.classes)
app.command("limits", rich_help_panel="Routing and cascades")(cascades.limits)
app.command("cvar", rich_help_panel="Routing and cascades")(cascades.cvar)
app.command("batches", rich_help_panel="Routing and cascades")(cascades.batches)
app.command("verify", rich_help_panel="Routing and cascades")(verify.verify)
app.command("margin", rich_help_panel="Arbitrage and prices")(margin.margin)
app.add_typer(games.app, name="game", rich_help_panel="Arbitrage and prices")
app.command("cross-validate", rich_help_panel="How far to trust it")(margin.cross_validate)
app.command("bootstrap", rich_help_panel="How far to trust it")(margin.bootstrap)
app.command("robustness", rich_help_panel="How far to trust it")(margin.robustness)


def main() -> None:
    """Run the program; the entry point of the package."""
    _keep_output_apart()
    for terminal in (sys.stdout, sys.stderr):
        # A terminal that cannot show a sign (such as ±) gets "?" instead of a crash.
        if hasattr(terminal, "reconfigure"):
            terminal.reconfigure(errors="replace")
    try:
        app(prog_name="arbmodels")
    except OSError as error:  # such as a full disk behind standard output
        place = f"{error.filename}: " if error.filename else ""
        typer.echo(f"Error: {place}{error.strerror or error}.", err=True)
        sys.stdout = None  # what it holds would be written again at the end, and fail again
        raise SystemExit(SOLVER_FAILED) from None


def _keep_output_apart() -> None:
    """Reserve standard output for what the program says.

    Libraries in C, such as HiGHS behind Pyomo or CVXPY, print into file descriptor 1 whatever
    Python does; from here on it leads to standard error.
    """
    try:
        usual = sys.stdout.fileno() == 1
    except (AttributeError, OSError):  # no output, or one that is no file
        return
    if usual:
        sys.stdout.flush()
        apart = os.dup(1)
        os.dup2(2, 1)
        sys.stdout = os.fdopen(apart, "w", encoding=sys.stdout.encoding, errors="replace")
