"""What the SDK is told: arguments of ``configure`` before ``TOKENOPS_*`` of the environment before defaults."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from tokenops_sdk.trouble import logger

DEFAULT_URL: Final = "http://127.0.0.1:8000"
MOST_EVENTS_A_BATCH: Final = 5_000  # what the server takes at once
_LAMBDA: Final = "AWS_LAMBDA_FUNCTION_NAME"
_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"0", "false", "no", "off", ""})

Event = dict[str, Any]
BeforeSend = Callable[[Event], "Event | None"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How calls are reported. Times are seconds; without a key nothing is.

    ``feature``, ``team`` and ``environment`` are what calls are attributed to that say nothing else. ``sample_rate`` is
    the fraction of calls to report. ``before_send`` sees each event before it leaves, in the sending thread, and may
    change it or drop it by answering None. ``spool_dir`` keeps events on disk until the server has them.
    ``inject_usage`` asks OpenAI-like streams to say what they used where the caller has not decided about it.
    ``serverless`` waits at the end of every call, or of the block or handler marked so, until it is reported: processes
    that are frozen between invocations have no background. AWS Lambda is noticed.
    """

    api_key: str = ""
    url: str = DEFAULT_URL
    project: str = ""
    feature: str = ""
    team: str = ""
    environment: str = ""
    disabled: bool = False
    sample_rate: float = 1.0
    hash_prompts: bool = True
    inject_usage: bool = True
    before_send: BeforeSend | None = None
    queue_size: int = 10_000
    batch_size: int = 100
    flush_seconds: float = 1.0
    timeout_seconds: float = 10.0
    shutdown_seconds: float = 5.0
    spool_dir: str = ""
    spool_mb: int = 100
    serverless: bool = False
    gateway_urls: tuple[str, ...] = ()
    git_branch: str = ""
    git_commit: str = ""

    @property
    def is_enabled(self) -> bool:
        return bool(self.api_key) and not self.disabled

    def with_changes(self, **changes: Any) -> "Settings":
        """The same with other values.

        :raises TypeError: a name is no setting.
        """
        return replace(self, **changes)


# What a number must be to be used; a setting that is nonsense must not stop the program that has it.
_BOUNDS: Final[Mapping[str, tuple[float, float]]] = {
    "sample_rate": (0, 1),
    "queue_size": (1, 1_000_000),
    "batch_size": (1, MOST_EVENTS_A_BATCH),
    "flush_seconds": (0.01, 3_600),
    "timeout_seconds": (0.1, 600),
    "shutdown_seconds": (0, 600),
    "spool_mb": (1, 100_000),
}


def from_environment(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings of ``TOKENOPS_<NAME>``; a value that cannot be used is said once in the log, and the default taken."""
    given = os.environ if environ is None else environ
    found: dict[str, Any] = {}
    for field in fields(Settings):
        name = f"TOKENOPS_{field.name.upper()}"
        if field.name == "before_send" or name not in given:
            continue
        try:
            found[field.name] = _read(field.name, field.default, given[name].strip())
        except ValueError as error:
            logger.warning("%s cannot be used: %s. The default is used.", name, error)
    if _LAMBDA in given:
        found.setdefault("serverless", True)
    return Settings(**found)


def checked(settings: Settings) -> Settings:
    """The same settings, where those given in code are within bounds.

    :raises ValueError: one is not; the message says which and what it may be.
    """
    for name, (low, high) in _BOUNDS.items():
        if not low <= getattr(settings, name) <= high:
            raise ValueError(f"{name} must be from {low:g} to {high:g}")
    return settings.with_changes(api_key=_key(settings.api_key.strip()), url=_url(settings.url.strip()))


def _read(name: str, default: object, text: str) -> Any:
    """:raises ValueError: the message says what it must be, and not what it is."""
    if isinstance(default, bool):
        return _flag(text)
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, int | float):
        return _number(name, text, int if isinstance(default, int) else float)
    return _TEXTS[name](text) if name in _TEXTS else text


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("url must begin with http:// or https://")
    return text


def _key(text: str) -> str:
    """A key that is no header would fail with every request."""
    if not (text.isascii() and (text.isprintable())):
        raise ValueError("api_key must be one line of ASCII")
    return text


_TEXTS: Final = {"url": _url, "api_key": _key}


def _flag(text: str) -> bool:
    if text.lower() not in _YES | _NO:
        raise ValueError("must be 1 or 0")
    return text.lower() in _YES


def _number(name: str, text: str, kind: Callable[[str], float]) -> float:
    low, high = _BOUNDS[name]
    try:
        value = kind(text)
    except ValueError:
        raise ValueError("must be a number") from None
    if not low <= value <= high:
        raise ValueError(f"must be from {low:g} to {high:g}")
    return value
