"""Copy-paste code that sends a call through the gateway: the usual code with another base URL. Pure text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.programs import DIALECT_SDKS, FRAMEWORKS, SDKS
from gateway.types import Auth, Dialect, Provider
from tenants.snippets import Snippet

TOKENOPS_KEY: Final = "TOKENOPS_API_KEY"
FEATURE: Final = "hello"
_PYTHON_STEP: Final = 4


class Mode(StrEnum):
    """Whose provider key a call is made with."""

    OWN = "own"  # the caller's; it passes through
    STORED = "stored"  # the organization's, put in where the caller shows a TokenOps key


@dataclass(frozen=True, slots=True)
class Snippets:
    """Code by what it is written with; ``frameworks`` is empty where none speaks the provider's own API."""

    sdks: list[Snippet]
    frameworks: list[Snippet]


def snippets(provider: Provider, *, base_url: str, mode: Mode) -> Snippets:
    """The same call with every SDK and framework that speaks the provider's API; ``base_url`` is this installation."""
    root = proxy_url(provider, base_url=base_url)
    is_apart = provider.slug in _APART
    values = _values(provider, root=root, mode=mode)
    curl = Snippet("curl", _curl(provider, root=root, mode=mode))
    written = [*SDKS.get(provider.slug, ()), *(() if is_apart else DIALECT_SDKS.get(provider.dialect, ()))]
    sdks = [Snippet(title, code % values) for title, code in written]
    others = () if is_apart else FRAMEWORKS.get(provider.dialect, ())
    frameworks = [Snippet(title, code % values) for title, code in others]
    return Snippets([*sdks, curl], frameworks)


def proxy_url(provider: Provider, *, base_url: str) -> str:
    """What stands in the place of the provider's ``https://host``."""
    return f"{base_url.rstrip('/')}/v1/proxy/{provider.slug}"


def sdk_base_url(provider: Provider, *, base_url: str) -> str:
    """The base URL as an SDK of the provider wants it: with the path that its own documentation has there."""
    root = proxy_url(provider, base_url=base_url)
    return root + provider.base_path if provider.dialect in _PATH_IN_BASE_URL else root


# Their SDKs leave the version of the API to the base URL; all others write it into every path.
_PATH_IN_BASE_URL: Final = frozenset({Dialect.OPENAI, Dialect.OTHER})
# Their paths are other ones than those of the API whose bodies they share.
_APART: Final[Mapping[str, str]] = {
    "azure": "/openai/deployments/%(model)s/chat/completions?api-version=2024-10-21",
    "vertex": "/v1/projects/your-project/locations/global/publishers/google/models/%(model)s:generateContent",
    "replicate": "/v1/models/%(model)s/predictions",
}
_BODIES: Final[Mapping[str, str]] = {"replicate": '{"input": {"prompt": "Say hello."}}'}
_KEYS: Final = {"google": "GEMINI_API_KEY", "azure": "AZURE_OPENAI_API_KEY"}
_MODELS: Final = {
    "openai": "gpt-4o-mini",
    "azure": "gpt-4o-mini",
    "anthropic": "claude-haiku-4-5",
    "google": "gemini-2.5-flash",
    "vertex": "gemini-2.5-flash",
    "mistral": "mistral-small-latest",
    "groq": "llama-3.3-70b-versatile",
    "deepseek": "deepseek-chat",
    "cohere": "command-a-03-2025",
    "openrouter": "openai/gpt-4o-mini",
    "ollama": "llama3.2",
    "replicate": "meta/meta-llama-3-8b-instruct",
}


def key_variable(provider: Provider) -> str:
    """The environment variable that usually holds the provider's key."""
    return _KEYS.get(provider.slug, f"{provider.slug.upper().replace('-', '_')}_API_KEY")


def _values(provider: Provider, *, root: str, mode: Mode) -> Mapping[str, str]:
    """What the programs below leave open."""
    key = key_variable(provider) if mode is Mode.OWN else TOKENOPS_KEY
    feature = f'"X-TokenOps-Feature": "{FEATURE}"'
    python, javascript = [feature], [feature]
    if mode is Mode.OWN:
        python.insert(0, f'"TS-API-Key": os.environ["{TOKENOPS_KEY}"]')
        javascript.insert(0, f'"TS-API-Key": process.env.{TOKENOPS_KEY}')
    return {
        "root": root,
        "url": root + provider.base_path,
        "model": _MODELS.get(provider.slug, "your-model"),
        "key": f'os.environ["{key}"]',
        "js_key": f"process.env.{key}",
        "headers": _braced(python, indent=4, step=4),
        "inner_headers": _braced(python, indent=8, step=4),
        "js_headers": _braced(javascript, indent=2, step=2),
        "js_inner_headers": _braced(javascript, indent=4, step=2),
    }


def _braced(pairs: Sequence[str], *, indent: int, step: int) -> str:
    """A dictionary or an object as people write it: one pair stays on its line, more have lines of their own."""
    if len(pairs) == 1:
        return "{" + pairs[0] + "}" if step == _PYTHON_STEP else "{ " + pairs[0] + " }"
    inner = "".join(f"{' ' * (indent + step)}{pair},\n" for pair in pairs)
    return "{\n" + inner + " " * indent + "}"


def _curl(provider: Provider, *, root: str, mode: Mode) -> str:
    path, body = _REQUESTS.get(provider.dialect, _REQUESTS[Dialect.OPENAI])
    path = _APART.get(provider.slug, path)
    url = root + path % {"base": provider.base_path, "model": _MODELS.get(provider.slug, "your-model")}
    key = key_variable(provider) if mode is Mode.OWN else TOKENOPS_KEY
    headers = ["Content-Type: application/json", f"X-TokenOps-Feature: {FEATURE}"]
    if mode is Mode.OWN:
        headers.insert(0, f"TS-API-Key: ${TOKENOPS_KEY}")
    if provider.auth is Auth.QUERY:
        url += f"?{provider.auth_name}=${key}"
    elif provider.auth is Auth.HEADER:
        headers.insert(0, f"{provider.auth_name}: ${key}")
    elif provider.auth is Auth.BEARER or mode is Mode.STORED:
        headers.insert(0, f"Authorization: Bearer ${key}")
    lines = [f'curl -sS "{url}"', *(f'-H "{header}"' for header in headers)]
    sent = _BODIES.get(provider.slug, body) % {"model": _MODELS.get(provider.slug, "your-model")}
    return " \\\n  ".join([*lines, f"-d '{sent}'"]) + "\n"


_CHAT_BODY: Final = '{"model": "%(model)s", "messages": [{"role": "user", "content": "Say hello."}]}'
_REQUESTS: Final[Mapping[Dialect, tuple[str, str]]] = {
    Dialect.OPENAI: ("%(base)s/chat/completions", _CHAT_BODY),
    Dialect.ANTHROPIC: (
        "/v1/messages",
        '{"model": "%(model)s", "max_tokens": 100, "messages": [{"role": "user", "content": "Say hello."}]}',
    ),
    Dialect.GEMINI: ("/v1beta/models/%(model)s:generateContent", '{"contents": [{"parts": [{"text": "Say hello."}]}]}'),
    Dialect.OLLAMA: ("/api/chat", _CHAT_BODY),
    Dialect.COHERE: ("/v2/chat", _CHAT_BODY),
    Dialect.BEDROCK: (
        "/model/%(model)s/converse",
        '{"messages": [{"role": "user", "content": [{"text": "Say hello."}]}]}',
    ),
}
