"""Who serves a solve rate, at many price vectors at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arbmodels.games.menu import Menu
from arbmodels.games.providers.logit import LogitConsumers
from arbmodels.passk import FloatArray


class Served(NamedTuple):
    """What happens at one solve rate, at every price vector; money per consumer there.

    ``price`` [B] is infinite where nobody can serve; ``sold`` [B] is the share of consumers who
    buy; ``direct`` and ``resold`` [B, M] are the list-price dollars of each model that one buyer
    causes to be bought, by consumers themselves or by arbitrageurs; ``kept`` [B] is what
    arbitrageurs keep of the price after paying providers and overheads, ``overhead`` [B] those;
    ``surplus`` [B] is consumer surplus. With logit demand price and dollars are means over buyers.
    """

    price: FloatArray
    sold: FloatArray
    direct: FloatArray
    resold: FloatArray
    kept: FloatArray
    overhead: FloatArray
    surplus: FloatArray


def served_by_choice(
    menu: Menu,
    consumers: LogitConsumers,
    u: int,
    w: FloatArray,
    *,
    overheads: tuple[float, float],
) -> Served:
    """Return who serves when consumers spread over all direct offers and the resold cascade.

    Parameters
    ----------
    menu : Menu
    consumers : LogitConsumers
    u : int
        Position of the solve rate.
    w : float array [B, M]
        Multipliers of the models.
    overheads : tuple of float
        The two lowest of the arbitrageurs; infinite where there is none.
    """
    offers = menu.direct(w)
    first, second = overheads
    price, own = np.full(len(w), np.inf), np.zeros(len(w))
    cheapest = menu.cheapest(w)
    if np.isfinite(first):
        own = (1 + first) * cheapest.cost
        price = own.copy()
        if second > first:
            price = consumers.alone_price(u, own, offers)
            if np.isfinite(second):
                price = np.minimum(price, (1 + second) * cheapest.cost)
    choice = consumers.choose(u, offers, price)
    sold = choice.direct.sum(axis=1) + choice.resold
    share = np.maximum(sold, 1e-300)
    list_cost = np.where(np.isfinite(menu.single), menu.single, 0.0)
    paid = np.where(np.isfinite(offers), offers, 0.0)
    resells = choice.resold > 0
    mean = (
        (choice.direct * paid).sum(axis=1)
        + np.where(resells, choice.resold * np.where(resells, price, 0.0), 0.0)
    ) / share
    part = choice.resold / share
    return Served(
        mean,
        sold,
        choice.direct * list_cost / share[:, None],
        part[:, None] * cheapest.purchases,
        part * np.where(resells, np.where(resells, price, 0.0) - own, 0.0),
        part * np.where(resells, first * cheapest.cost, 0.0) if np.isfinite(first) else 0 * part,
        choice.surplus,
    )
