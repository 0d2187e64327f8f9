"""Compute, compare and draw the paper's figures: ``python -m paper_figures``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.table import Table

import arbmodels as arb
from paper_figures import (
    figure_1_profit,
    figure_2_price_competition,
    figure_3_revenue_share,
    figure_4_robustness,
    figure_5_larger_market,
    figure_6_distillation,
    figure_7_entry,
    figure_8_lean_market,
    figure_9_lean_revenue_share,
    figure_10_lean_distillation,
    figure_11_policy_classes,
    figure_12_verification,
    figure_13_repricing,
)
from paper_figures.common import (
    Compared,
    FigureFile,
    Record,
    compare,
    figure_name,
    fingerprint,
    foreign_files,
    record_of,
    stored,
    write_pictures,
    write_record,
)

FIGURES: dict[str, FigureFile] = {
    "1": figure_1_profit,
    "2": figure_2_price_competition,
    "3": figure_3_revenue_share,
    "4": figure_4_robustness,
    "5": figure_5_larger_market,
    "6": figure_6_distillation,
    "7": figure_7_entry,
    "8": figure_8_lean_market,
    "9": figure_9_lean_revenue_share,
    "10": figure_10_lean_distillation,
    "11": figure_11_policy_classes,
    "12": figure_12_verification,
    "13": figure_13_repricing,
}

#: Stands for the published SWE-bench data where that is not at hand.
SIMULATED = "swebench-sim"


def load(choice: str, figure: FigureFile) -> arb.Market:
    """Return a figure's market.

    Parameters
    ----------
    choice : str
        "real": the published data, from ARBMODELS_DATA, the cache, or downloaded. "simulated":
        the bundled market. "auto": the published data if no download is needed, else the
        simulated market. Otherwise a folder: one that holds ``olmedo2026``, or one of JSON Lines.
    figure : FigureFile
    """
    if _simulated(choice, figure):
        own: Callable[[], arb.Market] | None = getattr(figure, "simulated", None)
        return arb.load_market(SIMULATED, models=figure.MODELS) if own is None else own()
    if choice in ("real", "auto"):
        return arb.load_market(figure.DATA, models=figure.MODELS)
    if (Path(choice) / "olmedo2026").is_dir():
        return arb.load_market(figure.DATA, models=figure.MODELS, data=choice)
    return arb.load_market(choice, models=figure.MODELS)


def _simulated(choice: str, figure: FigureFile) -> bool:
    """Return whether a choice of market means simulated data for a figure."""
    return choice == "simulated" or (choice == "auto" and not arb.dataset_info(figure.DATA).present)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code, as ``--help`` explains it."""
    options = _parser().parse_args(arguments)
    chosen = [FIGURES[name] for name in dict.fromkeys(options.names or FIGURES)]
    try:
        _check_folder(chosen, options)
        results = [
            (figure, *_make(figure, options, f"[{k}/{len(chosen)}]"))
            for k, figure in enumerate(chosen, start=1)
        ]
    except (arb.ArbModelsError, OSError) as error:
        print(f"paper_figures: {error}", file=sys.stderr)
        return 2
    _show(results)
    off = [
        f"  {figure_name(figure)}, {each.name}: published {_number(each.value)} {each.unit}"
        f" (tolerance {each.tolerance:g}), reproduced {_number(each.authors)}"
        for figure, market, comparison in results
        if not market.simulated
        for each in comparison
        if not each.reproduced
    ]
    if off:
        head = f"{len(off)} published value{'s' if len(off) > 1 else ''} NOT REPRODUCED:"
        print("\n".join([head, *off]), file=sys.stderr)
    return 1 if off else 0


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(f"{number}: {figure_name(each)}" for number, each in FIGURES.items())
    parser = argparse.ArgumentParser(
        prog="python -m paper_figures",
        description="Reproduce the figures of Olmedo, Schölkopf, Hardt (2026), and draw three more"
        " (11 to 13): PDF, PNG, and the numbers as JSON; then compare the numbers with the"
        " published ones. What an earlier run computed from the same data is only drawn.",
        epilog="Exit codes: 0; 1 when a published value is not reproduced on real data; 2 when"
        f" nothing could be done. Figures: {names}.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        type=_number_of,
        metavar="NAME",
        help="which figures, by number (1), subject (profit) or file (figure_1_profit); all by"
        " default",
    )
    parser.add_argument(
        "--market",
        default="auto",
        metavar="real|simulated|auto|FOLDER",
        help="real: the published data, downloaded if need be; auto (default): the published data"
        " if present, else simulated; a folder is taken to hold the published data",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("output", "figures"),
        metavar="FOLDER",
        help="where figures go; those of simulated data and of --quick go to folders of their own"
        " in it (simulated, quick, simulated-quick)",
    )
    parser.add_argument(
        "--plain",
        action="store_true",
        help="for print: the panels and their legend alone (figure_1_profit_plain.pdf), title and"
        " notes as a caption beside them (.txt, and .tex for \\input)",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace files in the way that are not ours"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="compute anew what is there from an earlier run"
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer draws, folds and allocations, for a first look"
    )
    return parser


