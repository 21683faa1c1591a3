"""What an event says it used and cost: counts or a provider's usage object, other units, the reported price."""

import re
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from ingestion.wire.amounts import MAX_COUNT, NumberError, decimal_number, decimal_text
from ingestion.wire.batch import FieldError
from ingestion.wire.event import ABSENT, Event
from ingestion.wire.tolerant import FieldProblem, is_given, read_anything
from ingestion.wire.types import Usage
from ingestion.wire.usage import UNSTATED, CountError, settle
from ingestion.wire.usage_reader import UnknownShapeError, UsageError
from ingestion.wire.usage_shapes import parse_usage

_UNIT = re.compile(r"[a-z][a-z0-9_]{0,49}", re.ASCII)
_MOST_UNITS = 20
_LONGEST_USAGE = 20_000  # bytes; the largest real ones, with per-modality lists, have about 2,000
_COUNTS = ("input_tokens", "prompt_tokens", "output_tokens", "completion_tokens")
_PARTS = Usage.__struct_fields__[2 : Usage.__struct_fields__.index("extra_units")]  # after input and output
_parts = attrgetter(*_PARTS)
_NO_PARTS = _parts(Event())


class Used(msgspec.Struct, frozen=True, gc=False):
    """``service_tier`` is as the usage object has it, or ``''``; ``ignored`` names members that lost to another."""

    usage: Usage
    cost_usd: Decimal | None = None
    service_tier: str = ""
    ignored: tuple[str, ...] = ()


def read_used(event: Event, provider: str, errors: list[FieldError]) -> Used:
    """Inclusive usage and reported cost; what cannot be used is added to ``errors``."""
    if event.usage is not ABSENT and is_given(event.usage):
        used = _from_object(event, provider, errors)
    else:
        used = _from_counts(event, errors)
    if event.extra_units is not ABSENT and is_given(event.extra_units):
        used.usage.extra_units = {**(used.usage.extra_units or {}), **_extra_units(event, errors)} or None
    if event.cost_usd is not ABSENT and is_given(event.cost_usd):
        return msgspec.structs.replace(used, cost_usd=_cost(event, errors))
    return used


def _from_counts(event: Event, errors: list[FieldError]) -> Used:
    given = event.input_tokens if event.input_tokens is not None else event.prompt_tokens
    written = event.output_tokens if event.output_tokens is not None else event.completion_tokens
    parts = _parts(event)
    counts: list[Any] = [] if parts == _NO_PARTS else [count or 0 for count in parts]
    usage = Usage(given or 0, written or 0, *counts)
    try:
        settle(usage, total=event.total_tokens)
    except CountError as error:
        errors.append(FieldError(error.field, str(error)))
        return Used(usage)
    if given is None and written is None and parts == _NO_PARTS:
        usage.rule = UNSTATED
        return Used(usage)
    if event.prompt_tokens is None and event.completion_tokens is None:
        return Used(usage)
    return Used(usage, None, "", _losing_aliases(event))


def _losing_aliases(event: Event) -> tuple[str, ...]:
    lost = []
    if event.prompt_tokens is not None and event.input_tokens not in {None, event.prompt_tokens}:
        lost.append("prompt_tokens")
    if event.completion_tokens is not None and event.output_tokens not in {None, event.completion_tokens}:
        lost.append("completion_tokens")
    return tuple(lost)


def _from_object(event: Event, provider: str, errors: list[FieldError]) -> Used:
    counted = any(getattr(event, name) is not None for name in _COUNTS)
    try:
        members = read_anything(bytes(event.usage), longest=_LONGEST_USAGE)
        if not isinstance(members, dict):
            raise FieldProblem("must be an object")
        parsed = parse_usage(members, provider)
    except UnknownShapeError as error:
        if not members or counted:  # nothing was said, or it was said in our words too
            used = _from_counts(event, errors)
            return msgspec.structs.replace(used, ignored=("usage",) if members else used.ignored)
        errors.append(FieldError(error.field, error.message))
    except UsageError as error:
        errors.append(FieldError(error.field, error.message))
    except FieldProblem as problem:
        errors.append(FieldError("usage", str(problem)))
    else:
        ignored = tuple(name for name in (*_COUNTS, *_PARTS) if getattr(event, name) is not None)
        return Used(parsed.usage, parsed.cost_usd, parsed.service_tier, ignored)
    return Used(Usage())


def _extra_units(event: Event, errors: list[FieldError]) -> dict[str, Decimal]:
    try:
        units = read_anything(bytes(event.extra_units))
        if not isinstance(units, dict):
            raise FieldProblem("must be an object")
        if len(units) > _MOST_UNITS:
            raise FieldProblem(f"must have at most {_MOST_UNITS} keys")
        if not all(_UNIT.fullmatch(name) for name in units):
            raise FieldProblem("keys must be catalogue units in lower_case, at most 50 characters")
        return {
            name: decimal_number(quantity, at_most=MAX_COUNT)
            for name, quantity in units.items()
            if quantity is not None
        }
    except (FieldProblem, NumberError) as error:
        errors.append(FieldError("extra_units", str(error)))
        return {}


def _cost(event: Event, errors: list[FieldError]) -> Decimal | None:
    try:
        return decimal_text(read_anything(bytes(event.cost_usd)), at_most=MAX_COUNT)
    except (FieldProblem, NumberError) as error:
        errors.append(FieldError("cost_usd", str(error)))
        return None
