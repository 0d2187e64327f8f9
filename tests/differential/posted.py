"""Games of posted prices: Bertrand, undercutting, capacities, captive buyers, entry."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from arbmodels.games import (
    BertrandGame,
    CapacityGame,
    CaptiveGame,
    EntryGame,
    PriceDistribution,
    PriceGame,
    Seller,
    certify,
    undercut,
)
from tests.differential.harness import Area, Case, holds, same
from tests.differential.tolerances import CANCELLED, ROUNDING, SEARCHED
from tests.judges import posted as judge


def _costs(rng: np.random.Generator, count: int) -> np.ndarray:
    kind = rng.random()
    if kind < 0.3:  # ties and zeros
        return rng.integers(0, 4, count) / 4.0
    if kind < 0.45:
        return 10.0 ** rng.uniform(-5, 4, count)
    if kind < 0.55:
        return np.full(count, rng.random())
    return rng.random(count)


def draw_bertrand(rng: np.random.Generator) -> Case:
    """One to four sellers at one solve rate; the posted prices are another, random, question."""
    count = int(rng.integers(1, 5))
    costs = _costs(rng, count)
    known = np.where(rng.random(count) < 0.15, np.nan, costs)
    top = float(np.max(costs)) or 1.0
    prices = np.where(
        rng.random(count) < 0.5, rng.choice(costs, count), rng.random(count) * 2 * top
    )
    cap = None if rng.random() < 0.4 else float(rng.choice([*costs, top * 2 * rng.random()]))
    return {
        "costs": [None if np.isnan(c) else float(c) for c in known],
        "prices": [None if rng.random() < 0.1 else float(p) for p in prices],
        "cap": cap,
        "tie_rule": str(rng.choice(["low_cost", "share"])),
    }


def check_bertrand(case: Case) -> None:
    """The limit price, and the certificate of any posted prices."""
    costs = [np.inf if c is None else c for c in case["costs"]]
    cap = np.inf if case["cap"] is None else case["cap"]
    scale = max([c for c in costs if np.isfinite(c)] + ([cap] if np.isfinite(cap) else []) + [0.0])
    sellers = [Seller(f"s{k}", [c]) for k, c in enumerate(costs)]
    answer = BertrandGame([0.5], sellers, willingness_to_pay=case["cap"]).solve()
    ordered = sorted(costs)
    second = ordered[1] if len(ordered) > 1 else np.inf
    price = min(second, cap) if ordered[0] <= cap and np.isfinite(ordered[0]) else np.nan
    price = np.nan if np.isinf(price) else price
    same("bertrand: price", answer.market_price[0], price, ROUNDING)
    if np.isfinite(price):
        posted = [p if np.isfinite(p) else np.inf for p in answer.prices[0].tolist()]
        profits, paid = judge.bertrand(posted, costs, cap, "low_cost")
        same("bertrand: price paid", paid, price, ROUNDING)
        same("bertrand: profits", answer.profits[0], profits, ROUNDING, scale)
        for k in range(len(costs)):
            most = judge.bertrand_supremum(k, posted, costs, cap, "low_cost")
            holds("bertrand: equilibrium", most <= profits[k] + CANCELLED * scale, profits[k], most)
        holds("bertrand: epsilon", answer.epsilon <= CANCELLED * scale, answer.epsilon, 0.0)
    posted = [np.inf if p is None else p for p in case["prices"]]
    certificate = certify(
        [f"s{k}" for k in range(len(costs))],
        [0.5],
        [[np.nan if np.isinf(p) else p for p in posted]],
        [[np.nan if np.isinf(c) else c for c in costs]],
        willingness_to_pay=cap,
        tie_rule=case["tie_rule"],
    )
    profits, _ = judge.bertrand(posted, costs, cap, case["tie_rule"])
    same("certificate: profit", certificate.profits[0], profits, ROUNDING, scale)
    if not certificate.unbounded[0]:
        most = [
            judge.bertrand_supremum(k, posted, costs, cap, case["tie_rule"])
            for k in range(len(costs))
        ]
        if np.all(np.isfinite(most)):
            gain = [max(0.0, m - p) for m, p in zip(most, profits, strict=True)]
            same("certificate: gain", certificate.gains[0], gain, ROUNDING, scale)


def draw_undercut(rng: np.random.Generator) -> Case:
    """Costs above zero, so that it ends."""
    count = int(rng.integers(1, 5))
    costs = np.maximum(_costs(rng, count), 1e-3)
    return {
        "costs": costs.tolist(),
        "start": float(costs.max() * rng.uniform(0.5, 3)),
        "step": float(rng.uniform(0.3, 0.97)),
    }


def check_undercut(case: Case) -> None:
    """Every price of the path, and who set it."""
    sellers = [Seller(f"s{k}", [c]) for k, c in enumerate(case["costs"])]
    path = undercut(BertrandGame([0.5], sellers), case["step"], case["start"])
    prices, setters = judge.undercutting(case["costs"], case["start"], case["step"])
    same("undercutting: prices", path.prices[:, 0], prices, ROUNDING)
    same("undercutting: setters", path.setters[:, 0], setters, 0.0)


def draw_entry(rng: np.random.Generator) -> Case:
    """Profits of every subset, with ties to fixed costs."""
    count = int(rng.integers(1, 5))
    names = [f"m{k}" for k in range(count)]
    whole = rng.random() < 0.5
    profits = [
        [list(some), [float(rng.integers(0, 4)) if whole else float(rng.random()) for _ in some]]
        for size in range(count + 1)
        for some in itertools.combinations(names, size)
    ]
    fixed = rng.integers(0, 4, count) * 1.0 if whole else rng.random(count)
    return {"names": names, "fixed": fixed.tolist(), "profits": profits}


def check_entry(case: Case) -> None:
    """All equilibria, by checking every set."""
    table = {
        frozenset(some): dict(zip(some, earned, strict=True)) for some, earned in case["profits"]
    }
    game = EntryGame(
        tuple(case["names"]),
        np.array(case["fixed"]),
        {inside: {**row, "": 0.0} for inside, row in table.items()},
        "entry",
        "USD",
    )
    truth = judge.entry(case["names"], case["fixed"], table)
    holds("entry: equilibria", set(game.equilibria) == truth, game.equilibria, truth)


def _game(case: Case) -> tuple[Any, judge.Sellers]:
    if case["kind"] == "capacity":
        game: Any = CapacityGame(
            case["capacities"],
            case["costs"],
            case["worth"],
            case["mass"],
            tie_rule=case["tie_rule"],
        )
        sellers = judge.Sellers(
            case["costs"], case["tie_rule"], case["capacities"], case["worth"], case["mass"]
        )
        return game, sellers
    game = CaptiveGame(
        case["captive"], case["informed"], case["costs"], case["cap"], tie_rule=case["tie_rule"]
    )
    sellers = judge.Sellers(
        case["costs"],
        case["tie_rule"],
        captive=case["captive"],
        informed=case["informed"],
        cap=case["cap"],
    )
    return game, sellers


def _draw_sellers(rng: np.random.Generator, count: int, levels: int, kind: str) -> Case:
    top = float(rng.choice([1.0, 1.0, 1e-6, 1e6]))
    costs = rng.uniform(0, 0.9, count) if rng.random() < 0.6 else np.zeros(count)
    if rng.random() < 0.2:
        costs = np.full(count, rng.random() * 0.8)
    case: Case = {
        "kind": kind,
        "costs": (top * costs).tolist(),
        "tie_rule": str(rng.choice(["low_cost", "share"])),
    }
    if kind == "capacity":
        sizes = rng.uniform(0.05, 1.4, count)
        if rng.random() < 0.2:
            sizes = np.full(count, rng.uniform(0.3, 1.2))
        worth = np.sort(np.unique(np.round(rng.uniform(0.5, 1, levels), 3)))
        mass = rng.random(len(worth)) + 0.1
        case |= {
            "capacities": sizes.tolist(),
            "worth": (top * worth).tolist(),
            "mass": (mass / mass.sum()).tolist(),
        }
    else:
        case |= {
            "captive": (rng.random(count) * (rng.random(count) < 0.9)).tolist(),
            "informed": float(rng.uniform(0.05, 2)),
            "cap": top * float(rng.uniform(0.95, 1.5)),
        }
        if count > 2 or rng.random() < 0.3:  # alike: a closed form
            case["captive"] = [case["captive"][0]] * count
            case["costs"] = [case["costs"][0]] * count
    return case


def draw_mixed(rng: np.random.Generator) -> Case:
    """Games with a closed form: two sellers, or any number alike with captive buyers."""
    if rng.random() < 0.6:
        return _draw_sellers(rng, int(rng.integers(1, 3)), 1, "capacity")
    return _draw_sellers(rng, int(rng.choice([1, 2, 3, 4])), 1, "captive")


def _pieces(strategy: PriceDistribution) -> list[tuple[float, ...]]:
    """The continuous parts of a strategy."""
    one = getattr(strategy, "piece", None)
    return [tuple(p) for p in getattr(strategy, "pieces", () if one is None else (one,))]


def check_mixed(case: Case) -> None:
    """Nobody gains by any price, and the profits are those of the strategies."""
    game, sellers = _game(case)
    answer = game.solve("auto", time_limit=5.0)
    scale = max(sellers.steps) * (1.0 if case["kind"] == "capacity" else 1 + case["informed"])
    pieces = list(map(_pieces, answer.strategies))
    atoms = [(np.asarray(s.prices), np.asarray(s.masses)) for s in answer.strategies]
    chances = [judge.piece_chances(a, p) for a, p in zip(atoms, pieces, strict=True)]
    for k, strategy in enumerate(answer.strategies):
        points = [float(p) for a, _ in atoms for p in a]
        for piece in (one for own in pieces for one in own):
            points += np.linspace(piece[0], piece[1], 22).tolist()
        most = sellers.supremum(k, chances, points)
        earned = float(answer.profits[k])
        reported = earned + float(answer.deviations.gain[k])
        holds(
            "mixed prices: gain is the largest",
            most <= reported + SEARCHED * scale,
            reported,
            most,
        )
        own = sum(
            m * sellers.expected(k, float(p), 0, chances)
            for p, m in zip(strategy.prices, strategy.masses, strict=True)
        )
        for piece in pieces[k]:
            # Profits at the middles of cells: in equilibrium they are all the same.
            ends = np.linspace(piece[0], piece[1], 41)
            only = judge.piece_chances((np.zeros(0), np.zeros(0)), [piece])
            mass = -np.diff([only(float(x))[2] for x in ends])
            centre = (ends[1:] + ends[:-1]) / 2
            own += float(mass @ [sellers.expected(k, float(x), 0, chances) for x in centre])
        same("mixed prices: profit", earned, own, 1e-5, scale)
        if answer.found_by == "closed form":
            holds(
                "mixed prices: closed form is an equilibrium",
                most <= own + 1e-5 * scale,
                own,
                most,
            )


def draw_capacity(rng: np.random.Generator) -> Case:
    """Two sellers and several levels of willingness to pay."""
    return _draw_sellers(rng, 2, int(rng.integers(2, 4)), "capacity")


def check_capacity(case: Case) -> None:
    """What the certificate says is so, and the tolerance asked for is reached."""
    check_mixed(case)
    reached = _game(case)[0].solve().relative_epsilon
    holds("capacity: within its tolerance", reached <= 5e-3 * (1 + ROUNDING), reached, 5e-3)


def draw_atoms(rng: np.random.Generator) -> Case:
    """Any strategies of atoms, to be certified; atoms coincide with steps, costs, each other."""
    kind = str(rng.choice(["capacity", "captive"]))
    count = int(rng.integers(1, 4))
    case = _draw_sellers(rng, count, int(rng.integers(1, 4)), kind)
    steps = case["worth"] if kind == "capacity" else [case["cap"]]
    pool = [*steps, *case["costs"], *(max(steps) * rng.random(4)).tolist()]
    strategies = []
    for _ in range(count):
        size = int(rng.integers(1, 4))
        prices = sorted({float(p) for p in rng.choice(pool, size)})
        mass = rng.random(len(prices)) + 0.05
        strategies.append([prices, (mass / mass.sum()).tolist()])
    return {**case, "strategies": strategies}


def check_atoms(case: Case) -> None:
    """Profit and largest gain of the certificate."""
    game, sellers = _game(case)
    strategies = [PriceDistribution(np.array(p), np.array(m)) for p, m in case["strategies"]]
    found = game.certify(strategies)
    chances = [judge.atom_chances((np.array(p), np.array(m))) for p, m in case["strategies"]]
    points = [p for prices, _ in case["strategies"] for p in prices]
    scale = max([*sellers.steps, *points, *case["costs"]])
    if case["kind"] == "captive":
        scale *= 1 + case["informed"]
    for k, (prices, masses) in enumerate(case["strategies"]):
        own = sum(
            m * sellers.expected(k, p, 0, chances) for p, m in zip(prices, masses, strict=True)
        )
        same("atoms: profit", found.profit[k], own, ROUNDING, scale)
        most = sellers.supremum(k, chances, points)
        same("atoms: gain", found.gain[k], max(0.0, most - own), ROUNDING, scale)


def draw_linear(rng: np.random.Generator) -> Case:
    """Two or three sellers of substitutes, demand linear and not cut at zero."""
    count = int(rng.choice([1, 2, 3], p=[0.2, 0.6, 0.2]))
    own = rng.uniform(1, 2, count)
    cross = rng.uniform(0, 0.5, (count, count)) * (1 - np.eye(count))
    scale = float(rng.choice([1.0, 1.0, 1e-5, 1e5]))
    return {
        "intercept": rng.uniform(0.5, 2, count).tolist(),
        "slopes": ((np.diag(own) - cross) / scale).tolist(),
        "costs": (scale * rng.random(count) * 0.3).tolist(),
        "highest": 3.0 * scale,
        "posted": (scale * rng.random(count) * 2).tolist(),
    }


def check_linear(case: Case) -> None:
    """Gains by a price game's certificate, and an equilibrium near the first-order conditions'."""
    a, b, c = (np.array(case[key]) for key in ("intercept", "slopes", "costs"))
    count = len(a)
    game = PriceGame(
        lambda p: (p - c) * (a - p @ b.T), np.zeros(count), np.full(count, case["highest"])
    )
    answer = game.solve(tolerance=1e-4, time_limit=2.0)
    posted = [np.array([p]) for p in case["posted"]]
    atoms = [(np.asarray(s.prices), np.asarray(s.masses)) for s in answer.strategies]
    for strategies, found in (
        ([(p, np.ones(1)) for p in posted], game.certify(list(map(_certain, case["posted"])))),
        (atoms, answer.deviations),
    ):
        means = np.array([float(p @ m) for p, m in strategies])
        for k, (prices, masses) in enumerate(strategies):
            # Demand is linear in the rivals' prices, so that their means are all that counts.
            rest = a[k] - sum(b[k, j] * means[j] for j in range(count) if j != k)
            earned = float(masses @ ((prices - c[k]) * (rest - b[k, k] * prices)))
            best = float(np.clip((rest / b[k, k] + c[k]) / 2, 0, case["highest"]))
            most = (best - c[k]) * (rest - b[k, k] * best)
            scale = float(case["highest"]) * max(abs(rest), float(a[k]))
            same("price game: profit", found.profit[k], earned, ROUNDING, scale)
            # A search finds the best price to within its last step, profits to its square.
            same("price game: gain", found.gain[k], max(0.0, most - earned), 1e-7, scale)
    reached = answer.relative_epsilon
    holds("price game: an equilibrium", reached <= 1e-3, reached, 1e-4)


def _certain(price: float) -> PriceDistribution:
    return PriceDistribution.certain(price)


_SELLERS = {"seller": [("costs", 0), ("capacities", 0), ("captive", 0), ("strategies", 0)]}
AREAS = (
    Area(
        "bertrand",
        draw_bertrand,
        check_bertrand,
        share=10,
        axes={"seller": [("costs", 0), ("prices", 0)]},
        simpler={"cap": None},
    ),
    Area("undercutting", draw_undercut, check_undercut, share=6, axes={"seller": [("costs", 0)]}),
    Area("entry", draw_entry, check_entry, share=6),
    Area("mixed-prices", draw_mixed, check_mixed, share=2, axes=_SELLERS),
    Area("capacity", draw_capacity, check_capacity, share=2, axes=_SELLERS),
    Area("price-game", draw_linear, check_linear, share=0.5),
    Area(
        "price-certificates",
        draw_atoms,
        check_atoms,
        share=8,
        axes={**_SELLERS, "level": [("worth", 0), ("mass", 0)]},
    ),
)
