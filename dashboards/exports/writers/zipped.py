"""A ZIP archive of which one member is written piece by piece, also by one process after another. Pure.

The standard library's can do everything but that: what it compresses must be finished by who began. Every piece here
is compressed for itself and ends at a full byte, which deflate allows (RFC 1951, 3.2.4): put together they are one
stream.
"""

import struct
import zlib
from dataclasses import asdict, dataclass
from typing import Any, Final

_LEVEL: Final = 1  # what it takes less room with every level more costs twice the time
_WITHOUT_SIZES: Final = 0x08  # of the flags: sizes follow the data (APPNOTE 4.4.4, bit 3)
_DEFLATED: Final = 8
_VERSION: Final = 20
_DATE: Final = (1 << 5) | 1  # 1980-01-01: files of the same content are the same
_LARGEST: Final = 2**32 - 1
_END_OF_DIRECTORY: Final = 22
_LAST_BLOCK: Final = b"\x03\x00"  # an empty one


class TooLargeError(Exception):
    """More than a ZIP archive without extensions can hold."""


@dataclass(slots=True)
class Member:
    """The member as far as it is written; everything JSON-able. ``offset`` is where it begins."""

    name: str
    offset: int
    crc: int = 0
    size: int = 0
    compressed: int = 0

    def head(self) -> bytes:
        """What comes before the data."""
        fixed = (_VERSION, _WITHOUT_SIZES, _DEFLATED, 0, _DATE, 0, 0, 0, len(self.name), 0)
        return struct.pack("<4s5H3L2H", b"PK\x03\x04", *fixed) + self.name.encode()

    def add(self, data: bytes) -> bytes:
        """``data`` compressed.

        :raises TooLargeError: there is too much of it.
        """
        deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = deflate.compress(data) + deflate.flush(zlib.Z_FULL_FLUSH)
        return self._counted(data, packed)

    def end(self) -> bytes:
        """What comes after the data."""
        packed = self._counted(b"", _LAST_BLOCK)
        return packed + struct.pack("<4s3L", b"PK\x07\x08", self.crc, self.compressed, self.size)

    def entry(self) -> bytes:
        """The member in the archive's directory."""
        sizes = (self.crc, self.compressed, self.size)
        fixed = (_VERSION, _VERSION, _WITHOUT_SIZES, _DEFLATED, 0, _DATE)
        rest = (len(self.name), 0, 0, 0, 0, 0, self.offset)
        return struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *fixed, *sizes, *rest) + self.name.encode()

    def state(self) -> dict[str, Any]:
        return asdict(self)

    def _counted(self, data: bytes, packed: bytes) -> bytes:
        self.crc = zlib.crc32(data, self.crc)
        self.size += len(data)
        self.compressed += len(packed)
        if self.offset + max(self.size, self.compressed) > _LARGEST - 2**20:
            raise TooLargeError
        return packed


def split(archive: bytes) -> tuple[bytes, bytes, int]:
    """The members of a whole archive, its directory, and how many entries that has."""
    entries, size, start = struct.unpack("<HLL", archive[-_END_OF_DIRECTORY:][10:20])
    return archive[:start], archive[start : start + size], entries


def closing(directory: bytes, *, entries: int, offset: int) -> bytes:
    """The directory, which begins at ``offset``, and the end of the archive."""
    return directory + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, entries, entries, len(directory), offset, 0)
