"""What OTLP clients are answered: ExportTraceServiceResponse, and google.rpc.Status when it went wrong."""

from typing import Final

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from ingestion.wire.batch import Batch
from ingestion.wire.otlp.parse import JSON

_REASONS_SHOWN: Final = 3
_UNKNOWN: Final = 2
_CODES: Final = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 413: 3, 415: 3, 429: 8, 500: 13, 503: 14}
"""google.rpc.Code by HTTP status (grpc/grpc, http-grpc-status-mapping, read backwards)."""
_CODE_TAG, _MESSAGE_TAG = b"\x08", b"\x12"
_MORE: Final = 0x80


def success(batch: Batch, *, media_type: str) -> bytes:
    """The body of a 200: empty unless calls were refused; then how many, and the first three reasons."""
    if not batch.rejected:
        return b"{}" if media_type == JSON else b""
    message = _reasons(batch)
    if media_type == JSON:  # int64 is a string in protobuf's JSON
        refused = {"rejectedSpans": str(len(batch.rejected)), "errorMessage": message}
        return msgspec.json.encode({"partialSuccess": refused})
    partial = ExportTracePartialSuccess(rejected_spans=len(batch.rejected), error_message=message)
    return ExportTraceServiceResponse(partial_success=partial).SerializeToString()


def _reasons(batch: Batch) -> str:
    """Different reasons tell more than the same one three times. Never a value."""
    found: dict[str, int] = {}
    for rejection in batch.rejected:
        for error in rejection.errors:
            found.setdefault(f"{error.field} {error.message}".strip(), rejection.index)
            if len(found) == _REASONS_SHOWN:
                break
    return "; ".join(f"span {index}: {reason}" for reason, index in list(found.items())[:_REASONS_SHOWN])


def failure(status: int, message: str, *, media_type: str) -> bytes:
    """google.rpc.Status for an HTTP status, JSON or protobuf."""
    code = _CODES.get(status, _UNKNOWN)
    if media_type == JSON:
        return msgspec.json.encode({"code": code, "message": message})
    text = message.encode()
    return _CODE_TAG + _varint(code) + _MESSAGE_TAG + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= _MORE:
        encoded.append(number & 0x7F | _MORE)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
