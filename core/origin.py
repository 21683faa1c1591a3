"""Where the running request comes from, for the audit log: set once at the door, read where a change is recorded."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core.addresses import client_address

LONGEST_USER_AGENT: Final = 300


@dataclass(frozen=True, slots=True)
class Origin:
    """A client's address and what it calls itself; both empty where no request runs."""

    address: str = ""
    user_agent: str = ""


_NOWHERE: Final = Origin()
_current: ContextVar[Origin] = ContextVar("tokenops_origin", default=_NOWHERE)


def current() -> Origin:
    """Of the running request; an empty one in tasks and commands."""
    return _current.get()


def origin_of(request: HttpRequest) -> Origin:
    """Behind trusted proxies the client's address is the one they saw."""
    address = client_address(
        remote=request.META.get("REMOTE_ADDR", ""),
        forwarded_for=request.headers.get("X-Forwarded-For", ""),
        trusted=settings.TRUSTED_PROXIES,
    )
    agent = request.headers.get("User-Agent", "")
    return Origin(address, agent.replace("\0", "").encode(errors="ignore").decode()[:LONGEST_USER_AGENT])


class OriginMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _current.set(origin_of(request))
        try:
            return self.get_response(request)
        finally:
            _current.reset(token)
