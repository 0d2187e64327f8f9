"""Programs with several coupling rows: prices by Newton's method, an integer core in HiGHS."""

from arbmodels._assignment.many_rows.engine import solve_many_rows

__all__ = ["solve_many_rows"]
