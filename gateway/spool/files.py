"""The spool of one process: files that are only appended to, locked for as long as the process lives.

``<owner>-<number>.spool`` holds the lines, ``<owner>.lock`` is held. Who finds a lock that nobody holds may take over
what is there: its owner is gone.
"""

import asyncio
import fcntl
import logging
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import uuid4

from gateway.spool.records import end_line, start_line
from gateway.types import End, SpoolFullError, Start

logger = logging.getLogger(__name__)

SYNC_SECONDS: Final = 0.1
SEGMENT_BYTES: Final = 8 * 2**20
_FILES: Final = 8  # at least, of a full spool
SET_ASIDE: Final = 16 * 2**10  # for the end of a call that has started
_NAME: Final = re.compile(r"([0-9a-f]{32})-([0-9]{1,9})\.spool")

type Write = Callable[[int, bytes], int]


class FileSpool:
    """Takes records from one event loop. ``most_bytes`` bounds the files of the directory and the ends yet to come."""

    def __init__(
        self, directory: Path, *, most_bytes: int, segment_bytes: int = SEGMENT_BYTES, write: Write = os.write
    ) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory, self.most_bytes = directory, most_bytes
        self.owner = uuid4().hex
        self.appended = asyncio.Event()
        self._lock = _locked(directory / f"{self.owner}.lock")
        self._segment_bytes, self._write = segment_bytes, write
        self._number, self._length = 0, 0
        self._file = self._new_file()
        self._open: set[str] = set()  # calls that have started
        self._unwritten: list[bytes] = []  # ends that the disk did not take
        self._is_dirty = False
        self._bytes = sum(path.stat().st_size for path in directory.glob("*.spool"))

    @property
    def size(self) -> int:
        """Bytes of all files, and of what is set aside."""
        return self._bytes + SET_ASIDE * len(self._open)

    @property
    def path(self) -> Path:
        """Of the file that is being written."""
        return segment_path(self.directory, self.owner, self._number)

    def start(self, record: Start) -> None:
        """:raises SpoolFullError: there is no room, or the disk takes nothing."""
        line = start_line(record)
        if self.size + len(line) + SET_ASIDE > self.most_bytes or self._unwritten:
            raise SpoolFullError
        try:
            self._append(line)
        except OSError as error:
            logger.warning("the spool cannot be written", extra={"error": type(error).__name__})
            raise SpoolFullError from error
        self._open.add(record.call_id)

    def end(self, record: End) -> None:
        """Written now or, if the disk takes nothing, as soon as it does."""
        self._open.discard(record.call_id)
        line = end_line(record)
        if self._unwritten:
            self._unwritten.append(line)
            return
        try:
            self._append(line)
        except OSError:
            logger.exception("the end of a call cannot be written yet")
            self._unwritten.append(line)

    async def run(self) -> None:
        """Have what was written reach the disk, ten times a second, and write what could not be."""
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            self._try_again()
            if self._is_dirty:
                self._is_dirty = False
                await asyncio.to_thread(os.fsync, self._file)

    def forget(self, size: int) -> None:
        """Files of this size are gone."""
        self._bytes = max(0, self._bytes - size)

    def close(self) -> None:
        self._try_again()
        os.fsync(self._file)
        os.close(self._file)
        os.close(self._lock)

    def _append(self, line: bytes) -> None:
        """The whole line or nothing of it."""
        written = 0
        try:
            while written < len(line):
                written += self._write(self._file, line[written:])
        except OSError:
            os.ftruncate(self._file, self._length)
            raise
        self._length += len(line)
        self._bytes += len(line)
        self._is_dirty = True
        self.appended.set()
        if self._length >= self._segment_bytes:
            self._rotate()

    def _try_again(self) -> None:
        while self._unwritten:
            try:
                self._append(self._unwritten[0])
            except OSError:
                return
            self._unwritten.pop(0)

    def _rotate(self) -> None:
        before = self._file
        self._number, self._length = self._number + 1, 0
        self._file = self._new_file()
        os.fsync(before)
        os.close(before)

    def _new_file(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)


def segment_path(directory: Path, owner: str, number: int) -> Path:
    return directory / f"{owner}-{number}.spool"


def segments_of(directory: Path, owner: str) -> list[int]:
    """The numbers of an owner's files, oldest first."""
    found = (_NAME.fullmatch(path.name) for path in directory.glob(f"{owner}-*.spool"))
    return sorted(int(name[2]) for name in found if name)


def adopt(directory: Path, *, own: str) -> dict[str, int]:
    """Owners that are gone, each with the descriptor of its lock, which is ours from now on."""
    owners = {name[1] for path in directory.glob("*.spool") if (name := _NAME.fullmatch(path.name))}
    adopted = {}
    for owner in sorted(owners - {own}):
        try:
            adopted[owner] = _locked(directory / f"{owner}.lock")
        except BlockingIOError:
            continue
    return adopted


def release(directory: Path, owner: str, lock: int) -> None:
    """Nothing of the owner is left: neither is its lock."""
    (directory / f"{owner}.lock").unlink(missing_ok=True)
    os.close(lock)


def age_of(path: Path) -> float:
    """Seconds since a file was written to."""
    return max(0.0, time.time() - path.stat().st_mtime) if path.exists() else 0.0


def _locked(path: Path) -> int:
    """:raises BlockingIOError: somebody holds it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise
    return lock


def open_spool(directory: Path, *, most_bytes: int) -> FileSpool:
    """The spool of this process, in a directory that it may share with others.

    Room comes back file by file, so a small spool has small ones: one that filled it would never be given up.
    """
    return FileSpool(directory, most_bytes=most_bytes, segment_bytes=min(SEGMENT_BYTES, most_bytes // _FILES))
