"""Routing RouteLLM's questions as they arrive: fixed prices, a price that adapts, thresholds.

Predictions of solve probability and cost are cross-fitted on other questions, once per seed; they
are the same for every rule, so what is measured is the cost of not knowing what will arrive. A
history is 2,000 questions drawn at random, 50 drawn at random, or about 1,000 questions of whole
subjects that do not arrive; the other questions arrive, at random, subject after subject, or sorted
by what the cheap model is predicted to solve. The budget lies so far from the bill of the cheap
model for all to that of the dear one; no rule exceeds it. Where it runs short the cheap model
serves, and nobody once it is used up (``arbmodels.online.serve``): a solve rate of zero.

"Lost", of the predicted solve rate: regret against the hindsight optimum (all arrivals and bills
known, same predictions), as a share of that optimum's gain over the cheap model for all. More than
100% is worse than the cheap model for all, as when the money is gone before the last arrivals.
"Lost, solved": the same of recorded outcomes, against what the hindsight price would have solved;
it can be negative by luck. An oracle that knows outcomes would do better than both; nobody does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

import arbmodels as arb
from arbmodels.display import percent, styled
from arbmodels.online import (
    AdaptivePrice,
    Arrivals,
    FixedPrice,
    FixedThreshold,
    RoutingPolicy,
    serve,
)
from arbmodels.online.policies import Rule
from benchmarks import _routing_report as report

IntArray = npt.NDArray[np.int64]

#: Questions of the random histories; about as many of the subjects that do not arrive.
REPRESENTATIVE, SHORT, OTHER = 2_000, 50, 1_000
HISTORIES = ("representative", "short", "other subjects", "none")
ORDERS = ("random", "by subject", "easy first", "hard first")
#: Budgets, from the bill of the cheap model for all (0) to that of the dear one (1).
BUDGETS = (0.1, 0.3, 0.6)
#: Thresholds on the predicted gain in solve probability that are set without any history.
THRESHOLDS = (0.1, 0.2, 0.3)
COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown")


def questions(seed: int) -> tuple[Arrivals, IntArray]:
    """Return all questions with cross-fitted predictions, and the subject of each."""
    market, features = arb.load_market("routellm"), arb.load_features("routellm")
    predicted = arb.predict.cross_fit(features, market, folds=5, seed=seed)
    stream = Arrivals(
        market.models,
        predicted.solve,
        predicted.cost,
        outcome=market.single_attempt_rate,
        paid=market.cost,
    )
    subjects = features.loc[list(market.instances), "segment"]
    return stream, np.asarray(pd.factorize(subjects)[0], dtype=np.int64)


def split(kind: str, subject: IntArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Return which questions are the history and which arrive."""
    drawn = rng.permutation(len(subject))
    if kind != "other subjects":
        size = {"representative": REPRESENTATIVE, "short": SHORT, "none": 0}[kind]
        return drawn[:size], drawn[size:]
    subjects = rng.permutation(int(subject.max()) + 1)
    total = np.cumsum(np.bincount(subject)[subjects])
    known = np.isin(subject[drawn], subjects[: int(np.searchsorted(total, OTHER)) + 1])
    return drawn[known], drawn[~known]


def ordered(
    order: str,
    arriving: IntArray,
    stream: Arrivals,
    subject: IntArray,
    rng: np.random.Generator,
) -> IntArray:
    """Return the arriving questions, which are in random order, in another one."""
    if order == "random":
        return arriving
    if order == "by subject":
        place = rng.permutation(int(subject.max()) + 1)[subject[arriving]]
        return arriving[np.argsort(place, kind="stable")]
    ease = stream.value[arriving, int(stream.paid.sum(axis=0).argmin())]
    return arriving[np.argsort(ease if order == "hard first" else -ease, kind="stable")]


def rules(
    arrivals: Arrivals, history: Arrivals | None, budget: float
) -> Iterator[tuple[str, Rule]]:
    """Yield the rules that a history allows, with their names."""
    if history is None:
        yield "adaptive price", AdaptivePrice(RoutingPolicy(arrivals.plans, {"spend": 0.0}))
        cheap, dear = (int(place) for place in np.argsort(arrivals.paid.sum(axis=0))[[0, -1]])
        for threshold in THRESHOLDS:
            yield f"threshold {threshold:g}", FixedThreshold(cheap, dear, threshold)
        return
    part = budget / len(arrivals) * len(history)
    # Few or other questions may be dearer: then the least that serves them all.
    least = float(history.spend.min(axis=1).sum())
    policy = RoutingPolicy.fit(
        history.plans, history.value, history.spend, max(part, least * (1 + 1e-9))
    )
    yield "fixed price", FixedPrice(policy)
    yield "adaptive price", AdaptivePrice(policy)
    yield "fitted threshold", FixedThreshold.fit(history, part)


