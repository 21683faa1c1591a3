"""The files of exports on disk: one directory an organization, readable by nobody else.

Web and worker have to see the same directory. What is in it is only ever appended to, at a place that the database
knows; who takes over cuts the file there first.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from django.conf import settings

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 256 * 2**10  # bytes read into memory


class MissingError(Exception):
    """The file, or its end, is not there any more."""


def path(*, organization_id: int, export_id: int, form: str) -> Path:
    return _root() / str(organization_id) / f"{export_id}.{form}"


def append(file: Path, data: bytes, *, offset: int) -> None:
    """Have ``data`` follow the first ``offset`` bytes, whatever else followed them.

    :raises MissingError: there are not so many.
    :raises OSError: the disk is full, or not ours to write.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        if os.fstat(descriptor).st_size < offset:
            raise MissingError
        opened.truncate(offset)
        opened.seek(offset)
        opened.write(data)


def read(file: Path, start: int, end: int) -> bytes:
    """The bytes from ``start`` to before ``end``.

    :raises MissingError: there are not so many.
    """
    return b"".join(chunks(file, start, end))


def size(file: Path) -> int | None:
    """In bytes; None where there is no file."""
    with suppress(FileNotFoundError):
        return file.stat().st_size
    return None


def chunks(file: Path, start: int, end: int) -> Iterator[bytes]:
    """The same piece by piece, so that a file need not fit into memory.

    :raises MissingError: it ends before.
    """
    try:
        with file.open("rb") as opened:
            opened.seek(start)
            left = end - start
            while left > 0:
                piece = opened.read(min(left, _AT_ONCE))
                if not piece:
                    raise MissingError
                left -= len(piece)
                yield piece
    except FileNotFoundError as error:
        raise MissingError from error


def remove(file: Path) -> None:
    """Delete it, if it is there. What cannot be deleted now is found by the sweep, and nobody waits for it."""
    try:
        file.unlink(missing_ok=True)
    except OSError:
        logger.warning("the file of an export could not be deleted", exc_info=True)


def stored() -> Iterator[tuple[int, int, Path]]:
    """Every file: its organization, its export, and where it is."""
    root = _root()
    for directory in sorted(root.iterdir()) if root.is_dir() else ():
        for file in sorted(directory.iterdir()) if directory.name.isdecimal() and directory.is_dir() else ():
            if file.stem.isdecimal():
                yield int(directory.name), int(file.stem), file


def _root() -> Path:
    return Path(settings.EXPORTS_DIR)
