"""Cascades of many models: policies found by search, with a bound for every policy.

Its parts are imported by name: the frontier is searched with some of them, and the result of a
search holds frontiers of single models.
"""
