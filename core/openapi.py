"""What the descriptions of all endpoints share: the error answers."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers

from core.problems import CONTENT_TYPE, problem


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457 problem details. ``type`` is stable, the texts are for people; no member repeats what was sent."""

    type = serializers.URLField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(required=False)


class FieldErrorSerializer(serializers.Serializer[Any]):
    """One thing that is wrong; ``field`` is empty when it is the request as a whole."""

    field = serializers.CharField()
    message = serializers.CharField()


class InvalidSerializer(ProblemSerializer):
    """A problem with the fields that cause it."""

    errors = FieldErrorSerializer(many=True)  # type: ignore[assignment] # the document's word, not the serializer's


_WRONG: Final = [{"field": "limit", "message": "Ensure this value is less than or equal to 500."}]
_EXAMPLES: Final = {
    400: problem(400, "invalid", "The request is not valid.", errors=_WRONG),
    401: problem(401, "unauthenticated", "These credentials are not valid.", "This API key has expired."),
    403: problem(403, "missing-scope", "This API key may not read telemetry.", "It needs the scope read."),
    404: problem(404, "not-found", "There is nothing here."),
    406: problem(406, "not-acceptable", "Only application/json is offered."),
    409: problem(
        409, "card-in-use", "This card is in use.", "Calls were priced by this card, so it stays. End it instead."
    ),
    412: problem(
        412,
        "dashboard-changed",
        "Somebody changed this dashboard meanwhile.",
        "The newest version is 4. Read it, then try again.",
    ),
    415: problem(415, "unsupported-media-type", "Send application/json."),
    422: problem(
        422,
        "unusual-price",
        "Is this the price of a million tokens?",
        "Send it again with confirm: true if the prices are meant.",
        errors=[
            {"field": "prices.input", "message": "That is $0.0000025 per million tokens; did you mean $2.50?"},
        ],
    ),
    429: problem(429, "too-many-requests", "Too many requests.", "Try again in 1 s."),
    503: problem(503, "unavailable", "The database does not answer.", "Try again in a few seconds."),
}
_MEANINGS: Final = {
    400: "A parameter or a member of the body is unknown or has a value that cannot be used.",
    401: "No credentials, or not valid ones; `WWW-Authenticate` says how.",
    403: "A key without the scope, or a person without the permission.",
    404: "It does not exist, or is not yours: the answer is the same.",
    406: "Only JSON is offered.",
    409: "What is there is not in a state for this; the title says why.",
    412: "The version in `If-Match` is not the newest; nothing was written.",
    415: "Only JSON is taken.",
    422: "It is understood and looks like a slip; send it again with a confirmation.",
    429: "Too many requests; `Retry-After` says when to come back, in seconds.",
    503: "The database is away or the question takes too long; `Retry-After` is set.",
}


def problems(*more: int) -> dict[Any, OpenApiResponse]:
    """The error answers of an endpoint: those of all, and ``more``."""
    return {(status, CONTENT_TYPE): _answer(status) for status in sorted({401, 406, 429, 503, *more})}


def _answer(status: int) -> OpenApiResponse:
    serializer = InvalidSerializer if status in {400, 422} else ProblemSerializer
    examples = [OpenApiExample(str(_EXAMPLES[status]["title"]), value=_EXAMPLES[status], response_only=True)]
    return OpenApiResponse(serializer, description=_MEANINGS[status], examples=examples)


def shown(serializer: Any, name: str, value: Any) -> OpenApiResponse:
    """An answer with an example."""
    return OpenApiResponse(serializer, examples=[OpenApiExample(name, value=value, response_only=True)])
