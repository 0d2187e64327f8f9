"""Programs with one coupling row, or none: exact prices by breakpoints, the core by counting."""

from arbmodels._assignment.one_row.engine import Priced, price, solve_one_row

__all__ = ["Priced", "price", "solve_one_row"]
