"""A file from the server, whole: where a connection breaks, the next one goes on at the same byte."""

from collections.abc import Callable, Iterator
from time import sleep
from typing import Final

import httpx

from tokenops_sdk.cli.api import Api, retry_after
from tokenops_sdk.cli.errors import CommandError, Exit
from tokenops_sdk.transport import wait_seconds

_MOST_FAILURES: Final = 8  # in a row, without a byte between them
_WHOLE, _PART, _TOO_OFTEN, _SERVER_ERRORS = 200, 206, 429, 500


class Download:
    """One file on its way. ``write`` gets every byte once and in order, so that it may be a pipe."""

    def __init__(self, api: Api, path: str, *, size: int, write: Callable[[bytes], object]) -> None:
        self._api = api
        self._path = path
        self._size = size
        self._write = write
        self._etag = ""
        self.received = 0

    def run(self, on_progress: Callable[[int], None]) -> None:
        """Take all of it.

        :raises CommandError: the server does not give it, or it is not what it was.
        """
        failures = 0
        while self.received < self._size:
            before = self.received
            try:
                waited = self._take(on_progress)
            except httpx.HTTPError as error:
                waited, problem = None, self._api.unreachable(error)
            else:
                problem = CommandError("The server ends the file before its end.", Exit.UNREACHABLE)
            failures = 1 if self.received > before else failures + 1
            if failures == _MOST_FAILURES:
                raise problem
            if self.received < self._size:
                sleep(wait_seconds(failures - 1, waited))
        if self.received > self._size:
            raise CommandError("The file is longer than the server said.", Exit.UNREACHABLE)

    def _take(self, on_progress: Callable[[int], None]) -> float | None:
        """Take what one connection gives; for how long the server wants to be left alone, where it says so."""
        rest = {"Range": f"bytes={self.received}-", "If-Range": self._etag} if self.received else {}
        with self._api.stream(self._path, rest) as response:
            if response.status_code == _TOO_OFTEN or response.status_code >= _SERVER_ERRORS:
                return retry_after(response)
            for piece in self._pieces(response):
                self._write(piece)
                self.received += len(piece)
                on_progress(self.received)
        return None

    def _pieces(self, response: httpx.Response) -> Iterator[bytes]:
        """The body from where we are; a server or proxy that gives the whole again is listened to without writing."""
        if response.status_code not in {_WHOLE, _PART}:
            response.read()
            self._api.checked(response)
        etag = response.headers.get("ETag", "")
        if self._etag and etag != self._etag:
            raise CommandError("The file became another one on the way: run the command again.", Exit.UNREACHABLE)
        self._etag = etag
        known = self.received if response.status_code == _WHOLE else 0
        for piece in response.iter_raw():
            fresh = piece[known:]
            known -= min(known, len(piece))
            if fresh:
                yield fresh
