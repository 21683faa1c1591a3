"""Hears what other processes change: keys and prices. One connection of its own, never from a pool."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import psycopg
from psycopg import AsyncConnection

logger = logging.getLogger(__name__)

_BEAT_SECONDS: Final = 5.0
_BEAT_PATIENCE: Final = 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0

type Handler = Callable[[str], None]


async def listen(
    conninfo: str, handlers: dict[str, Handler], *, on_start: Callable[[], None], on_end: Callable[[], None]
) -> None:
    """Listen for ever. ``on_start`` runs each time listening begins: only what is read afterwards can be trusted.

    A handler gets the notification's payload. ``on_end`` runs when the connection is gone; it comes back by itself.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            connection = await AsyncConnection.connect(
                conninfo, autocommit=True, connect_timeout=2, application_name="tokenops_edge listener"
            )
            async with connection:
                for channel in handlers:
                    await connection.execute(f"listen {channel}".encode())
                on_start()
                pause = _FIRST_PAUSE
                await _hear(connection, handlers)
        except (psycopg.Error, OSError, TimeoutError) as error:
            logger.info("not listening", extra={"error": type(error).__name__})
        finally:
            on_end()
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


async def _hear(connection: AsyncConnection[tuple[object, ...]], handlers: dict[str, Handler]) -> None:
    while True:
        async for notification in connection.notifies(timeout=_BEAT_SECONDS):
            handlers[notification.channel](notification.payload)
        async with asyncio.timeout(_BEAT_PATIENCE):  # the other end may be gone without a word
            await connection.execute("select 1")
