import json
import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ingestion.tests.wire.builders import KEY, UUID7, accepted, parse, parse_text, refused
from ingestion.wire.identity import keyed_hash

TEXTS = {
    "response_model": 255,
    "session_id": 255,
    "trace_id": 255,
    "span_id": 255,
    "parent_span_id": 255,
    "error_type": 255,
    "response_id": 255,
    "upstream_request_id": 255,
    "finish_reason": 255,
    "agent_name": 255,
    "prompt_version": 255,
    "git_branch": 255,
    "git_commit": 255,
    "team": 100,
    "environment": 100,
}
COUNTS = (
    "cached_input_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "audio_input_tokens",
    "cached_audio_input_tokens",
    "image_input_tokens",
    "reasoning_tokens",
    "audio_output_tokens",
    "image_output_tokens",
)
PLAIN_COUNTS = ("retries", "ratelimit_remaining_requests", "ratelimit_remaining_tokens")
BILLION = 10**9


def test_only_the_model_is_required_and_everything_else_has_its_default():
    call = accepted()

    assert call.model == "m"
    assert (call.provider, call.provider_raw, call.response_model) == ("", "", "")
    assert (call.operation, call.feature, call.team, call.environment) == ("chat", "default", "", "default")
    assert (call.user_id, call.session_id, call.project_slug) == ("", "", "")
    assert (call.usage.input_tokens, call.usage.output_tokens, call.usage.extra_units) == (0, 0, None)
    assert (call.usage.rule, call.usage.inconsistent) == ("unstated", False)
    assert (call.latency_ms, call.time_to_first_token_ms, call.reported_cost_usd) == (None, None, None)
    assert (call.status, call.error_type, call.http_status, call.stream) == ("ok", "", None, False)
    assert (call.service_tier, call.prompt_hash, call.prompt_prefix_hash) == ("standard", "", "")
    assert (call.usage_partial, call.usage_estimated, call.retries) == (False, False, None)
    assert (call.tags, call.source) == ("{}", "rest")


@pytest.mark.parametrize("model", [None, "", "   ", "\t\n"])
def test_an_event_without_a_model_is_rejected(model):
    assert refused(model=model) == [("model", "is required")]


def test_a_missing_model_is_rejected():
    assert [e.field for e in parse({"id": UUID7}).rejected[0].errors] == ["model"]


def test_a_model_of_a_wrong_type_is_reported_once():
    assert refused(model=5) == [("model", "must be a string")]


@pytest.mark.parametrize(("name", "longest"), [*TEXTS.items(), ("model", 255)])
def test_texts_are_kept_up_to_their_longest(name, longest):
    assert getattr(accepted(**{name: "é" * longest}), name) == "é" * longest
    assert refused(**{name: "é" * (longest + 1)}) == [(name, f"must be at most {longest} characters")]


@pytest.mark.parametrize("name", [*TEXTS, "model", "provider", "user_id", "operation", "status", "project"])
@pytest.mark.parametrize("value", [1, 1.5, True, [], {}, ["x"]])
def test_texts_of_another_type_are_rejected(name, value):
    assert refused(**{name: value}) == [(name, "must be a string")]


@pytest.mark.parametrize("name", [*TEXTS, "model", "user_id", "provider", "endpoint_name", "tags", "id"])
def test_nul_is_rejected_everywhere(name):
    value = {"k": "a\0b"} if name == "tags" else "a\0b"

    assert refused(**{name: value}) == [(name, "must not contain U+0000")]


@pytest.mark.parametrize("escaped", [r"\ud800", r"a\udc00b", r"\ud800A", r"\ud83d😀"])
@pytest.mark.parametrize("name", ["model", "id", "user_id", "trace_id"])
def test_lone_surrogates_are_rejected(name, escaped):
    rest = {"model": "m", "id": UUID7}
    rest.pop(name, None)
    text = json.dumps(rest)[:-1] + f', "{name}": "{escaped}"}}'

    [rejection] = parse_text(text).rejected

    assert (name, "must be valid Unicode, without lone surrogates") in [(e.field, e.message) for e in rejection.errors]


