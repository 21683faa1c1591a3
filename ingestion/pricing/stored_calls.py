"""Calls as they are stored, as far as prices are concerned: found by the model ids they were sent with.

No scan of what is not shown: unpriced calls have an index of their own, and priced ones are only looked for in the
projects and days whose rollups know the model.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
from django.db import connection
from django.db.models import Max, Min

from ingestion.models import DailyRollup
from ingestion.pricing.matching import NO_USAGE
from ingestion.wire.types import Call, Usage
from tenants.models import Organization, Project

UNPRICED: Final = ["none", "reported"]
PRICED: Final = ["rate_card", "override"]
OTHER: Final = "(other)"  # the rollups' word for models beyond the most they keep apart
AHEAD: Final = timedelta(days=15)  # how far after now a stored call may have started
_DAY: Final = timedelta(days=1)
_TOKENS: Final = tuple(name for name in Usage.__struct_fields__ if name.endswith("_tokens"))
_ABOUT: Final = (
    *("started_at", "call_id", "provider", "model", "response_model", "service_tier", "reported_cost_usd"),
    *("status", "usage_partial", "usage_estimated"),  # which say whether the usage is known
)
_READING: Final = ("usage_rule", "usage_inconsistent")
_PRICE: Final = ("cost_usd", "cost_source", "price_match", "rate_card_id", "model_key")
_COLUMNS: Final = ", ".join(f"c.{name}" for name in (*_ABOUT, *_PRICE, *_TOKENS, *_READING))

# Each project is walked backwards along its own index and the walks are merged, as in the call log.
_NEWEST: Final = """
    select {columns} from unnest(%(projects)s::bigint[], %(since)s::timestamptz[], %(until)s::timestamptz[])
        as p (id, since, until)
    cross join lateral (
        select c.* from calls c
        where c.organization_id = %(organization)s and c.project_id = p.id
          and c.started_at >= p.since and c.started_at < p.until
          and c.cost_source = any(%(sources)s)
          and (lower(c.model) = any(%(models)s) or lower(c.response_model) = any(%(models)s)) {more}
        order by c.started_at desc limit %(limit)s
    ) c
    order by c.started_at desc limit %(limit)s"""

type Places = Sequence[tuple[int, datetime, datetime]]  # a project and the stretch of time to look at


class StoredCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call with what it was priced at when it arrived (or was re-priced)."""

    call: Call
    cost_usd: Decimal | None
    cost_source: str
    price_match: str
    rate_card_id: int | None
    model_key: str


def newest(
    *,
    organization: Organization,
    models: Iterable[str],
    keys: Iterable[str],
    since: datetime,
    until: datetime,
    limit: int,
    hidden: Sequence[int] = (),
) -> list[StoredCall]:
    """At most ``limit`` calls sent to or answered by ``models``, newest first; none of ``hidden`` projects.

    ``keys`` are the model keys under which rollups may count priced calls of these models.
    """
    wanted = [model.lower() for model in models]
    found: list[StoredCall] = []
    for sources, places in _where(organization, keys, since, until, hidden):
        columns = f"{_COLUMNS}, c.extra_units::text as units"
        rows = _rows(
            _NEWEST.format(columns=columns, more=""), organization, places, sources=sources, models=wanted, limit=limit
        )
        found += [_stored(row) for row in rows]
    return sorted(found, key=lambda stored: stored.call.started_at, reverse=True)[:limit]


