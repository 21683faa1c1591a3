"""What was said in a call is hashed and counted; not a word of it is in what we keep."""

import json
from typing import Any

import msgspec
import pytest

from ingestion.tests.wire.builders import KEY, MARKER
from ingestion.tests.wire.otlp.builders import CHAT, accepted, event, parse, parse_protobuf, request, span
from ingestion.wire.identity import keyed_hash
from ingestion.wire.otlp.content import Places, carries_content, places_of

MESSAGES = [{"role": "system", "parts": ["be brief"]}, {"role": "user", "parts": [{"content": MARKER}]}]
CONTENT_ATTRIBUTES: dict[str, Any] = {
    "gen_ai.input.messages": json.dumps(MESSAGES),
    "gen_ai.output.messages": [{"role": "assistant", "parts": [MARKER]}],
    "gen_ai.system_instructions": MARKER,
    "gen_ai.tool.definitions": [MARKER],
    "gen_ai.prompt": MARKER,
    "gen_ai.completion": MARKER,
    "gen_ai.prompt.0.content": MARKER,
    "gen_ai.prompt.0.role": "user",
    "gen_ai.completion.0.content": MARKER,
    "traceloop.entity.input": MARKER,
    "traceloop.entity.output": MARKER,
    "llm.input_messages.0.message.content": MARKER,
    "llm.output_messages.0.message.content": MARKER,
    "input.value": MARKER,
    "output.value": MARKER,
    "ai.prompt": MARKER,
    "ai.prompt.messages": MARKER,
    "ai.response.text": MARKER,
    "ai.response.toolCalls": MARKER,
    "ai.response.object": MARKER,
    "langfuse.observation.input": MARKER,
    "langfuse.observation.output": MARKER,
    "mlflow.spanInputs": MARKER,
    "mlflow.spanOutputs": MARKER,
    "all_messages_events": MARKER,
    "final_result": MARKER,
    "genkit:input": MARKER,
    "genkit:output": MARKER,
    "gcp.vertex.agent.llm_request": MARKER,
    "gcp.vertex.agent.llm_response": MARKER,
    "lk.chat_ctx": MARKER,
    "tool.parameters": MARKER,
    "embedding.embeddings.0.embedding.text": MARKER,
}


@pytest.mark.parametrize("name", CONTENT_ATTRIBUTES)
def test_content_is_dropped_and_counted(name):
    batch = parse(request([span(CHAT | {name: CONTENT_ATTRIBUTES[name]})]))

    assert batch.content_fields_dropped == 1
    assert MARKER not in msgspec.json.encode(batch).decode()


@pytest.mark.parametrize(
    "name",
    [
        *("gen_ai.usage.prompt_tokens", "llm.token_count.prompt", "llm.token_count.completion", "llm.cost.prompt"),
        *("gen_ai.usage.completion_tokens", "gen_ai.completion.0.finish_reason", "llm.prompt_template.version"),
        *("gen_ai.request.model", "gen_ai.usage.prompt_tokens_details.cached_tokens", "http.route"),
    ],
)
def test_counts_are_not_content(name):
    assert not carries_content(name)


def test_all_of_it_at_once_in_both_encodings():
    said = {"body": MARKER, "gen_ai.event.content": MARKER, "content": MARKER}
    events = [event("gen_ai.user.message", {"content": MARKER}), event("gen_ai.choice", said)]
    events += [event("exception", {"exception.type": "E", "exception.message": MARKER})]
    attributes = CHAT | CONTENT_ATTRIBUTES | {f"nobody.knows.{n}": MARKER for n in range(9)} | {MARKER: MARKER}
    document = request(
        [span(attributes, name=MARKER, events=events, status={"code": 2, "message": MARKER}, traceState=MARKER)],
        resource={"process.command_line": MARKER, "host.name": MARKER},
        scope=MARKER,
        version=MARKER,
    )

    for batch in (parse(document), parse_protobuf(document)):
        assert len(batch.calls) == 1
        assert batch.content_fields_dropped == len(CONTENT_ATTRIBUTES) + 5
        assert MARKER not in msgspec.json.encode(batch).decode()


