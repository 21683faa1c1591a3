import pytest

from ingestion.tests.wire.builders import UUID7, parse_text
from ingestion.wire.event import SNAKE_NAMES
from ingestion.wire.tolerant import FieldProblem, read_anything, read_members


def test_members_are_sorted_into_known_unknown_and_content():
    raw = b'{"model": "m", "input_tokens": -1, "colour": {"deep": [1]}, "prompt": "p", "source": "sdk", "team": null}'

    found = read_members(raw, SNAKE_NAMES)

    assert found.values == {"model": "m"}
    assert [(error.field, error.message) for error in found.errors] == [("input_tokens", "must be ≥ 0")]
    assert (found.unknown, found.content_fields, found.names_source) == (["colour"], 1, True)


@pytest.mark.parametrize(
    ("raw", "longest", "message"),
    [
        (b"1" * 11, 10, "is too long"),
        (b"1" * 5_000, 10_000, "is out of range"),
        (b"[" * 50_000 + b"]" * 50_000, 100_000, "is nested too deeply"),
    ],
)
def test_values_nobody_means_are_refused(raw, longest, message):
    with pytest.raises(FieldProblem, match=message):
        read_anything(raw, longest=longest)


def test_a_long_number_in_tags_is_too_long():
    [rejection] = parse_text(f'{{"model": "m", "id": "{UUID7}", "tags": {{"k": {"1" * 201}}}}}').rejected

    assert [(e.field, e.message) for e in rejection.errors] == [("tags", "must be at most 200 characters")]


def test_an_endless_integer_in_a_usage_object_costs_only_its_event():
    batch = parse_text(f'[{{"model": "m", "usage": {{"prompt_tokens": {"1" * 5_000}}}}}, {{"model": "m"}}]')

    assert [(e.field, e.message) for e in batch.rejected[0].errors] == [("usage", "is out of range")]
    assert [index for index, _ in batch.calls] == [1]


def test_agreeing_completion_aliases_and_a_contradicting_one():
    [(_, call)] = parse_text('{"model": "m", "output_tokens": 5, "completion_tokens": 6}').calls

    assert call.usage.output_tokens == 5
