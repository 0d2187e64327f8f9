"""Programs whose numbers do not fit into memory: on disk, on a cluster, or made when needed."""

from arbmodels.streaming.dask import DaskSource
from arbmodels.streaming.route import StreamedResult, route
from arbmodels.streaming.sources import Generated, ParquetSource

__all__ = ["DaskSource", "Generated", "ParquetSource", "StreamedResult", "route"]
