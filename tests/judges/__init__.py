"""Judges: what the package's answers must be, written from the mathematics.

A judge imports nothing of the package, only numpy, scipy, highspy and the standard library, and
prefers what cannot be subtly wrong to what is quick: enumeration, rational numbers, plain programs.
"""
