"""How far a judge and the package may differ, and why.

Every comparison of :mod:`tests.differential` takes its tolerance from here.
"""

#: The same sums in another order: some hundred terms of 1e-16 each, with a wide margin.
ROUNDING = 1e-9
#: Solve rates nearer than this are one rate to the package (``SAME_RATE``, 1e-12); a judge looks
#: at both sides of the rate asked for, this far away.
SAME_RATE = 2e-12
#: Feasibility of HiGHS, relative to a limit; a limit may be passed by this much.
FEASIBLE = 1e-7
#: The relative gap that routing is asked to prove.
GAP = 1e-6
#: Below this, relative to the largest number of a problem, a gain or a difference is rounding of
#: terms that cancel.
CANCELLED = 1e-10
#: A judge's own search over prices stops where two neighbours differ by less; profits are flat
#: to second order there, so that the gain found is right to its square.
SEARCHED = 1e-6
#: Where amounts of one problem differ by more, a solver may say that it cannot answer: what it lets
#: pass beside the largest amount, 1e-7 of it, is a tenth of the smallest.
SPREAD = 1e6
