"""Group commit: requests that arrive together are stored in one transaction, and each gets its own counts."""

from ingestion.writer.flush import Outcome, Refused, Stored, Unavailable
from ingestion.writer.group import QueueFullError, Writer
from ingestion.writer.idempotency import Claim, KeyInUse, KeyReused, Replay
from ingestion.writer.rows import LocalTime, Row, Target, row

__all__ = [
    "Claim",
    "KeyInUse",
    "KeyReused",
    "LocalTime",
    "Outcome",
    "QueueFullError",
    "Refused",
    "Replay",
    "Row",
    "Stored",
    "Target",
    "Unavailable",
    "Writer",
    "row",
]
