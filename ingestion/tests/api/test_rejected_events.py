from datetime import UTC, datetime, timedelta

import pytest

from core.fields import instant_text
from ingestion.api import refusal_cursor
from ingestion.refusals import Position
from ingestion.tests.factories import refuse
from tenants.models import Project
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key

URL = "/api/v1/rejected-events"
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)


@pytest.fixture
def globex_project(globex, scope):
    with scope(globex):
        return Project.objects.get(slug="web")


@pytest.fixture
def refusals(acme_project, other_project, globex_project):
    """One reason everywhere, and one that no project could be decided for."""
    for project in (acme_project, other_project, globex_project):
        refuse(project, hour=HOUR, field="model", reason=f"of {project.organization.slug}'s {project.slug}")
    refuse(acme_project, hour=HOUR, project_id=0, kind="request", reason="malformed-body")


def shown(answer):
    assert answer.status_code == 200, answer.content
    return [(row["project"], row["reason"]) for row in answer.json()["results"]]


OURS = [("mobile", "of acme's mobile"), ("web", "of acme's web"), (None, "malformed-body")]


def test_a_row_is_shown_in_full(get, acme_project):
    refuse(
        acme_project,
        hour=HOUR,
        endpoint="/v1/traces",
        field="model",
        reason="is required",
        count=7,
        events=5,
        first_at=HOUR + timedelta(minutes=2),
        last_at=HOUR + timedelta(minutes=9),
        samples=[["(content)", "timestamp"]],
    )

    assert get(URL).json() == {
        "results": [
            {
                "hour": instant_text(HOUR),
                "project": "web",
                "endpoint": "/v1/traces",
                "kind": "event",
                "field": "model",
                "reason": "is required",
                "count": 7,
                "events": 5,
                "first_at": instant_text(HOUR + timedelta(minutes=2)),
                "last_at": instant_text(HOUR + timedelta(minutes=9)),
                "samples": [["(content)", "timestamp"]],
            }
        ],
        "next": None,
    }


def test_what_a_row_has_not_is_null(get, acme_project):
    refuse(acme_project, hour=HOUR, project_id=0, kind="content", field="", reason="")

    [row] = get(URL).json()["results"]
    assert (row["project"], row["field"], row["reason"]) == (None, None, None)


def test_nothing_refused_is_an_empty_page(get, acme_project):
    assert get(URL).json() == {"results": [], "next": None}


def test_an_organization_key_reads_its_organization(get, refusals):
    assert shown(get(URL)) == OURS


def test_one_project_is_shown_without_what_had_none(get, refusals):
    assert shown(get(URL, project="web")) == [("web", "of acme's web")]


def test_a_project_key_reads_its_project_only(get, acme, acme_project, refusals):
    headers = bearer(issue_key(acme, project=acme_project))

    assert shown(get(URL, headers=headers)) == [("web", "of acme's web")]
    assert get(URL, headers=headers, project="mobile").status_code == 404


def test_the_other_tenant_reads_its_own(get, globex, refusals):
    assert shown(get(URL, headers=bearer(issue_key(globex)))) == [("web", "of globex's web")]


@pytest.mark.parametrize("who", ["owner", "admin", "member", "viewer"])
def test_people_with_a_role_read_what_they_name(request, refusals, who):
    client = request.getfixturevalue(who)

    assert shown(client.get(URL, query_params={"organization": "acme"})) == OURS
    assert client.get(URL, query_params={"organization": "globex"}).status_code == 404


def test_others_read_nothing(anonymous, outsider, nobody, refusals):
    assert anonymous.get(URL).status_code == 401
    assert outsider.get(URL, query_params={"organization": "acme"}).status_code == 404
    assert nobody.get(URL, query_params={"organization": "acme"}).status_code == 403


def test_a_key_that_only_sends_is_told_which_scope_it_needs(get, acme, refusals):
    answer = get(URL, headers=bearer(issue_key(acme, scopes=[Scope.INGEST])))

    assert answer.status_code == 403
    assert answer.json()["type"].endswith("/missing-scope")


def test_a_foreign_project_is_not_found(get, refusals):
    assert get(URL, project="nowhere").status_code == 404


def test_hours_of_the_period_are_shown(get, acme_project):
    for ago in range(4):
        refuse(acme_project, hour=HOUR - timedelta(hours=ago), reason=f"{ago}")

    found = get(URL, **{"from": instant_text(HOUR - timedelta(hours=2)), "to": instant_text(HOUR)})

    assert shown(found) == [("web", "1"), ("web", "2")]


def test_without_a_period_it_is_the_last_day(get, acme_project):
    for days in (0, 2):
        refuse(acme_project, hour=HOUR - timedelta(days=days), reason=f"{days}")

    assert shown(get(URL)) == [("web", "0")]


@pytest.mark.parametrize(
    "parameters",
    [
        {"from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"},
        {"from": "2026-09-01T00:00:00Z", "to": "2026-11-01T00:00:00Z"},
        {"from": "yesterday"},
        {"limit": "0"},
        {"limit": "501"},
        {"cursor": "nonsense"},
        {"colour": "red"},
    ],
)
def test_what_cannot_be_used_is_refused_by_name(get, acme_project, parameters):
    answer = get(URL, **parameters)

    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} <= {*parameters}


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_hold_every_row_once(get, acme_project, other_project, limit):
    for ago in range(2):
        for project in (acme_project, other_project):
            for field, reason in (("", "is not valid JSON"), ("model", "is required"), ("model", "must be a string")):
                refuse(project, hour=HOUR - timedelta(hours=ago), field=field, reason=reason)
    whole = get(URL).json()["results"]

    found, url = [], f"{URL}?limit={limit}"
    while url:
        page = get(url).json()
        assert len(page["results"]) <= limit
        found += page["results"]
        url = page["next"]

    assert len(whole) == 12
    assert found == whole
    assert [row["hour"] for row in whole] == sorted((row["hour"] for row in whole), reverse=True)


def test_a_cursor_is_read_as_it_was_written():
    position = Position(hour=HOUR, project_id=0, endpoint="/log", kind="event", field="", reason="must be ≥ 0")

    assert refusal_cursor.decode(refusal_cursor.encode(position)) == position


@pytest.mark.parametrize(
    "members",
    [
        '["2026-01-01T00:00:00", 1, "a", "b", "c", "d"]',
        '["2026-01-01T00:00:00+00:00", -1, "a", "b", "c", "d"]',
        '["2026-01-01T00:00:00+00:00", true, "a", "b", "c", "d"]',
        '["2026-01-01T00:00:00+00:00", 9223372036854775808, "a", "b", "c", "d"]',
        '["2026-01-01T00:00:00+00:00", 1, "a", "b", "c"]',
        '["2026-01-01T00:00:00+00:00", 1, "a\\u0000", "b", "c", "d"]',
        '["2026-01-01T00:00:00+00:00", 1, "\\ud800", "b", "c", "d"]',
        '["2026-01-01T00:00:00+00:00", 1, 7, "b", "c", "d"]',
        f'["2026-01-01T00:00:00+00:00", 1, "{"a" * 501}", "b", "c", "d"]',
        '{"a": 1}',
        "7",
        "[" * 5000,
    ],
)
def test_what_we_did_not_write_is_no_cursor(get, acme_project, members):
    import base64

    text = base64.urlsafe_b64encode(members.encode()).decode().rstrip("=")

    answer = get(URL, cursor=text)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["cursor"]
