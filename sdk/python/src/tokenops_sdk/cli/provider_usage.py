"""Usage exports of OpenAI and Anthropic as events: what a provider says was used, before TokenOps was there.

An export sums many requests. Its sums are kept exactly and spread evenly over as many events as there were requests,
which are marked as estimated, because no single one of them is known. Ids are made of the row, so that importing a file
again, or a longer one, counts nothing twice.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from tokenops_sdk.cli.errors import FileError

MOST_REQUESTS: Final = 100_000  # of one row; more would be an upload nobody waits for
_OPENAI_TOKENS: Final = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cached_input_tokens": "input_cached_tokens",
    "audio_input_tokens": "input_audio_tokens",
    "audio_output_tokens": "output_audio_tokens",
}
_CSV_COUNTS: Final = {
    "uncached": "usage_input_tokens_no_cache",
    "5m": "usage_input_tokens_cache_write_5m",
    "1h": "usage_input_tokens_cache_write_1h",
    "read": "usage_input_tokens_cache_read",
    "output": "usage_output_tokens",
}
_IDENTITY: Final = (
    "start_time",
    "starting_at",
    "usage_date_utc",
    "model",
    "model_version",
    "project_id",
    "api_key_id",
    "user_id",
    "batch",
    "workspace_id",
    "workspace",
    "api_key",
    "service_tier",
    "usage_type",
    "context_window",
)

Row = Mapping[str, Any]


def events(path: Path, provider: str) -> Iterator[dict[str, Any]]:
    """Events of an export of ``openai`` or ``anthropic``: JSON of the usage API, or CSV of the console.

    :raises FileError: it is neither, or a row cannot be used.
    """
    read = _openai if provider == "openai" else _anthropic
    place = 0
    try:
        for place, row in enumerate(_rows(path), 1):  # noqa: B007 - said when the row cannot be used
            yield from _spread(read(row), _identity(provider, row))
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(f"{path}, row {place}: this is no usage of {provider} ({_why(error)}).") from error


def _rows(path: Path) -> Iterator[Row]:
    """Rows with the times of their bucket, whichever form the export has."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path} cannot be read: {type(error).__name__}.") from error
    if path.suffix.lower() == ".csv":
        yield from csv.DictReader(text.splitlines())
        return
    try:
        document = json.loads(text)
        buckets = document["data"]
        for bucket in buckets:
            times = {name: bucket[name] for name in bucket if name != "results"}
            yield from ({**times, **row} for row in bucket["results"])
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(f"{path} is no JSON of a usage API: it has no data with results.") from error


def _why(error: Exception) -> str:
    return f"it has no {error.args[0]}" if isinstance(error, KeyError) else str(error)


def _openai(row: Row) -> dict[str, Any]:
    counts = {name: _count(row.get(theirs)) for name, theirs in _OPENAI_TOKENS.items()}
    batch = str(row.get("batch", "")).lower() == "true"
    return {
        "provider": "openai",
        "model": _model(row),
        "requests": _count(row.get("num_model_requests")),
        "from": _moment(row["start_time"]),
        "to": _moment(row["end_time"]),
        "service_tier": "batch" if batch else "",
        "tags": _named(row, project="project_id", key="api_key_id"),
        "counts": {name: value for name, value in counts.items() if value},
    }


def _anthropic(row: Row) -> dict[str, Any]:
    uncached, short, long, read, output = _anthropic_counts(row)
    start = _moment(row.get("starting_at") or row["usage_date_utc"])
    end = _moment(row["ending_at"]) if row.get("ending_at") else start + 24 * 3600
    tier = row.get("service_tier") or row.get("usage_type") or ""
    counts = {
        "input_tokens": uncached + short + long + read,
        "cached_input_tokens": read,
        "cache_write_tokens": short + long,
        "cache_write_1h_tokens": long,
        "output_tokens": output,
    }
    return {
        "provider": "anthropic",
        "model": str(row.get("model") or row["model_version"]),
        "requests": 0,  # their exports do not say how many
        "from": start,
        "to": end,
        "service_tier": tier if tier in {"batch", "standard", "priority", "flex"} else "",
        "tags": _named(row, workspace="workspace_id", key="api_key_id")
        or _named(row, workspace="workspace", key="api_key"),
        "counts": {name: value for name, value in counts.items() if value},
    }


def _anthropic_counts(row: Row) -> tuple[int, int, int, int, int]:
    if _CSV_COUNTS["uncached"] in row:
        uncached, short, long, read, output = (_count(row.get(column)) for column in _CSV_COUNTS.values())
        return uncached, short, long, read, output
    written = row.get("cache_creation") or {}
    return (
        _count(row["uncached_input_tokens"]),
        _count(written.get("ephemeral_5m_input_tokens")),
        _count(written.get("ephemeral_1h_input_tokens")),
        _count(row.get("cache_read_input_tokens")),
        _count(row["output_tokens"]),
    )


def _spread(found: dict[str, Any], identity: str) -> Iterator[dict[str, Any]]:
    """One event a request; the first ones carry what does not divide evenly."""
    requests = found["requests"] or (1 if found["counts"] else 0)
    if requests > MOST_REQUESTS:
        raise ValueError(f"{requests:,} requests in one row; export by the hour to stay within {MOST_REQUESTS:,}")
    length = (found["to"] - found["from"]) / max(requests, 1)
    for number in range(requests):
        event = {
            "id": f"import:{identity}:{number}",
            "timestamp": datetime.fromtimestamp(found["from"] + number * length, timezone.utc).isoformat(),
            "provider": found["provider"],
            "model": found["model"],
            "usage_estimated": True,
            "tags": found["tags"] | ({} if found["requests"] else {"requests": "unknown"}),
            **{name: _part(total, requests, number) for name, total in found["counts"].items()},
        }
        yield event | ({"service_tier": found["service_tier"]} if found["service_tier"] else {})


def _part(total: int, parts: int, number: int) -> int:
    return total // parts + (1 if number < total % parts else 0)


def _identity(provider: str, row: Row) -> str:
    """What names a row, not what it counts: a day that is exported before its end and after it is the same."""
    text = json.dumps([provider, *(str(row.get(name, "")) for name in _IDENTITY)])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _model(row: Row) -> str:
    if not row.get("model"):
        raise ValueError("it has no model: export grouped by model")
    return str(row["model"])


def _named(row: Row, **names: str) -> dict[str, str]:
    return {tag: str(row[column])[:200] for tag, column in names.items() if row.get(column)}


def _count(value: Any) -> int:
    return int(float(value)) if value not in {None, ""} else 0


def _moment(value: Any) -> float:
    """Seconds since 1970 of epoch seconds, an ISO moment or a date in UTC."""
    text = str(value)
    if text.replace(".", "", 1).isdigit():
        return float(text)
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
