"""Every program of the Connect page: it compiles, and the client it makes asks the gateway."""

import re
from typing import Any, Final
from urllib.parse import urlsplit

import anthropic
import openai
import pytest
from google import genai
from mistralai.client import Mistral

from gateway import snippets as made
from gateway.programs import DIALECT_SDKS, FRAMEWORKS, SDKS
from gateway.providers import PRESETS
from gateway.snippets import Mode, key_variable, proxy_url, sdk_base_url, snippets
from gateway.types import Auth, Dialect, Provider

BASE: Final = "https://ops.example"


def provider(slug: str = "openai", **columns: Any) -> Provider:
    given: dict[str, Any] = {"name": slug, "canonical": slug, "origin": f"https://api.{slug}.test", "base_path": "/v1"}
    return Provider(slug=slug, **(given | {"dialect": Dialect.OPENAI} | columns))


OPENAI: Final = provider()
MISTRAL: Final = provider("mistral")
ANTHROPIC: Final = provider(
    "anthropic", dialect=Dialect.ANTHROPIC, auth=Auth.HEADER, auth_name="x-api-key", base_path=""
)
GOOGLE: Final = provider(
    "google", dialect=Dialect.GEMINI, auth=Auth.HEADER, auth_name="x-goog-api-key", base_path="/v1beta"
)
EVERY: Final = (
    OPENAI,
    MISTRAL,
    ANTHROPIC,
    GOOGLE,
    provider("groq", base_path="/openai/v1"),
    provider("ollama", dialect=Dialect.OLLAMA, auth=Auth.NONE, base_path=""),
    provider("cohere", dialect=Dialect.COHERE, base_path=""),
    provider("bedrock", dialect=Dialect.BEDROCK, base_path=""),
    provider("replicate", dialect=Dialect.OTHER),
    provider("azure", auth=Auth.HEADER, auth_name="api-key", base_path="/openai"),
    provider("vertex", dialect=Dialect.GEMINI, base_path=""),
)


def code(of: Provider, title: str, mode: Mode = Mode.OWN) -> str:
    found = snippets(of, base_url=BASE, mode=mode)
    return next(snippet.code for snippet in [*found.sdks, *found.frameworks] if snippet.title == title)


