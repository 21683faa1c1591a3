"""Events accepted a month, by project: what quotas are checked against, and what the usage page shows.

Counted in the transaction that stores the calls, from the rows that were really stored, so it is neither too high
after a retry nor too low after a crash. The month is that of the arrival, in the organization's time zone: a call from
last week counts when it comes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import psycopg

type Owner = tuple[int, int]  # organization, project

# In key order, so that two flushes never wait for each other in a circle.
_COUNT: Final = b"""
    insert into ingest_counters as c (organization_id, month, project_id, events)
    select organization_id, date_trunc('month', %(now)s at time zone time_zone)::date, project_id, events
    from unnest(%(organizations)s::bigint[], %(projects)s::bigint[], %(events)s::bigint[])
        x (organization_id, project_id, events)
    join organization_settings using (organization_id)
    order by 1, 2, 3
    on conflict (organization_id, month, project_id) do update set events = c.events + excluded.events"""


def count(cursor: psycopg.Cursor[Any], events: Mapping[Owner, int], now: datetime) -> None:
    """Add how many new calls organizations' projects have to the counters of the month that ``now`` is in."""
    organizations, projects = zip(*events, strict=True)
    cursor.execute(
        _COUNT,
        {
            "now": now,
            "organizations": list(organizations),
            "projects": list(projects),
            "events": list(events.values()),
        },
    )
