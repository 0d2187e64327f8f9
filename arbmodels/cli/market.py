"""``arbmodels data``: the data sets that have a name.

``arbmodels info``: what a market holds.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated

import typer

from arbmodels.cli import options as opt
from arbmodels.cli import output as out
from arbmodels.display import TextTable


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
        out.show(replace(market, notes=()).table())  # the notes are on standard error
        return
    summary = market.summary()
    rows = [
        {"model": model, **row}
        for model, row in zip(market.models, summary.to_dict("records"), strict=True)
    ]
    out.show_json(
        {
            **out.about(market),
            "segments": market.segments,
            "unit": f"{market.currency}/attempt",
            "models": rows,
        }
    )


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
        out.show_json({"datasets": [asdict(each) for each in infos]})
        return
    out.show(
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
        out.show(
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
        out.show_json(asdict(there))
        return
    fetched = ", ".join(opt.names(models) or there.models)
    out.show(f"{there.name} is there ({fetched}): {there.location}")
