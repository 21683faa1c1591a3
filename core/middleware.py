"""Gives every web request its id: the proxy's if it looks like one, else a new one."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from core.logs import request_id

_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{8,64}")


def clean_request_id(candidate: str) -> str:
    """``candidate`` when it is short and harmless in a log line, else a new id."""
    return candidate if _ACCEPTABLE.fullmatch(candidate) else uuid.uuid4().hex


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
