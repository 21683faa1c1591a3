"""One error shape for every API answer: RFC 9457 problem details with a stable ``type``."""

import logging
import math
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpResponse, JsonResponse
from psycopg.errors import QueryCanceled
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
_BASE = "https://tokenops.dev/problems/"  # an identifier (RFC 9457 §3.1.1), not a page that is fetched


def problem(status: int, slug: str, title: str, detail: str = "", **members: Any) -> dict[str, Any]:
    """The document: ``type``, ``title``, ``status``, optionally ``detail`` and extension members."""
    document: dict[str, Any] = {"type": _BASE + slug, "title": title, "status": status}
    if detail:
        document["detail"] = detail
    return document | members


# Other details repeat what was sent, or tell how the framework is built; those of our own exceptions do not.
_SPEAKING = (exceptions.AuthenticationFailed, exceptions.PermissionDenied, exceptions.NotFound)

_KNOWN: Mapping[type[Exception], tuple[str, str]] = {
    exceptions.NotAuthenticated: ("unauthenticated", "No credentials were given."),
    exceptions.AuthenticationFailed: ("unauthenticated", "These credentials are not valid."),
    exceptions.PermissionDenied: ("forbidden", "You may not do this."),
    PermissionDenied: ("forbidden", "You may not do this."),
    exceptions.NotFound: ("not-found", "There is nothing here."),
    Http404: ("not-found", "There is nothing here."),
    exceptions.MethodNotAllowed: ("method-not-allowed", "This method is not allowed here."),
    exceptions.UnsupportedMediaType: ("unsupported-media-type", "Send application/json."),
    exceptions.NotAcceptable: ("not-acceptable", "Only application/json is offered."),
    exceptions.ParseError: ("malformed-body", "The body is not valid JSON."),
    exceptions.Throttled: ("too-many-requests", "Too many requests."),
    exceptions.ValidationError: ("invalid", "The request is not valid."),
}


class ConflictError(exceptions.APIException):
    """What is there is not in a state for this; ``sentence`` says why."""

    status_code = 409

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.problem = (kind, "This cannot be done as things are.")


def problem_response(status: int, slug: str, title: str, detail: str = "") -> HttpResponse:
    """The document as an answer, for code outside of DRF."""
    return JsonResponse(problem(status, slug, title, detail), status=status, content_type=CONTENT_TYPE)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's answer to ``error``, reshaped; None for what is a bug and becomes the 500 page."""
    if isinstance(error, OperationalError):
        return _without_database(error)
    response = drf_exception_handler(error, context)
    if response is None:
        return None
    slug, title = _kind(error)
    if isinstance(error, exceptions.ValidationError):
        response.data = problem(response.status_code, slug, title, errors=list(_field_errors(response.data)))
    else:
        response.data = problem(response.status_code, slug, title, _detail(error, title))
    response.content_type = CONTENT_TYPE
    return response


def _kind(error: Exception) -> tuple[str, str]:
    """Slug and title: an exception of ours may bring its own as ``problem``."""
    known = (known for kind, known in _KNOWN.items() if isinstance(error, kind))
    return getattr(error, "problem", None) or next(known, ("error", "Error"))


def _without_database(error: OperationalError) -> Response:
    """The database is away, or gave up on a question that took too long: nothing that was asked wrongly."""
    if isinstance(error.__cause__, QueryCanceled):
        document = problem(503, "too-slow", "This takes too long.", "Ask for a shorter period or with other filters.")
    else:
        logger.error("the database does not answer: %s", type(error.__cause__).__name__)
        document = problem(503, "unavailable", "The database does not answer.", "Try again in a few seconds.")
    return Response(document, status=503, headers={"Retry-After": "5"}, content_type=CONTENT_TYPE)


def _detail(error: Exception, title: str) -> str:
    """What the code that raised has to say beyond the title; nothing where the framework only has its own default."""
    if isinstance(error, exceptions.Throttled):
        wait: float | None = getattr(error, "wait", None)
        return f"Try again in {math.ceil(wait)} s." if wait else ""
    if not isinstance(error, exceptions.APIException) or error.detail == error.default_detail:
        return ""
    return str(error.detail) if isinstance(error, _SPEAKING) or hasattr(error, "problem") else ""


def _field_errors(data: Any, field: str = "") -> Iterator[dict[str, str]]:
    """``{"field", "message"}`` for each message in DRF's nested form; the field is a dotted path, '' for the whole."""
    if isinstance(data, dict):
        for name, inner in data.items():
            yield from _field_errors(inner, _path(field, str(name)))
    elif isinstance(data, list):
        for inner in data:
            yield from _field_errors(inner, field)
    else:
        yield {"field": field, "message": str(data)}


def _path(field: str, name: str) -> str:
    if name == "non_field_errors":
        return field
    return f"{field}.{name}" if field else name
