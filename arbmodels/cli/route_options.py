"""The options of ``arbmodels route``: objective, limits, contracts, files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

_GOAL, _LIMITS = "Objective", "Limits"
_VOLUME, _MORE = "Volume and contracts", "Doubt and change"
_FILES = "What to show and write"


def _option(flag: str, metavar: str, text: str, panel: str, **more: Any) -> Any:
    return typer.Option(flag, metavar=metavar, help=text, rich_help_panel=panel, **more)


#: NAME=NUMBER, repeatable.
Pairs = list[str] | None

Price = Annotated[
    float | None,
    _option("--price", "P", "Maximise profit at this price per solved instance.", _GOAL),
]
WorstSegment = Annotated[
    bool,
    typer.Option(
        "--worst-segment",
        help="Maximise the solve rate of the segment where it is lowest.",
        rich_help_panel=_GOAL,
    ),
]
AbstainPenalty = Annotated[
    float,
    _option(
        "--abstain-penalty", "X", "Cost of an unserved instance, in the objective's unit.", _GOAL
    ),
]
Attempts = Annotated[
    int, _option("--attempts", "K", "Up to K attempts of one model each.", _GOAL, min=1)
]
AssignmentOption = Annotated[
    Literal["oracle", "per-segment", "single"],
    _option(
        "--assignment",
        "KIND",
        "oracle: a plan per instance, from its own solve probabilities (a bound, not"
        " deployable). per-segment: one plan per segment. single: one plan for all.",
        _GOAL,
    ),
]
Budget = Annotated[
    float | None,
    _option(
        "--budget",
        "TOTAL",
        "Most to spend in total over the instances, in the market's currency.",
        _LIMITS,
    ),
]
Floor = Annotated[
    float | None, _option("--min-solve-rate", "R", "Least mean solve rate, 0 to 1.", _LIMITS)
]
OfBest = Annotated[
    float | None,
    _option("--of-best", "SHARE", "Least solve rate, as a share of the best achievable.", _LIMITS),
]
SegmentBudgets = Annotated[
    Pairs, _option("--segment-budget", "SEGMENT=T", "Most to spend there; repeatable.", _LIMITS)
]
ModelBudgets = Annotated[
    Pairs, _option("--model-budget", "MODEL=T", "Most to spend on a model; repeatable.", _LIMITS)
]
SegmentFloors = Annotated[
    Pairs,
    _option("--segment-floor", "SEGMENT=R", "Least solve rate there; repeatable.", _LIMITS),
]
Forbid = Annotated[
    Pairs,
    _option(
        "--forbid", "MODEL[@SEGMENT]", "Never that model, or not in a segment; repeatable.", _LIMITS
    ),
]
MaxModels = Annotated[
    int | None, _option("--max-models", "K", "At most K models in use.", _LIMITS, min=0)
]
MaxPlans = Annotated[
    int | None, _option("--max-plans", "K", "At most K plans in use.", _LIMITS, min=0)
]
Seconds = Annotated[
    Pairs, _option("--seconds", "MODEL=S", "How long an attempt takes; repeatable.", _LIMITS)
]
MaxLatency = Annotated[
    float | None,
    _option("--max-latency", "S", "Longest expected latency of any instance, seconds.", _LIMITS),
]
MeanLatency = Annotated[
    float | None, _option("--mean-latency", "S", "Longest mean latency, seconds.", _LIMITS)
]
Capacities = Annotated[
    Pairs, _option("--capacity", "MODEL=N", "Most attempts of a model; repeatable.", _VOLUME)
]
Commitments = Annotated[
    Pairs, _option("--commit", "MODEL=N", "Fewest attempts of a model; repeatable.", _VOLUME)
]
Shares = Annotated[
    Pairs,
    _option("--max-share", "MODEL=SHARE", "Most of the spend to a model; repeatable.", _VOLUME),
]
Contracts = Annotated[
    Pairs,
    _option(
        "--contract",
        "MODEL:TERMS",
        "Terms are fee=F, credit=C, tiers=FROM@RATE/FROM@RATE, by commas: a fee if used at all,"
        " list spend prepaid, and what a unit of list spend costs from there on; repeatable.",
        _VOLUME,
    ),
]
Overrun = Annotated[
    str | None,
    _option(
        "--overrun",
        "SHARE@COUNT",
        "The budget must hold although any COUNT instances cost SHARE more than expected.",
        _MORE,
    ),
]
Folds = Annotated[
    int,
    _option(
        "--folds",
        "K",
        "Cross-validate: score on held-out data in K folds; 0 for not.",
        _MORE,
        min=0,
    ),
]
Start = Annotated[
    Path | None,
    _option("--start", "FILE", "Start from an earlier answer, as written by --output.", _MORE),
]
MaxChanges = Annotated[
    float | None,
    _option("--max-changes", "K", "At most K instances change models against --start.", _MORE),
]
Gap = Annotated[float, _option("--gap", "SHARE", "Relative gap to prove.", _FILES, min=0.0)]
TimeLimit = Annotated[float, _option("--time-limit", "SECONDS", "Then the best so far.", _FILES)]
Explain = Annotated[
    str | None, _option("--explain", "INSTANCE", "Why this instance has its plan.", _FILES)
]
Sweep = Annotated[
    str | None,
    _option("--sweep", "LABEL", "The answers over this limit, such as budget.", _FILES),
]
Output = Annotated[
    Path | None,
    _option("--output", "FILE", "Write the plan of every instance (.csv or .parquet).", _FILES),
]
Export = Annotated[
    Path | None, _option("--export", "FILE", "Write the integer program (.mps or .lp).", _FILES)
]
