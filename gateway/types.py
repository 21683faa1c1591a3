"""What the stages of the proxy hand each other. Imports nothing of ours: where providers, wire, spool and edge meet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec


class Dialect(StrEnum):
    """Whose API a provider speaks: it decides how bodies are read, never what is forwarded."""

    OPENAI = "openai"  # chat, completions, responses, embeddings, images, audio, and everybody who copies them
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    OLLAMA = "ollama"  # its own API beside the OpenAI-like one
    COHERE = "cohere"
    BEDROCK = "bedrock"
    OTHER = "other"  # forwarded, and read as far as it looks like one of the others


class Auth(StrEnum):
    """Where a provider wants its credential."""

    BEARER = "bearer"  # Authorization: Bearer …
    HEADER = "header"  # the value alone, in the header ``auth_name``
    QUERY = "query"  # in the query parameter ``auth_name``
    NONE = "none"  # a server of one's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to wait for an upstream before a call is given up."""

    connect: float = 10.0
    first_byte: float = 600.0  # until the answer's headers; a long non-streamed answer sends none before it is whole
    idle: float = 300.0  # between two pieces of an answer
    total: float = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One row of the table of upstreams, built in or an organization's own."""

    slug: str  # in the path: /v1/proxy/<slug>/…
    name: str
    canonical: str  # telemetry's name of it (otel-dialects.md §2)
    origin: str  # https://host[:port]; '' in a preset whose origin only the organization knows
    base_path: str  # '' or '/v1': what is put before a path that does not begin with it
    dialect: Dialect
    auth: Auth = Auth.BEARER
    auth_name: str = ""  # of the header (lower case) or the query parameter
    headers: tuple[tuple[str, str], ...] = ()  # required by the provider; added where the client sends none
    inject_include_usage: bool = False  # gateway.md, the one exception to "bytes are forwarded unchanged"
    timeouts: Timeouts = field(default_factory=Timeouts)
    is_own: bool = False  # an organization gave the origin: where it leads is checked at every connection


class Attribution(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whose a call is, as its headers and its body say; '' is not said. Values fit the event's limits."""

    feature: str = ""
    team: str = ""
    environment: str = ""
    user_id: str = ""
    session_id: str = ""
    trace_id: str = ""
    parent_span_id: str = ""
    agent_name: str = ""
    tags: Mapping[str, str] = msgspec.field(default_factory=dict)


class Ask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a request asks for, read beside its bytes. Nothing of its content.

    ``operation`` is '' for requests that are no call of a model (lists of models, files): they are forwarded and not
    recorded. ``text_bytes`` are the UTF-8 bytes of text that was sent, for estimates.
    """

    operation: str = ""
    model: str = ""
    is_stream: bool = False
    text_bytes: int = 0
    prompt_hash: str = ""
    prompt_prefix_hash: str = ""
    service_tier: str = ""
    attribution: Attribution = msgspec.field(default_factory=Attribution)


class Stated(StrEnum):
    """How much of the usage an answer's own counts are."""

    NOTHING = ""
    INPUT = "input"  # what was read; what is being written comes later (Anthropic's ``message_start``)
    SO_FAR = "so_far"  # counts that still grow while the stream goes on
    ALL = "all"


class Seen(msgspec.Struct, kw_only=True):
    """What an answer said about itself. ``usage`` is the provider's own object as JSON, b'' where there was none."""

    model: str = ""
    response_id: str = ""
    usage: bytes = b""
    stated: Stated = Stated.NOTHING
    service_tier: str = ""
    finish_reason: str = ""
    error_type: str = ""  # the provider's own word for what went wrong, in an error body or in a stream
    text_bytes: int = 0  # UTF-8 bytes of text that was written, for estimates
    is_whole: bool = False  # it came to its end: the stream's own end marker, or the last byte
    is_readable: bool = True  # false: an encoding, a size or a form we do not read


class Observer(Protocol):
    """Reads an answer beside the bytes that pass. Never raises for what an upstream sends; bounded memory."""

    def feed(self, chunk: bytes) -> bytes:
        """Look at the next bytes of the body as they came (perhaps compressed).

        Returns what may be handed to the client now: the same bytes, but for an added usage chunk, which is withheld.
        """

    def finish(self) -> bytes:
        """The upstream's last byte was fed: what was held back and is the client's."""

    @property
    def seen(self) -> Seen:
        """What is known so far."""


class Outcome(StrEnum):
    """How a proxied request ended, for counting."""

    ANSWERED = "answered"  # whatever the status
    UNREACHABLE = "unreachable"  # refused, no name, TLS
    TIMEOUT = "timeout"
    BROKEN = "broken"  # the upstream's answer broke off, or was no HTTP
    CLIENT_LEFT = "client_left"
    INTERRUPTED = "interrupted"  # our process died; only the spool's start is known


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """The spool's record that a request goes upstream, written before it does.

    Should nothing follow, a call that was interrupted is stored of what was asked; ``ask`` is None for a request that
    is no call of a model.
    """

    call_id: str  # UUIDv7; the event's id
    at: datetime  # UTC
    key_prefix: str  # public part of the caller's key: who it is is looked up when the record is drained
    project_slug: str  # '' is the key's own or the organization's default one
    provider: str  # slug of the row
    canonical: str  # telemetry's name of the provider
    address: str = ""  # the client's, for the key's last use
    ask: Ask | None = None


class End(msgspec.Struct, frozen=True, kw_only=True):
    """The spool's record of what became of a request; ``event`` is b'' where nothing is to be stored."""

    call_id: str
    outcome: Outcome
    http_status: int = 0  # of the upstream; 0: none
    added_us: int = 0  # microseconds this process kept the client waiting, beside the upstream
    event: bytes = b""


class SpoolFullError(Exception):
    """The bounded spool has no room, or the disk has none: what cannot be recorded is not sent."""


class Spool(Protocol):
    """The append-only file of this process. Both calls return when the line is written (not yet on the disk)."""

    def start(self, record: Start) -> None:
        """:raises SpoolFullError: the request must not go upstream."""

    def end(self, record: End) -> None:
        """Always written: room for it was set aside when the request started."""