def test_refusals_repeat_nothing():
    attributes = CHAT | {"gen_ai.usage.input_tokens": MARKER, "tokenops.team": [MARKER]} | CONTENT_ATTRIBUTES

    batch = parse(request([span(attributes, startTimeUnixNano="0"), span(attributes={MARKER: MARKER})]))

    assert len(batch.rejected) == 2
    assert MARKER not in msgspec.json.encode(batch).decode()


def test_the_same_prompt_has_the_same_hash_however_it_is_encoded():
    written = accepted(CHAT | {"gen_ai.input.messages": json.dumps(MESSAGES, indent=1)})
    structured = accepted(CHAT | {"gen_ai.input.messages": MESSAGES})
    other = accepted(CHAT | {"gen_ai.input.messages": json.dumps(MESSAGES[:1])})

    assert written.prompt_hash == structured.prompt_hash != other.prompt_hash
    assert written.prompt_prefix_hash == structured.prompt_prefix_hash == other.prompt_prefix_hash
    assert len(written.prompt_hash) == 64


def test_the_hash_is_what_the_contract_says_under_the_organization_s_key():
    import hashlib

    plain = json.dumps({"messages": MESSAGES, "model": "gpt-4o"}, sort_keys=True, separators=(",", ":"))

    call = accepted(CHAT | {"gen_ai.input.messages": MESSAGES})

    assert call.prompt_hash == keyed_hash("prompt_hash", hashlib.sha256(plain.encode()).hexdigest(), KEY)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"gen_ai.prompt.0.content": "a"}, {"gen_ai.prompt.0.content": "b"}),
        ({"llm.input_messages.0.message.content": "a"}, {"llm.input_messages.0.message.content": "b"}),
        ({"ai.prompt.messages": '["a"]'}, {"ai.prompt.messages": '["b"]'}),
        ({"input.value": "a"}, {"input.value": "b"}),
        ({"gen_ai.system_instructions": "a"}, {"gen_ai.system_instructions": "b"}),
        (
            {"gen_ai.input.messages": '["a"]', "gen_ai.tool.definitions": '["t"]'},
            {"gen_ai.input.messages": '["a"]', "gen_ai.tool.definitions": '["u"]'},
        ),
    ],
)
def test_another_prompt_is_another_hash(one, other):
    assert accepted(CHAT | one).prompt_hash == accepted(CHAT | one | {"gen_ai.usage.input_tokens": 5}).prompt_hash != ""
    assert accepted(CHAT | one).prompt_hash != accepted(CHAT | other).prompt_hash
    assert accepted(CHAT | one | {"gen_ai.request.model": "m2"}).prompt_hash != accepted(CHAT | one).prompt_hash


def test_messages_told_as_events_are_hashed():
    one = accepted(CHAT, events=[event("gen_ai.user.message", {"content": "a"})])
    other = accepted(CHAT, events=[event("gen_ai.user.message", {"content": "b"})])

    assert one.prompt_hash != other.prompt_hash
    assert "" not in {one.prompt_hash, other.prompt_hash}


def test_without_content_there_is_no_hash():
    call = accepted(CHAT)

    assert (call.prompt_hash, call.prompt_prefix_hash) == ("", "")


def test_indexed_messages_are_hashed_by_index_however_they_are_ordered():
    members = {f"gen_ai.prompt.{number}.content": str(number) for number in (0, 2, 10)}
    others = {"gen_ai.prompt.x.content": "no index", "gen_ai.prompt.1000000.content": "nobody has so many"}

    one = accepted(CHAT | members)
    turned = accepted(CHAT | dict(reversed(members.items())) | others)
    fewer = accepted(CHAT | {"gen_ai.prompt.0.content": "0"})

    assert turned.prompt_hash == one.prompt_hash != fewer.prompt_hash
    assert turned.prompt_prefix_hash == one.prompt_prefix_hash == fewer.prompt_prefix_hash != ""


def test_places_are_those_of_the_first_prefix_there_is():
    names = ("llm.tools.0.name", "llm.input_messages.0.role", "gen_ai.prompt.1.role", "gen_ai.prompt.0.role", "model")

    places = places_of(names)

    assert places.messages == ((("gen_ai.prompt.0.role", "role"),), (("gen_ai.prompt.1.role", "role"),))
    assert places.tools == ((("llm.tools.0.name", "name"),),)
    assert places_of(("model",)) == Places()
