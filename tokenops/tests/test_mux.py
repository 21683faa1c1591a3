import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from core.logs import request_id
from tokenops.mux import Mux


@asynccontextmanager
async def nothing():
    yield


def answering(name, calls=None):
    async def handler(scope, receive, send):
        if calls is not None:
            calls.append((dict(scope["headers"])[b"x-request-id"].decode(), request_id.get()))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": name.encode()})

    return handler


def mux(**parts):
    return Mux(**({"routes": {}, "fallback": answering("web"), "lifespan": nothing} | parts))


def get(app, path, *headers, method="GET"):
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(app({"type": "http", "method": method, "path": path, "headers": list(headers)}, None, send))
    return sent[0]["status"], sent[1]["body"]


def test_exact_paths_go_to_the_edge_and_the_rest_to_the_web():
    app = mux(routes={"/log": answering("edge")})

    assert get(app, "/log") == (200, b"edge")
    assert get(app, "/log/") == (200, b"web")
    assert get(app, "/logs") == (200, b"web")


def test_a_path_may_be_the_edges_for_one_method_only():
    app = mux(routes={"POST /api/v1/cloud-metrics": answering("edge")})

    assert get(app, "/api/v1/cloud-metrics", method="POST") == (200, b"edge")
    for method in ("GET", "HEAD", "PUT", "OPTIONS", "post"):
        assert get(app, "/api/v1/cloud-metrics", method=method) == (200, b"web")
    assert get(app, "/api/v1/cloud-metrics/", method="POST") == (200, b"web")
    assert get(app, "POST /api/v1/cloud-metrics") == (200, b"web")


def test_whatever_begins_with_a_prefix_is_the_edges():
    app = mux(routes={"/v1/proxy/": answering("gateway"), "/v1/proxy/status": answering("edge")})

    assert get(app, "/v1/proxy/openai/v1/models", method="DELETE") == (200, b"gateway")
    assert get(app, "/v1/proxy/") == (200, b"gateway")
    assert get(app, "/v1/proxy/status") == (200, b"edge")  # the exact path is nearer
    for path in ("/v1/proxy", "/v1/proxy-x/", "/a/v1/proxy/openai"):
        assert get(app, path) == (200, b"web")


def test_without_a_web_application_the_other_methods_of_a_path_are_404():
    app = mux(routes={"POST /api/v1/cloud-metrics": answering("edge")}, fallback=None)

    assert get(app, "/api/v1/cloud-metrics", method="POST") == (200, b"edge")
    assert get(app, "/api/v1/cloud-metrics")[0] == 404


def test_alive_is_answered_without_either():
    status, body = get(mux(fallback=None), "/healthz")

    assert (status, json.loads(body)) == (200, {"status": "alive"})


def test_a_process_without_web_has_nothing_elsewhere():
    status, body = get(mux(fallback=None), "/accounts/login/")

    assert status == 404
    assert json.loads(body)["detail"] == "This process does not serve that path."


@pytest.mark.parametrize(
    ("sent", "is_kept"), [(b"proxy-id-0001", True), (b"short", False), (b"evil\nline of a log", False)]
)
def test_a_request_keeps_the_id_of_its_proxy_when_that_is_harmless(sent, is_kept):
    calls = []

    get(mux(fallback=answering("web", calls)), "/", (b"x-request-id", sent))

    (in_header, in_context), *_ = calls
    assert in_header == in_context
    assert (in_header == sent.decode()) is is_kept


def test_requests_without_an_id_get_different_ones():
    calls = []
    app = mux(fallback=answering("web", calls))

    get(app, "/")
    get(app, "/")

    first, second = calls
    assert first != second


def test_a_websocket_is_turned_away():
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(mux()({"type": "websocket"}, None, send))

    assert sent == [{"type": "websocket.close", "code": 1000}]


def live(lifespan):
    """Send both lifespan events and return the answers among whatever ``lifespan`` appends itself."""
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    seen = []

    async def receive():
        return events.pop(0)

    async def send(message):
        seen.append(message)

    asyncio.run(mux(lifespan=lambda: lifespan(seen))({"type": "lifespan"}, receive, send))
    return seen


def test_the_writer_flushes_before_the_server_hears_that_all_is_over():
    @asynccontextmanager
    async def lifespan(seen):
        seen.append("writer started")
        yield
        seen.append("writer flushed")

    assert live(lifespan) == [
        "writer started",
        {"type": "lifespan.startup.complete"},
        "writer flushed",
        {"type": "lifespan.shutdown.complete"},
    ]


def test_a_failed_start_is_reported_by_its_kind_only(caplog):
    @asynccontextmanager
    async def lifespan(seen):
        raise ConnectionError("postgresql://user:password@host")
        yield

    assert live(lifespan) == [{"type": "lifespan.startup.failed", "message": "ConnectionError"}]
    assert "the start failed" in caplog.text


def test_a_failed_flush_is_reported():
    @asynccontextmanager
    async def lifespan(seen):
        yield
        raise TimeoutError

    assert live(lifespan)[-1] == {"type": "lifespan.shutdown.failed", "message": "TimeoutError"}
