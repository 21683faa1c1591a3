"""The arithmetic of the limits, by a clock of the tests' own."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ingestion.edge import limits
from ingestion.edge.http import Problem
from ingestion.edge.limits import Brake, Quota, RateLimiter, Rates

A, B = 1, 2
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 12, 1, tzinfo=UTC)


def refused(what, *arguments, **options):
    with pytest.raises(Problem) as caught:
        what(*arguments, **options)
    problem = caught.value
    assert problem.status == 429
    return problem.slug, problem.title, dict(problem.headers)["retry-after"]


def left(limiter, key_id, now):
    return dict(limiter.headers(key_id, now=now))["ratelimit"]


def test_a_second_of_requests_may_come_at_once_and_then_as_they_fill():
    limiter = RateLimiter(Rates(requests=4))
    for _ in range(4):
        limiter.take_request(A, now=10.0)

    assert refused(limiter.take_request, A, now=10.0) == (
        "rate-limited",
        "This API key sends too many requests.",
        "1",
    )
    refused(limiter.take_request, A, now=10.2)
    limiter.take_request(A, now=10.25)
    refused(limiter.take_request, A, now=10.25)


def test_a_rest_brings_one_second_and_no_more():
    limiter = RateLimiter(Rates(requests=2))

    for _ in range(2):
        limiter.take_request(A, now=9_000.0)

    refused(limiter.take_request, A, now=9_000.0)


def test_a_key_does_not_pay_for_another():
    limiter = RateLimiter(Rates(requests=1, events=10))
    limiter.take_request(A, now=0.0)
    limiter.take_events(A, 500, now=0.0)

    limiter.take_request(B, now=0.0)

    assert left(limiter, B, 0.0) == '"requests";r=0;t=1, "events";r=10;t=0'


def test_a_batch_larger_than_the_bucket_is_taken_and_paid_for_afterwards():
    limiter = RateLimiter(Rates(events=100))
    limiter.take_request(A, now=0.0)
    limiter.take_events(A, 350, now=0.0)

    assert refused(limiter.take_request, A, now=0.0) == ("rate-limited", "This API key sends too many events.", "3")
    assert left(limiter, A, 0.0) == '"events";r=0;t=3'
    refused(limiter.take_request, A, now=2.5)
    limiter.take_request(A, now=2.75)


def test_bodies_that_were_let_in_together_do_not_all_overdraw():
    limiter = RateLimiter(Rates(events=100))
    for _ in range(3):
        limiter.take_request(A, now=0.0)
    limiter.take_events(A, 100, now=0.0)

    assert refused(limiter.take_events, A, 100, now=0.0)[0] == "rate-limited"
    assert left(limiter, A, 1.0) == '"events";r=100;t=0'  # what was refused is not owed


def test_a_body_without_events_costs_none():
    limiter = RateLimiter(Rates(events=1))
    limiter.take_events(A, 1, now=0.0)

    limiter.take_events(A, 0, now=0.0)

    assert left(limiter, A, 0.0) == '"events";r=0;t=1'


def test_a_request_refused_for_its_events_is_not_counted():
    limiter = RateLimiter(Rates(requests=5, events=10))
    limiter.take_events(A, 10, now=0.0)

    refused(limiter.take_request, A, now=0.0)

    assert left(limiter, A, 0.0) == '"requests";r=5;t=0, "events";r=0;t=1'


def test_what_is_left_and_when_all_of_it_is_there():
    limiter = RateLimiter(Rates(requests=200, events=20_000))
    limiter.take_request(A, now=0.0)
    limiter.take_events(A, 5_000, now=0.0)

    assert dict(limiter.headers(A, now=0.0)) == {
        "ratelimit-policy": '"requests";q=200;w=1;qu="requests", "events";q=20000;w=1;qu="events"',
        "ratelimit": '"requests";r=199;t=1, "events";r=15000;t=1',
    }


def test_a_share_of_less_than_one_a_second_is_still_one_request():
    limiter = RateLimiter(Rates(requests=0.25))
    limiter.take_request(A, now=0.0)

    assert refused(limiter.take_request, A, now=0.0)[2] == "4"
    limiter.take_request(A, now=4.0)


def test_without_limits_everything_passes_and_nothing_is_said():
    limiter = RateLimiter(Rates())
    for _ in range(1_000):
        limiter.take_request(A, now=0.0)
        limiter.take_events(A, 5_000, now=0.0)

    assert limiter.headers(A, now=0.0) == ()


def test_the_number_of_remembered_keys_is_bounded(monkeypatch):
    monkeypatch.setattr(limits, "_MOST_KEYS", 3)
    limiter = RateLimiter(Rates(requests=1, events=1))

    for key_id in range(50):
        limiter.take_request(key_id, now=0.0)

    assert [len(policy._buckets) for policy in limiter._policies] == [3, 3]
    refused(limiter.take_request, 49, now=0.0)
    limiter.take_request(0, now=0.0)


# --- The brake ---


def test_answers_are_held_back_and_no_more_than_so_many():
    async def scene():
        brake = Brake(3_600, most=2)
        held = [asyncio.create_task(brake.hold()) for _ in range(3)]
        await held[2]
        waiting, counted = [task.done() for task in held], brake.held
        for task in held:
            task.cancel()
        await asyncio.wait(held)
        return waiting, counted, brake.held

    assert asyncio.run(scene()) == ([False, False, True], 2, 0)


# --- Quota ---


def test_a_quota_that_is_not_used_up_lets_pass():
    Quota(limit=10, used=9, ends_at=MIDNIGHT).check(NOON)


@pytest.mark.parametrize("used", [10, 11, 10_000])
def test_a_used_quota_asks_to_come_back_within_the_hour(used):
    quota = Quota(limit=10, used=used, ends_at=MIDNIGHT)

    assert refused(quota.check, NOON) == (
        "quota-exceeded",
        "The monthly quota of this organization is used up.",
        "3600",
    )


def test_near_the_end_of_the_month_it_asks_to_come_back_then():
    quota = Quota(limit=10, used=10, ends_at=MIDNIGHT)

    assert refused(quota.check, MIDNIGHT - timedelta(seconds=90.5))[2] == "91"


def test_what_was_read_last_month_says_nothing_about_this_one():
    Quota(limit=10, used=10, ends_at=MIDNIGHT).check(MIDNIGHT)
