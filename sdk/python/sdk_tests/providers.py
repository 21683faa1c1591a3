"""OpenAI, Anthropic, Gemini and Mistral on loopback, as far as their official SDKs ask them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

OPENAI_USAGE: Final = {
    "prompt_tokens": 20,
    "completion_tokens": 5,
    "total_tokens": 25,
    "prompt_tokens_details": {"cached_tokens": 8},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
RESPONSES_USAGE: Final = {
    "input_tokens": 20,
    "output_tokens": 5,
    "total_tokens": 25,
    "input_tokens_details": {"cached_tokens": 8},
    "output_tokens_details": {"reasoning_tokens": 2},
}
ANTHROPIC_USAGE: Final = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 2,
    "cache_read_input_tokens": 8,
    "output_tokens": 5,
}
GOOGLE_USAGE: Final = {
    "promptTokenCount": 20,
    "cachedContentTokenCount": 8,
    "candidatesTokenCount": 3,
    "thoughtsTokenCount": 2,
    "totalTokenCount": 25,
}
WORDS: Final = ("The ", "answer ", "is ", "SECRET.")


class FakeProviders(ThreadingHTTPServer):
    """Answers every path; ``fails_with`` is the status of every answer until it is 0 again."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fails_with = 0
        self.omits_usage = False
        self.pauses_after = 0  # pieces of a stream, until the client leaves
        self.breaks_after = 0
        self.ends = threading.Event()
        self.asked: list[tuple[str, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeProviders

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, asked))
        if self.server.fails_with:
            self._json(self.server.fails_with, {"error": {"message": "no", "type": "bad", "code": "bad"}})
            return
        streams = asked.get("stream") is True or "streamGenerateContent" in self.path
        document, pieces = answers(self.path, asked)
        if self.server.omits_usage:
            for found in (document, *(piece for _, piece in pieces)):
                found.pop("usage", None)
        if streams:
            self._stream(pieces)
        else:
            self._json(200, document)

    def _json(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, pieces: list[tuple[str, dict[str, Any]]]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        if self.server.breaks_after:
            self.send_header("Content-Length", "1000000")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for number, (name, piece) in enumerate(pieces):
                if number and number == self.server.pauses_after:
                    self.server.ends.wait(60)
                    return
                if number and number == self.server.breaks_after:
                    return
                event = f"event: {name}\n" if name else ""
                self.wfile.write(f"{event}data: {json.dumps(piece)}\n\n".encode())
                self.wfile.flush()
            if "enerateContent" not in self.path and "/messages" not in self.path:
                self.wfile.write(b"data: [DONE]\n\n")
        except OSError:  # the client left
            return

    def log_message(self, *args: object) -> None:
        """Say nothing."""


Pieces = list[tuple[str, dict[str, Any]]]


def answers(path: str, asked: dict[str, Any], number: int = 1) -> tuple[dict[str, Any], Pieces]:
    """The whole answer and the pieces of a streamed one, with named events where the API has them.

    ``number`` is in every id, so that several answers are several.
    """
    if "enerateContent" in path:
        return _google(number)
    if "embed" in path.lower():
        return _embeddings(path, number), []
    if "/messages" in path:
        return _anthropic(asked["model"], number)
    if "/responses" in path:
        return _responses(asked["model"], number)
    return _chat(asked, number, is_chat="/chat/" in path)


def _chat(asked: dict[str, Any], number: int, *, is_chat: bool) -> tuple[dict[str, Any], Pieces]:
    head = {"id": f"chatcmpl-{number}", "created": 1, "model": f"{asked['model']}-2024-08-06"}
    kind = "chat.completion" if is_chat else "text_completion"
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop", "logprobs": None}
    text = "".join(WORDS)
    whole = choice | ({"message": {"role": "assistant", "content": text}} if is_chat else {"text": text})
    pieces: Pieces = []
    for word in WORDS:
        part: dict[str, Any] = {"delta": {"role": "assistant", "content": word}} if is_chat else {"text": word}
        pieces.append(("", head | {"object": f"{kind}.chunk", "choices": [choice | {"finish_reason": None} | part]}))
    end: dict[str, Any] = {"delta": {}} if is_chat else {"text": ""}
    pieces.append(("", head | {"object": f"{kind}.chunk", "choices": [choice | end]}))
    if (asked.get("stream_options") or {}).get("include_usage"):
        pieces.append(("", head | {"object": f"{kind}.chunk", "choices": [], "usage": OPENAI_USAGE}))
    elif "mistral" in asked["model"]:
        pieces[-1][1]["usage"] = OPENAI_USAGE
    return head | {"object": kind, "choices": [whole], "usage": OPENAI_USAGE}, pieces


def _responses(model: str, number: int) -> tuple[dict[str, Any], Pieces]:
    part = {"type": "output_text", "text": "".join(WORDS), "annotations": []}
    message = {"id": f"msg_{number}", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    base = {"id": f"resp_{number}", "object": "response", "created_at": 1, "model": model, "parallel_tool_calls": True}
    base |= {"tool_choice": "auto", "tools": []}
    whole = base | {"status": "completed", "output": [message], "usage": RESPONSES_USAGE}
    started = base | {"status": "in_progress", "output": []}
    place = {"item_id": f"msg_{number}", "output_index": 0, "content_index": 0}
    pieces: Pieces = [("response.created", {"type": "response.created", "response": started, "sequence_number": 0})]
    for sequence, word in enumerate(WORDS, 1):
        event: dict[str, Any] = {"type": "response.output_text.delta", "delta": word}
        event["sequence_number"] = sequence
        pieces.append((event["type"], event | place | {"logprobs": []}))
    pieces.append(("response.completed", {"type": "response.completed", "response": whole, "sequence_number": 9}))
    return whole, pieces


def _anthropic(model: str, number: int) -> tuple[dict[str, Any], Pieces]:
    head = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": model, "stop_sequence": None}
    text = {"type": "text", "text": "".join(WORDS)}
    whole = head | {"content": [text], "stop_reason": "end_turn", "usage": ANTHROPIC_USAGE}
    started: dict[str, Any] = head | {
        "content": [],
        "stop_reason": None,
        "usage": ANTHROPIC_USAGE | {"output_tokens": 1},
    }
    empty = {"type": "text", "text": ""}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": started},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in WORDS),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 5},
        },
        {"type": "message_stop"},
    ]
    return whole, [(event["type"], event) for event in events]


def _google(number: int) -> tuple[dict[str, Any], Pieces]:
    def answer(text: str, usage: dict[str, Any], reason: str | None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
        if reason:
            candidate["finishReason"] = reason
        head = {"responseId": f"gemini-{number}", "modelVersion": "gemini-2.5-pro"}
        return head | {"candidates": [candidate], "usageMetadata": usage}

    so_far = {"promptTokenCount": 20, "totalTokenCount": 20}
    *first, last = WORDS
    pieces: Pieces = [("", answer(word, so_far, None)) for word in first]
    return answer("".join(WORDS), GOOGLE_USAGE, "STOP"), [*pieces, ("", answer(last, GOOGLE_USAGE, "STOP"))]


def _embeddings(path: str, number: int) -> dict[str, Any]:
    if "mbedContent" in path:
        return {"embeddings": [{"values": [0.1]}], "embedding": {"values": [0.1]}}
    data = [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}]
    return {
        "id": f"emb-{number}",
        "object": "list",
        "model": "text-embedding-3-small",
        "data": data,
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    }


@contextmanager
def fake_providers() -> Iterator[FakeProviders]:
    server = FakeProviders()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ends.set()
        server.shutdown()
        server.server_close()
        thread.join()
