import pytest

from ingestion.wire.content import is_content, shown_name
from ingestion.wire.event import CAMEL_NAMES


@pytest.mark.parametrize(
    "name",
    [
        "messages",
        "prompt",
        "input",
        "output",
        "completion",
        "response",
        "system",
        "contents",
        "choices",
        "text",
        "tools",
        "tool_calls",
        "Messages",
        "systemPrompt",
        "system_prompt",
        "response-body",
        "error_message",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
        "gen_ai.prompt",
        "gen_ai.prompt.0.content",
        "gen_ai.completion.0.content",
        "llm.input_messages.0.message.content",
        "traceloop.entity.input",
        "ai.prompt.messages",
        "ai.response.text",
        "ai.response.toolCalls",
    ],
)
def test_these_carry_content(name):
    assert is_content(name)


@pytest.mark.parametrize(
    "name",
    [
        "temperature",
        "max_tokens",
        "gen_ai.usage.input_tokens",
        "gen_ai.request.model",
        "prompt_id",
        "",
        "foo.messages",
        "llm.usage.completion_tokens",
        "texture",
        "x" * 10000,
    ],
)
def test_these_do_not(name):
    assert not is_content(name)


@pytest.mark.parametrize("name", sorted(CAMEL_NAMES))
def test_no_field_of_the_event_is_taken_for_content(name):
    assert not is_content(name)


@pytest.mark.parametrize("name", ["temperature", "_x", "gen_ai.usage.foo", "x-y", "a" * 64])
def test_identifiers_are_shown(name):
    assert shown_name(name) == name


@pytest.mark.parametrize("name", ["", "a" * 65, "my secret", "1st", "naïve", "a\n", "a\0", "{}", "\ud800"])
def test_everything_else_is_not(name):
    assert shown_name(name) == "(name not shown)"