def _number_of(name: str) -> str:
    """Return a figure's number, given that, its subject, or its file's name."""
    for number, figure in FIGURES.items():
        file = figure_name(figure)
        if name in (number, file, file.removeprefix(f"figure_{number}_")):
            return number
    raise argparse.ArgumentTypeError(f"no figure {name!r}; there are {', '.join(FIGURES)}")


def _folder(figure: FigureFile, options: argparse.Namespace) -> Path:
    """Return where a figure goes: a first look or made-up data never over a complete real run."""
    kind = ["simulated"] if _simulated(options.market, figure) else []
    kind += ["quick"] if options.quick else []
    folder: Path = options.output / "-".join(kind) if kind else options.output
    return folder


def _check_folder(figures: Sequence[FigureFile], options: argparse.Namespace) -> None:
    places = [(figure, _folder(figure, options)) for figure in figures]
    foreign = [] if options.force else foreign_files(places, plain=options.plain)
    if foreign:
        raise arb.InputError(
            f"{', '.join(map(str, foreign))} would be replaced, and this program did not write"
            " it. Name another folder with --output, move it away, or add --force."
        )


def _make(
    figure: FigureFile, options: argparse.Namespace, progress: str
) -> tuple[arb.Market, list[Compared]]:
    """Compute, compare and write one figure, saying so; what is there already is only drawn."""
    start = perf_counter()
    print(f"{progress} {figure_name(figure)}: ", end="", flush=True)
    market = load(options.market, figure)
    print(f"{market.name}, {len(market.instances)} instances ... ", end="", flush=True)
    arguments: dict[str, Any] = getattr(figure, "QUICK", {}) if options.quick else {}
    inputs = fingerprint(figure, market, arguments)
    folder = _folder(figure, options)
    record: Record | None = None if options.fresh else stored(figure, folder, inputs)
    computed = record is None
    if record is None:
        record = {"inputs": inputs, **figure.compute(market, **arguments)}
    comparison = compare(figure.PUBLISHED, record)
    if computed:
        write_record(figure, record, comparison, folder)
    written = write_pictures(figure, record, folder, plain=options.plain)
    print(f"{perf_counter() - start:.1f} s" if computed else "computed before")
    for path in (record_of(figure, folder), *written):
        print(f"      {os.path.relpath(path)}")
    return market, comparison


def _show(results: Sequence[tuple[FigureFile, arb.Market, list[Compared]]]) -> None:
    """Print published, the paper's method reproduced, and exact, side by side."""
    table = Table(title="Published, the paper's method reproduced, and the exact method")
    for heading in ("figure", "quantity", "unit", "published", "reproduced", "exact", ""):
        table.add_column(heading, justify="left" if heading in ("quantity", "unit") else "right")
    for figure, market, comparison in results:
        number = next(name for name, each in FIGURES.items() if each is figure)
        for each in comparison:
            table.add_row(
                number,
                each.name,
                each.unit,
                _number(each.value),
                _number(each.authors),
                _number(each.exact),
                "simulated" if market.simulated else "ok" if each.reproduced else "[bold]OFF[/]",
            )
        table.add_section()
    Console(width=110).print(table)
    if any(market.simulated for _, market, _ in results):
        print("Simulated market: published values are shown for orientation, not enforced.")


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.5g}"


if __name__ == "__main__":
    raise SystemExit(main())
