"""Parquet with typed columns, a row group at a time. Pure.

Imported by whoever writes such a file and nobody else: the library takes 70 MB.

A Parquet file ends with where its row groups lie, so its library writes one in a single go. Here every few pages are a
small Parquet file of their own, appended to the last, that believes to lie where it does. ``end`` reads what each of
them says about itself and appends the sum, which is all that readers look at (docs/adr/0019-exports.md).
"""

import io
import mmap
from collections.abc import Buffer
from typing import Any, ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from dashboards.exports.writers.types import MONEY_DIGITS, Content, Kind, Read, Rendering, State, WriteError

_TYPES: Final = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.MONEY: pa.decimal128(38, MONEY_DIGITS),
    Kind.MOMENT: pa.timestamp("us", "UTC"),
    Kind.FLAG: pa.bool_(),
    Kind.JSON: pa.string(),
}
_TOO_LARGE: Final = "A value is too large for a column of a Parquet file. Export as CSV or JSON."
_TOO_MUCH_MONEY: Final = r"^-?\d{19}"  # 38 digits less the decimals: beyond, the library would store another number
_AS_WRITTEN: Final[dict[str, Any]] = {
    "null_values": [""],
    "true_values": ["true"],
    "false_values": ["false"],
    "strings_can_be_null": True,
    "quoted_strings_can_be_null": False,
}
_MAGIC: Final = b"PAR1"
_TRAILER: Final = 8  # bytes: the length of what it says about itself, and the magic


class ParquetWriter:
    """Zstandard-compressed; ``about`` is in the file's metadata, its names with ``tokenops.`` before them."""

    rendering: ClassVar[Rendering] = Rendering.CSV
    pages: ClassVar[int] = 8

    def __init__(self, content: Content, state: State) -> None:
        about = {f"tokenops.{name}".encode(): text.encode() for name, text in content.about}
        self._schema = pa.schema([(one.name, _TYPES[one.kind]) for one in content.columns], metadata=about)
        self.state: State = {"ends": []} | state

    def begin(self) -> bytes:
        """Nothing: the first rows bring it."""
        return b""

    def rows(self, page: bytes) -> bytes:
        return self._part(self._table(page)) if page else b""

    def end(self, read: Read) -> bytes:
        nothing = b"" if self.state["ends"] else self._part(self._schema.empty_table())
        if nothing:
            return nothing
        found = [_metadata(read, end) for end in self.state["ends"]]
        for other in found[1:]:
            found[0].append_row_groups(other)
        whole = io.BytesIO()
        found[0].write_metadata_file(whole)
        return whole.getvalue().removeprefix(_MAGIC)

    def _table(self, page: bytes) -> Any:
        texts = {one.name: pa.string() for one in self._schema if pa.types.is_decimal(one.type)}
        types = {one.name: texts.get(one.name, one.type) for one in self._schema}
        try:
            found = pyarrow.csv.read_csv(
                pa.BufferReader(page),
                read_options=pyarrow.csv.ReadOptions(column_names=self._schema.names, block_size=len(page) + 1),
                parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
                convert_options=pyarrow.csv.ConvertOptions(column_types=types, **_AS_WRITTEN),
            )
            if any(pc.any(pc.match_substring_regex(found[name], _TOO_MUCH_MONEY)).as_py() for name in texts):
                raise WriteError(_TOO_LARGE)
            return found.cast(self._schema)
        except pa.ArrowInvalid as error:
            raise WriteError(_TOO_LARGE) from error

    def _part(self, table: Any) -> bytes:
        """``table`` as a Parquet file that lies behind the others."""
        start = self.state["ends"][-1] if self.state["ends"] else 0
        tail = _Tail(start)
        sink = pa.PythonFile(tail, "w")
        with pq.ParquetWriter(sink, self._schema, compression="zstd") as writer:
            if start:
                # The library refuses to begin anywhere but at nought. These bytes are never looked at.
                sink.write(mmap.mmap(-1, start - len(_MAGIC)))
            writer.write_table(table)
        part = tail.written()
        self.state["ends"] = [*self.state["ends"], start + len(part)]
        return part


def _metadata(read: Read, end: int) -> Any:
    """What the part that ends there says about itself."""
    trailer = read(end - _TRAILER, end)
    length = int.from_bytes(trailer[:4], "little")
    return pq.read_metadata(io.BytesIO(_MAGIC + read(end - _TRAILER - length, end)))


class _Tail:
    """A file of which the first bytes exist already."""

    closed = False

    def __init__(self, skip: int) -> None:
        self._skip = skip
        self._parts: list[bytes] = []

    def write(self, data: Buffer) -> int:
        view = memoryview(data)
        cut = min(self._skip, len(view))
        self._skip -= cut
        if cut < len(view):
            self._parts.append(bytes(view[cut:]))
        return len(view)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        self.closed = True

    def written(self) -> bytes:
        return b"".join(self._parts)
