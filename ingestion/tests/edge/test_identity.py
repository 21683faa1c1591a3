"""One event is one call, however often and from wherever it is sent; the first wins."""

from datetime import UTC, datetime, timedelta

import pytest

from core.scope import org_scope
from ingestion.models import DailyRollup, HourlyRollup
from ingestion.tests.edge.client import issue_key, running_edge, stored_calls
from ingestion.wire.identity import new_uuid7

NOW = datetime.now(UTC)
EARLIER = NOW - timedelta(minutes=5)


def event(call_id, *, at=EARLIER, **fields):
    return {"model": "gpt-4o", "id": call_id, "timestamp": at.isoformat(), **fields}


def counts(response):
    assert response.status == 202
    answer = response.json()
    return answer["accepted"], answer["duplicates"]


def rolled_up(organization):
    """Calls and input tokens by the hourly and by the daily rollups."""
    with org_scope(organization.pk):
        return [
            (sum(row.calls for row in rows), sum(row.input_tokens for row in rows))
            for rows in (HourlyRollup.objects.all(), DailyRollup.objects.all())
        ]


def test_the_same_event_twice_in_one_request_is_stored_once(edge, acme, key):
    response = edge.post([event("a", input_tokens=1), event("a", input_tokens=2), event("b", input_tokens=4)], key=key)

    assert counts(response) == (2, 1)
    assert [call["input_tokens"] for call in stored_calls(acme)] == [1, 4]
    assert rolled_up(acme) == [(2, 5), (2, 5)]


def test_the_same_event_in_two_requests_at_once_is_stored_once(edge, acme, key):
    answers = edge.together([([event("a", input_tokens=1)], key), ([event("a", input_tokens=2)], key)])

    assert sorted(map(counts, answers)) == [(0, 1), (1, 0)]
    (call,) = stored_calls(acme)
    assert rolled_up(acme) == [(1, call["input_tokens"])] * 2


def test_the_same_batch_through_two_edges_at_once_is_stored_once(edge, acme, key):
    batch = [event(f"c-{n}", at=EARLIER - timedelta(hours=n % 60), input_tokens=1) for n in range(400)]

    with running_edge() as other:
        for _ in range(3):
            answers = [client.together([(batch, key), (batch[::-1], key)]) for client in (edge, other)]

    assert all(sum(counts(answer)) == 400 for pair in answers for answer in pair)
    assert len(stored_calls(acme)) == 400
    assert rolled_up(acme) == [(400, 400)] * 2


def test_a_retry_of_a_batch_is_all_duplicates(edge, acme, key):
    batch = [event(f"r-{n}", input_tokens=1) for n in range(50)]

    first, second = edge.post(batch, key=key), edge.post(batch, key=key)

    assert (counts(first), counts(second)) == ((50, 0), (0, 50))
    assert rolled_up(acme) == [(50, 50)] * 2


def test_a_batch_that_overlaps_another_stores_what_is_new(edge, acme, key):
    edge.post([event(f"o-{n}") for n in range(100)], key=key)

    response = edge.post([event(f"o-{n}") for n in range(60, 200)], key=key)

    assert counts(response) == (100, 40)
    assert rolled_up(acme) == [(200, 0)] * 2


def test_requests_flushed_together_each_get_their_own_counts(edge, acme, globex, key):
    edge.post([event("x"), event("y")], key=key)

    answers = edge.together(
        [
            ([event("x"), event("z")], key),
            ([event("y")], key),
            ([event("x"), event("y")], issue_key(globex)),
            ([event("n1"), event("n2"), event("n2")], key),
        ]
    )

    assert [counts(answer) for answer in answers] == [(1, 1), (0, 1), (2, 0), (2, 1)]
    assert len(stored_calls(acme)) == 5
    assert len(stored_calls(globex)) == 2


def test_the_moment_is_part_of_the_identity_to_the_microsecond(edge, acme, key):
    moments = [EARLIER, EARLIER + timedelta(microseconds=1)]

    response = edge.post([event("a", at=moment) for moment in moments], key=key)

    assert counts(response) == (2, 0)


def test_the_same_moment_written_otherwise_is_the_same(edge, acme, key):
    moment = EARLIER.replace(microsecond=123456)
    other_zone = moment.astimezone(datetime.strptime("+0530", "%z").tzinfo).isoformat()

    response = edge.post(
        [
            {"model": "m", "id": "a", "timestamp": moment.isoformat()},
            {"model": "m", "id": "a", "timestamp": other_zone},
            {"model": "m", "id": "a", "timestamp": moment.isoformat().replace("123456", "1234569")},
        ],
        key=key,
    )

    assert counts(response) == (1, 2)


def test_the_same_id_in_another_project_is_another_call(edge, acme, key):
    edge.post(event("a"), key=key)

    response = edge.post(event("a"), key=issue_key(acme, project="app"))

    assert counts(response) == (1, 0)


def test_a_uuid7_is_its_own_timestamp(edge, acme, key):
    call_id = new_uuid7(EARLIER, sequence=1, random=b"12345678")

    answers = [edge.post({"model": "m", "id": call_id}, key=key) for _ in range(2)]

    assert [counts(answer) for answer in answers] == [(1, 0), (0, 1)]
    (call,) = stored_calls(acme)
    assert call["started_at"] == EARLIER.replace(microsecond=EARLIER.microsecond // 1000 * 1000)


def test_events_without_an_id_are_stored_each_time_with_a_warning(edge, acme, key):
    body = {"model": "m", "timestamp": EARLIER.isoformat()}

    answers = [edge.post([body, body], key=key) for _ in range(2)]

    assert [counts(answer) for answer in answers] == [(2, 0), (2, 0)]
    assert len(answers[0].json()["warnings"]) == 1


@pytest.mark.parametrize("repeats", [1, 3])
def test_a_project_that_retries_does_not_lose_its_new_events(edge, acme, key, repeats):
    for n in range(repeats):
        edge.post([event("same"), event(f"new-{n}")], key=key)

    response = edge.post([event("same"), event("last")], key=key)

    assert counts(response) == (1, 1)
    assert {call["call_id"] for call in stored_calls(acme)} == {"same", "last"} | {f"new-{n}" for n in range(repeats)}
