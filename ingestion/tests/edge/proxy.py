"""A way between the edge and Postgres that a test can block, because the test run's own server is everybody's."""

import contextlib
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from psycopg.conninfo import make_conninfo

from core.databases import EDGE


class Passage:
    """Listens like a Postgres on a socket directory of its own and passes everything on, until it is closed."""

    def __init__(self, directory: Path) -> None:
        parameters = settings.DATABASE.parameters(EDGE)
        self._target = f"{parameters['host']}/.s.PGSQL.{parameters.get('port', '5432')}"
        self._path = directory / f".s.PGSQL.{parameters.get('port', '5432')}"
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.conninfo = make_conninfo(settings.DATABASE.conninfo(EDGE), host=str(directory))

    def open(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen()
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def close(self) -> None:
        """Break every connection and refuse new ones."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            self._path.unlink()
        for end in list(self._open):
            _shut(end)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self._target)
            self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=[source, sink], daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        for end in (source, sink):
            _shut(end)
            self._open.discard(end)


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def passage() -> Iterator[Passage]:
    """An open passage, closed at the end."""
    with tempfile.TemporaryDirectory(prefix="pg-") as directory:  # a socket's path must be short
        found = Passage(Path(directory))
        found.open()
        try:
            yield found
        finally:
            found.close()
