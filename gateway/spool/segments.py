"""The files of a spool: names, locks, and reading them from an offset on."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.spool.lines import Record, read_line

SUFFIX: Final = ".spool"
_LOCK: Final = ".lock"
_CHUNK: Final = 2**20


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines that follow each other in a segment, from byte ``begins`` to byte ``ends``."""

    segment: Path
    begins: int
    ends: int
    records: tuple[Record, ...]
    damaged: int  # lines that are no record

    @property
    def oldest(self) -> float | None:
        return self.records[0].written_at if self.records else None


def segment_path(directory: Path, owner: str, number: int) -> Path:
    return directory / f"{owner}-{number:08d}{SUFFIX}"


def lock_path(directory: Path, owner: str) -> Path:
    return directory / f"{owner}{_LOCK}"


def segments_of(directory: Path, owner: str) -> list[Path]:
    """In the order in which they were written."""
    return sorted(directory.glob(f"{owner}-*{SUFFIX}"))


def owners(directory: Path) -> set[str]:
    """Who has segments here, living or gone."""
    return {path.name.rpartition("-")[0] for path in directory.glob(f"*-*{SUFFIX}")}


def take_lock(directory: Path, owner: str) -> int | None:
    """The descriptor that holds the lock of an owner's files; None while somebody else holds it."""
    path = lock_path(directory, owner)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Who held it before may have removed it between our two steps: then we hold a lock that nobody else looks at.
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def drop_lock(directory: Path, owner: str, descriptor: int, *, remove: bool) -> None:
    """Let go; ``remove`` when the owner has no files left. Removed while it is held, so that no two can hold it."""
    if remove:
        lock_path(directory, owner).unlink(missing_ok=True)
    os.close(descriptor)


def size_of(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def end_last_line(path: Path) -> None:
    """After a torn last line, begin a new one, so that what is appended is read."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                file.write(b"\n")


def read_piece(segment: Path, begins: int, *, most: int) -> Piece | None:
    """The next whole lines, at most so many; None when there is none yet."""
    text = _whole_lines(segment, begins)
    records: list[Record] = []
    damaged = ends = 0
    for line in _lines(text):
        ends += len(line) + 1
        record = read_line(line)
        if record is None:
            damaged += 1
        else:
            records.append(record)
        if len(records) + damaged == most:
            break
    return Piece(segment, begins, begins + ends, tuple(records), damaged) if ends else None


def _whole_lines(segment: Path, begins: int) -> bytes:
    with segment.open("rb") as file:
        file.seek(begins)
        text = file.read(_CHUNK)
        while b"\n" not in text and (more := file.read(_CHUNK)):
            text += more
    return text[: text.rfind(b"\n") + 1]


def _lines(text: bytes) -> Iterator[bytes]:
    begins = 0
    while (ends := text.find(b"\n", begins)) >= 0:
        yield text[begins:ends]
        begins = ends + 1
