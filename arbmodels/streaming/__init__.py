"""Numbers that do not fit into memory: on disk, on a cluster, or made when needed.

:meth:`arbmodels.RoutingProblem.from_source` makes a routing problem of them.
"""

from arbmodels._assignment.program import Block, Source
from arbmodels.streaming.dask import DaskSource
from arbmodels.streaming.sources import Generated, ParquetSource, RowGroup

__all__ = ["Block", "DaskSource", "Generated", "ParquetSource", "RowGroup", "Source"]
