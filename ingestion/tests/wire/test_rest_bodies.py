import json

import pytest

from ingestion.tests.wire.builders import CONTEXT, MARKER, UUID7, context, parse, parse_text, warned
from ingestion.wire.errors import MalformedBody, TooManyEvents, UnsupportedMediaType
from ingestion.wire.framing import MOST_EVENTS
from ingestion.wire.rest import parse_camel, parse_ingest, parse_log

GOOD = {"model": "m", "id": UUID7}
NDJSON = "application/x-ndjson"


def indexes(batch):
    return [index for index, _ in batch.calls]


@pytest.mark.parametrize("document", [GOOD, [GOOD], {"events": [GOOD]}])
def test_one_event_an_array_and_an_events_object_are_the_same(document):
    batch = parse(document)

    assert (batch.total, indexes(batch), batch.rejected, batch.warnings) == (1, [0], [], [])


@pytest.mark.parametrize("document", [[], {"events": []}])
def test_no_events_is_an_empty_batch(document):
    batch = parse(document)

    assert (batch.total, batch.calls, batch.rejected) == (0, [], [])


def test_members_beside_events_are_not_events():
    assert parse({"sdk": "1.0", "events": [GOOD, GOOD], "sent_at": 5}).total == 2


@pytest.mark.parametrize("text", ["\ufeff", " \r\n\t", "\ufeff \n"])
def test_a_byte_order_mark_and_white_space_before_the_document_are_skipped(text):
    assert parse_text(text + json.dumps([GOOD])).total == 1
    assert parse_text(text + json.dumps(GOOD) + "\n").total == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "null",
        "true",
        "42",
        '"text"',
        "{",
        "[",
        '{"model": "m"',
        '[{"model": "m"},]',
        '[{"model": "m"}] x',
        '{"model": "m"}{"model": "m"}',
        "{'model': 'm'}",
        '{"model": "a\tb"}',
        '{"model": "\\x"}',
        '{"model": NaN}',
        '{"model": 01}',
        '{"events": 5}',
        '{"events": null}',
        '{"events": {"model": "m"}}',
        '{"events": [}',
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000,
        b'{"model": "\xff"}',
        b'{"model": "\xed\xa0\x80"}',
        b"\x1f\x8b\x08\x00",
        "{}".encode("utf-16"),
    ],
)
def test_a_malformed_document_is_refused_as_a_whole(text):
    with pytest.raises(MalformedBody) as refusal:
        parse_text(text)

    assert str(refusal.value).startswith("the body ")


def test_a_malformed_document_stores_nothing_of_its_good_events():
    with pytest.raises(MalformedBody):
        parse_text(json.dumps([GOOD])[:-1] + ', {"model": }]')


@pytest.mark.parametrize("item", [None, True, 5, 1.5, "text", [], [GOOD]])
def test_an_item_that_is_not_an_object_is_one_rejected_event(item):
    batch = parse([GOOD, item, GOOD])

    assert indexes(batch) == [0, 2]
    assert [(r.index, r.id, [(e.field, e.message) for e in r.errors]) for r in batch.rejected] == [
        (1, None, [("", "must be an object")])
    ]


def test_a_bad_event_never_costs_the_batch():
    bad = [{}, {"model": 1}, {"model": "m", "input_tokens": -1}, {"model": "m", "tags": {"k": []}}, 7]

    batch = parse([event for wrong in bad for event in (wrong, GOOD)])

    assert batch.total == 10
    assert [r.index for r in batch.rejected] == [0, 2, 4, 6, 8]
    assert indexes(batch) == [1, 3, 5, 7, 9]


def test_a_lone_surrogate_in_one_event_does_not_cost_the_others():
    text = r'[{"model": "a"}, {"model": "\ud800"}, {"model": "b"}]'

    batch = parse_text(text)

    assert [call.model for _, call in batch.calls] == ["a", "b"]
    assert [r.index for r in batch.rejected] == [1]


def test_a_lone_surrogate_in_dropped_content_costs_nothing():
    batch = parse_text(r'{"model": "m", "messages": [{"content": "cut \ud83d"}], "team": "\ud83d\ude00"}')

    assert batch.rejected == []
    assert batch.calls[0][1].team == "😀"


def test_text_that_only_looks_like_a_surrogate_escape_is_kept():
    batch = parse_text(r'[{"model": "\\ud800"}, {"model": "m", "x": "\udc00"}]')

    assert batch.calls[0][1].model == r"\ud800"


