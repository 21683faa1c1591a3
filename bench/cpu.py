"""CPU seconds of a process and all it started: on a busy machine they say more than the clock on the wall."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil


@dataclass(slots=True)
class Spent:
    """Seconds of CPU within a block, of all watched processes."""

    seconds: float = 0.0

    def micros_each(self, events: int) -> float:
        return self.seconds / events * 1e6


@contextmanager
def spent_by(pid: int) -> Iterator[Spent]:
    """What the process ``pid`` and its descendants spend in the block; those that ended meanwhile are counted too."""
    spent = Spent()
    before = _seconds(pid)
    yield spent
    spent.seconds = _seconds(pid) - before


def _seconds(pid: int) -> float:
    root = psutil.Process(pid)
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total
