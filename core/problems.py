"""One error shape for every API answer: RFC 9457 problem details with a stable ``type``."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

CONTENT_TYPE = "application/problem+json"
_BASE = "https://tokenops.dev/problems/"  # an identifier (RFC 9457 §3.1.1), not a page that is fetched


def problem(status: int, slug: str, title: str, detail: str = "", **members: Any) -> dict[str, Any]:
    """The document: ``type``, ``title``, ``status``, optionally ``detail`` and extension members."""
    document: dict[str, Any] = {"type": _BASE + slug, "title": title, "status": status}
    if detail:
        document["detail"] = detail
    return document | members


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


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's answer to ``error``, reshaped; None for what is a bug and becomes the 500 page."""
    response = drf_exception_handler(error, context)
    if response is None:
        return None
    slug, title = next((known for kind, known in _KNOWN.items() if isinstance(error, kind)), ("error", "Error"))
    members = {"errors": response.data} if isinstance(error, exceptions.ValidationError) else {}
    detail = str(response.data.get("detail", "")) if isinstance(response.data, dict) and not members else ""
    response.data = problem(response.status_code, slug, title, detail if detail != title else "", **members)
    response.content_type = CONTENT_TYPE
    return response