def test_a_noncharacter_is_refused_on_the_fast_and_on_the_careful_way():
    for text in ('{"model": "\uffff"}', r'{"model": "\uffff"}', '{"model": "\uffff", "unknown": 1}'):
        [rejection] = parse_text(text).rejected

        assert [(e.field, e.message) for e in rejection.errors] == [
            ("model", "must be valid Unicode, without lone surrogates")
        ]


def test_a_rejection_names_the_id_so_that_the_sender_finds_the_event():
    batch = parse([{"id": "call-1", "timestamp": 1, "model": "m"}, {"id": 5, "model": "m"}, {"id": "", "model": ""}])

    assert [(r.index, r.id) for r in batch.rejected] == [(0, "call-1"), (1, None), (2, None)]


def test_exactly_the_most_events_are_accepted():
    assert parse([{"model": "m"}] * MOST_EVENTS).total == MOST_EVENTS


@pytest.mark.parametrize("wrap", [lambda events: events, lambda events: {"events": events}])
def test_more_events_are_too_many(wrap):
    with pytest.raises(TooManyEvents):
        parse(wrap([{"model": "m"}] * (MOST_EVENTS + 1)))


def test_more_lines_are_too_many():
    with pytest.raises(TooManyEvents):
        parse_text("{}\n" * (MOST_EVENTS + 1), content_type=NDJSON)


@pytest.mark.parametrize("item", [b"1", b"[]", b'"x"', b"{}"])
def test_millions_of_tiny_items_are_counted_without_being_kept(item):
    with pytest.raises(TooManyEvents):
        parse_text(b"[" + b",".join([item] * 600_000) + b"]")


def test_many_commas_in_content_are_not_many_events():
    event = {"model": "m", "input": [1] * 600_000}

    batch = parse([event, GOOD])

    assert (batch.total, batch.content_fields_dropped) == (2, 1)


@pytest.mark.parametrize("tail", ["]", " ", "x]", ",]"])
def test_a_malformed_document_with_many_commas_is_malformed(tail):
    with pytest.raises(MalformedBody):
        parse_text('[{"input": [' + "1," * 600_000 + "1]}, {]" + tail)


def test_many_commas_nested_too_deeply_are_malformed():
    with pytest.raises(MalformedBody):
        parse_text("[" * 100_000 + "1," * 600_000)


def test_an_event_with_absurdly_many_members_is_rejected():
    text = "{" + ",".join(f'"k{i}":1' for i in range(100_001)) + "}"

    [rejection] = parse_text(text).rejected

    assert [(e.field, e.message) for e in rejection.errors] == [("", "has too many members")]


def test_lines_are_events_and_empty_lines_do_not_count():
    text = '\n{"model": "a"}\r\n\r\n  \n{"model": "b"}\n{"model":\n\n[1]\n{"model": "c"}'

    batch = parse_text(text, content_type=NDJSON)

    assert [(index, call.model) for index, call in batch.calls] == [(0, "a"), (1, "b"), (4, "c")]
    assert [(r.index, r.errors[0].message) for r in batch.rejected] == [
        (2, "is not valid JSON"),
        (3, "must be an object"),
    ]
    assert batch.total == 5


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"nonsense", "is not valid JSON"),
        (b'{"model": "m"} {"model": "m"}', "is not valid JSON"),
        (b'{"model": "\xff"}', "is not valid UTF-8"),
        (b'{"a":' * 50_000, "is nested too deeply"),
        (b'{"messages": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "is nested too deeply"),
        (b"null", "must be an object"),
        (b"[]", "must be an object"),
    ],
)
def test_a_malformed_line_is_one_rejected_event(line, message):
    batch = parse_text(b'{"model": "a"}\n' + line + b'\n{"model": "b"}', content_type=NDJSON)

    assert indexes(batch) == [0, 2]
    assert [(r.index, r.id, [(e.field, e.message) for e in r.errors]) for r in batch.rejected] == [
        (1, None, [("", message)])
    ]


@pytest.mark.parametrize("text", ["", "\n\n", "  \r\n", "\ufeff"])
def test_no_lines_are_an_empty_batch(text):
    assert parse_text(text, content_type=NDJSON).total == 0


def test_lines_may_begin_with_a_byte_order_mark():
    assert indexes(parse_text('\ufeff{"model": "a"}', content_type=NDJSON)) == [0]


