"""Group commit: requests that arrive together are stored in one transaction, and each gets its own counts."""

from ingestion.writer.flush import Outcome, Refused, Stored, Unavailable
from ingestion.writer.group import Group, QueueFullError, SampleWriter, Writer
from ingestion.writer.idempotency import Claim, KeyInUse, KeyReused, Replay
from ingestion.writer.rows import Line, LocalTime, Row, SampleRow, Target, row, sample_row
from ingestion.writer.uses import KeyUse

__all__ = [
    "Claim",
    "Group",
    "KeyInUse",
    "KeyReused",
    "KeyUse",
    "Line",
    "LocalTime",
    "Outcome",
    "QueueFullError",
    "Refused",
    "Replay",
    "Row",
    "SampleRow",
    "SampleWriter",
    "Stored",
    "Target",
    "Unavailable",
    "Writer",
    "row",
    "sample_row",
]
