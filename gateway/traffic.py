"""Reads what passed through the proxy, by hour and by provider. Everything here is one organization's."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Final, Self

from django.db import connection

from core.models import Heartbeat
from gateway.models import GatewayTraffic
from tenants.models import Organization, Project


@dataclass(frozen=True, slots=True)
class Asked:
    """Hours that begin in [since, until), of one project or of the whole organization but its ``hidden`` projects."""

    organization: Organization
    project: Project | None
    since: datetime
    until: datetime
    hidden: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Sums of ``GatewayTraffic``, which says what each of them is."""

    requests: int = 0
    calls: int = 0
    written: int = 0
    client_errors: int = 0
    throttled: int = 0
    server_errors: int = 0
    unreachable: int = 0
    timeouts: int = 0
    broken: int = 0
    client_left: int = 0
    interrupted: int = 0
    added_us: int = 0
    within_1_ms: int = 0
    within_5_ms: int = 0
    within_25_ms: int = 0
    within_100_ms: int = 0

    @property
    def not_answered(self) -> int:
        """Requests whose upstream gave no whole answer."""
        return self.unreachable + self.timeouts + self.broken

    @property
    def upstream_errors(self) -> int:
        """Requests that failed at the provider or on the way to it, whatever the client did wrong included."""
        return self.client_errors + self.throttled + self.server_errors + self.not_answered

    @property
    def answered(self) -> int:
        """Requests that ended as they should: none of the counts that exclude each other."""
        return max(0, self.requests - self.upstream_errors - self.client_left - self.interrupted)

    @property
    def error_share(self) -> float | None:
        return self.upstream_errors / self.requests if self.requests else None

    @property
    def added_ms(self) -> float | None:
        """Milliseconds that the proxy kept a request waiting on average, beside the upstream."""
        return self.added_us / self.requests / 1_000 if self.requests else None

    @property
    def other_requests(self) -> int:
        """Requests that are no call of a model: lists of models, files."""
        return self.requests - self.calls

    @property
    def unwritten(self) -> int:
        """Calls of a model that are not stored."""
        return self.calls - self.written

    def plus(self, other: Self) -> Self:
        return type(self)(**{name: getattr(self, name) + getattr(other, name) for name in COUNTS})


HEARTBEAT: Final = "gateway"  # its row says how full the spool is
WORTH_SAYING_SECONDS: Final = 10  # a call that just ended is no news
_BEATS_FOR: Final = timedelta(minutes=2)

COUNTS: Final = tuple(field.name for field in fields(Traffic))

_SUMS: Final = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in COUNTS)
_GROUPED: Final = f"""
    select hour, provider, {_SUMS} from gateway_traffic_hourly
    where organization_id = %(organization)s and (%(project)s::bigint is null or project_id = %(project)s)
      and project_id <> all(%(hidden)s) and hour >= %(since)s and hour < %(until)s
    group by grouping sets ((hour), (provider)) order by hour, provider"""


@dataclass(frozen=True, slots=True)
class Grouped:
    """The same traffic twice: by the hour's start and by the provider's slug; what had none is absent."""

    by_hour: Mapping[datetime, Traffic]
    by_provider: Mapping[str, Traffic]

    @property
    def total(self) -> Traffic:
        total = Traffic()
        for traffic in self.by_provider.values():
            total = total.plus(traffic)
        return total


def traffic(asked: Asked) -> Grouped:
    """What passed in a period, in one query."""
    parameters = {
        "organization": asked.organization.pk,
        "project": asked.project.pk if asked.project else None,
        "hidden": list(asked.hidden),
        "since": asked.since,
        "until": asked.until,
    }
    by_hour: dict[datetime, Traffic] = {}
    by_provider: dict[str, Traffic] = {}
    with connection.cursor() as cursor:
        cursor.execute(_GROUPED, parameters)
        for hour, provider, *sums in cursor.fetchall():
            found = Traffic(**dict(zip(COUNTS, sums, strict=True)))
            if hour is None:
                by_provider[provider] = found
            else:
                by_hour[hour] = found
    return Grouped(by_hour, by_provider)


def has_traffic(asked: Asked) -> bool:
    """Whether anything ever passed, whatever the period."""
    found = GatewayTraffic.objects.filter(organization=asked.organization).exclude(project_id__in=asked.hidden)
    return (found.filter(project_id=asked.project.pk) if asked.project else found).exists()


def waiting_seconds(*, now: datetime) -> int | None:
    """How long the oldest call that is not stored yet waits on the edge; None when none does, or nobody says.

    Of all organizations together, because the spool is: so only that there are some is told, never how many.
    """
    beat = Heartbeat.objects.filter(name=HEARTBEAT, seen_at__gte=now - _BEATS_FOR).first()
    oldest = beat.facts.get("oldest_seconds") if beat else None
    return int(oldest) if isinstance(oldest, int | float) and oldest >= WORTH_SAYING_SECONDS else None
