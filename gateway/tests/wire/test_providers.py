import dataclasses
from urllib.parse import urlsplit

import pytest

from gateway.providers import PRESETS
from gateway.types import Auth, Dialect, Provider
from gateway.wire import paths
from ingestion.wire.providers import canonical_provider

OWN = {
    *("azure", "bedrock", "vertex", "anyscale", "ollama", "vllm", "lm-studio", "localai", "litellm"),
    "openai-compatible",
}


def url(slug: str, path: str, origin: str = "") -> str:
    """Where a client's ``/v1/proxy/<slug><path>`` goes."""
    found, rest = paths.split(f"/v1/proxy/{slug}{path}".encode())
    provider = PRESETS[found].provider
    return (origin or provider.origin) + paths.target_path(provider, rest).decode()


SHARED = [
    ("openai", "/chat/completions", "https://api.openai.com/v1/chat/completions"),
    ("openai", "/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
    ("openai", "/v1/responses", "https://api.openai.com/v1/responses"),
    ("anthropic", "/v1/messages", "https://api.anthropic.com/v1/messages"),
    ("anthropic", "/v1/messages/count_tokens", "https://api.anthropic.com/v1/messages/count_tokens"),
    ("anthropic", "/messages", "https://api.anthropic.com/v1/messages"),
    (
        "google",
        "/v1beta/models/gemini-2.5-pro:generateContent",
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent",
    ),
    (
        "google",
        "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent",
    ),
    ("google", "/upload/v1beta/files", "https://generativelanguage.googleapis.com/upload/v1beta/files"),
    ("google", "/v1/models", "https://generativelanguage.googleapis.com/v1/models"),
    (
        "google",
        "/v1beta/openai/chat/completions",
        "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
    ),
    ("mistral", "/v1/chat/completions", "https://api.mistral.ai/v1/chat/completions"),
    ("mistral", "/chat/completions", "https://api.mistral.ai/v1/chat/completions"),
    ("groq", "/openai/v1/chat/completions", "https://api.groq.com/openai/v1/chat/completions"),
    ("groq", "/chat/completions", "https://api.groq.com/openai/v1/chat/completions"),
    ("cohere", "/v2/chat", "https://api.cohere.com/v2/chat"),
    ("cohere", "/v1/rerank", "https://api.cohere.com/v1/rerank"),
    (
        "cohere",
        "/compatibility/v1/chat/completions",
        "https://api.cohere.com/compatibility/v1/chat/completions",
    ),
    ("perplexity", "/chat/completions", "https://api.perplexity.ai/chat/completions"),
    ("perplexity", "/async/chat/completions", "https://api.perplexity.ai/async/chat/completions"),
    ("deepseek", "/chat/completions", "https://api.deepseek.com/chat/completions"),
    ("deepseek", "/v1/chat/completions", "https://api.deepseek.com/v1/chat/completions"),
    ("deepseek", "/anthropic/v1/messages", "https://api.deepseek.com/anthropic/v1/messages"),
    ("together", "/chat/completions", "https://api.together.xyz/v1/chat/completions"),
    ("together", "/v1/embeddings", "https://api.together.xyz/v1/embeddings"),
    ("fireworks", "/chat/completions", "https://api.fireworks.ai/inference/v1/chat/completions"),
    ("fireworks", "/inference/v1/chat/completions", "https://api.fireworks.ai/inference/v1/chat/completions"),
    ("xai", "/chat/completions", "https://api.x.ai/v1/chat/completions"),
    ("openrouter", "/chat/completions", "https://openrouter.ai/api/v1/chat/completions"),
    ("openrouter", "/api/v1/chat/completions", "https://openrouter.ai/api/v1/chat/completions"),
    ("cerebras", "/v1/chat/completions", "https://api.cerebras.ai/v1/chat/completions"),
    ("sambanova", "/chat/completions", "https://api.sambanova.ai/v1/chat/completions"),
    ("nvidia", "/chat/completions", "https://integrate.api.nvidia.com/v1/chat/completions"),
    ("moonshot", "/chat/completions", "https://api.moonshot.ai/v1/chat/completions"),
    ("ai21", "/chat/completions", "https://api.ai21.com/studio/v1/chat/completions"),
    ("ai21", "/studio/v1/chat/completions", "https://api.ai21.com/studio/v1/chat/completions"),
    ("replicate", "/v1/predictions", "https://api.replicate.com/v1/predictions"),
    (
        "replicate",
        "/v1/models/meta/llama-3/predictions",
        "https://api.replicate.com/v1/models/meta/llama-3/predictions",
    ),
]


@pytest.mark.parametrize(("slug", "path", "expected"), SHARED)
def test_the_default_paths_of_the_official_clients_reach_the_provider(slug, path, expected):
    assert url(slug, path) == expected


HOSTED = [
    (
        "azure",
        "https://r.openai.azure.com",
        "/openai/deployments/my-gpt/chat/completions",
        "https://r.openai.azure.com/openai/deployments/my-gpt/chat/completions",
    ),
    (
        "azure",
        "https://r.openai.azure.com",
        "/deployments/my-gpt/embeddings",
        "https://r.openai.azure.com/openai/deployments/my-gpt/embeddings",
    ),
    (
        "azure",
        "https://r.openai.azure.com",
        "/openai/v1/responses",
        "https://r.openai.azure.com/openai/v1/responses",
    ),
    (
        "bedrock",
        "https://bedrock-runtime.us-east-1.amazonaws.com",
        "/model/anthropic.claude-3-5-haiku-20241022-v1%3A0/converse-stream",
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-5-haiku-20241022-v1%3A0/converse-stream",
    ),
    (
        "vertex",
        "https://us-central1-aiplatform.googleapis.com",
        "/v1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro:generateContent",
        "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro:generateContent",
    ),
    ("anyscale", "https://s.anyscaleuserdata.com", "/models", "https://s.anyscaleuserdata.com/v1/models"),
    ("ollama", "http://box:11434", "/api/chat", "http://box:11434/api/chat"),
    ("ollama", "http://box:11434", "/v1/chat/completions", "http://box:11434/v1/chat/completions"),
    ("vllm", "http://box:8000", "/chat/completions", "http://box:8000/v1/chat/completions"),
    ("lm-studio", "http://box:1234", "/v1/chat/completions", "http://box:1234/v1/chat/completions"),
    ("localai", "http://box:8080", "/embeddings", "http://box:8080/v1/embeddings"),
    ("litellm", "http://box:4000", "/v1/messages", "http://box:4000/v1/messages"),
    ("openai-compatible", "https://x.test", "/chat/completions", "https://x.test/v1/chat/completions"),
]


@pytest.mark.parametrize(("slug", "origin", "path", "expected"), HOSTED)
def test_paths_of_providers_whose_host_the_organization_gives(slug, origin, path, expected):
    assert url(slug, path, origin) == expected


def test_every_preset_is_in_the_tests_above():
    assert {slug for slug, *_ in (*SHARED, *HOSTED)} == set(PRESETS)


def test_only_providers_without_a_shared_host_have_no_origin():
    assert {slug for slug, preset in PRESETS.items() if not preset.provider.origin} == OWN
    assert all(bool(preset.origin_hint) != bool(preset.provider.origin) for preset in PRESETS.values())


@pytest.mark.parametrize("slug", PRESETS)
def test_a_preset_is_well_formed(slug):
    preset = PRESETS[slug]
    provider = preset.provider

    assert provider.slug == slug
    assert provider.name
    assert provider.canonical == canonical_provider(provider.canonical)
    assert slug == "vertex" or provider.canonical == canonical_provider(slug)
    assert provider.base_path == "" or (provider.base_path.startswith("/") and not provider.base_path.endswith("/"))
    assert bool(provider.auth_name) == (provider.auth in {Auth.HEADER, Auth.QUERY})
    assert provider.auth_name == provider.auth_name.lower()
    assert not provider.is_own
    assert urlsplit(preset.docs).scheme == "https"
    if provider.origin:
        parts = urlsplit(provider.origin)
        assert (parts.scheme, parts.path, parts.query) == ("https", "", "")
    if preset.check_path:
        path, _, _ = preset.check_path.partition("?")
        assert paths.target_path(provider, path.encode()).startswith(provider.base_path.encode() + b"/")


def test_where_the_unusual_ones_want_their_credential():
    found = {slug: (p.provider.auth, p.provider.auth_name) for slug, p in PRESETS.items()}

    assert {slug: auth for slug, auth in found.items() if auth != (Auth.BEARER, "")} == {
        "anthropic": (Auth.HEADER, "x-api-key"),
        "google": (Auth.HEADER, "x-goog-api-key"),
        "azure": (Auth.HEADER, "api-key"),
        "ollama": (Auth.NONE, ""),
        "lm-studio": (Auth.NONE, ""),
    }


def test_anthropic_needs_its_version():
    assert PRESETS["anthropic"].provider.headers == (("anthropic-version", "2023-06-01"),)


def test_nobody_is_asked_for_usage_who_sends_it_anyway():
    silent = {slug for slug, preset in PRESETS.items() if preset.provider.inject_include_usage}

    assert silent.isdisjoint({"mistral", "together", "fireworks", "openrouter", "cerebras", "perplexity", "ai21"})
    assert {"openai", "azure", "groq", "deepseek", "vllm"} <= silent
    assert all(PRESETS[slug].provider.dialect in {Dialect.OPENAI, Dialect.OLLAMA} for slug in silent)


def test_a_preset_may_be_given_another_origin():
    own = dataclasses.replace(PRESETS["openai"].provider, origin="http://127.0.0.1:1", is_own=True)

    assert isinstance(own, Provider)
    assert own.base_path == "/v1"
    with pytest.raises(dataclasses.FrozenInstanceError):
        PRESETS["openai"].provider.origin = "x"
