"""Parts of files by HTTP (RFC 9110, section 14): which bytes a request wants. Pure."""

import re
from dataclasses import dataclass
from typing import Final

_SINGLE: Final = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


class UnsatisfiableError(Exception):
    """None of the bytes asked for are there."""


@dataclass(frozen=True, slots=True)
class Part:
    """From ``start`` to before ``end`` of ``size`` bytes."""

    start: int
    end: int
    size: int

    @property
    def length(self) -> int:
        return self.end - self.start

    @property
    def header(self) -> str:
        """For ``Content-Range``."""
        return f"bytes {self.start}-{self.end - 1}/{self.size}"


def part(wanted: str, *, size: int, etag: str, if_range: str = "") -> Part | None:
    """The part that the header ``Range`` asks for; None means the whole.

    So does what is not understood, several parts at once, and ``If-Range`` of another file.

    :raises UnsatisfiableError: the file is shorter.
    """
    found = _SINGLE.fullmatch(wanted.replace(" ", ""))
    if found is None or (if_range and if_range != etag):
        return None
    first, last = found.groups()
    if first:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    elif last:
        start, end = max(0, size - int(last)), size
    else:
        return None
    if start >= size or start >= end:
        raise UnsatisfiableError
    return Part(start, end, size)
