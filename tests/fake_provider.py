"""A provider on loopback that keeps every byte it is sent, answers as OpenAI, Anthropic, Gemini and Mistral do, and
fails on demand (``tests.provider_faults``).

The documents are the SDK's tests' own (``sdk_tests.providers``); this server adds what a proxy can get wrong: raw
heads, uploads, binary answers, encodings.
"""

import gzip
import json
import re
import select
import socket
import socketserver
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, override

import brotli
from sdk_tests.providers import WORDS, answers

type Headers = dict[str, str]

REQUEST_ID: Final = "req_upstream"
LIMITS: Final = {
    "x-ratelimit-remaining-requests": "59",
    "x-ratelimit-remaining-tokens": "149984",
    "anthropic-ratelimit-requests-remaining": "59",
    "anthropic-ratelimit-tokens-remaining": "149984",
}
SOUND: Final = bytes(range(256)) * 64  # what no text encoding survives
TRANSCRIPT: Final = {
    "text": "".join(WORDS),
    "usage": {
        "type": "tokens",
        "input_tokens": 14,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
        "output_tokens": 45,
        "total_tokens": 59,
    },
}
PICTURE: Final = {
    "created": 1,
    "data": [{"b64_json": "aGk="}],
    "usage": {
        "input_tokens": 50,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
        "output_tokens": 60,
        "total_tokens": 110,
    },
}
# One document that the file objects of OpenAI, Mistral and Anthropic are all read from.
FILE: Final = {
    "id": "file-1",
    "object": "file",
    "type": "file",
    "bytes": 3,
    "size_bytes": 3,
    "created_at": 1,
    "filename": "a.jsonl",
    "mime_type": "application/jsonl",
    "downloadable": False,
    "purpose": "batch",
    "status": "processed",
    "sample_type": "batch_request",
    "source": "upload",
}


@dataclass(frozen=True, slots=True)
class Received:
    """One request exactly as it came."""

    method: str
    target: str
    headers: list[tuple[bytes, bytes]]  # in order, names as they were written
    body: bytes  # without the framing of chunks

    def values(self, name: str) -> list[str]:
        return [value.decode("latin-1") for key, value in self.headers if key.lower() == name.encode()]

    def value(self, name: str) -> str:
        """The only value of a header, '' without it."""
        return ", ".join(self.values(name))

    @property
    def names(self) -> list[str]:
        return [key.decode().lower() for key, _ in self.headers]

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said to a request: the pieces of a stream, or one."""

    pieces: list[bytes]
    content_type: str = "application/json"
    headers: Headers = field(default_factory=dict)
    is_stream: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


@dataclass(slots=True, eq=False)
class Exchange:
    """One request being answered."""

    received: Received
    provider: "FakeProvider"
    socket: socket.socket
    number: int  # of the answer, in its ids
    keeps_alive: bool = True

    def reply(self) -> Reply:
        """What a sound provider says."""
        return reply_to(self.received, self.number)

    def head(self, headers: Headers, status: int = 200) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers.items())]
        self.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def write(self, data: bytes) -> None:
        self.socket.sendall(data)

    def whole(self, body: bytes, headers: Headers, status: int = 200) -> None:
        self.head(headers | {"Content-Length": str(len(body))}, status)
        self.write(body)

    def begin_stream(self, reply: Reply, **headers: str) -> None:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        self.head(headers_of(self, reply) | {"Transfer-Encoding": "chunked"} | more)

    def piece(self, data: bytes) -> None:
        """One chunk of a body that was begun as a stream; an empty one ends it."""
        self.write(b"%x\r\n%b\r\n" % (len(data), data))

    def wait(self, event: threading.Event | None = None) -> bool:
        """Until the caller leaves (True), ``event`` or the end of the test (False)."""
        while not (event or self.provider.over).is_set() and not self.provider.over.is_set():
            if select.select([self.socket], [], [], 0.01)[0]:
                self.provider.left.append(self.received)
                self.keeps_alive = False
                return True
        return False


type Behaviour = Callable[[Exchange], None]


def headers_of(exchange: Exchange, reply: Reply) -> Headers:
    own = {"Content-Type": reply.content_type, "X-Request-Id": f"{REQUEST_ID}_{exchange.number}"}
    return own | {"Request-Id": f"{REQUEST_ID}_{exchange.number}"} | LIMITS | reply.headers


def usual(exchange: Exchange) -> None:
    """Answers, streamed where a stream was asked for."""
    reply = exchange.reply()
    if reply.is_stream:
        exchange.begin_stream(reply)
        for piece in [*reply.pieces, b""]:
            exchange.piece(piece)
    else:
        exchange.whole(reply.body, headers_of(exchange, reply))


def says(status: int, body: bytes, **headers: str) -> Behaviour:
    """One answer whatever is asked."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange: exchange.whole(body, {"Content-Type": "application/json"} | given, status)


def encoded(encoding: str) -> Behaviour:
    """The usual answer, compressed; a stream piece by piece."""

    def behave(exchange: Exchange) -> None:
        reply = exchange.reply()
        pieces = list(compressed(encoding, reply.pieces))
        if reply.is_stream:
            exchange.begin_stream(reply, Content_Encoding=encoding)
            for piece in [*(piece for piece in pieces if piece), b""]:
                exchange.piece(piece)
        else:
            exchange.whole(b"".join(pieces), headers_of(exchange, reply) | {"Content-Encoding": encoding})

    return behave