def test_a_lone_surrogate_in_a_line_costs_only_its_event():
    text = '{"model": "\\ud800"}\n{"model": "m", "messages": "\\udc00"}'

    batch = parse_text(text, content_type=NDJSON)

    assert (indexes(batch), [r.index for r in batch.rejected]) == ([1], [0])


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "Application/JSON; charset=UTF-8",
        "text/plain",
        "application/cloudevents+json",
        'application/json; charset="utf-8"',
        "application/json;charset=us-ascii",
    ],
)
def test_these_content_types_are_read_as_json(content_type):
    assert parse_ingest(b'{"model": "m"}', content_type=content_type, context=CONTEXT).total == 1


@pytest.mark.parametrize("content_type", [NDJSON, "application/x-ndjson; charset=utf-8", "application/jsonl"])
def test_these_content_types_are_read_as_lines(content_type):
    assert parse_ingest(b'{"model": "m"}\n{"model": "m"}', content_type=content_type, context=CONTEXT).total == 2


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/xml",
        "json",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
    ],
)
def test_other_content_types_are_refused(content_type):
    with pytest.raises(UnsupportedMediaType):
        parse_ingest(b'{"model": "m"}', content_type=content_type, context=CONTEXT)


def test_content_is_dropped_and_counted():
    batch = parse(
        [GOOD | {"messages": [{"role": "user", "content": MARKER}], "response": MARKER}, GOOD | {"prompt": 1}]
    )

    assert batch.content_fields_dropped == 3
    assert batch.warnings == []
    assert MARKER not in repr(batch)


def test_content_of_a_rejected_event_is_counted_too():
    assert parse({"messages": [], "system": ""}).content_fields_dropped == 2


def test_unknown_fields_are_dropped_with_a_warning():
    batch = parse([GOOD, GOOD | {"temperature": 0.5, "lang": MARKER}])

    assert warned(batch) == [
        (1, "temperature", "is not a field we know: dropped"),
        (1, "lang", "is not a field we know: dropped"),
    ]
    assert MARKER not in repr(batch)


@pytest.mark.parametrize("name", [MARKER + " is my secret", "a" * 65, "naïve", "a\nb", "", "1x", "<b>", "\0"])
def test_a_name_that_may_be_text_is_not_shown(name):
    batch = parse(GOOD | {name: 1})

    assert warned(batch) == [(0, "(name not shown)", "is not a field we know: dropped")]


def test_only_the_first_hundred_warnings_are_kept():
    batch = parse([GOOD | {f"x{i}": 1} for i in range(150)])

    assert [warning.index for warning in batch.warnings] == list(range(100))


def test_events_without_an_id_are_warned_about_once():
    batch = parse([GOOD, {"model": "m"}, {"model": "m"}])

    assert [(index, field) for index, field, _ in warned(batch)] == [(1, "id")]


def test_rejected_events_without_an_id_need_no_warning():
    assert parse([{"model": ""}, GOOD]).warnings == []


def test_messages_never_repeat_a_value():
    wrong = {
        "id": MARKER * 9,
        "model": MARKER * 99,
        "timestamp": MARKER,
        "input_tokens": MARKER,
        "latency_ms": MARKER,
        "stream": MARKER,
        "status": MARKER,
        "service_tier": MARKER,
        "http_status": MARKER,
        "cost_usd": MARKER,
        "prompt_hash": MARKER,
        "tags": {MARKER: {MARKER: MARKER}},
        "extra_units": {MARKER: MARKER},
        "usage": {"prompt_tokens": MARKER},
    }

    batch = parse(wrong)

    assert len(batch.rejected[0].errors) == len(wrong)
    assert MARKER not in repr(batch)


def test_the_hash_key_is_not_in_the_contexts_repr():
    assert "0123456789abcdef" not in repr(CONTEXT)


def test_the_log_takes_one_flat_event():
    event = {"endpoint_name": "search", "model": "gpt-4o", "prompt_tokens": 120, "completion_tokens": 30}

    batch = parse_log(json.dumps(event).encode(), context=CONTEXT)

    [(index, call)] = batch.calls
    assert (index, call.feature, call.model) == (0, "search", "gpt-4o")
    assert (call.usage.input_tokens, call.usage.output_tokens) == (120, 30)
    assert [warning.field for warning in batch.warnings] == ["id"]


def test_the_log_rejects_a_bad_event_like_everybody():
    batch = parse_log(b'{"model": "m", "prompt_tokens": -1}', context=CONTEXT)

    assert [(e.field, e.message) for e in batch.rejected[0].errors] == [("prompt_tokens", "must be ≥ 0")]


def test_an_events_object_is_no_event_of_the_log():
    batch = parse_log(b'{"events": [{"model": "m"}]}', context=CONTEXT)

    assert (batch.total, batch.calls) == (1, [])


