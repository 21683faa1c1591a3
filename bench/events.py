"""Plausible telemetry, the same for every benchmark: as events of our own API and as OTLP spans."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bench.tenants import FEATURES, MODELS, TEAMS

SPREAD_SECONDS = 60  # calls of one request started within this time
type Body = Callable[[Random, int, datetime], bytes]
type Fields = dict[str, object]


def event(random: Random, *, started_at: datetime) -> Fields:
    """One priced event; the ids are UUID-like and unique."""
    feature = random.randrange(len(FEATURES))
    return {
        "id": f"{random.getrandbits(128):032x}",
        "timestamp": started_at.isoformat(),
        "model": random.choice(MODELS),
        "endpoint_name": FEATURES[feature],
        "team": TEAMS[feature % len(TEAMS)],  # a feature belongs to one team
        "environment": "production",
        "user_id": f"user-{random.randrange(500)}",
        "input_tokens": random.randrange(50, 4_000),
        "cached_input_tokens": random.randrange(50),
        "output_tokens": random.randrange(10, 900),
        "latency_ms": random.randrange(200, 9_000),
        "status": "ok",
        "tags": {"channel": "web"},
    }


def json_body(random: Random, size: int, now: datetime) -> bytes:
    """``size`` events as an array; a single one as an object."""
    events = [event(random, started_at=_moment(random, now)) for _ in range(size)]
    return msgspec.json.encode(events if size > 1 else events[0])


def otlp_body(random: Random, size: int, now: datetime) -> bytes:
    """``size`` spans as the GenAI conventions have them, of one service, protobuf."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(
        _attributes({"service.name": "bench", "deployment.environment.name": "production", "telemetry.sdk.name": "x"})
    )
    scope = group.scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation.openai_v2"
    scope.spans.extend(_span(random, started_at=_moment(random, now)) for _ in range(size))
    return request.SerializeToString()


def _span(random: Random, *, started_at: datetime) -> Span:
    fields = event(random, started_at=started_at)
    start_ns = int(started_at.timestamp() * 1e6) * 1000
    return Span(
        trace_id=random.randbytes(16),
        span_id=random.randbytes(8),
        name=f"chat {fields['model']}",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + random.randrange(200, 9_000) * 10**6,
        attributes=_attributes(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": fields["model"],
                "gen_ai.response.model": fields["model"],
                "gen_ai.usage.input_tokens": fields["input_tokens"],
                "gen_ai.usage.cache_read.input_tokens": fields["cached_input_tokens"],
                "gen_ai.usage.output_tokens": fields["output_tokens"],
                "tokenops.feature": fields["endpoint_name"],
                "tokenops.team": fields["team"],
                "tokenops.tag.channel": "web",
                "user.id": fields["user_id"],
            }
        ),
    )


def _attributes(fields: Fields) -> list[KeyValue]:
    return [KeyValue(key=name, value=_value(value)) for name, value in fields.items()]


def _value(value: object) -> AnyValue:
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=str(value))


def _moment(random: Random, now: datetime) -> datetime:
    return now - timedelta(seconds=random.random() * SPREAD_SECONDS)


def bodies(body: Body, *, count: int, size: int, seed: int) -> list[bytes]:
    """The same for the same seed, apart from the time of day."""
    random, now = Random(seed), datetime.now(UTC)
    return [body(random, size, now) for _ in range(count)]
