import pytest
from django.core.exceptions import BadRequest, PermissionDenied
from django.test import Client
from django.urls import include, path

BASE = "https://tokenops.dev/problems/"


def fail(request, kind):
    raise {"bug": ZeroDivisionError, "denied": PermissionDenied, "bad": BadRequest}[kind]("SECRET")


urlpatterns = [
    path("api/fail/<kind>", fail),
    path("fail/<kind>", fail),
    path("", include("tokenops.urls")),
]
handler400 = "tokenops.errors.bad_request"
handler403 = "tokenops.errors.permission_denied"
handler404 = "tokenops.errors.not_found"
handler500 = "tokenops.errors.server_error"


@pytest.fixture
def client(db):
    """Sees the page of an error where the test client would raise it."""
    return Client(raise_request_exception=False)


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("kind", "status", "slug"), [("bug", 500, "internal"), ("denied", 403, "forbidden"), ("bad", 400, "invalid")]
)
def test_errors_below_api_are_problems(client, kind, status, slug):
    answer = client.get(f"/api/fail/{kind}", headers={"Accept": "text/html"})

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == BASE + slug
    assert answer.json()["status"] == status
    assert b"SECRET" not in answer.content


@pytest.mark.urls(__name__)
def test_a_bad_request_below_api_has_errors_like_every_400(client):
    answer = client.get("/api/fail/bad")

    assert answer.json()["errors"] == [{"field": "", "message": "The request is not valid."}]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(("kind", "status"), [("bug", 500), ("denied", 403), ("bad", 400)])
def test_errors_elsewhere_are_pages(client, kind, status):
    answer = client.get(f"/fail/{kind}")

    assert answer.status_code == status
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert b"SECRET" not in answer.content


@pytest.mark.parametrize(
    "url", ["/api/", "/api/v1", "/api/v1/", "/api/v1/me/", "/api/v1/nope", "/api/v2/me", "/api/nope"]
)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_paths_of_the_api_that_match_nothing(client, url, method):
    answer = getattr(client, method)(url)

    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json() == {"type": BASE + "not-found", "title": "There is nothing here.", "status": 404}


@pytest.mark.parametrize(("url", "status"), [("/api/v1/ingest/", 404), ("/api/v1/nope", 404), ("/readyz", 405)])
def test_a_post_without_a_cookie_gets_no_page_about_cookies(url, status):
    answer = Client(enforce_csrf_checks=True).post(url)

    assert answer.status_code == status
    assert b"<html" not in answer.content


def test_in_development_too(client, settings):
    settings.DEBUG = True

    answer = client.get("/api/v1/nope")

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_pages_that_do_not_exist_are_pages(client):
    answer = client.get("/nope")

    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_a_host_that_is_not_ours_gets_no_html(client, settings):
    settings.ALLOWED_HOSTS = ["tokenops.example.com"]

    answer = client.get("/api/v1/me", headers={"Host": "evil.example"})

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
