"""What the names of some attributes can answer, decided once for all spans that carry the same names.

We know two hundred names and a span has ten attributes, the same ten as its emitter's last one: looking for every name
in every span took most of the time that a span took.
"""

from typing import Final, NamedTuple

from ingestion.wire.content import is_content
from ingestion.wire.otlp import names
from ingestion.wire.otlp.content import carries_content, places_of
from ingestion.wire.otlp.names import Names
from ingestion.wire.otlp.spans import Attributes
from ingestion.wire.otlp.values import text

# Remembering must not let a stranger's names fill the memory: 1,000 shapes of these sizes are a few megabytes.
_MOST_SHAPES: Final = 1_000
_MOST_NAMES: Final = 64
_MOST_LETTERS: Final = 3_000
_LONGEST_TAG_KEY: Final = 50
# LangSmith gives prompt templates the operation "chat" and retrievers "embeddings": the kind decides before it.
_KINDS: Final = (
    *("openinference.span.kind", "langsmith.span.kind", "traceloop.span.kind", "langfuse.observation.type"),
    *("mlflow.spanType", "genkit:metadata:subtype", "genkit:type", "traceroot.span.type"),
)
_COUNTS: Final = (
    ("input_tokens", names.INPUT),
    ("output_tokens", names.OUTPUT),
    ("cached_input_tokens", names.CACHE_READ),
    ("cache_write_tokens", names.CACHE_WRITE),
    ("reasoning_tokens", names.REASONING),
    ("audio_input_tokens", names.AUDIO_INPUT),
    ("audio_output_tokens", names.AUDIO_OUTPUT),
    ("image_input_tokens", names.IMAGE_INPUT),
)
_OPTIONAL: Final = (
    ("session_id", names.SESSION),
    ("agent_name", names.AGENT),
    ("prompt_version", names.PROMPT_VERSION),
    ("response_id", (*names.RESPONSE_ID, names.RAW_RESPONSE)),
    ("finish_reason", names.FINISH_REASON),
    ("reported_cost_usd", (*names.COST, *names.COST_PARTS, names.COST_OBJECT)),
    ("time_to_first_token_ms", (*names.FIRST_CHUNK_SECONDS, *names.FIRST_CHUNK_MS, names.FIRST_CHUNK_AT)),
)
"""Fields that most spans say nothing about, and the names they are read from."""

_remembered: Final[dict[Names, "Shape"]] = {}


class Tag(NamedTuple):
    """An attribute that is a tag; one whose key is too long or no text is only warned of."""

    name: str
    key: str
    is_usable: bool


class Shape:
    """The names that are there, by what they are asked for, each in the order in which they are believed."""

    __slots__ = (
        "content_fields",
        "counts",
        "environment",
        "feature_of_resource",
        "feature_of_span",
        "feature_otherwise",
        "has_main_counts",
        "has_tags",
        "http_status",
        "is_ai_sdk",
        "is_ai_sdk_6",
        "kinds",
        "names",
        "optional",
        "other_models",
        "parameters",
        "prompt_places",
        "provider",
        "request_model",
        "response_model",
        "server",
        "service_tier",
        "stream",
        "tags",
        "team_otherwise",
        "totals",
        "usage_objects",
        "user",
    )

    def __init__(self, given: Names) -> None:
        self.names = frozenset(given)
        self.kinds = self._of(_KINDS)
        self.parameters = self._of(names.INVOCATION_PARAMETERS)
        self.request_model = self._of(names.REQUEST_MODEL[:1])
        self.other_models = self._of(names.REQUEST_MODEL[1:])
        self.response_model = self._of(names.RESPONSE_MODEL)
        self.provider = self._of(names.PROVIDER)
        self.server = self._of(names.SERVER)
        self.has_main_counts = bool(self._of((*names.INPUT, *names.OUTPUT)))
        self.counts = tuple((field, found) for field, wanted in _COUNTS if (found := self._of(wanted)))
        self.totals = self._of(names.TOTAL)
        self.usage_objects = self._of(names.USAGE_OBJECTS)
        self.is_ai_sdk = bool(self._of(names.AI_SDK))
        self.is_ai_sdk_6 = any(name.startswith(names.AI_SDK_6) for name in given)
        self.service_tier = self._of(names.SERVICE_TIER)
        self.stream = self._of(names.STREAM)
        self.http_status = self._of(names.HTTP_STATUS)
        self.user = self._of(names.USER)
        self.environment = self._of(names.ENVIRONMENT)
        self.feature_of_span = self._of(names.FEATURE_OF_SPAN)
        self.feature_of_resource = self._of(names.FEATURE_OF_RESOURCE)
        self.feature_otherwise = self._of(names.FEATURE_OTHERWISE)
        self.team_otherwise = self._of(names.TEAM_OTHERWISE)
        self.optional = tuple((field, found) for field, wanted in _OPTIONAL if (found := self._of(wanted)))
        self.tags = tuple(_tags(given, prefix) for prefix in names.TAG_PREFIXES)
        self.has_tags = any(self.tags)
        self.content_fields = sum(map(carries_content, given))
        self.prompt_places = places_of(given)

    def _of(self, wanted: Names) -> Names:
        return tuple(name for name in wanted if name in self.names)


def shape_of(attributes: Attributes) -> Shape:
    """The shape of the attributes; that of the usual ones is remembered."""
    given = tuple(attributes)
    return _remembered.get(given) or _new_shape(given)


def _new_shape(given: Names) -> Shape:
    shape = Shape(given)
    if len(given) <= _MOST_NAMES and sum(map(len, given)) <= _MOST_LETTERS:
        if len(_remembered) >= _MOST_SHAPES:
            _remembered.clear()
        _remembered[given] = shape
    return shape


def _tags(given: Names, prefix: str) -> tuple[Tag, ...]:
    keys = ((name, name.removeprefix(prefix)) for name in given if name.startswith(prefix))
    return tuple(Tag(name, key, text(key, _LONGEST_TAG_KEY) == key) for name, key in keys if _is_tag(key))


def _is_tag(key: str) -> bool:
    return bool(key) and key not in names.NO_TAGS and not is_content(key) and not key.startswith(names.NO_TAG_PREFIXES)
