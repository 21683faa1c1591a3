from datetime import UTC, datetime, timedelta

import pytest

from core.fields import instant_text
from ingestion.tests.api.conftest import HOUR_AGO, URL
from ingestion.tests.factories import make_call
from tenants import key_services
from tenants.models import Project, User
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key

AT = instant_text(HOUR_AGO)


@pytest.fixture
def globex_project(globex, scope):
    with scope(globex):
        return Project.objects.get(slug="web")


@pytest.fixture
def two_tenants(acme_project, other_project, globex_project):
    """The same id at the same time: everywhere."""
    for project, model in ((acme_project, "ours"), (other_project, "sibling"), (globex_project, "theirs")):
        make_call(project, call_id="same", started_at=HOUR_AGO, model=model)


def models(answer):
    assert answer.status_code == 200, answer.content
    return [call["model"] for call in answer.json()["results"]]


def test_an_organization_key_reads_its_organization(get, two_tenants):
    assert models(get(URL)) == ["sibling", "ours"]


def test_a_project_key_reads_its_project_only(get, acme, acme_project, two_tenants):
    headers = bearer(issue_key(acme, project=acme_project))

    assert models(get(URL, headers=headers)) == ["ours"]
    assert models(get(URL, headers=headers, project="web")) == ["ours"]
    assert get(URL, headers=headers, project="mobile").status_code == 404


def test_the_other_tenant_reads_its_own(get, globex, two_tenants):
    assert models(get(URL, headers=bearer(issue_key(globex)))) == ["theirs"]


@pytest.mark.parametrize("who", ["owner", "admin", "member", "viewer"])
def test_people_with_a_role_read_what_they_name(request, two_tenants, who):
    client = request.getfixturevalue(who)

    assert models(client.get(URL, query_params={"organization": "acme"})) == ["sibling", "ours"]
    assert client.get(URL, query_params={"organization": "globex"}).status_code == 404


def test_an_outsider_reads_nothing(outsider, two_tenants):
    assert outsider.get(URL, query_params={"organization": "acme"}).status_code == 404
    assert models(outsider.get(URL, query_params={"organization": "globex"})) == ["theirs"]


def test_an_ingest_key_reads_nothing(get, acme, two_tenants):
    answer = get(URL, headers=bearer(issue_key(acme, scopes=[Scope.INGEST])))

    assert answer.status_code == 403
    assert b"ours" not in answer.content


def test_a_cursor_of_another_tenant_shows_nothing_of_theirs(get, globex, globex_project, two_tenants):
    make_call(globex_project, call_id="newer", started_at=HOUR_AGO + timedelta(seconds=1))
    link = get(URL, headers=bearer(issue_key(globex)), limit=1).json()["next"]

    assert models(get(link.removeprefix("http://testserver"))) == ["sibling"]


def test_one_call_by_its_identity(get, acme_project, globex_project):
    make_call(acme_project, call_id="otlp:ab/cd?", started_at=HOUR_AGO, model="ours")
    make_call(acme_project, call_id="otlp:ab/cd?", started_at=HOUR_AGO + timedelta(microseconds=1), model="later")
    make_call(globex_project, call_id="otlp:ab/cd?", started_at=HOUR_AGO, model="theirs")

    answer = get(f"{URL}/otlp:ab%2Fcd%3F", timestamp=AT)

    assert answer.status_code == 200
    listed = get(URL).json()["results"][1]
    assert {name: answer.json()[name] for name in listed} == listed
    assert answer.json()["model"] == "ours"


def test_the_same_identity_in_two_projects_needs_the_project(get, two_tenants):
    ambiguous = get(f"{URL}/same", timestamp=AT)

    assert ambiguous.status_code == 400
    assert ambiguous.json()["errors"] == [
        {"field": "project", "message": "Calls of several projects have this id and timestamp; name one."}
    ]
    assert get(f"{URL}/same", timestamp=AT, project="mobile").json()["model"] == "sibling"


@pytest.mark.parametrize(
    ("call_id", "parameters"),
    [
        ("other", {"timestamp": AT}),
        ("same", {"timestamp": instant_text(HOUR_AGO + timedelta(seconds=1))}),
        ("same", {"timestamp": AT, "project": "nope"}),
        ("same", {"timestamp": "2000-01-01T00:00:00Z"}),  # no partition has that day
        ("same%00", {"timestamp": AT}),
        ("%FF", {"timestamp": AT}),
    ],
)
def test_calls_that_are_not_there(get, two_tenants, call_id, parameters):
    answer = get(f"{URL}/{call_id}", **parameters)

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({}, {"field": "timestamp", "message": "This field is required."}),
        ({"timestamp": "SECRET"}, {"field": "timestamp", "message": None}),
        ({"timestamp": AT, "model": "SECRET"}, {"field": "model", "message": "There is no such parameter."}),
    ],
)
def test_an_identity_must_be_whole(get, parameters, error):
    answer = get(f"{URL}/same", **parameters)

    assert answer.status_code == 400
    (found,) = answer.json()["errors"]
    assert found["field"] == error["field"]
    assert error["message"] in (None, found["message"])
    assert b"SECRET" not in answer.content


def test_a_project_key_does_not_see_a_sibling_s_call(get, acme, acme_project, other_project):
    make_call(other_project, call_id="a", started_at=HOUR_AGO)
    headers = bearer(issue_key(acme, project=acme_project))

    assert get(f"{URL}/a", headers=headers, timestamp=AT).status_code == 404
    assert get(f"{URL}/a", timestamp=AT).status_code == 200


def test_a_revoked_key_reads_nothing_any_more(get, acme, two_tenants):
    issued = issue_key(acme)
    assert get(URL, headers=bearer(issued)).status_code == 200
    actor = User.objects.get(email="owner@acme.test")
    key_services.revoke_key(organization=acme, actor=actor, key=issued.key, now=datetime.now(UTC))

    assert get(URL, headers=bearer(issued)).status_code == 401


def test_the_number_of_queries_does_not_grow_with_the_page(get, acme_project, django_assert_num_queries):
    for number in range(5):
        make_call(acme_project, call_id=f"c{number}", started_at=HOUR_AGO)
    get(URL, limit=1)

    # the key; whether its organization is being deleted, in a scope (5); the organization; projects and calls, in a
    # scope (6)
    with django_assert_num_queries(13):
        get(URL, limit=1)
    with django_assert_num_queries(13):
        get(URL, limit=5)
