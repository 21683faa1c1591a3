"""Which records are of one provider call, decided without a database."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from ingestion.pricing.book import Priced
from ingestion.wire.types import Call, Usage
from ingestion.writer.responses import fold, response

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTES = timedelta(minutes=1)
UNPRICED = Priced(
    model_key="",
    cost_source="none",
    price_match="",
    rate_card_id=None,
    inconsistent=False,
    **dict.fromkeys([name for name in Priced.__struct_fields__ if name.startswith("cost_") and name != "cost_source"]),
)


def a_response(call_id="first", *, at=NOON, model_key="", tokens=(10, 1), response_id="r", **fields):
    given = {"model": "gpt-4o", "provider": "openai", "usage": Usage(input_tokens=tokens[0], output_tokens=tokens[1])}
    call = Call(**given | {"call_id": call_id, "started_at": at, "response_id": response_id} | fields)
    priced = msgspec.structs.replace(UNPRICED, model_key=model_key or call.model)
    return response(call, priced, organization_id=1, project_id=7)


def a_record(call_id="first", **fields):
    return a_response(call_id, **fields).record


def folded(*responses, holder=None):
    """Duplicates as id → id of the call they are counted with, and the id of the new holder, of one key."""
    key = responses[0].key
    duplicates, latest = fold({key: responses}, {key: holder} if holder else {})
    counted = {call_id: record.call_id for (_, _, call_id), record in duplicates.items()}
    return counted, latest[key].record.call_id if latest else None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"model": "gpt-4o"}, {"model": "gpt-4o"}),
        ({"model": "gpt-4o"}, {"model": "gpt-4o", "response_model": "gpt-4o-2024-08-06"}),
        ({"model": "gpt-4o"}, {"model": "gpt-4o-2024-08-06", "model_key": "gpt-4o"}),
        ({"model": "gpt-4o", "response_model": "gpt-4o-2024-08-06"}, {"model": "gpt-4o-2024-08-06"}),
        ({"model": "auto", "response_model": "mine"}, {"model": "router", "response_model": "mine"}),
    ],
)
def test_a_model_is_the_same_when_one_of_its_names_is(first, second):
    one, other = a_record(**first), a_record("second", **second)

    assert one.is_same_call(other)
    assert other.is_same_call(one)


@pytest.mark.parametrize(
    "second",
    [
        {"model": "gpt-4o-mini"},
        {"model": "gpt-4o-mini", "response_model": "gpt-4o-mini-2024-07-18"},
        {"at": NOON + 10 * MINUTES + timedelta(microseconds=1)},
        {"at": NOON - 10 * MINUTES - timedelta(microseconds=1)},
    ],
)
def test_another_model_or_moment_is_another_call(second):
    assert not a_record().is_same_call(a_record("second", **second))


@pytest.mark.parametrize("minutes", [-10, 0, 10])
def test_ten_minutes_apart_is_still_one_call(minutes):
    assert a_record().is_same_call(a_record("second", at=NOON + minutes * MINUTES))


def test_an_unknown_answering_model_is_no_common_name():
    assert not a_record(model="a", response_model="").is_same_call(a_record(model="b", response_model=""))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("gateway", "gateway", False),
        ("gateway", "rest", True),
        ("otlp", "gateway", True),
        ("otlp", "otlp", True),
        ("rest", "rest", True),
    ],
)
def test_two_calls_the_gateway_made_are_two(one, other, same):
    assert a_record(source=one).is_same_call(a_record("second", source=other)) is same


def test_a_call_without_a_response_id_cannot_be_recognized():
    assert a_response(response_id="") is None


@pytest.mark.parametrize(
    "other",
    [
        {"tokens": (11, 1)},
        {"tokens": (10, 2)},
        {"tokens": (1, 10)},
        {"response_id": "R"},
        {"response_id": "r\n10"},
        {"provider": "azure.ai.openai"},
        {"provider": "openai\nr", "response_id": ""},
    ],
)
def test_responses_are_told_apart_by_provider_id_and_tokens(other):
    assert getattr(a_response(**other), "key", None) != a_response().key
    assert a_response("second", at=NOON + MINUTES, model="other").key == a_response().key


def test_later_records_are_counted_with_the_first():
    assert folded(a_response("a"), a_response("b"), a_response("c")) == ({"b": "a", "c": "a"}, None)


def test_records_of_a_response_that_was_seen_are_counted_with_its_holder():
    assert folded(a_response("b"), holder=a_record("a")) == ({"b": "a"}, None)


def test_a_record_is_no_duplicate_of_itself():
    assert folded(a_response("a"), holder=a_record("a")) == ({}, None)


def test_what_is_no_record_of_the_holder_holds_the_key_from_then_on():
    late = a_response("late", at=NOON + 30 * MINUTES)
    its_other_record = a_response("other", at=NOON + 31 * MINUTES)

    assert folded(late, its_other_record, holder=a_record("a")) == ({"other": "late"}, "late")


def test_each_key_has_a_holder_of_its_own():
    one, other = a_response("a", tokens=(10, 1)), a_response("b", tokens=(10, 2))

    duplicates, latest = fold({one.key: [one], other.key: [other]}, {one.key: a_record("z")})

    assert list(duplicates) == [one.call_key]
    assert latest == {}


def test_a_server_that_gives_every_response_one_id_is_folded_in_one_pass():
    calls = [a_response(f"{n:04}", at=NOON + 11 * n * MINUTES) for n in range(5_000)]

    assert folded(*calls) == ({}, "4999")
