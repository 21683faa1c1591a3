"""Answers of the gateway itself: problems that carry what the providers' SDKs look for in an error as well."""

import json
from typing import Any, Final

from core.problems import CONTENT_TYPE, problem
from ingestion.edge.http import Problem, Reply

ERROR_TYPE: Final = "tokenops_error"


def reply_of(error: Problem) -> Reply:
    """The problem with the member ``error``, of which the SDKs show the message and the code."""
    message = " ".join(filter(None, ("TokenOps:", error.title, error.detail)))
    member: dict[str, Any] = {"message": message, "type": ERROR_TYPE, "code": error.slug}
    document = problem(error.status, error.slug, error.title, error.detail, error=member)
    return Reply(error.status, json.dumps(document).encode(), CONTENT_TYPE, error.headers)


def stopping(detail: str = "") -> Problem:
    """Another process, or this one a moment later, will take the request."""
    return Problem(503, "unavailable", "The gateway is starting or stopping.", detail, headers=(("retry-after", "1"),))
