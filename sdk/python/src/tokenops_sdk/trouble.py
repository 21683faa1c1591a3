"""Trouble of ours in the host's log: one line a kind, and never what an exception says, which may quote a prompt."""

import logging
import threading
import traceback
from pathlib import Path
from typing import Final

logger: Final = logging.getLogger("tokenops_sdk")

THREAD: Final = "tokenops-sender"


def where(error: BaseException) -> str:
    """The kind of an error and the line it was raised at."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


class Told:
    """Says each kind of trouble once: the host's log is not ours to fill."""

    def __init__(self) -> None:
        self._kinds: set[str] = set()

    def once(self, kind: str, text: str) -> None:
        if kind not in self._kinds:
            self._kinds.add(kind)
            logger.warning("%s Counts are in tokenops_sdk.stats().", text)


def _is_not_ours(_: logging.LogRecord) -> bool:
    return threading.current_thread().name != THREAD


# httpx says a line at INFO for every request; ours are none of the host's requests.
for _name in ("httpx", "httpcore.connection", "httpcore.http11"):
    logging.getLogger(_name).addFilter(_is_not_ours)