def compressed(encoding: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    if encoding == "br":
        squeezer = brotli.Compressor()
        for piece in pieces:
            yield squeezer.process(piece) + squeezer.flush()
        yield squeezer.finish()
    else:
        packer = zlib.compressobj(wbits=31)
        for piece in pieces:
            yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
        yield packer.flush()


def unpacked(encoding: str, body: bytes) -> bytes:
    return brotli.decompress(body) if encoding == "br" else gzip.decompress(body)


class FakeProvider(socketserver.ThreadingTCPServer):
    """What it was sent is in ``received``; ``says`` decides about the next requests, ``usually`` about the others."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 512

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.received: list[Received] = []
        self.left: list[Received] = []  # those whose caller left while they were being answered
        self.connections = 0
        self.usually: Behaviour = usual
        self.over = threading.Event()
        self.go = threading.Event()  # what ``tests.provider_faults.paced`` waits for
        self._next: list[Behaviour] = []
        self._number = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def says(self, *behaviours: Behaviour) -> None:
        """To the next requests, one each."""
        self._next += behaviours

    @property
    def numbers_now(self) -> int:
        return self._number

    def numbers_from(self, number: int) -> None:
        """The number of the next answer: the same number, the same answer."""
        self._number = number

    def forget(self) -> None:
        """As if nothing had been asked yet; the numbers go on, so that no answer is like an earlier one."""
        self.received.clear()
        self.left.clear()
        self._next.clear()
        self.usually = usual
        self.go.clear()

    def take(self, received: Received) -> tuple[Behaviour, int]:
        with self._lock:
            self.received.append(received)
            number, self._number = self._number, self._number + 1
            return (self._next.pop(0) if self._next else self.usually), number

    @override
    def handle_error(self, *_: object) -> None:
        """A caller that leaves is no news here."""


class _Connection(socketserver.StreamRequestHandler):
    server: FakeProvider

    @override
    def setup(self) -> None:
        super().setup()
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.connections += 1

    @override
    def handle(self) -> None:
        keeps_alive = True
        while keeps_alive and (received := self._read()):
            behave, number = self.server.take(received)
            exchange = Exchange(received, self.server, self.request, number)
            try:
                behave(exchange)
            except OSError:
                self.server.left.append(received)
                return
            keeps_alive = exchange.keeps_alive

    def _read(self) -> Received | None:
        line = self.rfile.readline()
        if not line.strip():
            return None
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers = list(self._headers())
        fields = {name.lower(): value for name, value in headers}
        if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
            body = b"".join(self._chunks())
        else:
            body = self.rfile.read(int(fields.get(b"content-length", b"0")))
        return Received(method, target, headers, body)

    def _headers(self) -> Iterator[tuple[bytes, bytes]]:
        while (line := self.rfile.readline().rstrip(b"\r\n")) != b"":
            name, _, value = line.partition(b":")
            yield name, value.strip(b" \t")

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()


def reply_to(received: Received, number: int) -> Reply:
    """The documents of ``sdk_tests.providers``, and what they leave out: files, sound, pictures, lists."""
    path = received.path
    if received.method == "GET":
        return _document({"object": "list", "data": []})
    if "/upload/" in path:
        return _google_upload(received)
    for end, reply in _OTHERS.items():
        if path.endswith(end):
            return reply
    asked = received.json
    document, pieces = answers(path, asked, number)
    if asked.get("stream") is not True and "streamGenerateContent" not in path:
        return _document(document)
    events = [f"event: {name}\n" if name else "" for name, _ in pieces]
    lines = [f"{event}data: {json.dumps(piece)}\n\n" for event, (_, piece) in zip(events, pieces, strict=True)]
    if re.search(r"/(chat/)?completions$", path):
        lines.append("data: [DONE]\n\n")
    return Reply([line.encode() for line in lines], "text/event-stream; charset=utf-8", is_stream=True)


def _document(document: Any) -> Reply:
    return Reply([json.dumps(document).encode()])


def _google_upload(received: Received) -> Reply:
    """Two requests: the first says where the second goes, the provider's own address."""
    if "start" in received.value("x-goog-upload-command"):
        at = f"http://{received.value('host')}/upload/v1beta/files?upload_id=1"
        return Reply([b"{}"], headers={"X-Goog-Upload-URL": at, "X-Goog-Upload-Status": "active"})
    found = {"file": {"name": "files/1", "sizeBytes": str(len(received.body)), "mimeType": "text/plain"}}
    return Reply([json.dumps(found).encode()], headers={"X-Goog-Upload-Status": "final"})


_OTHERS: Final = {
    "/audio/speech": Reply([SOUND], "audio/mpeg"),
    "/audio/transcriptions": _document(TRANSCRIPT),
    "/images/generations": _document(PICTURE),
    "/files": _document(FILE),
}


@contextmanager
def fake_provider(port: int = 0) -> Iterator[FakeProvider]:
    """A provider on ``port`` (0: a free one) of 127.0.0.1."""
    provider = FakeProvider(port)
    thread = threading.Thread(target=provider.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.over.set()
        provider.shutdown()
        provider.server_close()
        thread.join()
