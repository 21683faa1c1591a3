"""The names of time zones there are."""

import zoneinfo
from functools import cache


@cache
def time_zones() -> frozenset[str]:
    """Looked up once: Python opens every one of the six hundred files to see that it is one."""
    return frozenset(zoneinfo.available_timezones())
