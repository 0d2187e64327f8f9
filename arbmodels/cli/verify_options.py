"""The options of ``arbmodels verify``: the verifier, the terms of sale, what to look for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from arbmodels.cli.inputs import number_of, per_model

_VERIFIER, _TERMS = "The verifier", "Terms of sale"

Check = Annotated[
    list[str] | None,
    typer.Option(
        "--check",
        metavar="[MODEL=]C",
        help="Cost of one check; for all models, or small=C,large=C.",
        rich_help_panel=_VERIFIER,
    ),
]
FalseAccept = Annotated[
    list[str] | None,
    typer.Option(
        "--false-accept",
        metavar="[MODEL=]R",
        help="Probability that a wrong attempt is accepted.",
        rich_help_panel=_VERIFIER,
    ),
]
FalseReject = Annotated[
    list[str] | None,
    typer.Option(
        "--false-reject",
        metavar="[MODEL=]R",
        help="Probability that a right attempt is rejected.",
        rich_help_panel=_VERIFIER,
    ),
]
Penalty = Annotated[
    float,
    typer.Option(
        "--penalty",
        metavar="P",
        help="Cost of a wrong answer that is delivered.",
        rich_help_panel=_TERMS,
    ),
]
Price = Annotated[
    float | None,
    typer.Option(
        "--price",
        metavar="P",
        help="Find the plan that earns most at this price per delivered answer.",
        rich_help_panel=_TERMS,
    ),
]
Refund = Annotated[
    float,
    typer.Option(
        "--refund",
        metavar="SHARE",
        help="Share of the price given back for a wrong answer; with --price.",
        rich_help_panel=_TERMS,
    ),
]
BaselineOption = Annotated[
    Literal["same-verifier", "own-check"],
    typer.Option(
        "--baseline",
        metavar="WHO",
        help="What the margin compares with. same-verifier: who buys from a single model pays for"
        " the same verifier and bears the penalty. own-check: verifies free and perfectly.",
        rich_help_panel=_TERMS,
    ),
]
Threshold = Annotated[
    Literal["cost", "false_accept", "false_reject"] | None,
    typer.Option(
        "--threshold",
        metavar="WHAT",
        help="Find where the margin vanishes. cost: as checks get dearer. false_accept,"
        " false_reject: as errors get more frequent. The other numbers stay as given.",
        rich_help_panel="What to look for",
    ),
]


def of_models(option: str, entries: Sequence[str] | None) -> float | dict[str, float]:
    """Read ``["0.1"]`` for all models, or ``["a=0.1,b=0.2"]``; 0 if nothing is given."""
    if not entries:
        return 0.0
    if len(entries) == 1 and "=" not in entries[0]:
        return number_of(entries[0], option)
    return per_model(option, entries)
