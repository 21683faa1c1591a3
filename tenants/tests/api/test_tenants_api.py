from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from tenants import services
from tenants.models import Membership, User
from tenants.permissions import Role, Scope
from tenants.tests.keys import bearer, issue_key

NOT_FOUND = {"type": "https://tokenops.dev/problems/not-found", "title": "There is nothing here.", "status": 404}
FORBIDDEN = {"type": "https://tokenops.dev/problems/forbidden", "title": "You may not do this.", "status": 403}
BY_SLUG = "Name one of your organizations by its slug."

WITHIN_AN_ORGANIZATION = ["/api/v1/organizations/acme", "/api/v1/projects", "/api/v1/projects/web", "/api/v1/calls"]


def invalid(*errors):
    return {
        "type": "https://tokenops.dev/problems/invalid",
        "title": "The request is not valid.",
        "status": 400,
        "errors": [{"field": field, "message": message} for field, message in errors],
    }


def of_acme(path):
    return path if "organizations" in path else f"{path}?organization=acme"


@pytest.fixture
def project_key(acme, acme_project):
    return issue_key(acme, project=acme_project)


def test_me_of_a_person(member, acme, globex):
    user = User.objects.get(email="member@acme.test")
    Membership.objects.create(user=user, organization=globex, role=Role.NONE)

    answer = member.get("/api/v1/me")

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == {
        "kind": "user",
        "user": {"email": "member@acme.test", "name": ""},
        "memberships": [
            {"slug": "acme", "name": "Acme", "role": "member"},
            {"slug": "globex", "name": "Globex", "role": "none"},
        ],
        "key": None,
        "organization": None,
        "project": None,
    }


def test_me_of_a_project_key(anonymous, acme, acme_project):
    issued = issue_key(acme, project=acme_project, scopes=[Scope.READ, Scope.INGEST])

    assert anonymous.get("/api/v1/me", headers=bearer(issued)).json() == {
        "kind": "key",
        "user": None,
        "memberships": [],
        "key": {"prefix": issued.key.prefix, "name": "Test", "scopes": ["ingest", "read"], "expires_at": None},
        "organization": {"slug": "acme", "name": "Acme"},
        "project": {"slug": "web", "name": "Web"},
    }


def test_me_of_an_organization_key_that_expires_and_may_only_ingest(anonymous, acme):
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    issued = issue_key(acme, scopes=[Scope.INGEST], expires_at=expires_at)

    answer = anonymous.get("/api/v1/me", headers=bearer(issued)).json()

    assert answer["project"] is None
    assert answer["key"]["scopes"] == ["ingest"]
    assert answer["key"]["expires_at"] == f"{expires_at:%Y-%m-%dT%H:%M:%S}.000000Z"


def test_organizations_of_a_person_and_of_a_key(owner, anonymous, acme, globex):
    mine = owner.get("/api/v1/organizations")
    machine = anonymous.get("/api/v1/organizations", headers=bearer(issue_key(acme)))

    assert mine.json() == {"results": [{"slug": "acme", "name": "Acme", "role": "owner"}], "next": None}
    assert machine.json() == {"results": [{"slug": "acme", "name": "Acme", "role": None}], "next": None}


def test_one_organization(viewer, anonymous, acme, project_key):
    shown_in = {"display_currency": "USD", "currency_rate": None}
    document = {"slug": "acme", "name": "Acme", "role": "viewer", "time_zone": "UTC"} | shown_in

    assert viewer.get("/api/v1/organizations/acme").json() == document
    machine = anonymous.get("/api/v1/organizations/acme", headers=bearer(project_key))
    assert machine.json() == document | {"role": None}


def test_projects(viewer, acme, acme_project):
    services.create_project(organization=acme, actor=User.objects.get(email="owner@acme.test"), name="Apps")

    answer = viewer.get("/api/v1/projects?organization=acme").json()

    assert [project["slug"] for project in answer["results"]] == ["apps", "web"]
    assert answer["next"] is None
    assert answer["results"][1] == viewer.get("/api/v1/projects/web?organization=acme").json()
    assert answer["results"][1] == {
        "slug": "web",
        "name": "Web",
        "team": None,
        "archived_at": None,
        "delete_at": None,
        "is_default": True,
        "default_environment": "default",
        "retention_days": 180,
        "allow_personal_ids": False,
        "created_at": f"{acme_project.created_at:%Y-%m-%dT%H:%M:%S.%f}Z",
    }


def test_a_project_key_sees_its_project_only(anonymous, acme, project_key):
    services.create_project(organization=acme, actor=User.objects.get(email="owner@acme.test"), name="Apps")

    listed = anonymous.get("/api/v1/projects", headers=bearer(project_key)).json()
    sibling = anonymous.get("/api/v1/projects/apps", headers=bearer(project_key))

    assert [project["slug"] for project in listed["results"]] == ["web"]
    assert (sibling.status_code, sibling.json()) == (404, NOT_FOUND)


