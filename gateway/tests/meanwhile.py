"""Two people at once, without luck: the second acts, and is done, between what a request reads and what it locks."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections


@contextmanager
def meanwhile(act: Callable[[], object]) -> Iterator[list[str]]:
    """Run ``act`` once on a connection of its own, right before the first row is locked.

    The list tells whether it came to that. What ``act`` did is committed, so it stays whatever becomes of the request;
    the test needs ``committed_db``.
    """
    done: list[str] = []

    def before(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not done and "FOR UPDATE" in sql.upper():
            done.append(sql)
            _elsewhere(act)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(before):
        yield done


def _elsewhere(act: Callable[[], object]) -> None:
    def acting() -> None:
        try:
            act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=1) as other:
        other.submit(acting).result()