def count_kept(
    *,
    organization: Organization,
    model: str,
    keys: Iterable[str],
    since: datetime,
    until: datetime,
    card_id: int | None,
    providers: Iterable[str],
    limit: int,
    hidden: Sequence[int] = (),
) -> int:
    """How many calls of ``model`` were priced otherwise than by the card; counting stops at ``limit``.

    ``card_id`` is None for an alias, whose calls are known by their match. ``providers`` empty: any. Calls of which
    nobody knows what they used are none: no card would price them.
    """
    more = " and c.price_match <> 'alias'" if card_id is None else " and c.rate_card_id is distinct from %(card)s"
    if providers := list(providers):
        more += " and c.provider = any(%(providers)s)"
    more += f" and c.price_match <> '{NO_USAGE}'"
    extra: dict[str, Any] = {"card": card_id, "providers": providers, "models": [model.lower()], "limit": limit}
    counted = 0
    for sources, places in _where(organization, keys, since, until, hidden):
        statement = f"select count(*) as calls from ({_NEWEST.format(columns='1', more=more)}) n"
        (row,) = _rows(statement, organization, places, sources=sources, **extra)
        counted += row["calls"]
    return min(counted, limit)


def has_priced(*, organization: Organization, card_id: int, key: str, since: datetime, until: datetime) -> bool:
    """Whether a card that counts under ``key`` is the price of any stored call."""
    places = _places(organization, [key, OTHER], since, until)
    statement = """
        select exists (
            select from unnest(%(projects)s::bigint[], %(since)s::timestamptz[], %(until)s::timestamptz[])
                as p (id, since, until)
            join calls c on c.project_id = p.id and c.started_at >= p.since and c.started_at < p.until
            where c.organization_id = %(organization)s and c.rate_card_id = %(card)s) as found"""
    (row,) = _rows(statement, organization, places, card=card_id)
    return bool(row["found"])


def has_aliased(*, organization: Organization, model: str, key: str, since: datetime, until: datetime) -> bool:
    """Whether any stored call of ``model`` was priced through an alias that counts under ``key``."""
    places = _places(organization, [key, OTHER], since, until)
    statement = f"select count(*) as calls from ({_NEWEST.format(columns='1', more=' and c.price_match = %(step)s')}) n"
    (row,) = _rows(statement, organization, places, sources=PRICED, models=[model.lower()], limit=1, step="alias")
    return bool(row["calls"])


def _where(
    organization: Organization, keys: Iterable[str], since: datetime, until: datetime, hidden: Sequence[int]
) -> list[tuple[list[str], Places]]:
    projects = Project.objects.exclude(pk__in=hidden).order_by("pk")
    everywhere = [(pk, since, until) for pk in projects.values_list("pk", flat=True)]
    known = [place for place in _places(organization, [*keys, OTHER], since, until) if place[0] not in hidden]
    return [(UNPRICED, everywhere), (PRICED, known)]


def _places(organization: Organization, keys: Sequence[str], since: datetime, until: datetime) -> Places:
    """The projects and days in which rollups know one of ``keys``; a day longer on both sides, for the time zone."""
    days = DailyRollup.objects.filter(
        organization=organization,
        model_key__in=keys,
        bucket_date__gte=_date(since - _DAY),
        bucket_date__lte=_date(until + _DAY),
    )
    found = days.values("project_id").annotate(first=Min("bucket_date"), last=Max("bucket_date")).order_by("project_id")
    return [
        (row["project_id"], max(since, _midnight(row["first"]) - _DAY), min(until, _midnight(row["last"]) + 2 * _DAY))
        for row in found
    ]


def _date(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _rows(statement: str, organization: Organization, places: Places, **parameters: Any) -> list[dict[str, Any]]:
    parameters |= {
        "organization": organization.pk,
        "projects": [place[0] for place in places],
        "since": [place[1] for place in places],
        "until": [place[2] for place in places],
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _stored(row: dict[str, Any]) -> StoredCall:
    units = msgspec.json.decode(row["units"], type=dict[str, Decimal]) if row["units"] else None
    counts = {name: row[name] for name in _TOKENS}
    usage = Usage(**counts, extra_units=units, rule=row["usage_rule"], inconsistent=row["usage_inconsistent"])
    call = Call(usage=usage, **{name: row[name] for name in _ABOUT})
    return StoredCall(call=call, **{name: row[name] for name in _PRICE})
