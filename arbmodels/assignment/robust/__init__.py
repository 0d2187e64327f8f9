"""A row that holds though a few groups use more: the compact program, or a search."""
