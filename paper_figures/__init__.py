"""The figures of Olmedo, Schölkopf, Hardt (2026), computed, compared and drawn again.

One file per figure: what the paper claims, the published values with a tolerance,
``compute(market) -> record`` (the authors' method and the exact one, plain values ready for JSON)
and ``draw(record) -> Figure``, to which :func:`paper_figures.common.picture` adds title and notes,
or leaves them to a caption (``--plain``). Run ``python -m paper_figures --help``.

To add a figure, copy a file, name it ``figure_<number>_<subject>.py``, and list it in
:mod:`paper_figures.__main__`.
"""
