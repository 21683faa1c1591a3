import json
import logging

import pytest

from core import keys
from core.middleware import clean_request_id
from tenants.tests.keys import bearer, issue_key

SECRET = "s3cret-in-the-query"


@pytest.fixture
def lines(caplog):
    """The facts of the access log's lines."""
    caplog.set_level(logging.INFO, logger="tokenops.access")
    names = ("method", "route", "view", "status", "duration_ms", "organization_id")
    return lambda: [
        {name: getattr(record, name) for name in names} for record in caplog.records if record.name == "tokenops.access"
    ]


def test_one_line_a_request(viewer, acme, lines):
    viewer.get("/api/v1/projects/web?organization=acme")

    (line,) = lines()
    assert line.pop("duration_ms") >= 0
    assert line == {
        "method": "GET",
        "route": "api/v1/projects/<slug:project_slug>",
        "view": "api:project-detail",
        "status": 200,
        "organization_id": acme.pk,
    }


def test_pages_say_their_organization_too(viewer, acme, lines):
    viewer.get("/o/acme/")

    assert lines()[0]["organization_id"] == acme.pk


def test_strangers_and_unknown_paths_have_their_line(anonymous, db, lines):
    anonymous.get("/api/v1/me")
    anonymous.get("/no/such/page")
    anonymous.generic("BREW", "/api/v1/me")

    assert [(line["method"], line["route"], line["status"], line["organization_id"]) for line in lines()] == [
        ("GET", "api/v1/me", 401, None),
        ("GET", "", 404, None),
        ("other", "api/v1/me", 401, None),
    ]


def test_static_files_have_none(anonymous, lines):
    anonymous.get("/static/css/app.css")

    assert lines() == []


def test_neither_queries_nor_keys_nor_paths_are_logged(anonymous, acme, caplog):
    caplog.set_level(logging.DEBUG)
    issued = issue_key(acme)
    unknown = keys.generate().text

    anonymous.get(f"/api/v1/calls?model={SECRET}", headers=bearer(issued))
    anonymous.get(f"/api/v1/calls?nonsense={SECRET}", headers=bearer(issued))
    anonymous.get(f"/api/v1/calls/{SECRET}?timestamp=2026-01-01T00:00:00Z", headers=bearer(issued))
    anonymous.get(f"/{SECRET}")
    anonymous.get(f"/accounts/password/reset/key/{SECRET}/")
    anonymous.get("/api/v1/me", headers={"X-API-Key": unknown})

    # Django's log of SQL statements is only written where somebody debugs.
    written = [vars(record) for record in caplog.records if record.name != "django.db.backends"]
    everything = json.dumps(written, default=str)
    assert "tokenops.access" in everything
    for secret in (SECRET, issued.text, issued.text[4:12], unknown, unknown[-20:]):
        assert secret not in everything


def test_a_request_keeps_a_harmless_id_and_gets_a_new_one_for_another(anonymous, db):
    ours = anonymous.get("/healthz", headers={"X-Request-ID": "abcdef-0123.45_6"})
    forged = anonymous.get("/healthz", headers={"X-Request-ID": 'x" injected="1'})

    assert ours["X-Request-ID"] == "abcdef-0123.45_6"
    assert len(forged["X-Request-ID"]) == 32
    assert forged["X-Request-ID"].isalnum()


@pytest.mark.parametrize("text", ["", "short", "x" * 65, "a b c d e f", "a\nbcdefghij", "ключключ"])
def test_ids_that_are_not_taken_over(text):
    assert clean_request_id(text) != text
    assert clean_request_id(text) != clean_request_id(text)