def measured(
    arrivals: Arrivals, history: Arrivals | None, portion: float
) -> Iterator[dict[str, Any]]:
    """Serve the arrivals by every rule; yield what each lost."""
    bills = arrivals.paid.astype(float).sum(axis=0)
    budget = float(bills.min() + portion * (bills.max() - bills.min()))
    every = np.arange(len(arrivals))
    hindsight = RoutingPolicy.fit(arrivals.plans, arrivals.value, arrivals.paid, budget)
    best = arrivals.outcome[every, hindsight.positions(arrivals.value, arrivals.paid)].mean()
    least = arrivals.outcome[every, arrivals.cheapest].mean()
    bound = arrivals.bound(budget) / len(arrivals)  # of all runs: once, as it takes as long as one
    lowest = arrivals.value[every, arrivals.cheapest].mean()
    for name, rule in rules(arrivals, history, budget):
        run = serve(arrivals, rule, budget, history=history)
        yield {
            "rule": name,
            "lost": round(float((bound - run.value) / (bound - lowest)), 6),
            "lost_solved": round(float((best - run.outcome) / (best - least)), 6),
            "spent": round(run.spend / budget, 6),
            "solved": round(run.outcome, 6),
            "unserved": run.unserved,
        }


def run(seeds: Sequence[int], budgets: Sequence[float]) -> list[dict[str, Any]]:
    """Return one row per seed, history, order, budget and rule."""
    rows = []
    for seed in tqdm(seeds, "seeds", disable=None):
        stream, subject = questions(seed)
        for kind in HISTORIES:
            rng = np.random.default_rng([seed, HISTORIES.index(kind)])
            known, arriving = split(kind, subject, rng)
            history = stream.reordered(known) if len(known) else None
            for order in ORDERS:
                arrivals = stream.reordered(ordered(order, arriving, stream, subject, rng))
                for portion in budgets:
                    case = {"seed": seed, "history": kind, "order": order, "budget": portion}
                    rows += [{**case, **row} for row in measured(arrivals, history, portion)]
    return rows


def summary(rows: Sequence[dict[str, Any]], what: str = "lost") -> pd.DataFrame:
    """Return per rule, history and order the median, and the range over seeds and budgets."""
    frame = pd.DataFrame(rows)
    table = frame.pivot_table(
        values=what,
        index=["rule", "history"],
        columns="order",
        aggfunc=lambda x: f"{percent(x.median())} ({percent(x.min())} to {percent(x.max())})",
    )[list(ORDERS)]
    return table.loc[_names(rows)]


def _names(rows: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the pairs of rule and history, rules that belong together next to one another."""
    pairs = dict.fromkeys((row["rule"], row["history"]) for row in rows)
    kinds = ("fixed price", "adaptive price", "fitted threshold")
    return sorted(pairs, key=lambda pair: kinds.index(pair[0]) if pair[0] in kinds else len(kinds))


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Plot the share of the gain that every run lost, a panel per order."""
    names = _names(rows)
    budgets = sorted({row["budget"] for row in rows})
    figure, axes = plt.subplots(1, len(ORDERS), figsize=(13.0, 5.0), sharey=True, sharex=True)
    for ax, order in zip(axes, ORDERS, strict=True):
        for b, portion in enumerate(budgets):
            shown = [row for row in rows if (row["order"], row["budget"]) == (order, portion)]
            height = [
                names.index((row["rule"], row["history"])) + 0.22 * (b - (len(budgets) - 1) / 2)
                for row in shown
            ]
            lost = [max(row["lost"], 1e-3) for row in shown]
            colour = COLOURS[b % len(COLOURS)]
            ax.plot(lost, height, "o", color=colour, markersize=3.5, label=f"{percent(portion, 0)}")
        styled(ax)
        ax.axvline(1.0, color="0.6", linewidth=1, linestyle=(0, (4, 3)))
        ax.set(xscale="log", title=f"order: {order}", xlabel="share of the gain lost")
        ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    labels = [f"{rule}, {'no' if kind == 'none' else kind} history" for rule, kind in names]
    labels = [label.replace("subjects history", "subjects' history") for label in labels]
    axes[0].set_yticks(range(len(names)), labels, fontsize=8)
    axes[0].invert_yaxis()
    axes[-1].legend(
        title="budget, from cheap\nto dear for all",
        fontsize=8,
        title_fontsize=8,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
    )
    figure.tight_layout()
    figure.savefig(path, dpi=160)
    plt.close(figure)


def main() -> None:
    """Run the comparison, print the table, write the record and the picture."""
    parser = report.parser(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--budgets", type=float, nargs="+", default=list(BUDGETS))
    parser.add_argument("--quick", action="store_true", help="one seed, into a temporary file")
    parser.add_argument("--output", type=Path, default=report.RESULTS / "online_policies.json")
    options = parser.parse_args()
    if options.quick:
        options.seeds = options.seeds[:1]
        options.output = Path(tempfile.gettempdir()) / "online_policies_quick.json"
    rows = run(options.seeds, options.budgets)
    report.write(
        options.output, rows, one_line_each=True, seeds=options.seeds, budgets=options.budgets
    )
    draw(rows, options.output.with_suffix(".png"))
    print("Share of the attainable gain lost: median (range) over seeds and budgets.")
    for title, what in (("Predicted solve rate", "lost"), ("Recorded outcomes", "lost_solved")):
        print(f"\n{title}\n{summary(rows, what).to_string()}")


if __name__ == "__main__":
    main()