def test_a_surrogate_pair_is_one_character():
    [(_, call)] = parse_text(rf'{{"model": "m", "id": "{UUID7}", "team": "\ud83d\ude00"}}').calls

    assert call.team == "😀"


def test_other_control_characters_become_spaces():
    assert accepted(error_type="Time\nout\t!\x01").error_type == "Time out ! "


def test_an_escaped_backslash_is_kept():
    assert accepted(git_branch="feature\\new").git_branch == "feature\\new"


def test_an_empty_text_is_not_given():
    call = accepted(endpoint_name="", environment="", operation="", status="", service_tier="", user_id="")

    assert (call.feature, call.environment, call.operation) == ("default", "default", "chat")
    assert (call.status, call.service_tier, call.user_id) == ("ok", "standard", "")


def test_null_is_not_given():
    names = [*TEXTS, *COUNTS, *PLAIN_COUNTS, "input_tokens", "timestamp", "usage", "cost_usd", "tags", "stream"]

    assert accepted(**dict.fromkeys(names)) == accepted()


def test_the_first_name_of_an_alias_wins():
    assert accepted(feature="f").feature == "f"
    assert accepted(feature="f", endpoint_name="e").feature == "e"
    assert accepted(prompt_tokens=3, completion_tokens=4).usage.input_tokens == 3
    assert accepted(prompt_tokens=3, completion_tokens=4).usage.output_tokens == 4
    assert accepted(prompt_tokens=3, input_tokens=0).usage.input_tokens == 0


def test_a_contradicting_alias_is_warned_about():
    batch = parse({"model": "m", "id": UUID7, "input_tokens": 5, "prompt_tokens": 6, "completion_tokens": 1})

    assert [warning.field for warning in batch.warnings] == ["prompt_tokens"]
    assert batch.calls[0][1].usage.input_tokens == 5


def test_an_agreeing_alias_is_fine():
    assert parse({"model": "m", "id": UUID7, "output_tokens": 5, "completion_tokens": 5}).warnings == []


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("input_tokens", "input_tokens"),
        ("prompt_tokens", "input_tokens"),
        ("output_tokens", "output_tokens"),
        ("completion_tokens", "output_tokens"),
    ],
)
@pytest.mark.parametrize("value", [0, 1, BILLION])
def test_token_counts_are_integers_from_0_to_a_billion(name, stored, value):
    assert getattr(accepted(**{name: value}).usage, stored) == value


@pytest.mark.parametrize("name", COUNTS)
def test_parts_are_stored_beside_their_whole(name):
    whole = {"input_tokens": 100, "output_tokens": 100}

    assert getattr(accepted(**whole, **{name: 5}).usage, name) == 5


@pytest.mark.parametrize("name", ["input_tokens", "completion_tokens", "total_tokens", *COUNTS, *PLAIN_COUNTS])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-1, "must be ≥ 0"),
        (BILLION + 1, "must be ≤ 1000000000"),
        (10**30, "must be ≤ 1000000000"),
        (10**60, "must be ≤ 1000000000"),
        (1.5, "must be an integer"),
        (True, "must be an integer"),
        ("12", "must be an integer"),
        ([1], "must be an integer"),
        ({}, "must be an integer"),
    ],
)
def test_counts_that_are_not_counts_are_rejected(name, value, message):
    assert refused(**{name: value}) == [(name, message)]


@pytest.mark.parametrize(("written", "count"), [("12.0", 12), ("1.2e1", 12), ("1E9", BILLION), ("-0.0", 0)])
def test_whole_floats_are_integers(written, count):
    [(_, call)] = parse_text(f'{{"model": "m", "id": "{UUID7}", "input_tokens": {written}}}').calls

    assert call.usage.input_tokens == count


