"""Turns in the writer's queue."""

from dataclasses import dataclass

from ingestion.writer.queue import FairQueue


@dataclass(frozen=True)
class Request:
    organization_id: int
    name: str
    weight: int = 1


def queue_of(*requests):
    queue = FairQueue[Request]()
    for request in requests:
        queue.put(request)
    return queue


def names(requests):
    return " ".join(request.name for request in requests)


def test_within_an_organization_first_come_is_first_served():
    queue = queue_of(Request(1, "a"), Request(1, "b"), Request(1, "c"))

    assert names(queue.take(2)) == "a b"
    assert names(queue.take(2)) == "c"
    assert not queue


def test_organizations_take_turns():
    noisy = [Request(1, f"n{number}", weight=100) for number in range(20)]
    queue = queue_of(*noisy, Request(2, "quiet"), Request(3, "calm"))

    assert names(queue.take(300)) == "n0 quiet calm n1"
    assert names(queue.take(300)) == "n2 n3 n4"


def test_whoever_comes_later_does_not_wait_for_the_whole_queue():
    queue = queue_of(*(Request(1, f"n{number}", weight=2_000) for number in range(10)))
    queue.take(2_000)
    queue.put(Request(2, "quiet"))

    assert names(queue.take(2_000)) == "n1"
    assert names(queue.take(2_000)) == "quiet"


def test_what_does_not_fit_comes_first_next_time_and_if_need_be_alone():
    queue = queue_of(Request(1, "small"), Request(2, "huge", weight=5_000), Request(3, "tiny"), Request(1, "next"))

    assert names(queue.take(2_000)) == "small tiny next"
    queue.put(Request(1, "later"))
    assert names(queue.take(2_000)) == "huge"
    assert names(queue.take(2_000)) == "later"


def test_the_rows_that_wait_are_counted():
    queue = queue_of(Request(1, "a", weight=7), Request(2, "b", weight=5))
    assert queue.rows == 12

    queue.take(7)
    assert queue.rows == 5

    queue.take(7)
    assert (queue.rows, bool(queue)) == (0, False)


def test_the_little_that_others_wait_with_is_taken_whole():
    queue = queue_of(
        Request(1, "n0", weight=90),
        Request(2, "a"),
        Request(3, "b", weight=60),
        Request(1, "n1", weight=90),
        Request(2, "c"),
        Request(3, "d", weight=60),
        Request(4, "busy"),
    )

    assert names(queue.take_light(100, busy={4})) == "a c"
    assert queue.rows == 301
    assert names(queue.take_light(100, busy=set())) == "busy"
    assert queue.take_light(100, busy=set()) == []
    assert names(queue.take(10_000)) == "n0 b n1 d"


def test_an_empty_queue_gives_nothing():
    assert FairQueue[Request]().take(10) == []


def test_nothing_is_lost_and_nothing_comes_twice():
    requests = [Request(number % 7, str(number), weight=number % 13 + 1) for number in range(500)]
    queue = queue_of(*requests)

    taken = []
    while queue:
        flush = queue.take(40)
        assert sum(request.weight for request in flush) <= 40
        taken += flush

    assert sorted(taken, key=lambda request: int(request.name)) == requests
    for organization_id in range(7):
        own = [int(request.name) for request in taken if request.organization_id == organization_id]
        assert own == sorted(own)
