"""The monthly quota on a running edge: what was counted, who is refused, and how a change is heard."""

import asyncio
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings

from core import keys
from core.databases import EDGE
from core.scope import org_scope
from ingestion.edge.directory import Directory
from ingestion.models import IngestAnswer
from ingestion.tests.edge.client import issue_key, stored_calls
from ingestion.tests.edge.conftest import new_organization
from ingestion.tests.edge.test_bad_input import slug
from ingestion.tests.edge.test_traces import recent
from ingestion.tests.factories import make_counter
from ingestion.tests.wire.otlp.builders import request
from tenants import services
from tests.resilience.processes import wait_until

EVENT = {"model": "gpt-4o"}


def sender_of(key):
    async def find():
        directory = Directory(settings.DATABASE.conninfo(EDGE), encryption_key=settings.ENCRYPTION_KEY)
        try:
            return await directory.find(keys.prefix_of(key))
        finally:
            await directory.close()

    return asyncio.run(find())


def month_of(now, zone="UTC"):
    return now.astimezone(ZoneInfo(zone)).date().replace(day=1)


def next_month(month):
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


@pytest.fixture
def exhausted(edge, acme, key):
    """A key whose organization may send nothing more this month, as the edge knows."""
    assert edge.post([EVENT] * 5, key=key).json()["accepted"] == 5
    services.set_quota(organization=acme, actor=None, events=5)
    wait_until(lambda: edge.post([], key=key).status == 429, "the quota to be heard of")
    return key


def test_beyond_the_quota_events_are_429_and_not_stored(edge, acme, exhausted):
    refused = edge.post([EVENT] * 2, key=exhausted)

    assert (refused.status, slug(refused)) == (429, "quota-exceeded")
    assert refused.json() == {
        "type": "https://tokenops.dev/problems/quota-exceeded",
        "title": "The monthly quota of this organization is used up.",
        "status": 429,
        "detail": "Events are taken again from the beginning of the next month, or once the quota is raised.",
    }
    assert 1 <= int(refused.headers["retry-after"]) <= 3_600
    assert len(stored_calls(acme)) == 5


def test_every_endpoint_and_every_key_of_the_organization_is_refused(edge, acme, exhausted):
    another = issue_key(acme, project="app")

    answers = [
        *(edge.post(EVENT, key=another, path=path) for path in ("/api/v1/ingest", "/api/ingest", "/log")),
        edge.post(request([recent()]), key=another, path="/v1/traces"),
    ]

    assert [answer.status for answer in answers] == [429] * 4
    assert answers[-1].json()["message"].startswith("The monthly quota of this organization is used up.")
    assert len(stored_calls(acme)) == 5


def test_another_organization_does_not_notice(edge, globex, exhausted):
    assert edge.post(EVENT, key=issue_key(globex)).status == 202


def test_a_raised_quota_is_heard_and_events_are_taken_again(edge, acme, exhausted):
    services.set_quota(organization=acme, actor=None, events=6)

    wait_until(lambda: edge.post(EVENT, key=exhausted).status == 202, "the new quota to be heard of")

    assert len(stored_calls(acme)) == 6


def test_a_quota_may_be_taken_away(edge, acme, exhausted):
    services.set_quota(organization=acme, actor=None, events=None)

    wait_until(lambda: edge.post(EVENT, key=exhausted).status == 202, "the missing quota to be heard of")


def test_the_refusal_is_not_kept_for_an_idempotency_key(edge, acme, exhausted):
    headers = {"idempotency-key": "once"}
    refused = edge.post(EVENT, key=exhausted, headers=headers)
    services.set_quota(organization=acme, actor=None, events=100)
    wait_until(lambda: edge.post([], key=exhausted).status == 202, "the new quota to be heard of")

    taken = edge.post(EVENT, key=exhausted, headers=headers)

    assert (refused.status, taken.status) == (429, 202)
    assert "idempotent-replayed" not in taken.headers
    with org_scope(acme.pk):
        assert IngestAnswer.objects.count() == 1


# --- What the edge reads ---


def test_without_a_quota_nothing_is_summed(key):
    assert sender_of(key).quota is None


def test_used_is_the_sum_of_the_organizations_projects_this_month(acme, globex, key):
    services.set_quota(organization=acme, actor=None, events=1_000)
    before = datetime.now(UTC)
    for month in {month_of(before), month_of(datetime.now(UTC))}:
        make_counter(acme, month=month, events=30)
        make_counter(acme, month=month, events=12, project_id=2)
        make_counter(globex, month=month, events=500)
    make_counter(acme, month=date(2001, 1, 1), events=900)

    quota = sender_of(key).quota

    assert (quota.limit, quota.used) == (1_000, 42)


def test_before_the_first_event_nothing_is_used(acme, key):
    services.set_quota(organization=acme, actor=None, events=7)

    assert (sender_of(key).quota.limit, sender_of(key).quota.used) == (7, 0)


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles", "Asia/Kathmandu"])
def test_a_month_ends_at_local_midnight(somebody, zone):
    organization = new_organization(somebody, "Far Away", time_zone=zone)
    services.set_quota(organization=organization, actor=None, events=7)
    key = issue_key(organization)

    before = datetime.now(UTC)
    quota = sender_of(key).quota
    moments = [before, datetime.now(UTC)]

    midnights = {
        datetime(end.year, end.month, 1, tzinfo=ZoneInfo(zone))
        for end in (next_month(month_of(moment, zone)) for moment in moments)
    }
    assert quota.ends_at in midnights
