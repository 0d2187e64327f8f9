"""Routing, cascades, arbitrage and pricing games in AI model markets.

The public API is what this module exports; ``import arbmodels as arb``. Names are loaded when they
are first used, so that importing the package is quick.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

#: Where each public name lives.
_HOMES = {
    "cascades": (
        "PaperPolicy",
        "Frontier",
        "SearchedFrontier",
        "paper_curve",
        "paper_policy",
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
        "price_catalogue",
        "load_features",
        "load_market",
        "routellm_market",
    ),
    "display": ("ARBITRAGEUR_COLOR", "TextTable", "model_color"),
    "errors": (
        "ArbModelsError",
        "Conflict",
        "DataError",
        "DownloadError",
        "InfeasibleError",
        "InputError",
        "SolverError",
        "WorkerError",
    ),
    "margins": ("Arbitrage", "ArbitragePoint", "arbitrage"),
    "market": ("Market", "merge_markets"),
    "prices": ("PriceCatalogue", "TokenRate"),
    "records": ("AttemptRecords",),
    "passk": ("BetaPrior", "fit_beta_prior", "pass_at_k"),
    "plans": ("Plan", "PlanEvaluation", "attempts_up_to"),
    "routing": ("RoutingProblem", "RoutingResult"),
    "counterfactual": ("WhatIf", "what_if"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

#: Parts that are used as a whole: ``arb.games.undercut``.
_PARTS = (
    "cascades",
    "data",
    "estimation",
    "games",
    "interactive",
    "online",
    "policies",
    "predict",
    "registry",
    "routing",
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
