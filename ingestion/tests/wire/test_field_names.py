import json

import pytest

from ingestion.tests.wire.builders import MARKER
from ingestion.wire.event import CAMEL_NAMES
from ingestion.wire.field_names import CONTENT, MOST_NAMES, UNKNOWN, event_names, kept_name, kept_names
from ingestion.wire.otlp import names
from ingestion.wire.otlp.content import carries_content


@pytest.mark.parametrize("name", sorted(CAMEL_NAMES))
def test_every_name_of_the_contract_is_kept(name):
    assert kept_name(name) == name


@pytest.mark.parametrize("name", [*names.REQUEST_MODEL, *names.INPUT, *names.OUTPUT, names.TEAM, names.PROJECT])
def test_attributes_of_the_dialects_are_kept(name):
    assert kept_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("modle", "mode", "modell", "nodel", "input_token", "inputTokns", "latnecy_ms"),
        *("token_count", "llmModel", "total_cost", "start_time", "max_tokens", "customer_id", "responseTime"),
    ],
)
def test_a_misspelt_or_foreign_field_is_kept_because_it_explains_the_refusal(name):
    assert kept_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "What is my balance?", "my secret", "my_secret", "ada.lovelace", "hunter2", "AKIA1234", MARKER),
        *("4111111111111111", "model4111", "card_4111", "+4915112345678", "0101", "model=gpt", "model\n", "mödel"),
        *("model_" * 9, "cat", "model_cat", "mdoell", "to_be_or_not_to_be", "\ud800"),
    ],
)
def test_what_could_say_something_is_not_kept(name):
    assert kept_name(name) == UNKNOWN


def test_names_are_sorted_once_each_and_content_is_only_said_to_be_there():
    found = kept_names(["team", "prompt", "messages", "Why?", "How?", "model", "model"])

    assert found == (CONTENT, UNKNOWN, "model", "team")


def test_attributes_have_their_own_idea_of_content():
    given = ["gen_ai.prompt.0.content", "llm.token_count.prompt", "exception.message"]

    assert kept_names(given, is_content=carries_content) == (CONTENT, "llm.token_count.prompt")


def test_the_number_of_names_is_bounded():
    many = [f"{first}_{second}" for first in ("model", "team", "user", "token") for second in names_of_ten()]

    assert len(kept_names(many)) == MOST_NAMES < len(many)


def names_of_ten():
    return ["id", "key", "name", "count", "type", "value", "kind", "label", "level", "data"]


@pytest.mark.parametrize("raw", [b"", b"[]", b"7", b"{", b'{"a":', b"null", b"[" * 100_000, b"\xff", b'{"\xff": 1}'])
def test_what_is_no_event_has_no_names(raw):
    assert event_names(raw) == ()


def test_names_of_an_event_are_those_of_its_members_only():
    raw = json.dumps({"model": {"team": 1}, "user_id": ["session_id"]}).encode()

    assert event_names(raw) == ("model", "user_id")


def test_a_very_large_event_is_not_read_again():
    assert event_names(json.dumps({"model": "m" * 100_000}).encode()) == ()