@pytest.mark.parametrize("body", [b"", b"[]", b'[{"model": "m"}]', b"5", b'{"model": ', b'{"model": "m"} x', b"\xff"])
def test_the_log_refuses_everything_but_an_object(body):
    with pytest.raises(MalformedBody):
        parse_log(body, context=CONTEXT)


def test_the_log_marks_lone_surrogates():
    batch = parse_log(rb'{"model": "m", "prompt": "\ud800"}', context=CONTEXT)

    assert len(batch.calls) == 1


def test_camel_case_names_are_accepted():
    event = {
        "model": "gpt-4o",
        "promptTokens": 100,
        "completionTokens": 20,
        "cachedInputTokens": 60,
        "userId": "u1",
        "feature": "search",
        "timeToFirstTokenMs": 12.5,
        "cacheWrite1hTokens": 0,
        "sessionId": "s",
        "costUsd": "0.5",
        "promptHash": "ab",
    }

    [(_, call)] = parse_camel(json.dumps(event).encode(), context=CONTEXT).calls

    assert (call.usage.input_tokens, call.usage.output_tokens, call.usage.cached_input_tokens) == (100, 20, 60)
    assert (call.user_id, call.feature, call.session_id, call.time_to_first_token_ms) == ("u1", "search", "s", 12.5)
    assert str(call.reported_cost_usd) == "0.5"
    assert len(call.prompt_hash) == 64


def test_snake_case_is_camel_cases_equal():
    camel = parse_camel(b'[{"model": "m", "promptTokens": 3, "endpointName": "e"}]', context=CONTEXT)
    snake = parse_camel(b'[{"model": "m", "prompt_tokens": 3, "endpoint_name": "e"}]', context=CONTEXT)

    assert camel.calls == snake.calls


def test_a_camel_case_mistake_is_named_as_it_was_sent():
    batch = parse_camel(b'{"model": "m", "promptTokens": -1, "nonSense": 1, "systemPrompt": "x"}', context=CONTEXT)

    assert [(e.field, e.message) for e in batch.rejected[0].errors] == [("promptTokens", "must be ≥ 0")]
    assert [warning.field for warning in batch.warnings] == ["nonSense"]
    assert batch.content_fields_dropped == 1


def test_camel_case_is_unknown_elsewhere():
    batch = parse({"model": "m", "id": UUID7, "promptTokens": 3})

    assert batch.calls[0][1].usage.input_tokens == 0
    assert [warning.field for warning in batch.warnings] == ["promptTokens"]


def test_one_member_under_two_names_is_read_once():
    batch = parse_camel(b'{"model": "m", "userId": "first", "user_id": "second"}', context=CONTEXT)

    assert batch.calls[0][1].user_id == "first"


def test_the_camel_endpoint_refuses_malformed_bodies_and_too_many_events():
    with pytest.raises(MalformedBody):
        parse_camel(b'"text"', context=CONTEXT)
    with pytest.raises(TooManyEvents):
        parse_camel(json.dumps([{}] * (MOST_EVENTS + 1)).encode(), context=CONTEXT)


def test_the_context_names_the_source():
    batch = parse_log(b'{"model": "m"}', context=context(source="sdk"))

    assert batch.calls[0][1].source == "sdk"


@pytest.mark.parametrize(
    "odd",
    [
        {"model": "m", "id": UUID7, "mystery": 1},
        {"model": "m", "id": UUID7, "latency_ms": "slow"},
        {"model": "m", "id": UUID7, "agent_name": "two\nlines"},
        {"model": "m", "id": UUID7, "input_tokens": 12.0},
        {"id": UUID7},
        42,
    ],
)
def test_one_odd_event_does_not_change_what_becomes_of_the_plain_ones_around_it(odd):
    alone, together = parse([odd]), parse([GOOD, odd, GOOD])

    assert together.total == 3
    assert [call for index, call in together.calls if index != 1] == [call for _, call in parse([GOOD, GOOD]).calls]
    assert [call for index, call in together.calls if index == 1] == [call for _, call in alone.calls]
    assert [one.errors for one in together.rejected] == [one.errors for one in alone.rejected]
    assert [one.index for one in together.rejected] == [1] * len(alone.rejected)


def test_more_braces_than_events_may_have_are_counted_before_anything_is_decoded():
    crowded = b"[" + b",".join([b"{}"] * (4 * MOST_EVENTS + 1)) + b"]"

    with pytest.raises(TooManyEvents):
        parse_text(crowded)
