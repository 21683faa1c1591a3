"""The formats of exports, by name. Pure: no database, no clock, no socket."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from dashboards.exports.writers.types import Content, State, Writer

_WRITERS: Final[Mapping[str, tuple[str, str]]] = {
    "csv": ("text", "CsvWriter"),
    "json": ("text", "JsonWriter"),
    "ndjson": ("text", "NdjsonWriter"),
    "xlsx": ("xlsx", "XlsxWriter"),
    "parquet": ("parquet", "ParquetWriter"),
}


def writer(name: str, content: Content, state: State | None = None) -> Writer:
    """The writer of a format, new or with the ``state`` in which another one left the file.

    Its module is loaded when it is first used: web processes never write Parquet, and its library is large.
    """
    module, found = _WRITERS[name]
    made: Writer = getattr(import_module(f"{__name__}.{module}"), found)(content, dict(state or {}))
    return made
