"""Requests that no HTTP library would write."""

import json
import socket
from typing import Any

from tests.gateway.scene import Answer, Scene


def request(gateway: Scene, target: str, *lines: str, body: bytes = b"", key: str | None = None) -> bytes:
    """A POST to ``target`` as it is, with these lines as its headers."""
    credential = [] if key == "" else [f"Authorization: Bearer {key or gateway.key}"]
    head = [f"POST {target} HTTP/1.1", f"Host: 127.0.0.1:{gateway.server.port}", *credential, *lines]
    head += ["Connection: close", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode("latin-1") + body


def send(gateway: Scene, data: bytes) -> Answer:
    """What comes back until the server has nothing more to say; status 0 when it just hung up."""
    with socket.create_connection(("127.0.0.1", gateway.server.port), timeout=60) as connection:
        connection.sendall(data)
        return parsed(everything(connection))


def everything(connection: socket.socket) -> bytes:
    found = b""
    try:
        while piece := connection.recv(65_536):
            found += piece
    except ConnectionResetError:
        return found
    return found


def parsed(data: bytes) -> Answer:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    answer = Answer(int(first.split()[1]) if first else 0, headers, body)
    if answer.value("transfer-encoding") == "chunked":
        return Answer(answer.status, headers, unchunked(body))
    return answer


def unchunked(body: bytes) -> bytes:
    found = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        found, body = found + body[:length], body[length + 2 :]
    return found


def refusal(answer: Answer) -> dict[str, Any]:
    """The problem, which SDKs of providers can read, too."""
    assert answer.value("content-type") == "application/problem+json"
    document = json.loads(answer.body)
    assert document["status"] == answer.status
    assert document["error"]["type"] == "tokenops_error"
    assert document["error"]["message"]
    assert document["type"].endswith(document["error"]["code"])
    return dict(document)
