"""Samples of cloud functions: every field, every mistake with its message, and every form of body."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ingestion.tests.wire.builders import CONTEXT, MARKER, NOW, UUID7, context, warned
from ingestion.wire.errors import MalformedBody, TooManyEvents, UnsupportedMediaType
from ingestion.wire.identity import uuid7_time
from ingestion.wire.samples import parse_samples
from ingestion.wire.types import Sample

LEAST = {"resource": "thumbnailer", "allocated_mb": 1024, "used_mb": 256}
NDJSON = "application/x-ndjson"
FORMS = "must be RFC 3339 with an offset, or the epoch in seconds or milliseconds"


def parse(document, *, content_type="application/json", **changes):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return parse_samples(body, content_type=content_type, context=context(**changes))


def accepted(**sample):
    batch = parse(LEAST | {"id": UUID7} | sample)
    assert batch.rejected == []
    [(index, found)] = batch.samples
    assert index == 0
    return found


def refused(**sample):
    batch = parse(LEAST | {"id": UUID7} | sample)
    assert batch.samples == []
    [rejection] = batch.rejected
    return [(error.field, error.message) for error in rejection.errors]


def test_a_full_sample_is_read_exactly():
    found = accepted(
        timestamp="2026-09-14T14:00:00.1234567+02:00",
        kind="function",
        team="media",
        environment="production",
        project="web",
        allocated_mb=1024.5,
        used_mb=0,
        invocations=340,
        duration_ms=91250.5,
        cost_usd="0.000000000000152",
    )

    assert found == Sample(
        sample_id=UUID7,
        sampled_at=datetime(2026, 9, 14, 12, 0, 0, 123456, tzinfo=UTC),
        resource="thumbnailer",
        kind="function",
        team="media",
        environment="production",
        allocated_mb=Decimal("1024.5"),
        used_mb=Decimal(0),
        invocations=340,
        duration_ms=91250.5,
        cost_usd=Decimal("0.000000000000152"),
        project_slug="web",
    )


def test_what_is_not_given_is_unknown_or_has_its_default():
    found = accepted(kind=None, cost_usd=None, team=None)

    assert (found.kind, found.team, found.environment) == ("", "", "default")
    assert (found.invocations, found.duration_ms, found.cost_usd) == (None, None, None)
    assert found.sampled_at == uuid7_time(UUID7)


@pytest.mark.parametrize(
    ("sample", "errors"),
    [
        ({"resource": None}, [("resource", "is required")]),
        ({"resource": ""}, [("resource", "is required")]),
        ({"resource": "  "}, [("resource", "is required")]),
        ({"resource": 7}, [("resource", "must be a string")]),
        ({"resource": "r" * 256}, [("resource", "must be at most 255 characters")]),
        ({"kind": "k" * 51}, [("kind", "must be at most 50 characters")]),
        ({"team": "t" * 101}, [("team", "must be at most 100 characters")]),
        ({"environment": "e" * 101}, [("environment", "must be at most 100 characters")]),
        ({"id": "i" * 65}, [("id", "must be at most 64 characters")]),
        ({"id": "not-a-uuid"}, [("timestamp", "is required unless the id is a UUIDv7")]),
        ({"allocated_mb": None}, [("allocated_mb", "is required")]),
        ({"allocated_mb": 0}, [("allocated_mb", "must be > 0")]),
        ({"allocated_mb": -1}, [("allocated_mb", "must be ≥ 0")]),
        ({"allocated_mb": 10**9 + 1}, [("allocated_mb", "must be ≤ 1000000000")]),
        ({"allocated_mb": "1024"}, [("allocated_mb", "must be a number")]),
        ({"allocated_mb": True}, [("allocated_mb", "must be a number")]),
        ({"allocated_mb": [1]}, [("allocated_mb", "must be a number")]),
        ({"allocated_mb": 10**400}, [("allocated_mb", "must be ≤ 1000000000")]),
        ({"used_mb": None}, [("used_mb", "is required")]),
        ({"used_mb": -0.1}, [("used_mb", "must be ≥ 0")]),
        ({"used_mb": 10**9 + 1}, [("used_mb", "must be ≤ 1000000000")]),
        ({"invocations": -1}, [("invocations", "must be ≥ 0")]),
        ({"invocations": 1.5}, [("invocations", "must be an integer")]),
        ({"duration_ms": -1}, [("duration_ms", "must be ≥ 0")]),
        ({"duration_ms": "1"}, [("duration_ms", "must be a number")]),
        ({"cost_usd": -1}, [("cost_usd", "must be ≥ 0")]),
        ({"cost_usd": "NaN"}, [("cost_usd", "must be a decimal number")]),
        ({"cost_usd": "1e-99"}, [("cost_usd", "must have at most 30 decimal places")]),
        ({"timestamp": "yesterday"}, [("timestamp", FORMS)]),
        ({"timestamp": "2020-01-01T00:00:00Z"}, [("timestamp", "is older than the retention period")]),
        ({"timestamp": "2030-01-01T00:00:00Z"}, [("timestamp", "is more than 10 minutes ahead of the server's clock")]),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_by_field_and_never_repeated(sample, errors):
    assert refused(**sample) == errors


def test_everything_that_is_wrong_is_said_at_once():
    assert refused(resource=None, allocated_mb=0, used_mb=-1, cost_usd="x") == [
        ("resource", "is required"),
        ("allocated_mb", "must be > 0"),
        ("used_mb", "must be ≥ 0"),
        ("cost_usd", "must be a decimal number"),
    ]


def test_a_rejection_carries_index_and_id():
    batch = parse([LEAST | {"id": UUID7}, {"id": UUID7, "resource": "x"}])

    assert [(one.index, one.id) for one in batch.rejected] == [(1, UUID7)]
    assert [index for index, _ in batch.samples] == [0]
    assert batch.total == 2


def test_more_used_than_allocated_is_stored_and_warned_about():
    batch = parse(LEAST | {"id": UUID7, "used_mb": 1025})

    assert batch.samples[0][1].used_mb == 1025
    assert warned(batch) == [(0, "used_mb", "is more than allocated_mb: stored as sent")]


def test_exactly_as_much_as_allocated_is_no_warning():
    assert warned(parse(LEAST | {"id": UUID7, "used_mb": 1024})) == []


def test_without_ids_the_server_makes_them_and_warns_once():
    batch = parse([LEAST, LEAST, LEAST])

    ids = [sample.sample_id for _, sample in batch.samples]
    assert len(set(ids)) == 3
    assert ids == sorted(ids)
    assert {sample.sampled_at for _, sample in batch.samples} == {NOW}
    assert [(index, field) for index, field, _ in warned(batch)] == [(0, "id")]


def test_unknown_fields_are_named_and_content_is_counted():
    content = {"prompt": MARKER, "messages": [MARKER], "output": {"text": MARKER}}

    batch = parse(LEAST | {"id": UUID7, "region": "eu", f"{MARKER} as a name": 1} | content)

    assert warned(batch) == [
        (0, "region", "is not a field we know: dropped"),
        (0, "(name not shown)", "is not a field we know: dropped"),
    ]
    assert batch.content_fields_dropped == 3
    assert MARKER not in repr(batch)


@pytest.mark.parametrize("text", ['"a\\u0000b"', '"\\ud800"', '"a\\udfffb"', '"\\uffff"'])
@pytest.mark.parametrize("field", ["resource", "kind", "team", "environment"])
def test_what_postgres_cannot_store_is_refused(field, text):
    sample = json.dumps({name: value for name, value in LEAST.items() if name != field} | {"id": UUID7})

    batch = parse(f'[{sample[:-1]}, "{field}": {text}}}, {json.dumps(LEAST | {"id": UUID7})}]'.encode())

    assert [error.field for error in batch.rejected[0].errors] == [field]
    assert len(batch.samples) == 1


def test_the_keys_own_project_need_not_be_named_but_may_be():
    def slug(named):
        return parse(LEAST | {"project": named}, project_slug="web").samples[0][1].project_slug

    assert [slug(named) for named in (None, "web", "app")] == ["", "", "app"]


@pytest.mark.parametrize(
    "wrap", [lambda s: s, lambda s: [s, s], lambda s: {"samples": [s, s]}, lambda s: {"samples": []}]
)
def test_one_several_or_an_envelope(wrap):
    document = wrap(LEAST)

    batch = parse(document)

    expected = document["samples"] if "samples" in document else document if isinstance(document, list) else [document]
    assert len(batch.samples) == batch.total == len(expected)


def test_lines_are_samples_and_a_bad_line_is_one_rejection():
    good = json.dumps(LEAST)

    batch = parse(f"{good}\n\n{{nonsense\n{good}\n".encode() + b"\xff\n", content_type=NDJSON)

    assert [index for index, _ in batch.samples] == [0, 2]
    assert [(one.index, one.errors[0].message) for one in batch.rejected] == [
        (1, "is not valid JSON"),
        (3, "is not valid UTF-8"),
    ]


@pytest.mark.parametrize("item", [1, "text", None, [], True])
def test_what_is_no_object_is_one_rejection(item):
    batch = parse([item, LEAST])

    assert [(one.index, one.errors[0].message) for one in batch.rejected] == [(0, "must be an object")]
    assert len(batch.samples) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"17", b'"text"', b"null", b'{"samples": 3}', b"\xff"])
def test_a_malformed_document_is_an_error(body):
    with pytest.raises(MalformedBody):
        parse(body)


def test_what_was_expected_is_said_in_the_words_of_samples():
    with pytest.raises(
        MalformedBody, match="must be a sample, an array of samples, or an object with a list of samples"
    ):
        parse(b"17")
    with pytest.raises(TooManyEvents, match="at most 5000 samples"):
        parse([LEAST] * 5001)


def test_events_are_no_envelope_of_samples():
    batch = parse({"events": [LEAST]})

    assert batch.samples == []
    assert [error.field for error in batch.rejected[0].errors] == ["resource", "allocated_mb", "used_mb"]


def test_more_than_five_thousand_are_refused_in_lines_too():
    with pytest.raises(TooManyEvents):
        parse(b"{}\n" * 5001, content_type=NDJSON)


def test_another_type_is_refused():
    with pytest.raises(UnsupportedMediaType):
        parse_samples(b"", content_type="application/x-protobuf", context=CONTEXT)
