import psycopg
import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions

from core.problems import exception_handler, problem, problem_response

BASE = "https://tokenops.dev/problems/"


def handled(error):
    answer = exception_handler(error, {})
    assert answer is not None
    assert answer.content_type == "application/problem+json"
    assert answer.data["status"] == answer.status_code
    return answer


def test_a_problem_has_detail_and_members_only_when_there_are_some():
    assert problem(404, "x", "Y") == {"type": BASE + "x", "title": "Y", "status": 404}
    assert problem(400, "x", "Y", "Z", extra=1) == {
        "type": BASE + "x",
        "title": "Y",
        "status": 400,
        "detail": "Z",
        "extra": 1,
    }


def test_a_problem_as_an_answer():
    answer = problem_response(404, "not-found", "There is nothing here.")

    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("error", "status", "slug", "detail"),
    [
        (exceptions.NotAuthenticated(), 401, "unauthenticated", None),
        (exceptions.AuthenticationFailed(), 401, "unauthenticated", None),
        (exceptions.AuthenticationFailed("Expired."), 401, "unauthenticated", "Expired."),
        (exceptions.PermissionDenied("No."), 403, "forbidden", "No."),
        (PermissionDenied("internal"), 403, "forbidden", None),
        (Http404("internal"), 404, "not-found", None),
        (exceptions.NotFound(), 404, "not-found", None),
        (exceptions.MethodNotAllowed("BREW"), 405, "method-not-allowed", None),
        (exceptions.NotAcceptable(), 406, "not-acceptable", None),
        (exceptions.UnsupportedMediaType("text/SECRET"), 415, "unsupported-media-type", None),
        (exceptions.ParseError("SECRET is not JSON"), 400, "malformed-body", None),
        (exceptions.Throttled(wait=0.2), 429, "too-many-requests", "Try again in 1 s."),
        (exceptions.Throttled(), 429, "too-many-requests", None),
        (exceptions.APIException("SECRET"), 500, "error", None),
    ],
)
def test_each_error_has_its_type(error, status, slug, detail):
    answer = handled(error)

    assert answer.status_code == status
    assert answer.data["type"] == BASE + slug
    assert answer.data.get("detail") == detail
    assert "SECRET" not in str(answer.data)


def test_an_exception_may_bring_its_own_type():
    class TooLate(exceptions.PermissionDenied):
        problem = ("too-late", "Too late.")

    answer = handled(TooLate("By a day."))

    assert answer.data == problem(403, "too-late", "Too late.", "By a day.")


def test_field_errors_are_a_flat_list():
    error = exceptions.ValidationError(
        {
            "name": ["Too long.", "Not unique."],
            "owner": {"email": ["Not an address."], "non_field_errors": ["Unknown."]},
            "non_field_errors": ["These contradict each other."],
        }
    )

    assert handled(error).data == problem(
        400,
        "invalid",
        "The request is not valid.",
        errors=[
            {"field": "name", "message": "Too long."},
            {"field": "name", "message": "Not unique."},
            {"field": "owner.email", "message": "Not an address."},
            {"field": "owner", "message": "Unknown."},
            {"field": "", "message": "These contradict each other."},
        ],
    )
    assert handled(exceptions.ValidationError("No.")).data["errors"] == [{"field": "", "message": "No."}]


def test_a_body_that_cannot_be_read_has_errors_like_every_400():
    assert handled(exceptions.ParseError("SECRET is not JSON")).data == problem(
        400,
        "malformed-body",
        "The body is not valid JSON.",
        errors=[{"field": "", "message": "The body is not valid JSON."}],
    )


def test_a_question_that_takes_too_long_is_503():
    error = OperationalError()
    error.__cause__ = psycopg.errors.QueryCanceled()

    answer = handled(error)

    assert answer.status_code == 503
    assert answer.data["type"] == BASE + "too-slow"
    assert answer.headers["Retry-After"] == "5"


def test_a_database_that_is_away_is_503_without_its_address():
    error = OperationalError("connection to 10.0.0.5 failed for user SECRET")
    error.__cause__ = psycopg.OperationalError("the same")

    answer = handled(error)

    assert answer.data == problem(503, "unavailable", "The database does not answer.", "Try again in a few seconds.")


def test_a_bug_is_not_swallowed():
    assert exception_handler(ZeroDivisionError(), {}) is None
