"""``arbmodels formulations``: the programs that are installed, their mathematics, their checks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer

from arbmodels.cli import options as opt
from arbmodels.cli.output import show, show_json
from arbmodels.display import TextTable
from arbmodels.errors import SolverError

app = typer.Typer(
    no_args_is_help=True,
    help="List the formulations that are installed; show one's mathematics; check them.",
)
Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        show_default=False,
        help="From `arbmodels formulations list`, or a Python file.",
    ),
]


@contextmanager
def _warned() -> Iterator[None]:
    """Say on standard error what is wrong with plug-ins, a line each."""
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always", UserWarning)
        yield
    for one in noted:
        typer.echo(f"Warning: {one.message}", err=True)


@app.command("list")
@opt.described("formulations list", "formulations list --json")
def list_(json: opt.Json = False) -> None:
    """List our formulations and those that other installed packages register.

    Ours are in the folder formulations; each is a Python file that is made to be copied. A package
    registers its own under the entry point group arbmodels.formulations. A plug-in that is broken
    is named on standard error; all others are listed.
    """
    from arbmodels.registry import formulations

    with _warned():
        found = formulations().values()
    if json:
        show_json(
            {
                "formulations": [
                    {
                        "name": each.name,
                        "decides": each.purpose,
                        "package": each.package,
                        "file": str(each.path),
                    }
                    for each in found
                ]
            }
        )
        return
    show(
        TextTable(
            "Formulations",
            ("name", "decides", "package"),
            [(each.name, each.purpose, each.package) for each in found],
            "arbmodels formulations show NAME prints one's mathematics, --code its program.",
        )
    )


@app.command("show")
@opt.described(
    "formulations show budget_routing",
    "formulations show template --code",
)
def show_(
    name: Name,
    code: Annotated[bool, typer.Option("--code", help="Print the whole file, to copy.")] = False,
    json: opt.Json = False,
) -> None:
    """Show the mathematics of a formulation.

    Sets, parameters with their units, variables, objective, constraints and size, as its docstring
    states them in LaTeX, here as text. With --code the whole file, to be redirected into one of
    yours and changed.
    """
    from arbmodels.registry import find

    with _warned():
        each = find(name)
    if json:
        show_json({"name": each.name, "file": str(each.path), "markdown": each.to_markdown()})
    elif code:
        typer.echo(each.path.read_text(encoding="utf-8"), nl=False)
    else:
        typer.echo(each.to_text())
        typer.echo(f"\nFile: {each.path}")


@app.command("check")
@opt.described(
    "formulations check",
    "formulations check budget_routing --instances 20",
    "formulations check template fair_routing --json",
)
def check_(
    chosen: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            show_default="all",
            help="From `arbmodels formulations list`, or Python files.",
        ),
    ] = None,
    instances: Annotated[
        int, typer.Option("--instances", metavar="N", min=2, help="Random instances of each.")
    ] = 8,
    seed: opt.Seed = 0,
    json: opt.Json = False,
) -> None:
    """Check that formulations state their mathematics and that their ways of solving agree.

    Every formulation solves small random instances in at least two ways; ours in Pyomo, in CVXPY
    and by enumeration or a dual. The exit code is 1 if one does not pass.
    """
    from arbmodels.registry import check, find, formulations

    with _warned():
        each = [find(name) for name in chosen] if chosen else list(formulations().values())
    checks = [check(formulation, instances=instances, seed=seed) for formulation in each]
    if json:
        show_json({"checks": [{**asdict(one), "passed": one.passed} for one in checks]})
    else:
        show(
            TextTable(
                "Formulations checked",
                ("name", "passes", "ways of solving", "instances solved", "difference", "time [s]"),
                [
                    (
                        one.name,
                        "yes" if one.passed else "NO",
                        ", ".join(one.ways),
                        f"{one.feasible} of {one.instances}",
                        f"{one.largest_difference:.1e}",
                        f"{one.seconds:.1f}",
                    )
                    for one in checks
                ],
                "Difference: the largest between two ways, relative to the value.",
            )
        )
    failed = [one for one in checks if not one.passed]
    if failed:
        raise SolverError(
            "\n  ".join(
                [
                    "These formulations do not pass.",
                    *(f"{one.name}: {problem}" for one in failed for problem in one.problems),
                ]
            )
        )
