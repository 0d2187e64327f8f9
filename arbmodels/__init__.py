"""Routing, cascades, arbitrage and pricing games in AI model markets.

The public API is what this module exports; ``import arbmodels as arb``. Names are loaded when they
are first used, so that importing the package is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from arbmodels import estimation as estimation
    from arbmodels import games as games
    from arbmodels import interactive as interactive
    from arbmodels import online as online
    from arbmodels import policies as policies
    from arbmodels import predict as predict
    from arbmodels import registry as registry
    from arbmodels import streaming as streaming
    from arbmodels import verification as verification
    from arbmodels.cascades import AuthorsPolicy as AuthorsPolicy
    from arbmodels.cascades import Frontier as Frontier
    from arbmodels.cascades import SearchedFrontier as SearchedFrontier
    from arbmodels.cascades import authors_curve as authors_curve
    from arbmodels.cascades import authors_policy as authors_policy
    from arbmodels.cascades import cascade_frontier as cascade_frontier
    from arbmodels.cascades import search_frontier as search_frontier
    from arbmodels.curves import Curves as Curves
    from arbmodels.curves import attempt_curves as attempt_curves
    from arbmodels.curves import budget_grid as budget_grid
    from arbmodels.curves import dollar_curves as dollar_curves
    from arbmodels.data import ROUTELLM_PRICES as ROUTELLM_PRICES
    from arbmodels.data import TokenPrice as TokenPrice
    from arbmodels.data import dataset_info as dataset_info
    from arbmodels.data import fetch as fetch
    from arbmodels.data import list_datasets as list_datasets
    from arbmodels.data import load_features as load_features
    from arbmodels.data import load_market as load_market
    from arbmodels.data import routellm_market as routellm_market
    from arbmodels.display import ARBITRAGEUR_COLOUR as ARBITRAGEUR_COLOUR
    from arbmodels.display import model_colour as model_colour
    from arbmodels.display import model_label as model_label
    from arbmodels.errors import ArbModelsError as ArbModelsError
    from arbmodels.errors import DataError as DataError
    from arbmodels.errors import DownloadError as DownloadError
    from arbmodels.errors import InfeasibleError as InfeasibleError
    from arbmodels.errors import InputError as InputError
    from arbmodels.errors import SolverError as SolverError
    from arbmodels.errors import WorkerError as WorkerError
    from arbmodels.margins import Arbitrage as Arbitrage
    from arbmodels.margins import ArbitragePoint as ArbitragePoint
    from arbmodels.margins import arbitrage as arbitrage
    from arbmodels.market import Market as Market
    from arbmodels.passk import BetaPrior as BetaPrior
    from arbmodels.passk import fit_beta_prior as fit_beta_prior
    from arbmodels.passk import pass_at_k as pass_at_k
    from arbmodels.plans import Plan as Plan
    from arbmodels.plans import PlanEvaluation as PlanEvaluation
    from arbmodels.plans import attempts_up_to as attempts_up_to
    from arbmodels.routing import RoutingProblem as RoutingProblem
    from arbmodels.routing import RoutingResult as RoutingResult

#: Where each public name lives.
_HOMES = {
    "cascades": (
        "AuthorsPolicy",
        "Frontier",
        "SearchedFrontier",
        "authors_curve",
        "authors_policy",
        "cascade_frontier",
        "search_frontier",
    ),
    "curves": ("Curves", "attempt_curves", "budget_grid", "dollar_curves"),
    "data": (
        "ROUTELLM_PRICES",
        "TokenPrice",
        "dataset_info",
        "fetch",
        "list_datasets",
        "load_features",
        "load_market",
        "routellm_market",
    ),
    "display": ("ARBITRAGEUR_COLOUR", "model_colour", "model_label"),
    "errors": (
        "ArbModelsError",
        "DataError",
        "DownloadError",
        "InfeasibleError",
        "InputError",
        "SolverError",
        "WorkerError",
    ),
    "margins": ("Arbitrage", "ArbitragePoint", "arbitrage"),
    "market": ("Market",),
    "passk": ("BetaPrior", "fit_beta_prior", "pass_at_k"),
    "plans": ("Plan", "PlanEvaluation", "attempts_up_to"),
    "routing": ("RoutingProblem", "RoutingResult"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

#: Parts that are used as a whole: ``arb.games.undercut``.
_PARTS = (
    "estimation",
    "games",
    "interactive",
    "online",
    "policies",
    "predict",
    "registry",
    "streaming",
    "verification",
)

__all__ = ["__version__", *_PARTS, *sorted(_HOME_OF)]  # noqa: PLE0604 - names of _HOMES


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return import_module(f"arbmodels.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'arbmodels' has no attribute {name!r}")
    return getattr(import_module(f"arbmodels.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
