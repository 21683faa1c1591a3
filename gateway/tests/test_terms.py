"""What a provider and a credential may be, word by word; no message repeats what was given."""

import pytest
from django.core.exceptions import ValidationError

from gateway import terms
from gateway.tests.provider_factories import wanted_provider


@pytest.fixture(autouse=True)
def nothing_is_allowed(settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = []


def refusals(**other):
    with pytest.raises(ValidationError) as refused:
        terms.check_provider(wanted_provider(**other))
    return refused.value.message_dict


# --- Addresses ---


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("https://llm.example.com", "https://llm.example.com"),
        (" https://LLM.example.com/ ", "https://llm.example.com"),
        ("https://llm.example.com:443", "https://llm.example.com"),
        ("https://llm.example.com:8443", "https://llm.example.com:8443"),
        ("https://[2606:4700::1111]:8443", "https://[2606:4700::1111]:8443"),
    ],
)
def test_an_address_is_stored_in_its_usual_form(given, stored):
    assert terms.check_provider(wanted_provider(origin=given)).origin == stored


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("http://llm.example.com", "The URL must begin with https://."),
        ("llm.example.com", "This is not a URL with a host name."),
        ("ftp://llm.example.com", "The URL must begin with https://."),
        ("https://user:hunter2@llm.example.com", "A URL must not have a name and password in it."),
        ("https://10.1.2.3", "The host has an address that is not public, and such are not connected to."),
        ("https://127.0.0.1:8000", "The host has an address that is not public, and such are not connected to."),
        ("https://169.254.169.254", "The host has an address that is not public, and such are not connected to."),
        ("https://[::1]", "The host has an address that is not public, and such are not connected to."),
        ("https://[::ffff:10.0.0.1]", "The host has an address that is not public, and such are not connected to."),
        ("https://2130706433", "This is not a URL with a host name."),
        (
            "https://llm.example.com/v1/hunter2",
            "The address ends after host and port: a path has its own field, Base path.",
        ),
        (
            "https://llm.example.com/?key=hunter2",
            "The address ends after host and port: a path has its own field, Base path.",
        ),
        (
            "https://llm.example.com/#hunter2",
            "The address ends after host and port: a path has its own field, Base path.",
        ),
        ("https://llm.example.com\r\nhost: evil", "This is not a URL."),
        ("", "This is not a URL with a host name."),
    ],
)
def test_an_address_that_leads_where_nobody_may_send_us_is_refused(given, sentence):
    found = refusals(origin=given)

    assert found == {"origin": [sentence]}
    assert "hunter2" not in str(found)


def test_private_addresses_are_taken_where_the_operator_allows_them(settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = ["10.1.0.0/16"]

    assert terms.check_provider(wanted_provider(origin="http://10.1.2.3:11434")).origin == "http://10.1.2.3:11434"
    assert refusals(origin="https://10.2.2.3") == {
        "origin": ["The host has an address that is not public, and such are not connected to."]
    }


@pytest.mark.parametrize(
    ("given", "stored"),
    [("", ""), ("/v1", "/v1"), ("/openai/v1/", "/openai/v1"), ("/v1/projects/p:1", "/v1/projects/p:1")],
)
def test_a_base_path_is_stored_without_its_last_slash(given, stored):
    assert terms.check_provider(wanted_provider(base_path=given)).base_path == stored


@pytest.mark.parametrize("given", ["v1", "/v1//x", "/../admin", "/v1/.", "/v1?x=1", "/v1#x", "/v1/%2e", "/v 1", "/é"])
def test_a_base_path_that_is_none_is_refused(given):
    assert set(refusals(base_path=given)) == {"base_path"}


# --- Where the credential goes ---


def test_headers_are_stored_in_lower_case_and_only_where_they_are_used():
    assert terms.check_provider(wanted_provider(auth="header", auth_name=" X-Api-Key ")).auth_name == "x-api-key"
    assert terms.check_provider(wanted_provider(auth="query", auth_name="Key")).auth_name == "Key"
    assert terms.check_provider(wanted_provider(auth="bearer", auth_name="x-left-over")).auth_name == ""


@pytest.mark.parametrize(
    "name",
    ["", "host", "Cookie", "Content-Length", "TS-API-Key", "X-TokenOps-Key", "Helicone-Auth", "x key", "a:b", "é"],
)
def test_a_credential_cannot_go_into_a_header_that_would_not_arrive(name):
    assert set(refusals(auth="header", auth_name=name)) == {"auth_name"}


@pytest.mark.parametrize("name", ["", "a&b", "a=b", "a b", "é"])
def test_a_query_parameter_has_a_plain_name(name):
    assert set(refusals(auth="query", auth_name=name)) == {"auth_name"}


# --- The rest ---


def test_everything_that_is_wrong_is_said_at_once():
    found = refusals(slug="Not A Slug", name=" ", preset="nobody", auth="carrier-pigeon", total_seconds=0)

    assert set(found) == {"slug", "name", "preset", "auth", "total_seconds"}
    assert found["total_seconds"] == ["Use 1 to 86,400 seconds."]


@pytest.mark.parametrize(
    ("field", "most"), [("first_byte_seconds", 3_600), ("idle_seconds", 3_600), ("total_seconds", 86_400)]
)
def test_patience_has_bounds(field, most):
    terms.check_provider(wanted_provider(**{field: most}))

    assert set(refusals(**{field: most + 1})) == {field}


def test_a_slug_has_at_most_fifty_characters():
    terms.check_provider(wanted_provider(slug="s" * 50))

    assert refusals(slug="s" * 51) == {"slug": ["Use 50 characters at most."]}


# --- Secrets ---


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("", "Paste the key that the provider gave you."),
        (" \t\n ", "Paste the key that the provider gave you."),
        ("tko_abcdefgh_hunter2", "This is a key of TokenOps. Paste the key that the provider gave you."),
        ("Bearer hunter2", "Paste the key alone, without the word “Bearer” before it."),
        ("hunter2\nx-evil: 1", "A key is one line of plain letters, digits and signs, without spaces in it."),
        ("hunter2\r\n\r\nGET /", "A key is one line of plain letters, digits and signs, without spaces in it."),
        ("hunter2\0", "A key is one line of plain letters, digits and signs, without spaces in it."),
        ("hunter2\x7f", "A key is one line of plain letters, digits and signs, without spaces in it."),
        ("hunter2 hunter2", "A key is one line of plain letters, digits and signs, without spaces in it."),
        ("schlüssel-hunter2", "A key is one line of plain letters, digits and signs, without spaces in it."),
        ("hunter2" * 1_143, "Use 8,000 characters at most."),
    ],
)
def test_what_cannot_be_a_credential_is_refused_and_not_repeated(given, sentence):
    with pytest.raises(ValidationError) as refused:
        terms.check_secret(given)

    assert refused.value.message_dict == {"secret": [sentence]}
    assert "hunter2" not in str(refused.value)


def test_blanks_around_a_credential_are_not_part_of_it():
    assert terms.check_secret("  sk-123\n") == "sk-123"


def test_short_secrets_have_no_hint():
    assert terms.hint("0123456789a") == ""
    assert terms.hint("0123456789ab") == "89ab"


def test_a_secret_is_in_no_representation():
    wanted = terms.WantedCredential(provider="openai", name="P", secret="hunter2")

    assert "hunter2" not in repr(wanted)
