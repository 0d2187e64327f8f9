"""What every equilibrium says of itself, whatever its game."""

from __future__ import annotations

from arbmodels.display import Displayed
from arbmodels.games.certificate import Deviations
from arbmodels.passk import FloatArray


class Equilibrium(Displayed):
    r"""A profile from which nobody gains more than epsilon by deviating.

    With :math:`g_i` the most that player i gains and :math:`\pi_i` the profit,

    .. math:: \varepsilon = \max_i g_i, \qquad \varepsilon_{rel} = \max_i g_i / \pi_i .

    Attributes
    ----------
    deviations : Deviations
        The certificate, by code apart from the solver.
    profits : float array
        Of the players.
    found_by : str
        The method.
    iterations : int
    trace : float array
        How the solver came nearer.

    References
    ----------
    Radner, *Collusive behavior in noncooperative epsilon-equilibria of oligopolies with long but
    finite lives*, Journal of Economic Theory 22 (1980).
    """

    deviations: Deviations
    profits: FloatArray
    found_by: str
    iterations: int
    trace: FloatArray

    @property
    def epsilon(self) -> float:
        """Largest gain from any deviation of any player, in the unit of profits."""
        return self.deviations.epsilon

    @property
    def relative_epsilon(self) -> float:
        """Largest gain over the own profit; infinite where somebody gains from nothing."""
        return self.deviations.relative_epsilon
