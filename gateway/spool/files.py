"""The append-only files of this process. What is written is with the operating system at once, on the disk soon."""

import errno
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from gateway.spool.lines import end_line, start_line
from gateway.spool.segments import drop_lock, segment_path, take_lock
from gateway.types import End, SpoolFullError, Start

logger = logging.getLogger(__name__)

_FILES: Final = 8  # at least, of a full spool
SEGMENT_BYTES: Final = 8 * 2**20
END_ROOM: Final = 16 * 2**10  # set aside for the end of every call that runs
SYNC_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Pace:
    """How the spool stands: what waits to be stored, of how much there may be."""

    bytes_waiting: int
    records_waiting: int
    limit: int
    oldest_seconds: float  # since the oldest record that waits was written
    damaged: int  # lines that could not be read, since the process started

    @property
    def fill(self) -> float:
        return self.bytes_waiting / self.limit


class FileSpool:
    """Appends the records of one process. Safe between threads; ``Drainer`` reads what it writes.

    ``write`` and ``sync`` are the operating system's; tests put failing ones in their place.
    """

    def __init__(
        self,
        directory: Path,
        *,
        most_bytes: int,
        segment_bytes: int = SEGMENT_BYTES,
        write: Callable[[int, bytes], int] = os.write,
        sync: Callable[[int], None] = os.fsync,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.directory = directory
        self.owner = uuid4().hex
        self.most_bytes = most_bytes
        self.adopted_bytes = 0  # of files of processes that are gone; the drainer says
        self.drained_records = 0
        self.damaged = 0
        self.oldest: float | None = None  # when the oldest waiting record was written
        self._segment_bytes = segment_bytes
        self._write, self._sync = write, sync
        self._lock = threading.Lock()
        self._open: dict[str, tuple[int, bytes]] = {}  # calls that run: the segment and the line of their start
        self._sizes: dict[int, int] = {}
        self._drained = 0  # bytes of segments that are still there
        self._records = 0
        self._late: deque[bytes] = deque()  # ends that a failing disk did not take
        self._waker: Callable[[], object] | None = None
        self._owned = take_lock(directory, self.owner)
        self._number = -1
        self._file = -1
        self._unsynced: list[int] = []
        self._begin_segment()
        self._is_dirty = threading.Event()
        self._closing = threading.Event()
        self._syncer = threading.Thread(target=self._sync_for_ever, name="spool-sync", daemon=True)
        self._syncer.start()

    def start(self, record: Start) -> None:
        """:raises SpoolFullError: the request must not go upstream."""
        line = start_line(record)
        with self._lock:
            self._check_room(len(line))
            try:
                self._append_late()
                self._append(line)
            except OSError as error:
                raise SpoolFullError from error
            self._open[record.call_id] = self._number, line
        self._wake()

    def end(self, record: End) -> None:
        """Written now; by a failing disk as soon as it takes it. Calls that run bound how many can wait for that."""
        line = end_line(record)
        with self._lock:
            self._open.pop(record.call_id, None)
            self._late.append(line)
            try:
                self._append_late()
            except OSError as error:
                if len(self._late) == 1:
                    logger.error("the spool cannot be written", extra={"error": errno.errorcode.get(error.errno or 0)})
        self._wake()

    def pace(self) -> Pace:
        waiting = self._bytes - self._drained
        age = max(0.0, time.time() - self.oldest) if self.oldest is not None else 0.0
        return Pace(waiting, max(0, self._records - self.drained_records), self.most_bytes, age, self.damaged)

    def close(self, *, is_empty: bool = False) -> None:
        """Put everything on the disk and let the files go: who comes next adopts them. ``is_empty``: all is stored."""
        self._closing.set()
        self._is_dirty.set()
        self._syncer.join()
        os.close(self._file)
        if is_empty:
            for number in self.numbers:
                self.path(number).unlink(missing_ok=True)
        if self._owned is not None:
            drop_lock(self.directory, self.owner, self._owned, remove=is_empty)
            self._owned = None

    # For the drainer, which runs in the same process.

    def wake_once(self, waker: Callable[[], object]) -> None:
        """Call it after the next record."""
        self._waker = waker

    def size(self, number: int) -> int:
        return self._sizes[number]

    @property
    def numbers(self) -> list[int]:
        """Of the segments, oldest first; the last is being written."""
        return list(self._sizes)

    def path(self, number: int) -> Path:
        return segment_path(self.directory, self.owner, number)

    def carry(self, number: int) -> None:
        """Repeat the starts of calls that still run, so that one long call does not keep a whole segment and all after.

        Only starts whose end was not written: it will follow the repetition.
        """
        with self._lock:
            for call_id, (segment, line) in list(self._open.items()):
                if segment <= number:
                    self._append(line)
                    self._open[call_id] = self._number, line

    def advance(self, size: int, records: int) -> None:
        """So much of the own segments is stored."""
        with self._lock:
            self._drained += size
            self.drained_records += records

    def remove(self, number: int) -> None:
        """A segment that is stored whole."""
        self.path(number).unlink(missing_ok=True)
        with self._lock:
            self._drained -= self._sizes.pop(number)

    @property
    def _bytes(self) -> int:
        return sum(self._sizes.values()) + self.adopted_bytes

    def _check_room(self, size: int) -> None:
        if self._bytes + size + END_ROOM * (len(self._open) + 1) > self.most_bytes:
            raise SpoolFullError

    def _append_late(self) -> None:
        while self._late:
            self._append(self._late[0])
            self._late.popleft()

    def _append(self, line: bytes) -> None:
        """:raises OSError: nothing of it is in the file."""
        if self._sizes[self._number] >= self._segment_bytes:
            self._begin_segment()
        size = self._sizes[self._number]
        try:
            written = self._write(self._file, line)
            if written < len(line):
                raise OSError(errno.ENOSPC, "short write")
        except OSError:
            os.ftruncate(self._file, size)
            raise
        self._sizes[self._number] = size + len(line)
        self._records += 1
        if self.oldest is None:
            self.oldest = time.time()
        if not self._is_dirty.is_set():
            self._is_dirty.set()

    def _begin_segment(self) -> None:
        path = segment_path(self.directory, self.owner, self._number + 1)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        if self._file >= 0:
            self._unsynced.append(self._file)
        self._file, self._number = file, self._number + 1
        self._sizes[self._number] = 0

    def _wake(self) -> None:
        waker, self._waker = self._waker, None
        if waker:
            waker()

    def _sync_for_ever(self) -> None:
        while not self._closing.is_set():
            self._is_dirty.wait()
            self._closing.wait(SYNC_SECONDS)
            self._sync_once()

    def _sync_once(self) -> None:
        with self._lock:
            self._is_dirty.clear()
            closed, self._unsynced = self._unsynced, []
            try:
                self._append_late()
            except OSError:
                self._is_dirty.set()  # come again
        for file in [*closed, self._file]:
            try:
                self._sync(file)
            except OSError as error:
                logger.error(
                    "the spool cannot be put on the disk", extra={"error": errno.errorcode.get(error.errno or 0)}
                )
        for file in closed:
            os.close(file)


def open_spool(directory: Path, *, most_bytes: int) -> FileSpool:
    """The spool of this process, with files of its own."""
    # Room comes back file by file: one that fills a small spool by itself would never be given up.
    return FileSpool(directory, most_bytes=most_bytes, segment_bytes=min(SEGMENT_BYTES, most_bytes // _FILES))
