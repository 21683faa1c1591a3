"""Pure decisions about when: quiet hours, digests, retries. Local is the organization's clock; none is read here."""

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

LEASE: Final = timedelta(seconds=60)
PATIENCE: Final = timedelta(hours=24)  # from the first moment a message may be sent until it is given up
LONGEST_RETRY_AFTER: Final = timedelta(hours=6)

_FIRST_DELAY: Final = timedelta(seconds=30)
_LONGEST_DELAY: Final = timedelta(hours=2)
_MOST_DOUBLINGS: Final = 12
_JITTER: Final = 0.2
_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)


def after_quiet(moment: datetime, *, quiet_from: time | None, quiet_until: time | None, zone: ZoneInfo) -> datetime:
    """``moment``, or the end of the quiet hours it falls into. They may cross midnight; equal ends are none.

    On days on which the clock moves, wall times count: quiet until 02:30 on a day without a 02:30 ends at 03:30.
    """
    if quiet_from is None or quiet_until is None or not _is_within(_wall(moment, zone), quiet_from, quiet_until):
        return moment
    return next_at(moment, quiet_until, zone=zone)


def next_at(moment: datetime, wall: time, *, zone: ZoneInfo) -> datetime:
    """The first moment after ``moment`` at which clocks in ``zone`` show ``wall``."""
    day = moment.astimezone(zone).date()
    folds = (0, 1)  # an hour that comes twice has its times twice
    found = (
        datetime.combine(day + offset * _DAY, wall.replace(fold=fold), zone).astimezone(UTC)
        for offset in range(3)
        for fold in folds
    )
    return next(at for at in found if at > moment)


def next_full_hour(moment: datetime, *, zone: ZoneInfo) -> datetime:
    """The next moment at which clocks in ``zone`` show a full hour; zones may be half an hour apart from UTC."""
    local = moment.astimezone(zone)
    passed = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return (moment.astimezone(UTC) - passed) + _HOUR


def retry_delay(attempt: int, *, retry_after: timedelta | None, random: float) -> timedelta:
    """How long to wait after the failed ``attempt`` (1 is the first): doubling from half a minute to two hours.

    ``random`` (0 to 1) spreads it by a fifth to both sides. What the other side asks for is honoured up to six hours.
    """
    doublings = max(0, min(attempt - 1, _MOST_DOUBLINGS))
    usual = min(_FIRST_DELAY * (1 << doublings), _LONGEST_DELAY)
    spread = usual * (1 + _JITTER * (2 * random - 1))
    asked = min(retry_after or timedelta(), LONGEST_RETRY_AFTER)
    return max(spread, asked)


def _wall(moment: datetime, zone: ZoneInfo) -> time:
    return moment.astimezone(zone).time()


def _is_within(wall: time, start: time, end: time) -> bool:
    if start <= end:
        return start <= wall < end
    return wall >= start or wall < end
