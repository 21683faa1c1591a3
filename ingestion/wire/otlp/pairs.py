"""Attributes from their bytes: what an emitter says of one call it mostly says of the next one too.

Two thirds of a span's pairs came before, with the same name and value, and looking one up costs a fifth of what
protobuf takes to make objects of it.
"""

from collections.abc import Iterable
from typing import Any, Final

from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ingestion.wire.otlp.content import carries_content
from ingestion.wire.otlp.spans import Value

_SCALARS: Final = frozenset({"string_value", "int_value", "double_value", "bool_value", "bytes_value"})
# Remembering must not let a stranger's attributes fill the memory: these are a few megabytes.
_MOST_PAIRS: Final = 8_192
_LONGEST_PAIR: Final = 128  # bytes
# A KeyValue of two short texts: tag and length of the name, the name, tags and lengths of the value, the text.
_NAME_TAG: Final = 0x0A
_LONGEST_NAME: Final = 0x7F
_BEFORE_TEXT: Final = tuple(bytes((0x12, size + 2, 0x0A, size)) for size in range(0x7E))

type Pair = tuple[str, Value]

_remembered: Final[dict[bytes, Pair]] = {}


def _span_with_raw_attributes() -> Any:
    """OTLP's own Span, but for its attributes, which stay bytes: every other field is checked as ever."""
    span = DescriptorProto()
    Span.DESCRIPTOR.CopyToProto(span)
    for unused in (span.nested_type, span.enum_type):  # the fields name those of the original
        del unused[:]
    (attributes,) = (field for field in span.field if field.name == "attributes")
    attributes.type = attributes.TYPE_BYTES
    attributes.ClearField("type_name")
    file = FileDescriptorProto(
        name="tokenops/span.proto",
        package="tokenops",
        syntax="proto3",
        dependency=[Span.DESCRIPTOR.file.name],
        message_type=[span],
    )
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{span.name}"))


RawSpan: Final = _span_with_raw_attributes()


def attributes_of(raw_pairs: Iterable[bytes]) -> dict[str, Value]:
    """The attributes of a ``RawSpan``; of two with one name the last.

    :raises DecodeError: one of them is no KeyValue. :raises UnicodeDecodeError: it holds what is no UTF-8.
    """
    remembered = _remembered.get
    return dict([remembered(raw) or _read(raw) for raw in raw_pairs])


def _read(raw: bytes) -> Pair:
    pair = _short_text(raw) or _any_pair(raw)
    if len(raw) <= _LONGEST_PAIR and not carries_content(pair[0]):
        if len(_remembered) >= _MOST_PAIRS:
            _remembered.clear()
        _remembered[raw] = pair
    return pair


def _short_text(raw: bytes) -> Pair | None:
    """The commonest form, in half the time that protobuf takes; None for any other."""
    if len(raw) <= 1 or raw[0] != _NAME_TAG or raw[1] > _LONGEST_NAME:
        return None
    end = raw[1] + 2
    text = raw[end + 4 :]
    if len(text) >= len(_BEFORE_TEXT) or raw[end : end + 4] != _BEFORE_TEXT[len(text)]:
        return None
    return raw[2:end].decode(), text.decode()


def _any_pair(raw: bytes) -> Pair:
    message = KeyValue.FromString(raw)
    return message.key, value_of(message.value)


def value_of(message: AnyValue) -> Value:
    # Reading a member that is not set gives its default, which is cheaper than asking which one is set.
    return message.string_value or message.int_value or _rarer_value(message)


def _rarer_value(message: AnyValue) -> Value:
    kind = message.WhichOneof("value")
    if kind == "array_value":
        return [value_of(entry) for entry in message.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: value_of(pair.value) for pair in message.kvlist_value.values}
    return getattr(message, kind) if kind in _SCALARS else None
