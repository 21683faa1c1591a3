"""What one owner has written, read from its oldest file to its newest."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.spool.files import segment_path, segments_of
from gateway.spool.records import DamagedLineError, read_line
from gateway.types import End, Start

MOST_RECORDS: Final = 500
_MOST_BYTES: Final = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file of the trail."""

    number: int
    offset: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Records that follow each other in one file, and where they end."""

    records: list[Start | End]
    since: Mark
    until: Mark
    damaged: int = 0


@dataclass(slots=True)
class Trail:
    """Where its reader is. ``starts`` are calls that have begun and whose end was not read yet."""

    directory: Path
    owner: str
    lock: int | None = None  # of an owner that is gone; None is this process
    at: Mark = Mark(0, 0)
    starts: dict[str, tuple[Start, int]] = field(default_factory=dict)  # with the number of its file
    stored: dict[int, int] = field(default_factory=dict)  # bytes of files that somebody has stored before

    @property
    def is_over(self) -> bool:
        """Whether its owner is gone: nothing more will be written."""
        return self.lock is not None

    def name(self, number: int) -> str:
        """What the database calls a file."""
        return f"{self.owner}-{number}"

    def read(self) -> Stretch | None:
        """The next records; None when there are none now."""
        for number in segments_of(self.directory, self.owner):
            if number < self.at.number:
                continue
            start = self.at.offset if number == self.at.number else 0
            before = self.stored.get(number, 0)
            most = before - start if start < before else _MOST_BYTES
            found = _read(segment_path(self.directory, self.owner, number), Mark(number, start), most)
            if found:
                return found
        return None

    def is_stored(self, stretch: Stretch) -> bool:
        """Whether it was stored and counted before."""
        return stretch.until.offset <= self.stored.get(stretch.since.number, 0)

    def follow(self, stretch: Stretch) -> Iterator[tuple[Start, End | None]]:
        """Calls that began (None) and calls that ended in it; an end without a beginning is nobody's."""
        for record in stretch.records:
            if isinstance(record, Start):
                self.starts[record.call_id] = (record, stretch.since.number)
                yield record, None
            elif begun := self.starts.pop(record.call_id, None):
                yield begun[0], record
        self.at = stretch.until

    def finished(self) -> list[int]:
        """Files that are read to their end and in which no call of those under way began."""
        needed = {number for _, number in self.starts.values()}
        numbers = segments_of(self.directory, self.owner)
        return [number for number in numbers if number < self.at.number and number not in needed]


def _read(path: Path, since: Mark, most: int) -> Stretch | None:
    with path.open("rb") as file:
        data = os.pread(file.fileno(), min(most, _MOST_BYTES), since.offset)
    lines = data.splitlines(keepends=True)[:MOST_RECORDS]
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()  # it is being written, or never was whole
    records: list[Start | End] = []
    damaged = 0
    for line in lines:
        try:
            records.append(read_line(line))
        except DamagedLineError:
            damaged += 1
    size = sum(map(len, lines))
    return Stretch(records, since, Mark(since.number, since.offset + size), damaged) if size else None
