"""Problem documents as bytes, and the corners of their fields."""

import json
import logging

import psycopg
import pytest
from django.db import OperationalError
from rest_framework import exceptions

from core.problems import exception_handler, problem, problem_response


def fields(detail):
    answer = exception_handler(exceptions.ValidationError(detail), {})
    assert answer is not None
    return [(error["field"], error["message"]) for error in answer.data["errors"]]


def test_the_bytes_of_an_answer_outside_of_the_framework():
    answer = problem_response(429, "too-many-requests", "Too many requests.", "Try again in 3 s.")

    assert answer.status_code == 429
    assert json.loads(answer.content) == {
        "type": "https://tokenops.dev/problems/too-many-requests",
        "title": "Too many requests.",
        "status": 429,
        "detail": "Try again in 3 s.",
    }


def test_members_extend_the_document_in_their_order():
    document = problem(400, "x", "Y", "Z", field="name", allowed=[1, 2])

    assert list(document) == ["type", "title", "status", "detail", "field", "allowed"]
    assert document["allowed"] == [1, 2]


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ([], []),
        ({}, []),
        (["One.", "Two."], [("", "One."), ("", "Two.")]),
        ({"a": "One."}, [("a", "One.")]),
        ({"a": {"b": {"c": ["Deep."]}}}, [("a.b.c", "Deep.")]),
        ([{}, {"name": ["Second row."]}], [("name", "Second row.")]),
        ({"rows": [{"name": ["A."]}, {"name": ["B."]}]}, [("rows.name", "A."), ("rows.name", "B.")]),
        ({"a": {"non_field_errors": ["Whole."]}}, [("a", "Whole.")]),
        ({0: ["By number."]}, [("0", "By number.")]),
    ],
)
def test_errors_of_fields_are_paths_and_messages(detail, expected):
    assert fields(detail) == expected


def test_a_document_of_field_errors_is_plain_json():
    answer = exception_handler(exceptions.ValidationError({"name": ["Too long."]}), {})

    assert answer is not None
    assert json.loads(json.dumps(answer.data)) == {
        "type": "https://tokenops.dev/problems/invalid",
        "title": "The request is not valid.",
        "status": 400,
        "errors": [{"field": "name", "message": "Too long."}],
    }


@pytest.mark.parametrize(
    ("wait", "header", "detail"), [(0.2, "1", "Try again in 1 s."), (59.1, "60", "Try again in 60 s.")]
)
def test_header_and_detail_name_the_same_wait(wait, header, detail):
    answer = exception_handler(exceptions.Throttled(wait=wait), {})

    assert answer is not None
    assert (answer.headers["Retry-After"], answer.data["detail"]) == (header, detail)


def test_a_refused_credential_says_how_to_authenticate():
    error = exceptions.NotAuthenticated()
    error.auth_header = "Bearer"  # what the framework sets on its way

    answer = exception_handler(error, {})

    assert answer is not None
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("cause", "messages"),
    [
        (psycopg.errors.QueryCanceled("secret"), []),
        (psycopg.errors.AdminShutdown("secret"), ["the database does not answer: AdminShutdown"]),
        (psycopg.OperationalError("secret"), ["the database does not answer: OperationalError"]),
        (None, ["the database does not answer: NoneType"]),
    ],
)
def test_only_a_database_that_is_away_is_an_error_in_the_log_and_only_by_its_kind(caplog, cause, messages):
    caplog.set_level(logging.INFO)
    error = OperationalError("secret")
    error.__cause__ = cause

    answer = exception_handler(error, {})

    assert answer is not None
    assert answer.status_code == 503
    assert caplog.messages == messages
    assert "secret" not in json.dumps(answer.data)
