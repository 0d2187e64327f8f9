"""Closed forms of pricing games, derived with SymPy from the conditions that define them."""
