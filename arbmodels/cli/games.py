"""``arbmodels game``: the group of pricing games."""

from __future__ import annotations

import typer

from arbmodels.cli import game, game_finite, game_logit, game_providers

app = typer.Typer(
    no_args_is_help=True,
    help="Pricing games: equilibria with the most any player could gain by deviating.",
)
app.command("bertrand", rich_help_panel="On a market")(game.bertrand)
app.command("providers", rich_help_panel="On a market")(game_providers.providers)
app.command("statics", rich_help_panel="On a market")(game_providers.statics)
app.command("entry", rich_help_panel="On a market")(game_providers.entry)
app.command("distill", rich_help_panel="On a market")(game_providers.distill)
app.command("finite", rich_help_panel="On numbers of your own")(game_finite.finite)
app.command("capacity", rich_help_panel="On numbers of your own")(game_finite.capacity)
app.command("logit", rich_help_panel="On numbers of your own")(game_logit.game_logit)
