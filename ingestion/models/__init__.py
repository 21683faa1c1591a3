"""Tables of telemetry."""

from ingestion.models.calls import Call, DailyRollup, HourlyRollup, Measures, Rollup
from ingestion.models.condensed import CondensedDay, CondensedHour, CondensedHourlyRollup, CondensedRollup
from ingestion.models.daily_tables import PromptRollup, SizeRollup, UserRollup
from ingestion.models.lifecycle import Erasure, ZoneChange
from ingestion.models.prices import CatalogueChange, RateCard
from ingestion.models.refusals import RejectedEvents
from ingestion.models.reprice import RepriceRun
from ingestion.models.requests import IngestAnswer, IngestCounter, ProjectActivity, SeenResponse
from ingestion.models.samples import CloudSample

__all__ = [
    "Call",
    "CatalogueChange",
    "CloudSample",
    "CondensedDay",
    "CondensedHour",
    "CondensedHourlyRollup",
    "CondensedRollup",
    "DailyRollup",
    "Erasure",
    "HourlyRollup",
    "IngestAnswer",
    "IngestCounter",
    "Measures",
    "ProjectActivity",
    "PromptRollup",
    "RateCard",
    "RejectedEvents",
    "RepriceRun",
    "Rollup",
    "SeenResponse",
    "SizeRollup",
    "UserRollup",
    "ZoneChange",
]
