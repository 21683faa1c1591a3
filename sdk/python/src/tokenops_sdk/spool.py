"""Events on disk until the server has them: they survive the process, not the machine (nothing waits for the platter).

Each process writes files of its own, which it keeps locked while it lives. A file that nobody has locked is somebody's
who is gone: the next process adopts it, and sends what it says under the same ids and times, so that nothing doubles.

A file is lines of JSON: events, and how many of them are decided about. A line that cannot be read is skipped.
"""

import json
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from tokenops_sdk.stats import Counters
from tokenops_sdk.trouble import Told

try:
    import fcntl
except ImportError:  # Windows: without locks nobody can tell whose files they are
    _CAN_LOCK = False
else:
    _CAN_LOCK = True

_ENDING: Final = ".events"
_NEW: Final = ".new"
_CLOSED: Final = -1
_DECIDED: Final = "decided"
_FILES: Final = 4  # a full spool is so many files, of which each goes when all in it is decided


IS_POSSIBLE: Final = _CAN_LOCK


class Segment:
    """One locked file. Its events are decided about in the order they were written in."""

    def __init__(self, path: Path, descriptor: int, *, written: int = 0, decided: int = 0) -> None:
        self._path = path
        self._descriptor = descriptor
        self._decided = decided
        self._written = written
        self.size = os.fstat(descriptor).st_size
        self.is_full = False

    def append(self, line: bytes) -> bool:
        """Whether the whole line is there now."""
        if not self._write(line + b"\n"):
            return False
        self._written += 1
        return True

    def acknowledge(self, events: int) -> bool:
        """So many more are decided about; whether the file is gone now."""
        if self._descriptor == _CLOSED:
            return False
        self._decided += events
        if self._decided < self._written:
            self._write(json.dumps({_DECIDED: self._decided}).encode() + b"\n")
            return False
        if self.is_full:
            self.remove()
            return True
        os.ftruncate(self._descriptor, 0)
        self._decided = self._written = self.size = 0
        return False

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Leave the file to whoever comes next, or in the child of a fork to the parent."""
        os.close(self._descriptor)
        self._descriptor = _CLOSED

    @property
    def is_empty(self) -> bool:
        return self._decided >= self._written

    def _write(self, data: bytes) -> bool:
        try:
            if os.write(self._descriptor, data) == len(data):
                self.size += len(data)
                return True
        except OSError:
            pass
        os.ftruncate(self._descriptor, self.size)  # half a line would spoil the next one
        return False


class Spool:
    """The files of this process. Every method may be called from every thread."""

    def __init__(self, folder: str, megabytes: int, counters: Counters, told: Told) -> None:
        self._folder = Path(folder)
        self._most_bytes = megabytes * 1_000_000
        self._counters = counters
        self._told = told
        self._segments: list[Segment] = []
        self._lock = threading.RLock()

    def append(self, line: bytes, then: Callable[[Segment | None], None]) -> None:
        """Write an event, and have ``then`` take it over in the order of the file; None where it found no room."""
        with self._lock:
            segment = self._with_room(len(line) + 1)
            if segment is not None and not segment.append(line):
                segment = None
            if segment is None:
                self._counters.add("not_spooled")
                self._told.once("spool", "The spool of TokenOps is full or cannot be written.")
            then(segment)

    def acknowledge(self, segments: Iterable[Segment | None]) -> None:
        """The events of these are decided about."""
        counts: dict[Segment, int] = {}
        for segment in segments:
            if segment is not None:
                counts[segment] = counts.get(segment, 0) + 1
        with self._lock:
            for segment, events in counts.items():
                if segment.acknowledge(events) and segment in self._segments:
                    self._segments.remove(segment)

    def adopt(self) -> tuple[Segment, Sequence[bytes]] | None:
        """A file of a process that is gone, and the events in it that may not have arrived."""
        for path in sorted(self._folder.glob(f"*{_ENDING}")):
            if (descriptor := _claimed(path)) is not None:
                lines, decided, corrupted = _read(path)
                self._counters.add("spool_corrupted", corrupted)
                self._counters.add("adopted", len(lines))
                segment = Segment(path, descriptor, written=decided + len(lines), decided=decided)
                segment.is_full = True
                if lines:
                    with self._lock:
                        self._segments.append(segment)
                    return segment, lines
                segment.remove()
        return None

    def close(self) -> None:
        """Leave what is not decided about to the next process, and no empty files."""
        with self._lock:
            for segment in self._segments:
                (segment.remove if segment.is_empty else segment.release)()
            self._segments.clear()

    def forget(self) -> None:
        """In the child of a fork: the files are the parent's, and so are their locks."""
        for segment in self._segments:
            segment.release()
        self._segments.clear()

    def _with_room(self, size: int) -> Segment | None:
        if sum(segment.size for segment in self._segments) + size > self._most_bytes:
            return None
        current = next((one for one in self._segments if not one.is_full), None)
        if current is not None and current.size >= self._most_bytes // _FILES:
            current.is_full = True
            current = None
        return current or self._opened()

    def _opened(self) -> Segment | None:
        """A new file, while all files of the folder together leave room for one. It gets its name when it is locked,
        so that nobody adopts it in between.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if sum(path.stat().st_size for path in self._folder.glob(f"*{_ENDING}")) >= self._most_bytes:
                return None
            path = self._folder / f"{os.getpid()}-{secrets.token_hex(8)}{_NEW}"
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            segment = Segment(path.rename(path.with_suffix(_ENDING)), descriptor)
        except OSError:
            return None
        self._segments.append(segment)
        return segment


def _claimed(path: Path) -> int | None:
    """A locked descriptor of a file whose owner is gone."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(descriptor).st_ino:  # else it was adopted and removed meanwhile
            return descriptor
    except OSError:  # locked, or gone
        pass
    os.close(descriptor)
    return None


def _read(path: Path) -> tuple[list[bytes], int, int]:
    """Events that are not decided about, how many are, and how many lines cannot be read.

    A line that cannot be read keeps its place: rather send an event again, which the server knows, than lose one.
    """
    lines: list[bytes] = []
    decided = corrupted = 0
    for line in path.read_bytes().splitlines():
        found = _parsed(line)
        if isinstance(found.get(_DECIDED), int):
            decided = found[_DECIDED]
            continue
        is_event = "id" in found and "timestamp" in found
        corrupted += not is_event
        lines.append(line if is_event else b"")
    return [line for line in lines[decided:] if line], decided, corrupted


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
