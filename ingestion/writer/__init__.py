"""Group commit: requests that arrive together are stored in one transaction, and each gets its own counts."""

from ingestion.writer.flush import Outcome, Refused, Stored, Unavailable
from ingestion.writer.group import QueueFullError, Writer
from ingestion.writer.rows import LocalTime, Row, Target, row

__all__ = [
    "LocalTime",
    "Outcome",
    "QueueFullError",
    "Refused",
    "Row",
    "Stored",
    "Target",
    "Unavailable",
    "Writer",
    "row",
]