def client(text: str, cls: type, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a program up to its first call, and hand over the client it made."""
    for name in re.findall(r'os\.environ\["(\w+)"\]', text):
        monkeypatch.setenv(name, f"value-of-{name}")
    names: dict[str, Any] = {}
    exec(compile(text.partition("\nanswer = ")[0], "snippet", "exec"), names)  # noqa: S102
    return next(value for value in names.values() if isinstance(value, cls))


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("of", EVERY, ids=lambda of: of.slug)
def test_every_python_program_compiles_and_leaves_no_gap(of, mode):
    found = snippets(of, base_url=BASE, mode=mode)

    for snippet in [*found.sdks, *found.frameworks]:
        assert "%(" not in snippet.code
        assert f"{BASE}/v1/proxy/{of.slug}" in snippet.code
        if snippet.code.startswith("import os"):
            compile(snippet.code, snippet.title, "exec")


def test_at_most_six_tabs_are_side_by_side():
    for of in EVERY:
        found = snippets(of, base_url=BASE, mode=Mode.OWN)
        assert len(found.sdks) <= 6
        assert len(found.frameworks) <= 6


@pytest.mark.parametrize("of", EVERY, ids=lambda of: of.slug)
def test_the_tokenops_key_travels_beside_a_key_of_ones_own_and_alone_instead_of_a_stored_one(of):
    for snippet in snippets(of, base_url=BASE, mode=Mode.OWN).sdks:
        assert "TS-API-Key" in snippet.code
        assert of.auth is Auth.NONE or key_variable(of) in snippet.code
    for snippet in snippets(of, base_url=BASE, mode=Mode.STORED).sdks:
        assert "TS-API-Key" not in snippet.code
        assert key_variable(of) not in snippet.code
        assert "TOKENOPS_API_KEY" in snippet.code


@pytest.mark.parametrize("mode", Mode)
def test_the_openai_client_asks_the_gateway(mode, monkeypatch):
    made_client = client(code(OPENAI, "Python", mode), openai.OpenAI, monkeypatch)

    assert str(made_client.base_url) == f"{BASE}/v1/proxy/openai/v1/"
    assert made_client.default_headers["X-TokenOps-Feature"] == "hello"
    _assert_keys(made_client.api_key, made_client.default_headers, "OPENAI_API_KEY", mode)


@pytest.mark.parametrize("mode", Mode)
def test_the_anthropic_client_asks_the_gateway(mode, monkeypatch):
    made_client = client(code(ANTHROPIC, "Python", mode), anthropic.Anthropic, monkeypatch)

    assert str(made_client.base_url) == f"{BASE}/v1/proxy/anthropic/"
    assert made_client.default_headers["X-TokenOps-Feature"] == "hello"
    _assert_keys(made_client.api_key, made_client.default_headers, "ANTHROPIC_API_KEY", mode)


@pytest.mark.parametrize("mode", Mode)
def test_the_google_client_asks_the_gateway(mode, monkeypatch):
    made_client = client(code(GOOGLE, "Python", mode), genai.Client, monkeypatch)

    options = made_client._api_client._http_options
    assert options.base_url == f"{BASE}/v1/proxy/google"
    assert options.headers["X-TokenOps-Feature"] == "hello"
    _assert_keys(made_client._api_client.api_key, options.headers, "GEMINI_API_KEY", mode)


@pytest.mark.parametrize("mode", Mode)
def test_the_mistral_client_asks_the_gateway(mode, monkeypatch):
    made_client = client(code(MISTRAL, "mistralai", mode), Mistral, monkeypatch)

    configuration = made_client.sdk_configuration
    assert configuration.get_server_details()[0] == f"{BASE}/v1/proxy/mistral"
    assert configuration.client.headers["X-TokenOps-Feature"] == "hello"
    _assert_keys(configuration.security.api_key, configuration.client.headers, "MISTRAL_API_KEY", mode)


@pytest.mark.parametrize("mode", Mode)
def test_the_azure_client_asks_the_gateway(mode, monkeypatch):
    made_client = client(code(EVERY[9], "Python", mode), openai.AzureOpenAI, monkeypatch)

    assert str(made_client.base_url) == f"{BASE}/v1/proxy/azure/openai/"
    _assert_keys(made_client.api_key, made_client._custom_headers, "AZURE_OPENAI_API_KEY", mode)


@pytest.mark.parametrize("mode", Mode)
def test_langchain_asks_the_gateway(mode, monkeypatch):
    langchain = pytest.importorskip("langchain_openai", reason="LangChain is no dependency of the product.")
    text = code(OPENAI, "LangChain", mode).partition("print(")[0]

    model = client(text, langchain.ChatOpenAI, monkeypatch)

    assert str(model.root_client.base_url) == f"{BASE}/v1/proxy/openai/v1/"
    _assert_keys(model.openai_api_key.get_secret_value(), model.default_headers, "OPENAI_API_KEY", mode)


def _assert_keys(sent: str, headers: Any, variable: str, mode: Mode) -> None:
    if mode is Mode.OWN:
        assert sent == f"value-of-{variable}"
        assert headers["TS-API-Key"] == "value-of-TOKENOPS_API_KEY"
    else:
        assert sent == "value-of-TOKENOPS_API_KEY"
        assert "TS-API-Key" not in headers


@pytest.mark.parametrize(
    ("of", "url"),
    [
        (OPENAI, f"{BASE}/v1/proxy/openai/v1"),
        (MISTRAL, f"{BASE}/v1/proxy/mistral/v1"),
        (ANTHROPIC, f"{BASE}/v1/proxy/anthropic"),
        (GOOGLE, f"{BASE}/v1/proxy/google"),
        (provider("groq", base_path="/openai/v1"), f"{BASE}/v1/proxy/groq/openai/v1"),
    ],
    ids=lambda value: getattr(value, "slug", ""),
)
def test_the_base_url_is_the_provider_s_own_behind_ours(of, url):
    assert sdk_base_url(of, base_url=BASE) == url
    assert proxy_url(of, base_url=BASE + "/") == f"{BASE}/v1/proxy/{of.slug}"


@pytest.mark.parametrize(
    ("of", "mode", "key", "path"),
    [
        (OPENAI, Mode.OWN, '-H "Authorization: Bearer $OPENAI_API_KEY"', "/v1/chat/completions"),
        (OPENAI, Mode.STORED, '-H "Authorization: Bearer $TOKENOPS_API_KEY"', "/v1/chat/completions"),
        (ANTHROPIC, Mode.OWN, '-H "x-api-key: $ANTHROPIC_API_KEY"', "/v1/messages"),
        (
            GOOGLE,
            Mode.STORED,
            '-H "x-goog-api-key: $TOKENOPS_API_KEY"',
            "/v1beta/models/gemini-2.5-flash:generateContent",
        ),
        (EVERY[5], Mode.STORED, '-H "Authorization: Bearer $TOKENOPS_API_KEY"', "/api/chat"),
        (EVERY[6], Mode.OWN, '-H "Authorization: Bearer $COHERE_API_KEY"', "/v2/chat"),
        (
            EVERY[9],
            Mode.STORED,
            '-H "api-key: $TOKENOPS_API_KEY"',
            "/openai/deployments/gpt-4o-mini/chat/completions",
        ),
        (
            EVERY[10],
            Mode.OWN,
            '-H "Authorization: Bearer $VERTEX_API_KEY"',
            "/v1/projects/your-project/locations/global/publishers/google/models/gemini-2.5-flash:generateContent",
        ),
        (EVERY[7], Mode.OWN, '-H "Authorization: Bearer $BEDROCK_API_KEY"', "/model/your-model/converse"),
    ],
)
def test_curl_puts_the_key_where_the_provider_wants_it(of, mode, key, path):
    text = code(of, "curl", mode)

    url = re.search(r'"(https://[^"]+)"', text)
    assert url
    assert urlsplit(url[1]).path == f"/v1/proxy/{of.slug}{path}"
    assert key in text


def test_curl_puts_a_key_of_the_query_there():
    of = provider("own", auth=Auth.QUERY, auth_name="key")

    assert f'"{BASE}/v1/proxy/own/v1/chat/completions?key=$OWN_API_KEY"' in code(of, "curl")


def test_a_server_without_keys_is_asked_with_ours_only():
    assert "Authorization" not in code(EVERY[5], "curl")


def test_every_dialect_of_a_framework_has_an_sdk():
    assert FRAMEWORKS.keys() <= DIALECT_SDKS.keys()
    assert {title for programs in FRAMEWORKS.values() for title, _ in programs} == {
        "LangChain",
        "LlamaIndex",
        "Vercel AI SDK",
        "LiteLLM",
    }
    assert SDKS.keys() <= set(made._MODELS)


def test_replicate_is_asked_as_its_api_wants_it():
    (curl,) = snippets(PRESETS["replicate"].provider, base_url="https://tokenops.example", mode=Mode.STORED).sdks

    assert (
        "https://tokenops.example/v1/proxy/replicate/v1/models/meta/meta-llama-3-8b-instruct/predictions" in curl.code
    )
    assert '\'{"input": {"prompt": "Say hello."}}\'' in curl.code
