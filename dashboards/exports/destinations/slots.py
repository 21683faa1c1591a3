"""Which hour or day is copied next, and what its files are called. Pure; "now" is always given."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from dashboards.reports.timing import Cadence, Plan, last_slot, next_slot

HOURLY: Final = "hourly"
SETTLING: Final = timedelta(minutes=10)
"""From the end of a slot until it is copied. A call is stored within seconds of being received, or refused."""
MOST_SUFFIXES: Final = 20
_HOUR: Final = timedelta(hours=1)
_MIDNIGHT: Final = Plan(Cadence.DAILY, time())
_EXTENSION: Final = re.compile(r"(?=\.[a-z]+$)")


def begin(cadence: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Where the first slot of a new destination begins: with the hour or local day of ``now``."""
    if cadence == HOURLY:
        return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return last_slot(_MIDNIGHT, now, zone)


def end(cadence: str, start: datetime, zone: ZoneInfo) -> datetime:
    """The end of the slot that begins at ``start``, which after a change of cadence may be inside of an hour or day."""
    if cadence == HOURLY:
        return begin(cadence, start, zone) + _HOUR
    return next_slot(_MIDNIGHT, start, zone)


def due(cadence: str, start: datetime, zone: ZoneInfo) -> datetime:
    """When the slot that begins at ``start`` can be copied: nothing received in it is on its way any more."""
    return end(cadence, start, zone) + SETTLING


def folder(*, prefix: str, organization: str, cadence: str, start: datetime, zone: ZoneInfo) -> str:
    """Where its files lie, in the way of Hive: by UTC hour, which no clock shows twice, or by local day.

    What does not begin with the hour or day says so, since a slot before it may have the same one.
    """
    moment = start.astimezone(UTC if cadence == HOURLY else zone)
    parts = [prefix, f"organization={organization}", f"date={moment:%Y-%m-%d}"]
    if cadence == HOURLY:
        parts.append(f"hour={moment:%H}")
    if start != begin(cadence, start, zone):
        parts.append(f"from={start.astimezone(UTC):%H%M%S}Z")
    return "/".join(part for part in parts if part)


def names(key: str) -> list[str]:
    """``key`` and what to call it where that is somebody else's: ``part-00000.parquet``, ``part-00000.2.parquet``…"""
    return [key, *(_EXTENSION.sub(f".{number}", key) for number in range(2, MOST_SUFFIXES + 1))]