@pytest.mark.parametrize("written", ["1e400", "1e999999999999999999999", "9" * 500 + ".5", "1e-400"])
def test_absurd_floats_are_rejected(written):
    batch = parse_text(f'{{"model": "m", "id": "{UUID7}", "input_tokens": {written}}}')

    assert [e.field for e in batch.rejected[0].errors] == ["input_tokens"]


@pytest.mark.parametrize("name", PLAIN_COUNTS)
def test_plain_counts_are_kept(name):
    assert getattr(accepted(**{name: 3}), name) == 3
    assert getattr(accepted(**{name: 0}), name) == 0


@pytest.mark.parametrize("name", ["latency_ms", "time_to_first_token_ms"])
@pytest.mark.parametrize("value", [0, 12, 0.5, 1234.5678, BILLION])
def test_durations_are_numbers_from_0(name, value):
    assert getattr(accepted(**{name: value}), name) == value
    assert getattr(accepted(**{name: value}, unknown=1), name) == value


@pytest.mark.parametrize("name", ["latency_ms", "time_to_first_token_ms"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-1, "must be ≥ 0"),
        (-0.5, "must be ≥ 0"),
        (BILLION + 1, "must be ≤ 1000000000"),
        ("5", "must be a number"),
        (True, "must be a number"),
        ([], "must be a number"),
    ],
)
def test_durations_that_are_not_durations_are_rejected(name, value, message):
    assert refused(**{name: value}) == [(name, message)]


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity"])
def test_numbers_json_does_not_have_make_the_document_malformed_only_in_its_line(written):
    lines = f'{{"model": "m", "latency_ms": {written}}}\n{{"model": "m"}}'

    batch = parse_text(lines, content_type="application/x-ndjson")

    assert [r.index for r in batch.rejected] == [0]
    assert [index for index, _ in batch.calls] == [1]


@pytest.mark.parametrize("name", ["stream", "usage_partial", "usage_estimated"])
def test_flags_are_booleans(name):
    assert getattr(accepted(**{name: True}), name) is True
    assert getattr(accepted(**{name: False}), name) is False
    assert getattr(accepted(**{name: True}, unknown=1), name) is True
    wrong: tuple[object, ...] = (1, 0, "true", [], 1.0)
    for value in wrong:
        assert refused(**{name: value}) == [(name, "must be true or false")]


@pytest.mark.parametrize("value", [0, 200, 599, 999])
def test_http_status_is_a_small_integer(value):
    assert accepted(http_status=value).http_status == value


@pytest.mark.parametrize(
    ("value", "message"), [(1000, "must be ≤ 999"), (-1, "must be ≥ 0"), ("200", "must be an integer")]
)
def test_other_http_statuses_are_rejected(value, message):
    assert refused(http_status=value) == [("http_status", message)]


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("ok", "ok"), ("OK", "ok"), ("success", "ok"), ("error", "error"), ("failed", "error"), ("failure", "error")],
)
def test_status_is_ok_or_error(sent, stored):
    assert accepted(status=sent).status == stored


def test_another_status_is_rejected():
    assert refused(status="great") == [("status", "must be ok or error")]


def test_an_event_that_names_no_status_failed_if_it_says_how():
    assert accepted(error_type="RateLimitError").status == "error"
    assert accepted(http_status=429).status == "error"
    assert accepted(http_status=399).status == "ok"
    assert accepted(http_status=500, status="ok").status == "ok"


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("standard", "standard"),
        ("auto", "standard"),
        ("default", "standard"),
        ("on_demand", "standard"),
        ("batch", "batch"),
        ("flex", "flex"),
        ("priority", "priority"),
        ("fast", "fast"),
        ("Priority", "priority"),
    ],
)
def test_service_tiers_are_normalised(sent, stored):
    assert accepted(service_tier=sent).service_tier == stored


