"""One word is said to providers and by providers, and keys pass in every place they can: none of it stays behind."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.tests.edge.test_faults import dump_of_everything
from tests import provider_faults as faults
from tests.fake_provider import encoded, says
from tests.gateway.raw import request, send
from tests.gateway.scene import CHAT, OWN, STORED, Answer, Scene, new_feature
from tests.gateway.test_refusals import CRAFTED_PATHS

pytestmark = pytest.mark.resilience

WORD = "Zanzibar4711-quokka"
SAID = f"My account number is {WORD}?"


@pytest.fixture(scope="module")
def server_settings():
    return {"LOG_LEVEL": "DEBUG"}


def asked(*, stream: bool = False) -> bytes:
    return json.dumps(
        {
            "model": "gpt-4o",
            "stream": stream,
            "messages": [{"role": "system", "content": SAID}, {"role": "user", "content": [{"text": SAID}]}],
            "tools": [{"type": "function", "function": {"name": "f", "description": SAID}}],
            WORD: SAID,
            "prediction": {"content": SAID},
        }
    ).encode()


def told(**more: object) -> bytes:
    """A provider's answer with the word in it."""
    message = {"role": "assistant", "content": SAID, WORD: SAID}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    return json.dumps({"id": "x", "model": "gpt-4o", "choices": [choice], "usage": usage} | more).encode()


def every_way(gateway: Scene) -> Iterator[Answer]:
    provider, own = gateway.provider, {"TS-API-Key": gateway.ingest_key, "Authorization": f"Bearer {OWN}"}
    answers = [
        says(200, told()),
        says(200, told(), Content_Type=f"text/{WORD}"),
        says(500, json.dumps({"error": {"message": SAID, "type": "server_error", "code": "x"}}).encode()),
        says(400, SAID.encode()),
        says(401, f"Incorrect API key provided: {STORED['openai']} {OWN}".encode()),
        says(200, f"data: {SAID}\n\n: {SAID}\n\ndata: [DONE]\n\n".encode(), Content_Type="text/event-stream"),
        says(200, told()[:-9]),
        encoded("gzip"),
        encoded("br"),
        faults.hang_up,
        faults.reset,
        faults.no_http,
        faults.short,
        faults.garbage,
    ]
    for stream in (False, True):
        for behaviour in answers:
            provider.says(behaviour)
            yield raw(gateway, CHAT, asked(stream=stream))
            provider.says(behaviour)
            yield raw(gateway, CHAT, asked(stream=stream), key="", **own)
    yield from odd_requests(gateway)


def odd_requests(gateway: Scene) -> Iterator[Answer]:
    yield raw(gateway, CHAT, asked()[:-9])
    yield raw(gateway, f"{CHAT}?{WORD}={WORD}&api_key={OWN}", asked())
    yield raw(
        gateway, f"/v1/proxy/google/v1beta/models/gemini-2.5-pro:generateContent?key={gateway.key}", asked(), key=""
    )
    yield raw(gateway, f"/v1/proxy/{WORD.lower()}/v1/chat/completions", asked())
    yield raw(gateway, f"/v1/proxy/openai/v1/{WORD}/x", asked())
    yield raw(gateway, CHAT, asked(), key=f"tko_{WORD}")
    yield raw(gateway, CHAT, asked(), key=OWN)
    for path in CRAFTED_PATHS.values():
        yield raw(gateway, f"{path}/{WORD}", asked())
    for name in (
        "User-Agent",
        "Referer",
        "Cookie",
        "X-Odd",
        "Content-Type",
        "Accept",
        "X-Request-Id",
        "Idempotency-Key",
    ):
        yield raw(gateway, CHAT, asked(), **{name: SAID})
    for name in ("X-TokenOps-Inject-Usage", "X-TokenOps-Credential", "X-TokenOps-Project", "X-TokenOps-Anything"):
        yield raw(gateway, CHAT, asked(), **{name: SAID})
    upload = (
        f'--b\r\nContent-Disposition: form-data; name="{WORD}"; filename="{WORD}"\r\n\r\n{SAID}\r\n--b--\r\n'.encode()
    )
    for path in ("files", "audio/transcriptions"):
        yield raw(gateway, f"/v1/proxy/openai/v1/{path}", upload, Content_Type="multipart/form-data; boundary=b")
    yield raw(gateway, "/v1/proxy/openai/v1/embeddings", json.dumps({"model": "e", "input": SAID}).encode())
    yield raw(gateway, "/v1/proxy/openai/v1/responses", json.dumps({"model": "r", "input": SAID}).encode())


def raw(gateway: Scene, path: str, body: bytes, *, key: str | None = None, **headers: str) -> Answer:
    given = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return send(gateway, request(gateway, path, *map(": ".join, given.items()), body=body, key=key))


def test_neither_words_nor_keys_stay_behind(gateway):
    feature = new_feature()
    gateway.ask(asked(), headers={"X-TokenOps-Feature": feature})
    gateway.call(feature)

    statuses = {answer.status for answer in every_way(gateway)}
    gateway.drained()

    assert {200, 400, 401, 404, 500, 502} <= statuses
    log = gateway.server.log.read_text()
    assert "proxied request failed" in log  # it says what happened
    spooled = b"".join(path.read_bytes() for path in spool_of(gateway).rglob("*") if path.is_file()).decode("latin-1")
    dump = dump_of_everything()
    assert gateway.key[4:12] in dump  # the key's public part: the dump is not empty
    assert len(gateway.calls()) > 20
    secrets = {WORD, OWN, gateway.key, gateway.ingest_key, *STORED.values()}
    found = {
        name: [word for word in secrets if word.lower() in text.lower()] for name, text in where(log, spooled, dump)
    }
    assert found == {"log": [], "spool": [], "database": []}


def where(log: str, spooled: str, dump: str) -> list[tuple[str, str]]:
    return [("log", log), ("spool", spooled), ("database", dump)]


def spool_of(gateway: Scene) -> Path:
    return gateway.server.log.with_name("spool")


def test_our_own_answers_repeat_nothing(gateway):
    for answer in odd_requests(gateway):
        if b"tokenops_error" in answer.body:
            said = (str(answer.headers) + answer.body.decode()).lower()
            assert not [word for word in (WORD, OWN, gateway.key, *STORED.values()) if word.lower() in said]


@pytest.mark.parametrize("behaviour", [faults.hang_up, faults.reset, faults.no_http])
def test_an_error_names_neither_the_providers_key_nor_its_address(gateway, behaviour):
    gateway.provider.says(behaviour)

    answer = gateway.ask(asked())

    assert answer.status == 502
    assert STORED["openai"].encode() not in answer.body
    assert gateway.provider.url.removeprefix("http://").encode() not in answer.body
