import json

import pytest

from ingestion.tests.wire.builders import MARKER, UUID7, parse
from ingestion.wire.answer import build_answer
from ingestion.wire.batch import Batch

GOOD = {"model": "m", "id": UUID7}


def answer(batch, accepted=0, duplicates=0):
    built = build_answer(batch, accepted=accepted, duplicates=duplicates)
    return built.status, built.content_type, json.loads(built.body)


def test_an_accepted_batch():
    batch = parse([GOOD, GOOD | {"input_tokens": -1}, GOOD | {"messages": [], "colour": 1}])

    assert answer(batch, accepted=1, duplicates=1) == (
        202,
        "application/json",
        {
            "accepted": 1,
            "duplicates": 1,
            "rejected_count": 1,
            "rejected": [{"index": 1, "id": UUID7, "errors": [{"field": "input_tokens", "message": "must be ≥ 0"}]}],
            "warnings": [{"index": 2, "field": "colour", "message": "is not a field we know: dropped"}],
            "content_fields_dropped": 1,
        },
    )


@pytest.mark.parametrize(("accepted", "duplicates"), [(1, 0), (0, 1)])
def test_one_stored_or_known_event_is_enough_for_202(accepted, duplicates):
    assert answer(parse([GOOD, {}]), accepted=accepted, duplicates=duplicates)[0] == 202


def test_an_empty_batch_is_202():
    assert answer(Batch())[0] == 202


def test_all_rejected_is_a_problem_with_the_same_members():
    status, content_type, body = answer(parse([{}, {"id": "a", "model": "m"}]))

    assert (status, content_type) == (400, "application/problem+json")
    assert body == {
        "type": "/problems/events-rejected",
        "title": "Every event was rejected",
        "status": 400,
        "accepted": 0,
        "duplicates": 0,
        "rejected_count": 2,
        "rejected": [
            {"index": 0, "id": None, "errors": [{"field": "model", "message": "is required"}]},
            {
                "index": 1,
                "id": "a",
                "errors": [{"field": "timestamp", "message": "is required unless the id is a UUIDv7"}],
            },
        ],
        "warnings": [],
        "content_fields_dropped": 0,
    }


def test_the_caller_names_the_problem():
    built = build_answer(parse({}), accepted=0, duplicates=0, problem_type="https://example.org/p")

    assert json.loads(built.body)["type"] == "https://example.org/p"


def test_only_the_first_thousand_rejections_are_shown():
    _, _, body = answer(parse([{}] * 1_500))

    assert body["rejected_count"] == 1_500
    assert [rejection["index"] for rejection in body["rejected"]] == list(range(1_000))


def test_only_the_first_hundred_warnings_are_shown():
    _, _, body = answer(parse([GOOD | {"x": 1}] * 300), accepted=300)

    assert [warning["index"] for warning in body["warnings"]] == list(range(100))


def test_no_value_reaches_the_answer():
    batch = parse([{"model": 5, f"a {MARKER}": MARKER, "status": MARKER, "messages": MARKER, "tags": {"k": [MARKER]}}])

    built = build_answer(batch, accepted=0, duplicates=0)

    assert MARKER not in built.body.decode()
