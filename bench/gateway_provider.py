"""A provider that costs little, in a process of its own: ``python -m bench.gateway_provider PORT``.

What it does is in the headers of a request, which the gateway passes on: ``X-Bench-Delay`` milliseconds before it
answers, ``X-Bench-Pieces`` events of a stream with ``X-Bench-Gap`` milliseconds between them; without pieces, JSON.
"""

import asyncio
import contextlib
import json
import re
import sys
from typing import Final

_USAGE: Final = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}
_ANSWER: Final = json.dumps(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "model": "gpt-4o",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello. " * 40}, "finish_reason": "stop"}],
        "usage": _USAGE,
    }
).encode()
_WHOLE: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req_bench\r\n"
    b"Content-Length: %d\r\n\r\n" % len(_ANSWER)
) + _ANSWER
_STREAM_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_NUMBERS: Final = re.compile(rb"\r\n(?:x-bench-(delay|pieces|gap)|(content-length)): *(\d+)", re.IGNORECASE)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _event(choices: list[object], **more: object) -> bytes:
    document = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "model": "gpt-4o", "choices": choices}
    return _chunk(b"data: " + json.dumps(document | more).encode() + b"\n\n")


_PIECE: Final = _event([{"index": 0, "delta": {"content": "Hello. "}}])
_LAST: Final = _event([], usage=_USAGE) + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            found = {(one[0] or one[1]).lower(): int(one[2]) for one in _NUMBERS.findall(head)}
            await reader.readexactly(found.get(b"content-length", 0))
            if delay := found.get(b"delay", 0):
                await asyncio.sleep(delay / 1000)
            if pieces := found.get(b"pieces", 0):
                await _stream(writer, pieces, found.get(b"gap", 0) / 1000)
            else:
                writer.write(_WHOLE)
                await writer.drain()
    writer.close()


async def _stream(writer: asyncio.StreamWriter, pieces: int, gap: float) -> None:
    writer.write(_STREAM_HEAD + _PIECE)
    for _ in range(pieces - 1):
        if gap:
            await asyncio.sleep(gap)
        writer.write(_PIECE)
        await writer.drain()
    writer.write(_LAST)
    await writer.drain()


async def main(port: int) -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", port, backlog=2_048)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