def test_an_unknown_service_tier_is_rejected_because_its_price_is_unknown():
    assert refused(service_tier="gold") == [("service_tier", "must be one of standard, batch, flex, priority, fast")]


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("Chat", "chat"),
        ("embeddings", "embedding"),
        ("text_completion", "completion"),
        ("generate_content", "chat"),
        ("rerank", "rerank"),
        ("moderation", "moderation"),
    ],
)
def test_operations_are_an_open_set_in_lower_case(sent, stored):
    assert accepted(operation=sent).operation == stored


def test_a_letter_that_grows_in_lower_case_keeps_dimensions_in_their_limits():
    assert len(accepted(operation="İ" * 50).operation) == 50
    assert len(accepted(provider="İ" * 100).provider) == 100


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("0.00123", "0.00123"),
        ("12", "12"),
        ("1e-7", "0.0000001"),
        ('"0.1000"', "0.1000"),
        ('"+3.5"', "3.5"),
        ("0.1234567890123456789012345", "0.1234567890123456789012345"),
        ("0", "0"),
        ("-0.0", "0.0"),
        ("0e-400", "0"),
        ("1000000000", "1000000000"),
    ],
)
def test_cost_is_exact_whether_it_is_a_string_or_a_number(sent, stored):
    [(_, call)] = parse_text(f'{{"model": "m", "id": "{UUID7}", "cost_usd": {sent}}}').calls

    assert isinstance(call.reported_cost_usd, Decimal)
    assert call.reported_cost_usd == Decimal(stored)
    assert not call.reported_cost_usd.is_signed()


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ("-0.01", "must be ≥ 0"),
        ("1000000001", "must be ≤ 1000000000"),
        ("1e400", "must be ≤ 1000000000"),
        ("1e999999999999", "must be ≤ 1000000000"),
        ("1e-31", "must have at most 30 decimal places"),
        ('"NaN"', "must be a decimal number"),
        ('"Infinity"', "must be a decimal number"),
        ('"1_000"', "must be a decimal number"),
        ('" 1 "', "must be a decimal number"),
        ('"١٢"', "must be a decimal number"),
        ('"$1"', "must be a decimal number"),
        ('""', "must be a decimal number"),
        ("true", "must be a number"),
        ("[1]", "must be a number"),
        ('"%s"' % ("9" * 3000), "is too long"),
    ],
)
def test_costs_that_are_not_money_are_rejected(sent, message):
    batch = parse_text(f'{{"model": "m", "id": "{UUID7}", "cost_usd": {sent}}}')

    assert [(e.field, e.message) for e in batch.rejected[0].errors] == [("cost_usd", message)]


@pytest.mark.parametrize("name", ["prompt_hash", "prompt_prefix_hash"])
def test_prompt_hashes_are_keyed_before_anybody_sees_them(name):
    stored = getattr(accepted(**{name: "AB12" * 16}), name)

    assert stored == keyed_hash(name, "ab12" * 16, KEY)
    assert re.fullmatch("[0-9a-f]{64}", stored)


def test_equal_hashes_of_different_fields_stay_apart():
    call = accepted(prompt_hash="ab", prompt_prefix_hash="ab")

    assert call.prompt_hash != call.prompt_prefix_hash


@pytest.mark.parametrize("name", ["prompt_hash", "prompt_prefix_hash"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("xyz", "must be hexadecimal"),
        ("ab 12", "must be hexadecimal"),
        ("٣", "must be hexadecimal"),
        ("a" * 129, "must be at most 128 characters"),
        (12, "must be a string"),
    ],
)
def test_prompt_hashes_are_hexadecimal(name, value, message):
    assert refused(**{name: value}) == [(name, message)]


def test_tags_are_kept_as_json():
    tags = {"app": "web", "größe": "10 ×", "empty": "", 'quo"te': "back\\slash"}

    assert json.loads(accepted(tags=tags).tags) == tags


