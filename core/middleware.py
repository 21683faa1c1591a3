"""Gives every web request its id, the proxy's if it looks like one, and its line in the log."""

import logging
import re
import secrets
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core.logs import request_id

logger = logging.getLogger("tokenops.access")

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}  # others are whatever the client made up
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{8,64}")


def clean_request_id(candidate: str) -> str:
    """``candidate`` when it is short and harmless in a log line, else a new id."""
    return candidate if _ACCEPTABLE.fullmatch(candidate) else secrets.token_hex(16)


class RequestIdMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        identifier = clean_request_id(request.headers.get("X-Request-ID", ""))
        token = request_id.set(identifier)
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response["X-Request-ID"] = identifier
        return response


class AccessLogMiddleware:
    """One line a request: what was asked, how it ended, how long it took. Never how it was asked.

    The route's pattern stands for the path, because paths carry reset tokens and, by mistake, keys; query strings
    and headers are not looked at.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        if not request.path.startswith(settings.STATIC_URL):
            logger.info("request", extra=_facts(request, response, time.perf_counter() - started))
        return response


def _facts(request: HttpRequest, response: HttpResponse, seconds: float) -> dict[str, object]:
    match = request.resolver_match
    organization = getattr(request, "organization", None)  # set by the doors in tenants
    return {
        "method": request.method if request.method in _METHODS else "other",
        "route": match.route if match else "",
        "view": match.view_name if match else "",
        "status": response.status_code,
        "duration_ms": round(seconds * 1000, 1),
        "organization_id": organization.pk if organization else None,
    }
