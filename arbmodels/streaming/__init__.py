"""Programs whose numbers do not fit into memory: on disk, on a cluster, or made when needed."""

from arbmodels.streaming.dask import DaskSource
from arbmodels.streaming.generated import Generated
from arbmodels.streaming.parquet import ParquetSource
from arbmodels.streaming.result import StreamedResult
from arbmodels.streaming.route import route

__all__ = ["DaskSource", "Generated", "ParquetSource", "StreamedResult", "route"]
