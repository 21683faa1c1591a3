"""The segments of one owner in order: what to store next, which calls have not ended, which files are done."""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.spool.files import FileSpool
from gateway.spool.lines import EndLine, StartLine, end_line
from gateway.spool.segments import (
    Piece,
    drop_lock,
    end_last_line,
    owners,
    read_piece,
    segments_of,
    size_of,
    take_lock,
)
from gateway.types import End, Outcome

logger = logging.getLogger(__name__)

MOST_RECORDS: Final = 500


@dataclass(frozen=True, slots=True)
class Ended:
    """A request from its start to its end."""

    start: StartLine
    end: EndLine

    @property
    def event(self) -> bytes:
        """What is stored of it; of a call that was interrupted, what was asked."""
        is_interrupted = self.end.outcome is Outcome.INTERRUPTED
        return self.end.stored or (self.start.interrupted if is_interrupted else b"")

    @property
    def is_call(self) -> bool:
        return self.start.ask is not None or bool(self.end.stored)


@dataclass(slots=True)
class Open:
    """Calls that have not ended, with the segment that holds their start."""

    starts: dict[str, tuple[Path, StartLine]] = field(default_factory=dict)

    def ended(self, piece: Piece) -> tuple[list[Ended], int]:
        """The requests that end in these lines, and how many ends have no start: its line was damaged."""
        found: list[Ended] = []
        lost = 0
        here = {record.call_id: record for record in piece.records if isinstance(record, StartLine)}
        for record in piece.records:
            if isinstance(record, EndLine):
                start = here.get(record.call_id) or self._start(record.call_id)
                if start is None:
                    lost += 1
                else:
                    found.append(Ended(start, record))
        return found, lost

    def take(self, piece: Piece) -> None:
        """These lines are over."""
        for record in piece.records:
            if isinstance(record, StartLine):
                self.starts[record.call_id] = piece.segment, record
            else:
                self.starts.pop(record.call_id, None)

    def pins(self, segment: Path) -> bool:
        return any(held == segment for held, _ in self.starts.values())

    def _start(self, call_id: str) -> StartLine | None:
        held = self.starts.get(call_id)
        return held[1] if held else None


class OwnJournal:
    """The files this process writes."""

    def __init__(self, spool: FileSpool) -> None:
        self._spool = spool
        self._offsets: dict[int, int] = {}
        self.open = Open()

    def next(self) -> Piece | None:
        for number in self._spool.numbers:
            begins = self._offsets.get(number, 0)
            if begins < self._spool.size(number):
                return read_piece(self._spool.path(number), begins, most=MOST_RECORDS)
        return None

    def done(self, piece: Piece) -> None:
        self.open.take(piece)
        number = next(number for number in self._spool.numbers if self._spool.path(number) == piece.segment)
        self._offsets[number] = piece.ends
        self._spool.advance(piece.ends - piece.begins, len(piece.records))

    def finished(self) -> list[Path]:
        """Remove segments that are stored whole, the oldest first, and say which.

        In order: a later one may hold the end of a call whose start an earlier one still has.
        """
        removed = []
        for number in self._spool.numbers[:-1]:
            path = self._spool.path(number)
            if self._offsets.get(number, 0) < self._spool.size(number):
                break
            if self.open.pins(path):
                with suppress(OSError):
                    self._spool.carry(number)
                break
            self._spool.remove(number)
            removed.append(path)
        return removed


class AdoptedJournal:
    """The files of a process that is gone, and their lock."""

    def __init__(self, directory: Path, owner: str, lock: int) -> None:
        self.owner = owner
        self._directory, self._lock = directory, lock
        self.segments = segments_of(directory, owner)
        self._offsets: dict[Path, int] = {}
        self.open = Open()

    def begin(self, drained: dict[str, int]) -> None:
        """Read again what is stored already, and end what nobody will end. ``drained`` are offsets by file name.

        :raises OSError: the disk takes no line; nothing is lost by trying again.
        """
        self.open, everything = Open(), Open()
        for segment in self.segments:
            self._offsets[segment] = drained.get(segment.name, 0)
            self._reread(segment, everything)
        if self.segments:
            self._interrupt(self.segments[-1], everything)

    def _reread(self, segment: Path, everything: Open) -> None:
        offset, begins = self._offsets[segment], 0
        while piece := read_piece(segment, begins, most=MOST_RECORDS):
            begins = piece.ends
            everything.take(piece)
            if begins <= offset:
                self.open.take(piece)
            elif piece.begins < offset:
                self._take_before(segment, piece.begins, offset)

    def _take_before(self, segment: Path, begins: int, offset: int) -> None:
        while begins < offset and (piece := read_piece(segment, begins, most=1)):
            begins = piece.ends
            self.open.take(piece)

    def _interrupt(self, segment: Path, everything: Open) -> None:
        """As lines like every other, so that how far they are stored is known by an offset too."""
        end_last_line(segment)
        with segment.open("ab") as file:
            for call_id in everything.starts:
                file.write(end_line(End(call_id=call_id, outcome=Outcome.INTERRUPTED)))
            file.flush()
            os.fsync(file.fileno())

    @property
    def waiting(self) -> int:
        return sum(max(0, size_of(segment) - self._offsets.get(segment, 0)) for segment in self.segments)

    def next(self) -> Piece | None:
        for segment in self.segments:
            if piece := read_piece(segment, self._offsets[segment], most=MOST_RECORDS):
                return piece
        return None

    def done(self, piece: Piece) -> None:
        self.open.take(piece)
        self._offsets[piece.segment] = piece.ends

    def finished(self) -> list[Path]:
        """Remove everything once all is stored; before that nothing, since starts are looked up in it."""
        if self.waiting:
            return []
        removed, self.segments = self.segments, []
        for segment in removed:
            segment.unlink(missing_ok=True)
        return removed

    def release(self) -> None:
        drop_lock(self._directory, self.owner, self._lock, remove=not segments_of(self._directory, self.owner))


type Journal = OwnJournal | AdoptedJournal


def adopt(directory: Path, *, known: Callable[[str], bool]) -> list[AdoptedJournal]:
    """Take over the files whose owners are gone; of two processes that try, one gets them."""
    adopted = []
    for owner in sorted(owners(directory)):
        if known(owner):
            continue
        lock = take_lock(directory, owner)
        if lock is not None:
            adopted.append(AdoptedJournal(directory, owner, lock))
    if adopted:
        logger.info("adopted files of the spool", extra={"owners": len(adopted)})
    return adopted
