"""The page about refusals as pure numbers."""

from datetime import UTC, datetime, timedelta

import pytest

from core.charts import table
from dashboards.refusal_hints import advice
from dashboards.refused import notice, refused_page
from dashboards.tests.conftest import NOW
from ingestion.refusals import Line, Sums

HOUR = NOW.replace(minute=0)


def line(**changes):
    given = {"kind": "event", "field": "model", "reason": "is required", "count": 1, "events": 1}
    given |= {"first_at": NOW, "last_at": NOW, "endpoints": ["/log"], "samples": []}
    return Line(**given | changes)


def test_hours_are_drawn_where_they_began_and_the_future_is_unknown(chosen):
    by_hour = {HOUR: Sums(3, 1), HOUR - timedelta(hours=23): Sums(2, 0)}

    page = refused_page(by_hour, [line()], chosen("range=24h"))

    events, requests = page.refusals["series"]
    assert (events["name"], events["data"][0], events["data"][-1], sum(events["data"])) == ("Events", 2, 3, 5)
    assert (requests["name"], sum(requests["data"])) == ("Requests", 1)
    assert (page.per, page.refusals["partial"], len(page.refusals["x"])) == ("per hour", True, 24)
    assert table(page.refusals).columns == ("Time", "Events", "Requests")


def test_hours_of_a_day_are_added(chosen, berlin):
    midnight = datetime(2026, 7, 13, 22, tzinfo=UTC)  # 14 July in Berlin

    page = refused_page(
        {midnight: Sums(1), midnight - timedelta(hours=1): Sums(5), HOUR: Sums(2)}, [], chosen(zone=berlin)
    )

    [events] = page.refusals["series"]
    assert dict(zip(page.refusals["x"], events["data"], strict=True))["2026-07-13"] == 5
    assert events["data"][-1] == 3
    assert page.per == "per day"


def test_a_series_without_numbers_is_left_out(chosen):
    page = refused_page({HOUR: Sums(0, 4)}, [line(kind="request")], chosen("range=24h"))

    assert [series["name"] for series in page.refusals["series"]] == ["Requests"]
    assert page.content is None


def test_dropped_content_has_a_chart_of_its_own_and_is_no_refusal(chosen):
    page = refused_page({HOUR: Sums(0, 0, 7)}, [], chosen("range=24h"))

    assert page.is_empty
    assert page.refusals is None
    assert page.content["series"][0]["data"][-1] == 7


def test_the_last_refusal_is_that_of_any_reason(chosen):
    later = NOW + timedelta(minutes=5)

    page = refused_page({HOUR: Sums(2)}, [line(last_at=later), line(reason="b")], chosen("range=24h"))

    assert page.last_at == later
    assert refused_page({}, [], chosen("range=24h")).last_at is None


@pytest.mark.parametrize(
    ("sums", "said"),
    [
        (Sums(), ""),
        (Sums(content_fields=5), ""),
        (Sums(1), "1 event was refused since 09:00"),
        (Sums(1234), "1,234 events were refused since 09:00"),
        (Sums(0, 1), "1 request was refused since 09:00"),
        (Sums(1, 2), "1 event and 2 requests were refused since 09:00"),
    ],
)
def test_the_notice_counts_what_was_refused(sums, said):
    assert notice(sums, since=NOW.replace(hour=9, minute=0)) == said


@pytest.mark.parametrize(
    ("kind", "field", "reason", "title", "hint"),
    [
        ("event", "model", "is required", "is required", "the only field every event needs"),
        ("event", "timestamp", "is more than 10 minutes ahead of the server's clock", "is more", "NTP"),
        ("event", "timestamp", "is older than 30 days", "is older than 30 days", "Retention"),
        ("event", "timestamp", "is required unless the id is a UUIDv7", "is required", "send a timestamp with it"),
        ("event", "timestamp", "must be a number", "must be a number", "RFC 3339"),
        ("event", "usage.input_tokens_details.cached_tokens", "must be ≥ 0", "must be ≥ 0", "usage object"),
        ("event", "promptTokens", "must be an integer", "must be an integer", "whole numbers"),
        ("event", "git_branch", "must be a string", "must be a string", "API reference"),
        ("event", "", "is not valid JSON", "is not valid JSON", "JSON object"),
        ("event", "(other)", "(other)", "Other reasons", "too many different ones"),
        ("request", "", "too-large", "The request was too large", "smaller batches"),
        ("request", "", "never-heard-of", "Never heard of", "detail says"),
    ],
)
def test_each_reason_has_its_advice(kind, field, reason, title, hint):
    found = advice(kind, field, reason)

    assert found.title.startswith(title)
    assert hint in found.hint