@pytest.mark.parametrize(("value", "stored"), [(1, "1"), (1.50, "1.5"), (True, "true"), (False, "false")])
def test_numbers_and_booleans_in_tags_become_text(value, stored):
    assert json.loads(accepted(tags={"k": value, "s": "x"}).tags) == {"k": stored, "s": "x"}


def test_null_in_tags_is_not_given():
    assert json.loads(accepted(tags={"k": None, "s": "x"}).tags) == {"s": "x"}
    assert accepted(tags={"k": None}).tags == "{}"


def test_tags_at_their_limits_are_accepted():
    tags = {f"{'k' * 48}{i:02}": "v" * 200 for i in range(20)}

    assert json.loads(accepted(tags=tags).tags) == tags
    assert json.loads(accepted(tags=tags, unknown=1).tags) == tags


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({str(i): "v" for i in range(21)}, "must have at most 20 keys"),
        ({"k" * 51: "v"}, "keys must be at most 50 characters"),
        ({"k": "v" * 201}, "must be at most 200 characters"),
        ({"k": {"nested": 1}}, "values must be strings, numbers or booleans"),
        ({"k": ["x"]}, "values must be strings, numbers or booleans"),
        ({"k\0": "v"}, "must not contain U+0000"),
        (["k"], "must be an object"),
        ("k=v", "must be an object"),
    ],
)
def test_tags_beyond_their_limits_are_rejected(tags, message):
    assert refused(tags=tags) == [("tags", message)]


def test_lone_surrogates_in_tags_are_rejected():
    for tags in (r'{"k": "\ud800"}', r'{"\udfff": "v"}'):
        [rejection] = parse_text(f'{{"model": "m", "id": "{UUID7}", "tags": {tags}}}').rejected

        assert [e.field for e in rejection.errors] == ["tags"]


def test_content_names_inside_tags_are_the_users_own_words():
    batch = parse({"model": "m", "id": UUID7, "tags": {"prompt": "v3", "messages": "many"}})

    assert batch.content_fields_dropped == 0
    assert json.loads(batch.calls[0][1].tags) == {"prompt": "v3", "messages": "many"}


def test_extra_units_are_exact_quantities():
    text = (
        f'{{"model": "m", "id": "{UUID7}", "extra_units": {{"web_searches": 2, "audio_seconds": 12.345, "x": null}}}}'
    )

    [(_, call)] = parse_text(text).calls

    assert call.usage.extra_units == {"web_searches": Decimal(2), "audio_seconds": Decimal("12.345")}


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ({"pages": -1}, "must be ≥ 0"),
        ({"pages": BILLION + 1}, "must be ≤ 1000000000"),
        ({"pages": "3"}, "must be a number"),
        ({"pages": True}, "must be a number"),
        ({"Pages": 1}, "keys must be catalogue units in lower_case, at most 50 characters"),
        ({"p" * 51: 1}, "keys must be catalogue units in lower_case, at most 50 characters"),
        ({f"u{i}": 1 for i in range(21)}, "must have at most 20 keys"),
        ([], "must be an object"),
        (3, "must be an object"),
    ],
)
def test_extra_units_that_are_not_quantities_are_rejected(units, message):
    assert refused(extra_units=units) == [("extra_units", message)]


def test_empty_extra_units_are_not_given():
    assert accepted(extra_units={}).usage.extra_units is None


def test_personal_looking_user_ids_are_stored_as_a_keyed_hash():
    stored = accepted(user_id="ada@example.org").user_id

    assert stored == "user:" + keyed_hash("user_id", "ada@example.org", KEY)[:32]


@pytest.mark.parametrize(
    ("user_id", "hidden"),
    [
        ("customer_42", False),
        ("123456", False),
        ("1234567", True),
        ("+49 (30) 123-45", True),
        ("u-1-2-3-4-5-6", False),
        ("u-1-2-3-4-5-6-7", True),
        ("a@b", True),
        ("@", True),
        ("٠١٢٣٤٥٦", True),
        ("6c1d6f2e-8a0b-4b2c-9d3e-1f2a3b4c5d6e", True),
    ],
)
def test_an_at_sign_or_seven_digits_look_personal(user_id, hidden):
    assert (accepted(user_id=user_id).user_id != user_id) is hidden


