"""The id of a request from the header to the log line, and what a line looks like."""

import json
import logging
import logging.config
import os
import subprocess
import sys
from io import StringIO

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory

from core.logs import RequestIdFilter, request_id
from core.middleware import AccessLogMiddleware, RequestIdMiddleware, clean_request_id
from tokenops.settings.logs import logging_config

REQUESTS = RequestFactory()
PROGRAM = """
import logging, logging.config, sys
from tokenops.settings.logs import logging_config
logging.config.dictConfig(logging_config(sys.argv[1]))
logging.getLogger("a").debug("fine")
logging.getLogger("a").info("said")
logging.getLogger("django.request").warning("Not Found: /secret")
logging.getLogger("httpx").info("GET https://host/?key=secret")
logging.getLogger("django.request").error("Internal Server Error")
"""


@pytest.fixture
def lines():
    """The lines that the product's own handler writes during the test, decoded."""
    config = logging_config("INFO")
    written = StringIO()
    handler = logging.StreamHandler(written)
    formatters: dict[str, dict[str, object]] = config["formatters"]
    handler.setFormatter(logging.config.DictConfigurator(config).configure_formatter(formatters["json"]))
    handler.addFilter(RequestIdFilter())
    logger = logging.getLogger("tokenops.access")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    logger.removeHandler(handler)
    logger.setLevel(level)


def log(message, *values, **options):
    logging.getLogger("tokenops.access").info(message, *values, **options)


# --- Lines ---


def test_a_line_is_one_json_object(lines):
    log("said %s", "so", extra={"status": 200, "organization_id": None})

    (line,) = lines()
    assert line.pop("time")
    assert line == {
        "level": "INFO",
        "logger": "tokenops.access",
        "message": "said so",
        "request_id": "",
        "status": 200,
        "organization_id": None,
    }


@pytest.mark.parametrize(
    "text", ["two\nlines", 'a "quote"', '{"level": "forged"}', "\x1b[31mred", "résumé 🦊", "\u2028"]
)
def test_no_message_breaks_out_of_its_line(lines, text):
    log("%s", text)

    (line,) = lines()
    assert (line["message"], line["level"]) == (text, "INFO")


def test_an_exception_stays_on_its_line(lines):
    try:
        raise ZeroDivisionError("by nothing")
    except ZeroDivisionError:
        log("failed", exc_info=True)

    (line,) = lines()
    assert line["message"] == "failed"
    assert line["exc_info"].endswith("ZeroDivisionError: by nothing")


@pytest.mark.parametrize(
    ("level", "messages"),
    [
        ("DEBUG", ["fine", "said", "Internal Server Error"]),
        ("INFO", ["said", "Internal Server Error"]),
        ("ERROR", ["Internal Server Error"]),
    ],
)
def test_a_process_writes_json_to_standard_error_from_its_level_on(level, messages):
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, level],
        cwd=settings.BASE_DIR,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout == ""
    assert [json.loads(line)["message"] for line in result.stderr.splitlines()] == messages
    assert "secret" not in result.stderr


# --- The id ---


def test_a_record_outside_of_requests_has_an_empty_id():
    record = logging.makeLogRecord({"msg": "x"})

    assert RequestIdFilter().filter(record) is True
    assert vars(record)["request_id"] == ""


def test_the_id_is_there_during_the_request_and_gone_after_it():
    seen = []

    def page(request):
        seen.append(request_id.get())
        return HttpResponse()

    answer = RequestIdMiddleware(page)(REQUESTS.get("/", headers={"X-Request-ID": "from-the-proxy"}))

    assert seen == ["from-the-proxy"]
    assert answer["X-Request-ID"] == "from-the-proxy"
    assert request_id.get() == ""


def test_the_id_is_gone_after_a_page_that_failed():
    def page(request):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        RequestIdMiddleware(page)(REQUESTS.get("/"))

    assert request_id.get() == ""


def test_a_request_inside_another_gives_the_outer_id_back():
    def inner(request):
        return HttpResponse(request_id.get())

    def outer(request):
        first = RequestIdMiddleware(inner)(REQUESTS.get("/", headers={"X-Request-ID": "the-inner"}))
        return HttpResponse(first.content.decode() + " " + request_id.get())

    answer = RequestIdMiddleware(outer)(REQUESTS.get("/", headers={"X-Request-ID": "the-outer"}))

    assert answer.content == b"the-inner the-outer"


def test_a_page_cannot_replace_the_id():
    answer = RequestIdMiddleware(lambda request: HttpResponse(headers={"X-Request-ID": "mine"}))(REQUESTS.get("/"))

    assert len(answer["X-Request-ID"]) == 32


@pytest.mark.parametrize("text", ["abcdefgh", "x" * 64, "0.1-2_3AZ", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa-01"])
def test_ids_that_are_taken_over(text):
    assert clean_request_id(text) == text


@pytest.mark.parametrize("text", ["1234567", "x" * 65, "abcdefgh\n", "abcdefgh%0a", "abc;defgh", "٠١٢٣٤٥٦٧"])
def test_an_id_that_is_replaced_is_nowhere_in_the_answer(text):
    replaced = clean_request_id(text)

    assert len(replaced) == 32
    assert set(replaced) <= set("0123456789abcdef")
    assert text.strip() not in replaced


def test_an_access_line_has_the_id_of_its_answer(anonymous, db, lines):
    kept = anonymous.get("/healthz", headers={"X-Request-ID": "from-the-proxy"})
    replaced = anonymous.get("/healthz", headers={"X-Request-ID": '"},{"level": "forged"}'})

    found = lines()
    assert [line["request_id"] for line in found] == ["from-the-proxy", replaced["X-Request-ID"]]
    assert kept["X-Request-ID"] == "from-the-proxy"
    assert [(line["message"], line["method"], line["status"]) for line in found] == [("request", "GET", 200)] * 2
    assert all(isinstance(line["duration_ms"], float) for line in found)
    assert not [line for line in found if "forged" in json.dumps(line)]


def test_a_page_that_failed_has_its_line_with_500(anonymous, db, lines, monkeypatch):
    anonymous.raise_request_exception = False

    def broken(request, *args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr("django.middleware.common.CommonMiddleware.process_request", broken)

    answer = anonymous.get("/healthz", headers={"X-Request-ID": "from-the-proxy"})

    assert answer.status_code == 500
    assert [(line["status"], line["request_id"]) for line in lines()] == [(500, "from-the-proxy")]


def test_a_request_that_no_route_matched_has_a_line_without_its_path(lines):
    AccessLogMiddleware(lambda request: HttpResponse(status=404))(REQUESTS.get("/reset/a-token?key=tok_secret"))

    (line,) = lines()
    assert (line["route"], line["view"], line["status"]) == ("", "", 404)
    assert "a-token" not in json.dumps(line)
    assert "secret" not in json.dumps(line)
