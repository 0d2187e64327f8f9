"""Logit and nested logit: demand with an outside option, best responses, equilibrium markups.

A logit game is seen from its firms' presences in nests, where a firm has one markup each. The best
response maximizes one firm's profit, the others' prices being whatever they are: global, proven,
and apart from the solver. The solver iterates the first-order conditions of all firms together: a
damped zeta iteration with a Newton finish.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import wrightomega

from arbmodels._checks import FloatArray, is_label, labels_of
from arbmodels.display import Displayed
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.differentiated.demand import (
    IntArray,
    per_product,
    positive,
    price_rows,
    product_names,
)
from arbmodels.games.differentiated.oligopoly import Oligopoly


@dataclass(frozen=True, eq=False, repr=False)
class LogitDemand(Displayed):
    r"""Consumers who buy one product each, or nothing: logit, nested logit with ``nests``.

    A consumer's utility of product j in nest g is :math:`a_j - \alpha p_j` plus a random taste.
    With :math:`D_g = \sum_{j \in g} e^{(a_j - \alpha p_j)/(1 - \sigma_g)}` the share of j is

    .. math:: s_j = \frac{e^{(a_j - \alpha p_j)/(1 - \sigma_g)}}{D_g} \cdot
              \frac{D_g^{1 - \sigma_g}}{1 + \sum_h D_h^{1 - \sigma_h}},

    the 1 being the outside option. With sigma = 0 nests do not matter.

    Parameters
    ----------
    products : sequence of str, length J
    quality : float or float array [J]
        :math:`a_j`, mean utility at price zero, against 0 for the outside option.
    price_coefficient : float > 0
        :math:`\alpha`, utility per currency unit.
    nests : sequence of str, length J, optional
        The nest of every product (a range of solve rates; direct or resold).
    sigma : float in [0, 1), or one per nest by name
        Correlation of tastes within a nest; 0 by default, which is the plain logit.
    outside : bool
        Whether consumers may buy nothing.
    market_size : float > 0
        Consumers.

    Raises
    ------
    InputError
        Naming the product or nest whose number cannot be.

    Notes
    -----
    Prices may have leading axes: a thousand price vectors are one call.

    References
    ----------
    McFadden, *Modelling the choice of residential location*, in Spatial interaction theory and
    planning models, North-Holland (1978).

    Berry, *Estimating discrete-choice models of product differentiation*, RAND Journal of Economics
    25 (1994), equations 25 to 28.

    Examples
    --------
    >>> demand = LogitDemand(["a", "b"], [1.0, 1.0], 2.0)
    >>> demand.shares([0.5, 0.5]).round(4).tolist()
    [0.3333, 0.3333]
    """

    products: tuple[str, ...]
    quality: FloatArray
    price_coefficient: float
    nests: tuple[str, ...] | None = None
    sigma: float | Mapping[str, float] = 0.0
    outside: bool = True
    market_size: float = 1.0

    def __post_init__(self) -> None:
        inputs.truth(self.outside, "outside")
        products = product_names(self.products)
        quality = per_product(self.quality, products, "Quality")
        object.__setattr__(self, "products", products)
        object.__setattr__(self, "quality", quality)
        for name, what in (("price_coefficient", "price coefficient"), ("market_size", "size")):
            object.__setattr__(self, name, positive(getattr(self, name), f"The {what} of demand"))
        if self.nests is not None:
            nests = labels_of(self.nests, "nests")
            if len(nests) != len(products):
                raise InputError(f"{len(nests)} nests for {len(products)} products; name one each.")
            for product, nest in zip(products, nests, strict=True):
                if not is_label(nest):
                    raise InputError(f"The nest of product {product!r} has no name.")
            object.__setattr__(self, "nests", nests)
        self._check_sigma()

    def _check_sigma(self) -> None:
        names = self.nest_names
        if isinstance(self.sigma, Mapping):
            sigma = {str(nest): value for nest, value in self.sigma.items()}
            odd = set(sigma) ^ set(names)
            if self.nests is None or odd:
                raise InputError(
                    f"sigma must name every nest once ({', '.join(names)});"
                    f" look at {', '.join(sorted(odd)) or 'the missing nests'}."
                )
            object.__setattr__(self, "sigma", sigma)
            given = sigma.items()
        else:
            given = dict.fromkeys(names[:1], self.sigma).items()
        for nest, value in given:
            inputs.number(value, f"sigma of nest {nest!r}", 0.0, 1.0, below=True)
        if self.nests is None and not isinstance(self.sigma, Mapping) and self.sigma != 0:
            raise InputError("sigma needs nests: name the nest of every product.")

    @classmethod
    def from_solve_rates(
        cls,
        products: Sequence[str],
        solve_rates: npt.ArrayLike,
        value: float,
        price_coefficient: float,
        **options: object,
    ) -> LogitDemand:
        r"""Make qualities of solve rates: :math:`a_j = \alpha \cdot value \cdot rate_j`.

        Parameters
        ----------
        products : sequence of str, length J
        solve_rates : float array [J]
            Probabilities.
        value : float
            Of a solved instance to the consumer, currency units.
        price_coefficient : float
        **options
            Nests, sigma, outside, market_size.
        """
        names = product_names(products)
        rates = per_product(solve_rates, names, "Solve rate", least=0.0)
        if rates.max() > 1:
            raise InputError(
                f"Solve rate of product {names[int(rates.argmax())]!r} must be at most 1."
            )
        alpha = positive(price_coefficient, "The price coefficient of demand")
        worth = positive(value, "The value of a solved instance")
        return cls(names, alpha * worth * rates, alpha, **options)  # type: ignore[arg-type]

    @classmethod
    def from_shares(
        cls,
        products: Sequence[str],
        prices: npt.ArrayLike,
        shares: npt.ArrayLike,
        price_coefficient: float,
        *,
        nests: Sequence[str] | None = None,
        sigma: float = 0.0,
        market_size: float = 1.0,
    ) -> LogitDemand:
        r"""Invert observed shares into qualities (Berry 1994).

        :math:`a_j = \ln s_j - \ln s_0 - \sigma \ln s_{j|g} + \alpha p_j`.

        Parameters
        ----------
        products : sequence of str, length J
        prices, shares : float array [J]
            Observed; shares of everybody, adding up to less than 1: the rest buys nothing.
        price_coefficient, nests, sigma, market_size
            As for the class, sigma the same in all nests.

        Raises
        ------
        InputError
            If a share is not positive or nothing is left for the outside option.
        """
        names = product_names(products)
        share = per_product(shares, names, "Share")
        if share.min() <= 0:
            raise InputError(
                f"Share of product {names[int(share.argmin())]!r} must be positive; leave a product"
                " that sells nothing out."
            )
        left = 1.0 - share.sum()
        if left <= 0:
            raise InputError(
                f"Shares add up to {share.sum():g}; they must leave something for the outside"
                " option. Divide by a larger market."
            )
        price = per_product(prices, names, "Price")
        alpha = positive(price_coefficient, "The price coefficient of demand")
        quality = np.log(share / left) + alpha * price
        shape = cls(names, quality, alpha, nests, sigma, market_size=market_size)  # type: ignore[arg-type]
        if sigma:
            inside = np.bincount(shape.nest_of, share)
            quality = quality - sigma * np.log(share / inside[shape.nest_of])
        return cls(names, quality, alpha, nests, sigma, market_size=market_size)  # type: ignore[arg-type]

    @cached_property
    def nest_names(self) -> tuple[str, ...]:
        """Names of the nests, length G, in order of appearance; one nest for the plain logit."""
        return ("all",) if self.nests is None else tuple(dict.fromkeys(self.nests))

    @cached_property
    def nest_of(self) -> IntArray:
        """Position of every product's nest, [J]."""
        if self.nests is None:
            return np.zeros(len(self.products), dtype=np.int64)
        position = {name: at for at, name in enumerate(self.nest_names)}
        return np.array([position[nest] for nest in self.nests], dtype=np.int64)

    @cached_property
    def nest_sigma(self) -> FloatArray:
        """Sigma of every nest, [G]."""
        if isinstance(self.sigma, Mapping):
            return np.array([self.sigma[name] for name in self.nest_names], dtype=float)
        return np.full(len(self.nest_names), float(self.sigma))

    @cached_property
    def _grouped(self) -> tuple[IntArray, IntArray, IntArray]:
        """Products ordered by nest, where each nest begins, and the way back."""
        order = np.argsort(self.nest_of, kind="stable")
        first = np.searchsorted(self.nest_of[order], np.arange(len(self.nest_names)))
        return order, first, np.argsort(order, kind="stable")

    def _parts(self, prices: npt.ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return shares within the nest [..., J], shares of nests [..., G], log of the total [...].

        Everything in logarithms, so that no price or quality overflows.
        """
        price = price_rows(prices, self.products)
        order, first, back = self._grouped
        nest = self.nest_of[order]
        free = 1.0 - self.nest_sigma
        utility = (self.quality - self.price_coefficient * price)[..., order] / free[nest]
        top = np.maximum.reduceat(utility, first, axis=-1)
        weight = np.exp(utility - top[..., nest])
        total = np.add.reduceat(weight, first, axis=-1)
        within = (weight / total[..., nest])[..., back]
        inclusive = free * (top + np.log(total))
        highest = inclusive.max(axis=-1)
        if self.outside:
            highest = np.maximum(highest, 0.0)
        nests = np.exp(inclusive - highest[..., None])
        every = nests.sum(axis=-1) + (np.exp(-highest) if self.outside else 0.0)
        return within, nests / every[..., None], highest + np.log(every)

    def shares(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the shares of all consumers, [..., J], at prices [..., J]."""
        within, nests, _ = self._parts(prices)
        return within * nests[..., self.nest_of]

    def within_shares(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the shares within each product's nest, [..., J]."""
        return self._parts(prices)[0]

    def outside_share(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the share of consumers who buy nothing, [...]."""
        log_total = self._parts(prices)[2]
        return np.exp(-log_total) if self.outside else np.zeros_like(log_total)

    def quantities(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the quantities sold, [..., J]: market size times shares."""
        return self.market_size * self.shares(prices)

    def consumer_surplus(self, prices: npt.ArrayLike) -> FloatArray:
        r"""Return :math:`M \ln(1 + \sum_g D_g^{1-\sigma_g}) / \alpha`, [...], currency units.

        Against buying nothing; without an outside option, up to a constant.
        """
        return self.market_size / self.price_coefficient * self._parts(prices)[2]

    def jacobian(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the derivative of quantity k by price j, [J, J], at ``[k, j]``.

        Solvers and certificates do without it: :meth:`owner_gradient` takes J operations.
        """
        within, nests, _ = self._parts(prices)
        share = within * nests[self.nest_of]
        sigma = self.nest_sigma[self.nest_of]
        same = self.nest_of[:, None] == self.nest_of[None, :]
        inner = np.eye(len(share)) - np.where(same, sigma * within[:, None], 0.0)
        matrix: FloatArray = inner / (1.0 - sigma) - share[:, None]
        return -self.market_size * self.price_coefficient * matrix * share

    def owner_gradient(
        self, prices: npt.ArrayLike, margins: npt.ArrayLike, owners: IntArray
    ) -> FloatArray:
        """Return, for every price j, the owner's sum of margin k x d q_k / d p_j, [J].

        In J operations and J numbers of memory.
        """
        within, nests, _ = self._parts(prices)
        share = within * nests[self.nest_of]
        margin = np.asarray(margins, dtype=float)
        sigma = self.nest_sigma[self.nest_of]
        pair = owners * len(self.nest_names) + self.nest_of
        _, place = np.unique(pair, return_inverse=True)
        nest_mean = np.bincount(place, margin * within)[place]
        mean = np.bincount(owners, margin * share)[owners]
        inner = (margin - sigma * nest_mean) / (1.0 - sigma) - mean
        gradient: FloatArray = -self.market_size * self.price_coefficient * share * inner
        return gradient

    def choke_price(
        self,
        product: int,  # noqa: ARG002
        prices: FloatArray,  # noqa: ARG002
        withdrawn: Sequence[int] = (),  # noqa: ARG002
    ) -> float:
        """Return infinity: under logit every product sells a little at any price."""
        return float("inf")


@dataclass(frozen=True, eq=False)
class Pairs:
    r"""Every (firm, nest) with a product, at given prices of the fixed products.

    First-order conditions of a firm over its products in nest g are

    .. math:: p_j - c_j = (1 - \sigma_g) / \alpha + \sigma_g A_{fg} + (1 - \sigma_g) X_f

    with :math:`A_{fg}` the margin per consumer of the nest and :math:`X_f` that per consumer: the
    right-hand side does not depend on j, so that all products of a firm in a nest have one markup
    and act as one product of weight :math:`\sum_j e^{(a_j - \alpha c_j)/(1 - \sigma_g)}`.

    Parameters
    ----------
    game : Oligopoly
    demand : LogitDemand
    firm, nest : int array [P]
    of_product : int array [J]
        Position of every product's pair.
    weight : float array [P]
        Logarithm of the weight of the products with free prices, at cost.
    held : float array [P]
        Logarithm of the weight of the products with fixed prices, at these prices.
    held_margin : float array [P]
        Their mean margin by weight.
    """

    game: Oligopoly
    demand: LogitDemand
    firm: IntArray
    nest: IntArray
    of_product: IntArray
    weight: FloatArray
    held: FloatArray
    held_margin: FloatArray

    @property
    def sigma(self) -> FloatArray:
        """Sigma of every pair's nest, [P]."""
        return self.demand.nest_sigma[self.nest]

    @property
    def free(self) -> npt.NDArray[np.bool_]:
        """Which pairs have a price to choose, [P]."""
        return np.isfinite(self.weight)

    def prices(self, markups: FloatArray) -> FloatArray:
        """Return prices [J] from markups [P]."""
        game = self.game
        price = game.effective_costs + markups[self.of_product]
        for product, given in game.fixed.items():
            price[game.products.index(product)] = given
        return price

    def state(self, markups: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return, at markups [P]: S [P], A [P], nest shares [G], X [F].

        S is the share within the nest of a pair's free products, A the firm's margin per consumer
        of the nest, X its margin per consumer.
        """
        groups = len(self.demand.nest_names)
        slope = self.demand.price_coefficient / (1.0 - self.sigma)
        own = self.weight - slope * markups
        top = np.full(groups, -np.inf)
        np.maximum.at(top, self.nest, np.maximum(own, self.held))
        lift = top[self.nest]
        own, held = np.exp(own - lift), np.exp(self.held - lift)
        total = np.bincount(self.nest, own + held, groups)
        share = own / total[self.nest]
        inside = markups * share + self.held_margin * held / total[self.nest]
        inclusive = (1.0 - self.demand.nest_sigma) * (top + np.log(total))
        highest = float(inclusive.max())
        if self.demand.outside:
            highest = max(highest, 0.0)
        nests = np.exp(inclusive - highest)
        nests /= nests.sum() + (np.exp(-highest) if self.demand.outside else 0.0)
        margin: FloatArray = np.bincount(
            self.firm, nests[self.nest] * inside, len(self.game.firms)
        ).astype(float)
        return share, inside, nests, margin


def pairs_of(game: Oligopoly, demand: LogitDemand) -> Pairs:
    """Return a logit game's pairs."""
    key = game.owner_of * len(demand.nest_names) + demand.nest_of
    unique, of_product = np.unique(key, return_inverse=True)
    count = len(unique)
    spread = 1.0 - demand.nest_sigma[demand.nest_of]
    price = game.effective_costs.copy()
    for product, given in game.fixed.items():
        price[game.products.index(product)] = given
    utility = (demand.quality - demand.price_coefficient * price) / spread
    fixed = game.is_fixed

    def log_sum(chosen: npt.NDArray[np.bool_]) -> FloatArray:
        top = np.full(count, -np.inf)
        np.maximum.at(top, of_product[chosen], utility[chosen])
        base = np.where(np.isfinite(top), top, 0.0)
        total = np.bincount(
            of_product[chosen], np.exp(utility[chosen] - base[of_product[chosen]]), count
        )
        out = np.full(count, -np.inf)
        out[total > 0] = base[total > 0] + np.log(total[total > 0])
        return out

    weight, held = log_sum(~fixed), log_sum(fixed)
    held_margin = np.zeros(count)
    if fixed.any():
        at = of_product[fixed]
        part = np.exp(utility[fixed] - held[at]) * (price - game.effective_costs)[fixed]
        held_margin += np.bincount(at, part, count)
    groups = len(demand.nest_names)
    return Pairs(
        game, demand, unique // groups, unique % groups, of_product, weight, held, held_margin
    )


#: Halvings of a bracket: more than a float has bits.
_HALVINGS = 60
_DINKELBACH = 100
#: The bound is tried at this much more than the profit found, relative.
_ABOVE = 1e-9
#: Cells of firms x nests held at once.
_CELLS = 2_000_000
#: A tried markup goes so far that the firm sells exp(-30) of what it could.
_TAIL = 30.0


@dataclass(frozen=True, eq=False)
class Rivals:
    r"""What a firm's deviation cannot change, for every firm of a logit game at posted prices.

    Parameters
    ----------
    pairs : Pairs
    within : float array [P]
        Logarithm of the rivals' weight in the nest; minus infinity where there are none.
    elsewhere : float array [F]
        Logarithm of the outside option and the nests where the firm has nothing.
    """

    pairs: Pairs
    within: FloatArray
    elsewhere: FloatArray

    def terms(self, markups: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return, [..., P], at markups [..., P]: share within the nest, A, log of D^(1 - sigma).

        Every pair on its own, its rivals in the nest as posted.
        """
        pairs = self.pairs
        slope = pairs.demand.price_coefficient / (1.0 - pairs.sigma)
        own = pairs.weight - slope * markups
        top = np.maximum(own, np.maximum(pairs.held, self.within))
        held = np.exp(pairs.held - top)
        sold = np.exp(own - top)
        total = sold + held + np.exp(self.within - top)
        inside = (markups * sold + pairs.held_margin * held) / total
        return sold / total, inside, (1.0 - pairs.sigma) * (top + np.log(total))

    @cached_property
    def _first(self) -> IntArray:
        """Where every firm's pairs begin: they are ordered by firm."""
        return np.searchsorted(self.pairs.firm, np.arange(len(self.elsewhere)))

    def by_firm(self, values: FloatArray) -> FloatArray:
        """Return sums over every firm's pairs, [..., F], of values [..., P]."""
        total: FloatArray = np.add.reduceat(values, self._first, axis=-1)
        return total

    def weights(self, inclusive: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return shares of the market of every pair's nest [..., P], and of elsewhere [..., F]."""
        firm = self.pairs.firm
        top = np.maximum(np.maximum.reduceat(inclusive, self._first, axis=-1), self.elsewhere)
        nests, rest = np.exp(inclusive - top[..., firm]), np.exp(self.elsewhere - top)
        total = rest + self.by_firm(nests)
        return nests / total[..., firm], rest / total

    def profit(self, markups: FloatArray) -> FloatArray:
        """Return every firm's margin per consumer, [..., F], each deviating alone."""
        _, inside, inclusive = self.terms(markups)
        return self.by_firm(self.weights(inclusive)[0] * inside)

    def farthest(self) -> FloatArray:
        """Return a markup beyond which every firm's sales are negligible, [F]."""
        pairs = self.pairs
        alpha, free = pairs.demand.price_coefficient, 1.0 - pairs.sigma
        rest = self.elsewhere.copy()
        np.logaddexp.at(rest, pairs.firm, free * np.logaddexp(self.within, pairs.held))
        reach = np.full(len(rest), -np.inf)
        np.maximum.at(reach, pairs.firm, free * pairs.weight)
        far: FloatArray = np.maximum(reach - rest, 0.0) + _TAIL
        return far / alpha


def rivals_of(pairs: Pairs, prices: FloatArray) -> Rivals:
    """Return what every firm faces at posted prices [J]."""
    demand, count = pairs.demand, len(pairs.firm)
    spread = 1.0 - demand.nest_sigma[demand.nest_of]
    utility = (demand.quality - demand.price_coefficient * prices) / spread
    posted = np.full(count, -np.inf)
    np.maximum.at(posted, pairs.of_product, utility)
    posted += np.log(
        np.bincount(pairs.of_product, np.exp(utility - posted[pairs.of_product]), count)
    )
    within, total = _without_each(posted, pairs.nest, len(demand.nest_names))
    inclusive = (1.0 - demand.nest_sigma) * total
    outside = 0.0 if demand.outside else -np.inf
    firms, nests = len(pairs.game.firms), len(inclusive)
    elsewhere = np.full(firms, outside)
    if nests > 1:
        rows = max(1, _CELLS // nests)
        for first in range(0, firms, rows):
            block = np.tile(inclusive, (min(rows, firms - first), 1))
            mine = (pairs.firm >= first) & (pairs.firm < first + rows)
            block[pairs.firm[mine] - first, pairs.nest[mine]] = -np.inf
            top = np.maximum(block.max(axis=1), outside)
            base = np.where(np.isfinite(top), top, 0.0)
            weight = np.exp(block - base[:, None]).sum(axis=1) + np.exp(outside - base)
            with np.errstate(divide="ignore"):
                elsewhere[first : first + rows] = base + np.log(weight)
    return Rivals(pairs, within, elsewhere)


def _without_each(log: FloatArray, group: IntArray, groups: int) -> tuple[FloatArray, FloatArray]:
    """Return logs of the group's sum without each member, and of the whole sum of each group."""
    top = np.full(groups, -np.inf)
    np.maximum.at(top, group, log)
    weight = np.exp(log - top[group])
    total = np.bincount(group, weight, groups)
    left = total[group] - weight
    # Whoever has most of its group is left out of the sum, not subtracted from it: no cancellation.
    large = weight > 0.5 * total[group]
    small = np.bincount(group, np.where(large, 0.0, np.exp(log - top[group])), groups)
    left = np.where(large, small[group], left)
    with np.errstate(divide="ignore"):
        out = top[group] + np.log(left)
    lost = large & (left < 1e-200) & (np.bincount(group, minlength=groups)[group] > 1)
    for at in np.flatnonzero(lost):  # rivals too small beside it for a common scale
        others = log[(group == group[at]) & (np.arange(len(log)) != at)]
        out[at] = np.logaddexp.reduce(others)
    return out, top + np.log(total)


def best_markups(rivals: Rivals) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    r"""Return best markups [P], the margin per consumer they earn [F], and whether proven [F].

    A firm maximises a ratio, :math:`\sum_g A_g D_g^{1-\sigma} / (Z + \sum_g D_g^{1-\sigma})`.
    Dinkelbach (1967): X is its maximum where
    :math:`\Phi(X) = \max \sum_g (A_g - X) D_g^{1-\sigma} - X Z` is zero; the maximum separates
    over nests, in each of which the markup solves
    :math:`\mu - \sigma A(\mu) = (1 - \sigma)(1/\alpha + X)`, the left-hand side increasing where
    the firm has no fixed price in the nest. That no price earns more than X is proven by
    :math:`\Phi(X (1 + 10^{-9})) \le 0`.
    """
    pairs = rivals.pairs
    # From any profit that can be had; it may be a loss, where a fixed price is below cost.
    markups = np.full(len(pairs.firm), 1.0 / pairs.demand.price_coefficient)
    best = rivals.profit(markups)
    markups = _given(rivals, best)
    for _ in range(_DINKELBACH):
        earned = rivals.profit(markups)
        if np.all(earned <= best + 1e-15 * np.abs(best)):
            break
        best = np.maximum(best, earned)
        markups = _given(rivals, best)
    above = best + _ABOVE * np.abs(best) + 1e-300
    tried = _given(rivals, above)
    _, inside, inclusive = rivals.terms(tried)
    nests, rest = rivals.weights(inclusive)
    phi = rivals.by_firm(nests * (inside - above[pairs.firm])) - above * rest
    several = (pairs.sigma > 0) & pairs.free & np.isfinite(pairs.held)
    proven = phi <= 0
    proven[pairs.firm[several]] = False
    return markups, rivals.profit(markups), proven


def _given(rivals: Rivals, margin: FloatArray) -> FloatArray:
    """Return the markups [P] that maximise (A - X) D^(1 - sigma) in every nest, X given [F]."""
    pairs = rivals.pairs
    sigma = pairs.sigma
    whole = 1.0 / pairs.demand.price_coefficient + margin[pairs.firm]
    base = (1.0 - sigma) * whole
    low = np.minimum(whole, base + sigma * np.minimum(pairs.held_margin, 0.0))
    high = np.maximum(whole, base + sigma * np.maximum(pairs.held_margin, 0.0))
    if not sigma.any():
        return whole
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        _, inside, _ = rivals.terms(middle)
        up = middle - sigma * inside < base
        low, high = np.where(up, middle, low), np.where(up, high, middle)
    halfway: FloatArray = 0.5 * (low + high)
    return np.where(sigma == 0, whole, halfway)


def scan(rivals: Rivals, resolution: int) -> FloatArray:
    """Return, for every firm, the best of ``resolution`` common markups, refined, [F]."""
    low, high = np.zeros(len(rivals.elsewhere)), rivals.farthest()
    part = np.linspace(0.0, 1.0, resolution)[:, None]
    best = low
    for _ in range(8):
        markups = low + part * (high - low)
        earned = rivals.profit(markups[:, rivals.pairs.firm])
        at = earned.argmax(axis=0)
        best = markups[at, np.arange(len(low))]
        step = (high - low) / (len(part) - 1)
        low, high = np.maximum(best - step, 0.0), best + step
        part = np.linspace(0.0, 1.0, 21)[:, None]
    return best


#: Newton solves a dense system of so many markups at most (32 MB).
_DENSE = 2_000
#: Newton takes over when an iteration shrinks the change by less than this.
_SLOW = 0.7
#: Changes this small are partly rounding, and tell nothing about how fast they shrink.
_BLURRED = 1e-11
#: Iterations after which zeta gives way to its implicit form.
_PATIENCE = 40
#: Others' share of the market as rounding leaves it, where one firm has nearly all.
_LEAST = 1e-17


@dataclass(frozen=True, eq=False)
class Path:
    """Where an iteration ended.

    Parameters
    ----------
    markups : float array [P]
    trace : list of float
        Largest change of a markup, relative, per iteration.
    converged : bool
    newton : int
        How many of the iterations were Newton's.
    method : str
    """

    markups: FloatArray
    trace: list[float]
    converged: bool
    newton: int
    method: str


def zeta(pairs: Pairs, markups: FloatArray) -> FloatArray:
    r"""Return :math:`(1 - \sigma)/\alpha + \sigma A + (1 - \sigma) X`, [P], from markups [P].

    The zeta map of Morrow and Skerlos (2011, Operations Research 59, eq. 14), which is the
    first-order condition solved for the markup; an iteration of the plain markup formula cycles
    under nested logit.
    """
    _, inside, _, margin = pairs.state(markups)
    sigma, firm = pairs.sigma, pairs.firm
    base = (1.0 - sigma) * (1.0 / pairs.demand.price_coefficient + margin[firm])
    mapped: FloatArray = base + sigma * inside
    return mapped


def lambert(pairs: Pairs, markups: FloatArray) -> FloatArray:
    r"""Return best responses under plain logit, one nest, [P], the others' markups as given.

    :math:`\alpha \mu = 1 + k + W(T e^{-1-k} / D)`, T the weight of the firm's products at cost, D
    everybody else's and of its own fixed products, k what these earn, times :math:`\alpha / D`.
    """
    alpha = pairs.demand.price_coefficient
    share, inside, nests, _ = pairs.state(markups)
    share, inside = share * nests[0], inside * nests[0]
    rest = np.maximum(1.0 - share, _LEAST)
    held = alpha * (inside - share * markups) / rest
    weight = alpha * markups + np.log(np.maximum(share, 1e-300) / rest)
    # W(e^z) is Wright's omega function, which does not overflow.
    solved: FloatArray = (1.0 + held + wrightomega(weight - 1.0 - held)) / alpha
    return solved


def implicit(pairs: Pairs, markups: FloatArray) -> FloatArray:
    r"""Return :math:`\mu` with :math:`\mu = (1-\sigma)/\alpha + \sigma A(\mu) + (1-\sigma) X`, [P].

    As :func:`zeta`, but for the effect of a firm's markup on its own share of the nest, which is
    solved for: with sigma near 1 it is so steep that zeta alone crawls. Rivals' weights and X are
    those at ``markups``.
    """
    share, inside, _, margin = pairs.state(markups)
    sigma = pairs.sigma
    slope = pairs.demand.price_coefficient / (1.0 - sigma)
    base = (1.0 - sigma) * (1.0 / pairs.demand.price_coefficient + margin[pairs.firm])
    whole = base / (1.0 - sigma)
    low = np.minimum(whole, base + sigma * np.minimum(pairs.held_margin, 0.0))
    high = np.maximum(whole, base + sigma * np.maximum(pairs.held_margin, 0.0))
    fixed_part, others = inside - share * markups, 1.0 - share
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        # The pair's weight beside what it was, the others' weights being what they were.
        with np.errstate(over="ignore"):
            scale = np.minimum(np.exp(slope * (markups - middle)), 1e200)
        total = share * scale + others
        # Where rounding leaves nobody else in the nest and nothing of the pair, it has all of it.
        mean = np.where(
            total > 0,
            (middle * share * scale + fixed_part) / np.where(total > 0, total, 1.0),
            middle,
        )
        up = middle - sigma * mean < base
        low, high = np.where(up, middle, low), np.where(up, high, middle)
    solved: FloatArray = 0.5 * (low + high)
    return solved


def _newton_step(pairs: Pairs, markups: FloatArray) -> FloatArray | None:
    """Return the Newton step for markups - zeta(markups) = 0; None if the system is singular."""
    alpha, sigma, nest, firm = pairs.demand.price_coefficient, pairs.sigma, pairs.nest, pairs.firm
    share, inside, nests, margin = pairs.state(markups)
    slope = alpha / (1.0 - sigma)
    bend = share * (1.0 - slope * markups)
    sold = nests[nest] * share
    same_nest = nest[:, None] == nest[None, :]
    # d A_p / d mu_q
    d_inside = np.where(same_nest, slope * inside[:, None] * share[None, :], 0.0)
    d_inside[np.diag_indices(len(markups))] += bend
    # d X_f / d mu_q: own nest's terms, and everybody's gain of total weight.
    table = np.zeros((len(margin), len(nests)))
    table[firm, nest] = inside
    d_margin = table[:, nest] * sold * (slope - alpha) + alpha * margin[:, None] * sold
    d_margin[firm, np.arange(len(markups))] += nests[nest] * bend
    matrix = (
        np.eye(len(markups)) - sigma[:, None] * d_inside - (1.0 - sigma)[:, None] * d_margin[firm]
    )
    try:
        step = np.linalg.solve(matrix, zeta(pairs, markups) - markups).astype(float)
    except np.linalg.LinAlgError:
        return None
    return step if np.isfinite(step).all() else None


def iterate(pairs: Pairs, start: FloatArray, tolerance: float, limit: int) -> Path:
    """Iterate from markups ``start`` [P] until nothing changes.

    Plain logit iterates best responses, nested logit zeta. A step that goes back on the one before
    and is not smaller halves the steps from then on; where they shrink the change slowly, Newton
    takes over wherever it does better. If zeta does not settle soon, its implicit form goes on.
    """
    markups, damping = start.copy(), 1.0
    trace: list[float] = []
    newton = 0
    plain = len(pairs.demand.nest_names) == 1 and not pairs.sigma.any()
    step_map = lambert if plain else zeta
    method = "best responses (Lambert's W)" if plain else "zeta iteration"
    mapped = step_map(pairs, markups)
    last = np.zeros(len(markups))
    for count in range(limit):
        change = _change(mapped, markups)
        trace.append(change)
        if change <= tolerance:
            return Path(mapped, trace, True, newton, method)
        before = trace[-2] if len(trace) > 1 else np.inf
        slow = change > max(_SLOW * before, _BLURRED)
        if slow and len(markups) <= _DENSE:
            step = _newton_step(pairs, markups)
            if step is not None:
                tried = markups + step
                answer = step_map(pairs, tried) if np.all(tried > 0) else None
                if answer is not None and _change(answer, tried) < 0.5 * min(trace):
                    markups, mapped, newton = tried, answer, newton + 1
                    continue
        move = mapped - markups
        if count == _PATIENCE and not plain:
            step_map, damping = implicit, 1.0
        elif change > 0.9 * before and move @ last < 0:
            damping = max(0.5 * damping, 1.0 / 64)
        markups, last = markups + damping * move, move
        mapped = step_map(pairs, markups)
    return Path(markups, trace, False, newton, method)


def _change(mapped: FloatArray, markups: FloatArray) -> float:
    return float(np.max(np.abs(mapped - markups) / np.maximum(np.abs(mapped), 1e-300), initial=0.0))