def test_a_project_may_allow_personal_ids():
    batch = parse({"model": "m", "id": UUID7, "user_id": "ada@example.org"}, allow_personal_ids=True)

    assert batch.calls[0][1].user_id == "ada@example.org"


def test_the_same_person_gets_the_same_hash_only_under_the_same_key():
    event = {"model": "m", "user_id": "ada@example.org"}
    batch = parse([event, event])
    other = parse(event, hash_key=b"another key")

    assert batch.calls[0][1].user_id == batch.calls[1][1].user_id
    assert other.calls[0][1].user_id != batch.calls[0][1].user_id


def test_the_provider_is_normalised_and_its_raw_name_kept():
    call = accepted(provider="Azure_OpenAI")

    assert (call.provider, call.provider_raw) == ("azure.ai.openai", "Azure_OpenAI")


def test_a_missing_provider_is_inferred_from_the_model():
    call = accepted(model="gemini-2.5-pro")

    assert (call.provider, call.provider_raw) == ("gcp.gemini", "")


def test_a_framework_is_not_a_provider():
    call = accepted(provider="LangChain", model="gemini-2.5-pro")

    assert (call.provider, call.provider_raw) == ("gcp.gemini", "LangChain")


def test_a_provider_is_inferred_once_for_each_model_of_a_request():
    asked: list[str] = []

    def infer(model: str) -> str:
        asked.append(model)
        return "openai"

    parse([{"model": m} for m in ("a", "b", "a", "a")], infer_provider=infer)

    assert asked == ["a", "b"]


def test_a_named_project_is_left_to_the_caller():
    assert accepted(project="shop").project_slug == "shop"


def test_naming_the_keys_own_project_says_nothing_new():
    event = {"model": "m", "id": UUID7}

    assert parse(event | {"project": "shop"}, project_slug="shop").calls[0][1].project_slug == ""
    assert parse(event | {"project": "blog"}, project_slug="shop").calls[0][1].project_slug == "blog"
    assert parse(event, project_slug="shop").calls[0][1].project_slug == ""


def test_the_source_is_the_servers_to_say():
    batch = parse({"model": "m", "id": UUID7, "source": "gateway"}, source="sdk")

    assert batch.calls[0][1].source == "sdk"
    assert [(w.field, w.message) for w in batch.warnings] == [("source", "is set by the server: ignored")]


def test_every_mistake_of_an_event_is_named_at_once():
    wrong = refused(
        model="", input_tokens=-1, timestamp="soon", status="meh", stream="yes", cost_usd="x", prompt_hash="?"
    )

    assert sorted(field for field, _ in wrong) == [
        "cost_usd",
        "input_tokens",
        "model",
        "prompt_hash",
        "status",
        "stream",
        "timestamp",
    ]


def test_the_fast_and_the_careful_way_agree():
    event = {
        "id": UUID7,
        "timestamp": 1789389015.5,
        "model": "gpt-4o",
        "provider": "openai",
        "feature": "f",
        "team": "t",
        "environment": "e",
        "user_id": "u",
        "session_id": "s",
        "trace_id": "tr",
        "input_tokens": 10,
        "cached_input_tokens": 4,
        "output_tokens": 5,
        "latency_ms": 3,
        "stream": True,
        "tags": {"a": "b"},
        "cost_usd": "0.1",
        "extra_units": {"pages": 1.5},
        "usage_partial": True,
        "retries": 2,
    }

    fast, careful = accepted(**event), accepted(**event, something_unknown=1)

    assert fast == careful
    assert fast.started_at == datetime(2026, 9, 14, 12, 30, 15, 500000, tzinfo=UTC)
