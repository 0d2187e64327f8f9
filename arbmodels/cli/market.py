"""``arbmodels data``: the data sets that have a name.

``arbmodels info``: what a market holds.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arbmodels.cli import options as opt
from arbmodels.cli import output
from arbmodels.display import TextTable
from arbmodels.errors import InputError

if TYPE_CHECKING:
    from arbmodels.market import Market


@opt.on_market(
    "info swebench-sim",
    "info olmedo2026/swebench --models gpt5mini,deepseek",
    "info attempts.csv --columns model=llm,instance=question --json",
)
def info(
    market: opt.Opened,
    *,
    json: opt.Json = False,
) -> None:
    """Show a market: attempts, solve rates and costs of its models.

    Per model: recorded attempts per instance, the mean solve rate of a single attempt with its
    standard error over the draw of instances, the share of instances solved at least once, and
    what an attempt costs. Loading checks everything and reports all problems together, with file
    and line.
    """
    if not json:
        output.show(replace(market, notes=()).table())  # the notes are on standard error
        output.show("", *market.tells)
        return
    summary = market.summary()
    rows = [
        {"model": model, **row}
        for model, row in zip(market.models, summary.to_dict("records"), strict=True)
    ]
    output.show_json(
        {
            **output.about(market),
            "segments": market.segments,
            "unit": f"{market.currency}/attempt",
            "models": rows,
            "tells": market.tells,
        }
    )


SaveAs = Annotated[
    Path,
    typer.Argument(
        metavar="OUT", show_default=False, help="Ends in .parquet, .jsonl, .jsonl.gz or .csv."
    ),
]


def _check_out(*, out: Path, force: bool = False, **_: object) -> None:
    endings = (".parquet", ".jsonl", ".jsonl.gz", ".csv")
    if not out.name.endswith(endings):
        raise InputError(f"{out}: the name of the file ends in {', '.join(endings)}.")
    if out.exists() and not force:
        raise InputError(f"{out} exists already. Overwrite it with --force, or name another file.")


def _save(market: Market, path: Path, *, force: bool, json: bool) -> None:
    """Write a market, and say what was written."""
    output.make_folder_of(path)
    if path.suffix == ".csv":
        output.save_table(market.to_frame(), path)
    else:
        market.save(path, overwrite=force)
    if json:
        output.show_json({**output.about(market), "file": str(path)})
    else:
        output.show(market.table(), f"Saved: {path}")


@opt.on_market(
    "convert my-folder market.parquet",
    "convert log.csv market.jsonl.gz --json",
    check=_check_out,
)
def convert(
    market: opt.Opened, out: SaveAs, *, force: opt.Force = False, json: opt.Json = False
) -> None:
    """Write a market, whatever it was read from, as a file that every command takes.

    Parquet and JSON Lines hold the whole market and load as an equal one; CSV holds the table of
    its attempts.
    """
    _save(market, out, force=force, json=json)


Catalogue = Annotated[
    str,
    typer.Argument(
        metavar="PRICES",
        show_default=False,
        help="genai-prices, a file of LiteLLM or OpenRouter, or a table with model, input, output"
        " per million tokens.",
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Option("--called", metavar="MODEL=NAME", help="What the catalogue calls a model."),
]
Free = Annotated[
    str | None,
    typer.Option("--free", metavar="A,B", help="Models that cost nothing, as the catalogue says."),
]
Batch = Annotated[bool, typer.Option("--batch", help="Attempts are billed as batches.")]


@opt.on_market(
    "reprice log.csv prices.csv today.parquet --on 2026-11-01",
    "reprice log.csv prices.csv now.jsonl --called small=gpt-5-mini",
    check=_check_out,
)
def reprice(
    market: opt.Opened,
    prices: Catalogue,
    out: SaveAs,
    *,
    on: str | None = None,
    called: Names = None,
    free: Free = None,
    batch: Batch = False,
    force: opt.Force = False,
    json: opt.Json = False,
) -> None:
    """Compute costs anew from tokens, by a catalogue's prices of a day, and write the market.

    A model that the catalogue does not price is an error that names the nearest, never free. What
    was used (catalogue, version, day, hash) is written with the market.
    """
    names = {}
    for entry in called or ():
        model, equals, name = entry.partition("=")
        if not (model and equals and name):
            raise InputError(f"--called {entry!r} must look like --called MODEL=NAME.")
        names[model] = name
    repriced = market.reprice(
        opt.catalogue_of(prices), on, models=names, batch=batch, free=opt.names(free) or ()
    )
    _save(repriced, out, force=force, json=json)


@opt.described("formats", "formats --json")
def formats(json: opt.Json = False) -> None:
    """List what a MARKET may be: the formats of files and folders, and what each is told by.

    Every one is told by what stands in the file; names and endings of files do not matter. Where a
    file holds several benchmarks, scores or readings, --benchmark, --metric and --filter choose.
    """
    from arbmodels.data.formats import known_formats

    if json:
        output.show_json({"formats": known_formats()})
        return
    output.show(TextTable("Formats", ("format", "told by"), list(known_formats().items())))


app = typer.Typer(
    no_args_is_help=True, help="List the data sets that have a name; download one beforehand."
)


@app.command("list")
@opt.described("data list", "data list --data ~/arbitrage-data --json")
def list_(data: opt.Data = None, json: opt.Json = False) -> None:
    """List the data sets: what they are, how large, where, and whether they are there.

    The simulated market is bundled. The published ones are read from your own copy (--data or
    the environment variable ARBMODELS_DATA), else downloaded once from their authors'
    repository into a cache folder and checked against known checksums.
    """
    from arbmodels.data import dataset_info, list_datasets

    infos = [dataset_info(name, data=data) for name in list_datasets()]
    if json:
        output.show_json({"datasets": [asdict(each) for each in infos]})
        return
    output.show(
        TextTable(
            "Data sets: give their name as MARKET",
            ("data set", "size", "[MB]", "present"),
            [
                (
                    each.name,
                    each.size,
                    f"{each.bytes / 1e6:.2f}",
                    "yes" if each.present else "no",
                )
                for each in infos
            ],
        )
    )
    for each in infos:
        others = f" (and when named: {', '.join(each.others)})" if each.others else ""
        output.show(
            f"{each.name}: {each.description}",
            f"  models: {', '.join(each.models)}{others}",
            f"  where: {each.location}",
            f"  source: {each.source}",
            f"  licence: {each.licence}",
            f"  tells: {each.tells}",
        )


@app.command()
@opt.described(
    "data fetch olmedo2026/swebench", "data fetch olmedo2026/lean --models kimina-8b --json"
)
def fetch(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", show_default=False, help="From `arbmodels data list`."),
    ],
    models: opt.Models = None,
    json: opt.Json = False,
) -> None:
    """Download a data set now, so that using it needs no connection later.

    Files that are there already and whole are not fetched again; every file is checked against
    its known checksum before it is kept.
    """
    from arbmodels.data import fetch as fetch_dataset

    there = fetch_dataset(name, models=opt.names(models))
    if json:
        output.show_json(asdict(there))
        return
    fetched = ", ".join(opt.names(models) or there.models)
    output.show(f"{there.name} is there ({fetched}): {there.location}")
