"""What each telemetry path reads and how it answers: events by our own contract, traces by OTLP's."""

from typing import Final

from core.problems import problem
from ingestion.edge.digest import CallDigester, Parse, SampleDigester
from ingestion.edge.handler import Endpoint, Engine, Limits
from ingestion.edge.http import Problem, Reply
from ingestion.wire.answer import build_answer
from ingestion.wire.batch import Batch, ParseContext, SampleBatch
from ingestion.wire.otlp import answer as otlp_answer
from ingestion.wire.otlp.parse import JSON, media_type, parse_traces
from ingestion.wire.rest import parse_camel, parse_ingest, parse_log
from ingestion.wire.samples import parse_samples
from ingestion.writer import SampleWriter, Stored, Writer

_EVENTS_REJECTED: Final = str(problem(400, "events-rejected", "")["type"])
_SAMPLES_REJECTED: Final = str(problem(400, "samples-rejected", "")["type"])


def _ingest(body: bytes, content_type: str, context: ParseContext) -> Batch:
    return parse_ingest(body, content_type=content_type, context=context)


def _camel(body: bytes, _content_type: str, context: ParseContext) -> Batch:
    return parse_camel(body, context=context)


def _log(body: bytes, _content_type: str, context: ParseContext) -> Batch:
    return parse_log(body, context=context)


def _traces(body: bytes, content_type: str, context: ParseContext) -> Batch:
    return parse_traces(body, content_type=content_type, context=context)


def _samples(body: bytes, content_type: str, context: ParseContext) -> SampleBatch:
    return parse_samples(body, content_type=content_type, context=context)


def _calls_writer(engine: Engine) -> Writer:
    return engine.writer


def _sample_writer(engine: Engine) -> SampleWriter:
    return engine.sample_writer


def _event_bytes(limits: Limits) -> int:
    return limits.body


def _trace_bytes(limits: Limits) -> int:
    return limits.traces_body


def _counts(batch: Batch, stored: Stored, _content_type: str) -> Reply:
    answer = build_answer(batch, accepted=stored.accepted, duplicates=stored.duplicates, problem_type=_EVENTS_REJECTED)
    return Reply(answer.status, answer.body, answer.content_type)


def _sample_counts(batch: Batch, stored: Stored, _content_type: str) -> Reply:
    answer = build_answer(
        batch,
        accepted=stored.accepted,
        duplicates=stored.duplicates,
        problem_type=_SAMPLES_REJECTED,
        title="Every sample was rejected",
    )
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
    return Endpoint(
        digester=CallDigester(parse),
        writer=_calls_writer,
        most_bytes=_event_bytes,
        success=_counts,
        failure=_problem,
        keeps_answers=True,
    )


ENDPOINTS: Final = {
    "/api/v1/ingest": _events(_ingest),
    "/api/ingest": _events(_camel),
    "/log": _events(_log),
    "/v1/traces": Endpoint(
        digester=CallDigester(_traces),
        writer=_calls_writer,
        most_bytes=_trace_bytes,
        success=_partial_success,
        failure=_status,
        keeps_answers=False,
    ),
    "POST /api/v1/cloud-metrics": Endpoint(
        digester=SampleDigester(_samples),
        writer=_sample_writer,
        most_bytes=_event_bytes,
        success=_sample_counts,
        failure=_problem,
        keeps_answers=True,
    ),
}
"""By exact path, or by method and path where other methods of the path are the web application's."""
