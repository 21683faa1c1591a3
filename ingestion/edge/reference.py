"""What every request needs to know of the database's state: the prices, and the days that have a partition."""

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import psycopg

from ingestion.edge.directory import DirectoryUnavailableError, Reader
from ingestion.edge.http import unavailable
from ingestion.pricing.announcement import RATES_SIGNATURE
from ingestion.pricing.book import PriceBook
from ingestion.pricing.selectors import read_book

logger = logging.getLogger(__name__)

_PARTITIONS_SECONDS: Final = 15.0
_PRICES_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 0.5
_MOST_AHEAD: Final = timedelta(minutes=10)

_SIGNATURE: Final = RATES_SIGNATURE.encode()
_PARTITIONS: Final = b"select first_date, last_date from call_partitions()"


@dataclass(frozen=True, slots=True)
class Window:
    """Days with a partition, both included."""

    first: date
    last: date

    def earliest(self) -> datetime:
        return datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC)

    def latest(self, now: datetime) -> datetime:
        """The last moment a call may have started: ten minutes of clock skew, and never beyond the partitions."""
        end = datetime(self.last.year, self.last.month, self.last.day, tzinfo=UTC) + timedelta(days=1, microseconds=-1)
        return min(now + _MOST_AHEAD, end)


class Reference:
    """Prices and partitions as last read; ``keep_fresh`` runs beside the requests for as long as the process lives."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._reader = Reader(conninfo)
        self._book: PriceBook | None = None
        self._window: Window | None = None
        self._signature: dict[str, Any] | None = None
        self._prices_due = 0.0
        self._changed = asyncio.Event()

    @property
    def book(self) -> PriceBook:
        """:raises Problem: 503 before the first successful read."""
        if self._book is None:
            raise unavailable("The prices are not loaded yet.")
        return self._book

    @property
    def window(self) -> Window:
        """:raises Problem: 503 before the first successful read."""
        if self._window is None:
            raise unavailable("The partitions are not known yet.")
        return self._window

    def prices_changed(self) -> None:
        """Somebody said so: look now instead of within the minute."""
        self._prices_due = 0.0
        self._signature = None
        self._changed.set()

    async def keep_fresh(self) -> None:
        while True:
            pause = _PARTITIONS_SECONDS if await self._refreshed() else _RETRY_SECONDS
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def refresh(self) -> None:
        """Read what is due.

        :raises DirectoryUnavailableError: the database is away; what was known stays in use.
        """
        self._changed.clear()
        async with self._reader.lock:
            self._window = _window(await self._reader.rows(_PARTITIONS))
            if time.monotonic() >= self._prices_due:
                await self._read_prices()
                self._prices_due = time.monotonic() + _PRICES_SECONDS

    async def close(self) -> None:
        await self._reader.close()

    async def _refreshed(self) -> bool:
        try:
            await self.refresh()
        except DirectoryUnavailableError:
            return False
        except Exception:
            logger.exception("prices and partitions could not be read")
            return False
        return True

    async def _read_prices(self) -> None:
        (signature,) = await self._reader.rows(_SIGNATURE)
        if signature != self._signature:
            self._book = await asyncio.to_thread(self._read_book)
            self._signature = signature
            logger.info("prices loaded", extra={"rate_cards": signature["count"]})

    def _read_book(self) -> PriceBook:
        try:
            with psycopg.connect(self._conninfo, connect_timeout=2) as connection:
                return read_book(connection)
        except psycopg.Error as error:
            raise DirectoryUnavailableError from error


def _window(rows: list[dict[str, Any]]) -> Window | None:
    row = rows[0]
    return None if row["first_date"] is None else Window(row["first_date"], row["last_date"])
