"""``/api/v1/organizations/{slug}/time-zone``."""

import pytest
from django.utils import timezone

from core.scope import org_scope
from ingestion.models import ProjectActivity, ZoneChange
from tenants import selectors
from tenants.models import AuditEntry
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key

URL = "/api/v1/organizations/acme/time-zone"
JSON = {"content_type": "application/json"}
BERLIN = {"time_zone": "Europe/Berlin"}


@pytest.fixture
def manager(acme):
    return bearer(issue_key(acme, scopes=[Scope.MANAGE]))


@pytest.fixture
def put(anonymous, manager):
    def send(body, *, headers=None, url=URL):
        return anonymous.put(url, body, headers=headers or manager, **JSON)

    return send


def zone_of(organization):
    with org_scope(organization.pk):
        return selectors.time_zone(organization=organization).key


def test_without_calls_the_zone_is_changed_and_nothing_is_moved(put, anonymous, manager, acme):
    assert put(BERLIN).json() == {"time_zone": "Europe/Berlin", "moving": None}

    assert anonymous.get(URL, headers=manager).json() == {"time_zone": "Europe/Berlin", "moving": None}
    with org_scope(acme.pk):
        assert AuditEntry.objects.get(action="organization.time_zone_changed").actor_kind == "key"


def test_with_calls_days_are_moved_and_a_second_change_waits(put, acme, acme_project):
    now = timezone.now()
    ProjectActivity.objects.create(
        project_id=acme_project.pk, organization_id=acme.pk, first_received_at=now, last_received_at=now
    )

    answer = put(BERLIN)

    assert answer.status_code == 200
    moving = answer.json()["moving"]
    assert (moving["from_zone"], moving["to_zone"]) == ("UTC", "Europe/Berlin")
    assert moving["first_date"] == moving["next_date"] < moving["end_date"]
    with org_scope(acme.pk):
        assert ZoneChange.objects.get().created_by is None
    again = put({"time_zone": "Asia/Tokyo"})
    assert (again.status_code, again.json()["type"]) == (409, "https://tokenops.dev/problems/time-zone-conflict")
    assert zone_of(acme) == "Europe/Berlin"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "time_zone"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "x" * 65}, "time_zone"),
        (BERLIN | {"from": "UTC"}, "from"),
    ],
)
def test_a_zone_that_is_none_is_refused(put, acme, body, field):
    answer = put(body)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert zone_of(acme) == "UTC"


def test_reach_and_rights(put, anonymous, admin, member, outsider, acme, acme_project, globex):
    for keyed, status in (
        (issue_key(acme, project=acme_project, scopes=[Scope.MANAGE]), 403),
        (issue_key(acme, scopes=[Scope.READ]), 403),
        (issue_key(globex, scopes=[Scope.MANAGE]), 404),
    ):
        assert put(BERLIN, headers=bearer(keyed)).status_code == status
        assert anonymous.get(URL, headers=bearer(keyed)).status_code == status
    assert member.put(URL, BERLIN, **JSON).status_code == 403
    assert outsider.put(URL, BERLIN, **JSON).status_code == 404
    assert zone_of(acme) == "UTC"
    assert admin.put(URL, BERLIN, **JSON).status_code == 200
