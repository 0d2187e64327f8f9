"""The page of the study ``provider_claims``: every number from its record."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]
#: A profile from which somebody gains more of its profit is no equilibrium.
_NEAR = 0.05

_HEAD = """# The paper's claims at list prices, and what happens when providers re-price

Olmedo, Schölkopf and Hardt (2026) keep list prices fixed: their claims, that arbitrage takes
revenue from providers, lowers consumer prices and lets small providers enter earlier, are made at
these prices. What happens when providers answer by new prices they leave open. Every number on
this page comes from `benchmarks/results/provider_claims.json`, written by
`python -m benchmarks.provider_claims`; a test holds the page to the record. GPT-5 mini and DeepSeek
v3.2 choose their prices, on their own (two models) or beside four models at list prices (six
models). Demand is linear: consumers of a solve rate buy from the cheapest seller, nobody above
twice the cheapest list price; nested logit has a section of its own. Marginal costs are
assumed shares of the list price, or calibrated so that list prices are as near to the equilibrium
without arbitrageurs as they can be. Two arbitrageurs, who resell at cost.

Something *falls* or *rises* where all grids of solve rates and nine of ten bootstrap samples of the
instances agree, and *depends* otherwise. Where an equilibrium, or those of more than one sample in
ten, were not found within the tolerance asked for, nothing is said: *not settled*. Estimates and
samples have the same tolerance. † An estimate outside the interval of its samples: these repeat
some instances and lack others, which moves what every model and cascade costs.
"""


def page(record: Record) -> str:
    """Return the page in Markdown."""
    return "\n".join(
        [
            _HEAD,
            *_cascade_sets(record["six"]),
            *_parts(record),
            *_grids(record),
            *_equilibrium(record),
            *_logit(record),
            *_entry(record["entry"], record["setting"]["tolerance"]["linear"]),
            *_limits(record),
        ]
    )


def _percent(value: float, digits: int = 0) -> str:
    return f"{100 * value:+.{digits}f}%"


def _between(low: float, high: float) -> str:
    return f"{_percent(low)} to {_percent(high)}"


def verdict(values: list[float], low: float, high: float, *, settled: bool = True) -> str:
    """Say whether something falls or rises on all grids and in the samples."""
    if not settled:
        return "not settled"
    if max(values) < 0 and high < 0:
        return "falls"
    if min(values) > 0 and low > 0:
        return "rises"
    return "depends"


def _settled(row: Record, *, without: bool = False, missed: float = 0.1) -> bool:
    """Whether the equilibria of a row are within the tolerance, save a share of the samples."""
    sampled = row["bootstrap"]
    return (
        all(grid["settled"] for grid in row["grids"].values())
        and (not without or all(grid["settled_without"] for grid in row["grids"].values()))
        and sampled["unsettled"] <= missed * sampled["samples"]
    )


def _estimate(value: float, interval: list[float]) -> str:
    """Return an estimate with its interval, marked where it lies outside of it."""
    outside = "†" if not interval[0] <= value <= interval[1] else ""
    return f"{_percent(value)}{outside} ({_between(*interval)})"


def _rows(record: Record) -> list[tuple[str, Record]]:
    return [
        (f"{name} | {row['cost']}", row)
        for name in ("two", "six")
        for row in record[name]["claims"]
    ]


def _cascade_sets(six: Record) -> list[str]:
    found, between = six["equilibrium"], six["gap_between"]
    return [
        "## How good the arbitrageurs' cascades are",
        "",
        f"Two models: the exact hull. Six models: {min(six['columns'])} to {max(six['columns'])}"
        f" cascades per solve rate, certified at {six['price_vectors']} price vectors: no policy is"
        f" cheaper there by more than {100 * six['largest_gap']:.2f}% of the cascade set's cost. At"
        f" {between['at']} the gap that follows by concavity is {100 * between['median']:.1f}% in"
        f" the median and {100 * between['largest']:.1f}% at most. On bootstrap samples the same"
        " plans are scored anew; at list prices the gap is at most"
        f" {100 * six['largest_gap_at_list_prices_of_samples']:.1f}%. One equilibrium was solved"
        f" again with columns generated at the {found['visited']} price vectors that it visits: the"
        f" proven gap fell from {100 * found['trace'][0]:.1f}% to"
        f" {100 * found['largest_gap']:.1f}%, the mean consumer price went from"
        f" {found['mean_price_before_columns']:.4f} to {found['mean_price']:.4f} USD.",
        "",
    ]


def _parts(record: Record) -> list[str]:
    lines = [
        "## Providers' revenue: what arbitrage takes, and what re-pricing adds",
        "",
        "Shares of the revenue before arbitrage, on five solve rates; in brackets"
        " nine of ten samples.",
        "",
        "| models | cost | at list prices | by re-pricing | at list prices it |",
        "| --- | --- | --- | --- | --- |",
    ]
    for head, row in _rows(record):
        sampled = row["bootstrap"]
        point = row["grids"]["5"]
        listed = [grid["at_list_prices"] for grid in row["grids"].values()]
        lines.append(
            f"| {head} | {_estimate(point['at_list_prices'], sampled['at_list_prices'])} |"
            f" {_estimate(point['by_repricing'], sampled['by_repricing'])} |"
            f" {verdict(listed, *sampled['at_list_prices'])} |"
        )
    return [*lines, ""]


def _grids(record: Record) -> list[str]:
    lines = [
        "## Do consumer prices fall or rise once providers re-price?",
        "",
        "Change of the mean consumer price from list prices with arbitrageurs to the equilibrium"
        " with them, by the number of solve rates (the samples are of five); largest epsilon over"
        " profit in the last column.",
        "",
        "| models | cost | 3 rates | 4 | 5 | 9 | nine of ten samples | samples that rise |"
        " it | epsilon |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for head, row in _rows(record):
        grids, sampled = row["grids"], row["bootstrap"]
        low, high = sampled["price_change"]
        outside = not low <= grids["5"]["price_change"] <= high
        cells = [
            _percent(grids[name]["price_change"]) + "†" * (outside and name == "5")
            for name in ("3", "4", "5", "9")
        ]
        changes = [grid["price_change"] for grid in grids.values()]
        epsilon = max(sampled["largest_epsilon"], *(grid["epsilon"] for grid in grids.values()))
        lines.append(
            f"| {head} | {' | '.join(cells)} | {_between(*sampled['price_change'])} |"
            f" {100 * sampled['share_of_samples_with_rising_prices']:.0f}% of"
            f" {sampled['samples']} |"
            f" {verdict(changes, *sampled['price_change'], settled=_settled(row))} |"
            f" {100 * epsilon:.1f}% |"
        )
    return [*lines, ""]


def _equilibrium(record: Record) -> list[str]:
    lines = [
        "## What arbitrage does where providers re-price in any case",
        "",
        "From the equilibrium without arbitrageurs to the one with two: lowest to highest change"
        " over the grids; no bootstrap. The paper does not ask this.",
        "",
        "| models | cost | mean consumer price | providers' revenue | the price | the revenue |"
        " epsilon |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for head, row in _rows(record):
        cells, said = [], []
        for what in ("equilibrium_price_change", "equilibrium_revenue_change"):
            values = [grid[what] for grid in row["grids"].values()]
            cells.append(_between(min(values), max(values)))
            settled = _settled(row, without=True, missed=1.0)
            said.append(verdict(values, min(values), max(values), settled=settled))
        epsilon = max(
            max(grid["epsilon"], grid["epsilon_without"]) for grid in row["grids"].values()
        )
        lines.append(
            f"| {head} | {' | '.join(cells)} | {' | '.join(said)} | {100 * epsilon:.1f}% |"
        )
    return [*lines, ""]


def _logit(record: Record) -> list[str]:
    asked = record["setting"]["logit"]
    lines = [
        "## The same under nested logit",
        "",
        "Consumers choose between all direct offers (one nest, correlation"
        f" {asked['sigma']:g}), the resold cascade and nothing; sensitivity times the cheapest list"
        f" price is {asked['elasticity']:g}. Changes on three and on four solve rates; in brackets"
        " the lowest and the highest of a few bootstrap samples of the instances on three. Here"
        " something falls or rises where both grids and all samples agree, all within"
        f" {100 * record['setting']['tolerance']['logit']:.0f}% of profit of an equilibrium.",
        "",
        "| models | cost | revenue at list prices | by re-pricing | consumer price once providers"
        " re-price | it | price where they re-price in any case | epsilon |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in record["logit"]["rows"]:
        points, sampled = list(row["grids"].values()), row["bootstrap"]
        cells = []
        for what in ("at_list_prices", "by_repricing", "price_change"):
            low, high = sampled[what]
            outside = "" if low <= points[0][what] <= high else "†"
            both = f"{_percent(points[0][what])}{outside}, {_percent(points[1][what])}"
            cells.append(f"{both} ({_between(low, high)})")
        said = verdict(
            [point["price_change"] for point in points],
            *sampled["price_change"],
            settled=_settled(row, missed=0.0),
        )
        without = ", ".join(_percent(point["equilibrium_price_change"]) for point in points)
        epsilon = max(
            sampled["largest_epsilon"],
            *(max(point["epsilon"], point["epsilon_without"]) for point in points),
        )
        lines.append(
            f"| {row['models']} | {row['cost']} | {' | '.join(cells)} | {said} | {without} |"
            f" {100 * epsilon:.1f}% |"
        )
    samples = {str(row["bootstrap"]["samples"]) for row in record["logit"]["rows"]}
    return [*lines, "", f"Samples: {', '.join(sorted(samples))} a row.", ""]


def _entry(entry: Record, tolerance: float) -> list[str]:
    lines = [
        "## Do small providers enter earlier?",
        "",
        "Largest fixed cost at which a small model enters beside both incumbents"
        f" ({entry['unit']}, a mass of one at each solve rate), without and with two arbitrageurs."
        " Linear demand. The entrant prices at list, unless it moves too. * Above the"
        f" {100 * tolerance:.0f}% of the own profit that was asked for: the best prices found, and"
        f" above {100 * _NEAR:.0f}% not shown.",
        "",
        "| entrant | cost | rates | prices | without | with two | enters earlier | epsilon |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows: dict[tuple[str, ...], dict[int, Record]] = {}
    for row in entry["rows"]:
        how = "all re-price" if row["entrant_moves"] else row["providers"]
        how = how.replace("re-pricing", "incumbents re-price")
        rows.setdefault((row["entrant"], row["cost"], row["grid"], how), {})[row["value"]] = row
    for head, by_count in rows.items():
        without, with_two = by_count[0], by_count[2]
        gains = [row["relative_epsilon"] for row in by_count.values()]
        found = all(gain is not None and gain <= _NEAR for gain in gains)
        earlier = "yes" if with_two["threshold"] > without["threshold"] else "no"
        shown = "–" if None in gains else f"{100 * max(gains):.1f}%"
        if None in gains or max(gains) > tolerance:
            shown += "*"
        lines.append(
            f"| {' | '.join(head)} | {without['threshold']:.5f} | {with_two['threshold']:.5f} |"
            f" {earlier} | {shown} |"
            if found
            else f"| {' | '.join(head)} | – | – | no equilibrium found | {shown} |"
        )
    return [*lines, ""]


def _limits(record: Record) -> list[str]:
    setting = record["setting"]
    return [
        "## What this does not show",
        "",
        "Equilibria are mixed where no pure one was found, and others may exist; the solver stops"
        f" at {100 * setting['tolerance']['linear']:.0f}% of profit"
        f" ({100 * setting['tolerance']['logit']:.0f}% under logit), so smaller changes mean"
        " nothing. Calibrated costs are those of all instances and stay in the samples. Which model"
        " alone reaches the highest solve rates differs between samples, and with it what is sold"
        " before arbitrage and at which price: with ten samples this makes intervals wide. Four of"
        " the six providers keep their list prices. Everything is in-sample on recorded attempts.",
        "",
    ]
