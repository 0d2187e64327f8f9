"""pandas, imported at its first use: a quarter of a second that many commands never need."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

__all__ = ["pandas_loaded", "pd"]


def pandas_loaded() -> bool:
    """Tell whether anybody has imported pandas; otherwise nothing can be one of its objects."""
    return "pandas" in sys.modules


class _Pandas:
    """The module pandas, of which every name is looked up when it is used."""

    def __getattr__(self, name: str) -> Any:
        import pandas

        return getattr(pandas, name)


if TYPE_CHECKING:
    import pandas as pd
else:
    pd = _Pandas()
