"""What each telemetry path reads and how it answers: events by our own contract, traces by OTLP's."""

from typing import Final

from core.problems import problem
from ingestion.edge.digest import Parse
from ingestion.edge.handler import Endpoint, Limits
from ingestion.edge.http import Problem, Reply
from ingestion.wire.answer import build_answer
from ingestion.wire.batch import Batch, ParseContext
from ingestion.wire.otlp import answer as otlp_answer
from ingestion.wire.otlp.parse import JSON, media_type, parse_traces
from ingestion.wire.rest import parse_camel, parse_ingest, parse_log
from ingestion.writer import Stored

_EVENTS_REJECTED: Final = str(problem(400, "events-rejected", "")["type"])


def _ingest(body: bytes, content_type: str, context: ParseContext) -> Batch:
    return parse_ingest(body, content_type=content_type, context=context)


def _camel(body: bytes, _content_type: str, context: ParseContext) -> Batch:
    return parse_camel(body, context=context)


def _log(body: bytes, _content_type: str, context: ParseContext) -> Batch:
    return parse_log(body, context=context)


def _traces(body: bytes, content_type: str, context: ParseContext) -> Batch:
    return parse_traces(body, content_type=content_type, context=context)


def _event_bytes(limits: Limits) -> int:
    return limits.body


def _trace_bytes(limits: Limits) -> int:
    return limits.traces_body


def _counts(batch: Batch, stored: Stored, _content_type: str) -> Reply:
    answer = build_answer(batch, accepted=stored.accepted, duplicates=stored.duplicates, problem_type=_EVENTS_REJECTED)
    return Reply(answer.status, answer.body, answer.content_type)


def _problem(error: Problem, _content_type: str) -> Reply:
    return error.reply()


def _partial_success(batch: Batch, _stored: Stored, content_type: str) -> Reply:
    encoding = media_type(content_type)
    return Reply(200, otlp_answer.success(batch, media_type=encoding), encoding)


def _status(error: Problem, content_type: str) -> Reply:
    encoding = media_type(content_type) or JSON
    message = " ".join(filter(None, (error.title, error.detail)))
    body = otlp_answer.failure(error.status, message, media_type=encoding)
    return Reply(error.status, body, encoding, error.headers)


def _events(parse: Parse) -> Endpoint:
    return Endpoint(parse=parse, most_bytes=_event_bytes, success=_counts, failure=_problem, keeps_answers=True)


ENDPOINTS: Final = {
    "/api/v1/ingest": _events(_ingest),
    "/api/ingest": _events(_camel),
    "/log": _events(_log),
    "/v1/traces": Endpoint(
        parse=_traces, most_bytes=_trace_bytes, success=_partial_success, failure=_status, keeps_answers=False
    ),
}
"""By exact path."""
