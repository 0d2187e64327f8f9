"""What the package exports, for type checkers: names are loaded when they are first used."""

from arbmodels import estimation as estimation
from arbmodels import games as games
from arbmodels import interactive as interactive
from arbmodels import online as online
from arbmodels import policies as policies
from arbmodels import predict as predict
from arbmodels import registry as registry
from arbmodels import streaming as streaming
from arbmodels import verification as verification
from arbmodels.cascades import Frontier as Frontier
from arbmodels.cascades import PaperPolicy as PaperPolicy
from arbmodels.cascades import SearchedFrontier as SearchedFrontier
from arbmodels.cascades import cascade_frontier as cascade_frontier
from arbmodels.cascades import paper_curve as paper_curve
from arbmodels.cascades import paper_policy as paper_policy
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

__version__: str
__all__: list[str]