def test_an_organization_key_sees_all_its_projects_and_no_others(anonymous, acme, globex):
    services.create_project(organization=globex, actor=User.objects.get(email="owner@globex.test"), name="Secret")
    headers = bearer(issue_key(acme))

    listed = anonymous.get("/api/v1/projects", headers=headers).json()

    assert [project["slug"] for project in listed["results"]] == ["web"]
    assert anonymous.get("/api/v1/projects/secret", headers=headers).status_code == 404


@pytest.mark.parametrize("path", WITHIN_AN_ORGANIZATION)
def test_strangers_cannot_tell_that_the_organization_exists(outsider, acme, path):
    foreign = outsider.get(of_acme(path))
    missing = outsider.get(of_acme(path).replace("acme", "no-such-one"))

    assert (foreign.status_code, foreign.json()) == (404, NOT_FOUND)
    assert (missing.status_code, missing.json()) == (404, NOT_FOUND)


@pytest.mark.parametrize("path", WITHIN_AN_ORGANIZATION)
def test_a_key_of_another_organization_is_a_stranger(anonymous, acme, globex, path):
    answer = anonymous.get(of_acme(path), headers=bearer(issue_key(globex)))

    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


@pytest.mark.parametrize("path", WITHIN_AN_ORGANIZATION)
def test_role_none_is_forbidden(nobody, path):
    answer = nobody.get(of_acme(path))

    assert answer.status_code == 403
    assert answer.json() == FORBIDDEN | {"detail": "Your role does not allow this."}


@pytest.mark.parametrize("path", [*WITHIN_AN_ORGANIZATION, "/api/v1/organizations"])
def test_a_key_without_the_scope_is_forbidden(anonymous, acme, path):
    answer = anonymous.get(path, headers=bearer(issue_key(acme, scopes=[Scope.INGEST])))

    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "https://tokenops.dev/problems/missing-scope",
        "title": "This API key may not read telemetry.",
        "status": 403,
        "detail": "It needs the scope read.",
    }


@pytest.mark.parametrize("path", [*WITHIN_AN_ORGANIZATION, "/api/v1/organizations", "/api/v1/me"])
def test_strangers_without_credentials_are_unauthenticated(anonymous, acme, path):
    assert anonymous.get(path).status_code == 401


@pytest.mark.parametrize("path", ["/api/v1/projects", "/api/v1/calls", "/api/v1/projects/web?organization="])
def test_people_must_name_the_organization(owner, path):
    answer = owner.get(path)

    assert (answer.status_code, answer.json()) == (400, invalid(("organization", BY_SLUG)))


def test_a_key_may_name_its_own_organization(anonymous, acme):
    headers = bearer(issue_key(acme))

    assert anonymous.get("/api/v1/projects?organization=acme", headers=headers).status_code == 200
    assert anonymous.get("/api/v1/projects?organization=", headers=headers).json() == invalid(
        ("organization", "This field may not be blank.")
    )


@pytest.mark.parametrize("slug", ["%00", "%ED%A0%80", "a%00b", "' or 1=1 --"])
def test_odd_slugs_are_just_not_found(owner, slug):
    assert owner.get(f"/api/v1/projects?organization={slug}").status_code == 404


@pytest.mark.parametrize("path", ["/api/v1/me?x=1", "/api/v1/organizations?x=1", "/api/v1/organizations/acme?x=1"])
def test_unknown_parameters_are_refused(owner, path):
    answer = owner.get(path)

    assert (answer.status_code, answer.json()) == (400, invalid(("x", "There is no such parameter.")))


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/organizations", "/api/v1/calls"])
def test_the_api_only_reads(anonymous, acme, method, path):
    answer = getattr(anonymous, method)(path, headers=bearer(issue_key(acme)))

    assert answer.status_code == 405
    assert set(answer["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert answer.json() == {
        "type": "https://tokenops.dev/problems/method-not-allowed",
        "title": "This method is not allowed here.",
        "status": 405,
    }


def test_a_session_cannot_write_without_a_csrf_token(acme):
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(email="owner@acme.test"))

    answer = client.post("/api/v1/me")

    assert client.get("/api/v1/me").status_code == 200
    assert answer.status_code == 403
    assert answer.json()["title"] == "You may not do this."


def test_head_is_get_without_a_body(owner):
    answer = owner.head("/api/v1/me")

    assert (answer.status_code, answer.content) == (200, b"")


def test_only_json_is_offered(owner):
    answer = owner.get("/api/v1/me", headers={"Accept": "application/xml"})

    assert answer.status_code == 406
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "https://tokenops.dev/problems/not-acceptable",
        "title": "Only application/json is offered.",
        "status": 406,
    }


def test_the_role_decides_anew_with_each_request(viewer, acme):
    assert viewer.get("/api/v1/projects?organization=acme").status_code == 200

    Membership.objects.filter(user__email="viewer@acme.test").update(role=Role.NONE)

    assert viewer.get("/api/v1/projects?organization=acme").status_code == 403
