"""The widgets of the dashboard; ipywidgets is imported only here."""

from __future__ import annotations

from typing import Any, NamedTuple

from arbmodels.display import model_label, percent
from arbmodels.errors import InputError
from arbmodels.interactive.explorer import MOST_ARBITRAGEURS, OWN_PRICES, Explorer

LOWEST_PRICE, _STEP = 0.2, 0.05


class Controls(NamedTuple):
    """Sliders by name, an image per picture, the text below, and the box that holds them all."""

    sliders: dict[str, Any]
    images: list[Any]
    text: Any
    box: Any


def require_ipywidgets() -> Any:
    """Return ipywidgets, or say how to get it."""
    try:
        import ipywidgets
    except ImportError as error:
        raise InputError(
            "Sliders need ipywidgets. Install it with: pip install 'arbmodels[notebooks]'"
        ) from error
    return ipywidgets


def make_controls(widgets: Any, explorer: Explorer, top: float, pictures: int) -> Controls:
    """Return sliders, empty images and an empty text.

    Parameters
    ----------
    widgets : module
        ipywidgets.
    explorer : Explorer
    top : float
        Largest budget.
    pictures : int
    """
    wide = widgets.Layout(width="26em", max_width="100%")
    common = {"style": {"description_width": "11em"}, "layout": wide}
    sliders = {
        model: widgets.FloatSlider(
            1.0,
            min=LOWEST_PRICE,
            max=float(OWN_PRICES[-1]),
            step=_STEP,
            description=f"{model_label(model)}, x list",
            **common,
        )
        for model in explorer.models
    }
    rates = [(percent(rate, 2), k) for k, rate in enumerate(explorer.solve_rates.tolist())]
    sliders["solve rate"] = widgets.SelectionSlider(
        options=rates, value=len(rates) // 2, description="Solve rate", **common
    )
    sliders["arbitrageurs"] = widgets.IntSlider(
        MOST_ARBITRAGEURS, min=0, max=4, description="Arbitrageurs", **common
    )
    sliders["budget"] = widgets.FloatSlider(
        top / 3,
        min=0.0,
        max=top,
        step=top / 100,
        readout_format=".3g",
        description=f"Budget, {explorer.unit}",
        **common,
    )
    images = [
        widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        for _ in range(pictures)
    ]
    text = widgets.HTML()
    flow = widgets.Layout(flex_flow="row wrap")
    box = widgets.VBox(
        [widgets.Box([*sliders.values()], layout=flow), widgets.Box(images, layout=flow), text]
    )
    return Controls(sliders, images, text, box)
