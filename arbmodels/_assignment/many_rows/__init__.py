"""Programs with several coupling rows: prices by Newton's method, an integer core in HiGHS."""
