"""Tables of telemetry."""

from ingestion.models.calls import Call, DailyRollup, HourlyRollup, Measures, Rollup
from ingestion.models.lifecycle import Erasure, ZoneChange
from ingestion.models.prices import CatalogueChange, RateCard
from ingestion.models.requests import IngestAnswer, ProjectActivity

__all__ = [
    "Call",
    "CatalogueChange",
    "DailyRollup",
    "Erasure",
    "HourlyRollup",
    "IngestAnswer",
    "Measures",
    "ProjectActivity",
    "RateCard",
    "Rollup",
    "ZoneChange",
]
