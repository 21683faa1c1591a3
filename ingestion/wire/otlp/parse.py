"""The body of ``POST /v1/traces``: spans in, calls and refusals out."""

from typing import Final

from ingestion.wire.batch import Batch, FieldError, ParseContext
from ingestion.wire.errors import MalformedBody, UnsupportedMediaType
from ingestion.wire.field_names import kept_names
from ingestion.wire.otlp import json_body, protobuf
from ingestion.wire.otlp.calls import CallBuilder
from ingestion.wire.otlp.content import carries_content
from ingestion.wire.otlp.kinds import operation
from ingestion.wire.otlp.shapes import shape_of

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
_NO_SPANS: Final = "the body holds no spans: this endpoint takes traces, neither logs nor metrics"


def media_type(content_type: str) -> str:
    """The content type without its parameters, ``''`` when it is not one of OTLP's two."""
    name = content_type.partition(";")[0].strip().lower()
    return name if name in {PROTOBUF, JSON} else ""


def parse_traces(body: bytes, *, content_type: str, context: ParseContext) -> Batch:
    """Decode an ExportTraceServiceRequest. Spans that are no calls are counted in ``ignored``, bad calls rejected.

    :raises UnsupportedMediaType: neither protobuf nor JSON.
    :raises MalformedBody: the body cannot be decoded, or holds logs or metrics.
    """
    kind = media_type(content_type)
    if not kind:
        raise UnsupportedMediaType(f"Content-Type must be {PROTOBUF} or {JSON}")
    batch = Batch()
    builder = CallBuilder(context, batch)
    are_spans = False
    for span in (json_body if kind == JSON else protobuf).read_spans(body):
        index = batch.total
        batch.total += 1
        problem = span.problem or span.origin.problem
        if problem:
            are_spans = True
            batch.reject(index, None, [FieldError("", problem)])
            continue
        shape = shape_of(span.attributes)
        found = operation(span, shape)
        are_spans = are_spans or bool(found) or span.has_ids()
        if found:
            builder.add(span, shape, found, index)
            if batch.wants_names():
                batch.refused_names[index] = kept_names(span.attributes, is_content=carries_content)
        else:
            batch.ignored += 1
    if batch.total and not are_spans:
        raise MalformedBody(_NO_SPANS)
    return batch
