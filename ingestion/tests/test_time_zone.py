"""The time zone may move as long as nothing was counted in it."""

from http import HTTPStatus
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from ingestion.models import ProjectActivity
from tenants import selectors
from tenants.models import AuditEntry

URL = "/o/acme/settings/time-zone/"


@pytest.fixture
def counted(acme_project):
    now = timezone.now()
    ids = {"project_id": acme_project.pk, "organization_id": acme_project.organization_id}
    ProjectActivity.objects.create(first_received_at=now, last_received_at=now, **ids)


def test_before_the_first_call_an_admin_moves_it(admin, acme, scope):
    assert "until the first call arrives" in admin.get(URL).text

    answer = admin.post(URL, {"time_zone": "Europe/Berlin"})

    assert answer.url == "/o/acme/settings/"
    with scope(acme):
        assert selectors.time_zone(organization=acme) == ZoneInfo("Europe/Berlin")
        entry = AuditEntry.objects.get(action="organization.time_zone_changed")
        assert entry.facts == {"before": "UTC", "after": "Europe/Berlin"}


def test_after_the_first_call_it_is_fixed_and_the_page_says_why(admin, acme, counted, scope):
    page = admin.get(URL).text
    assert "The time zone is fixed by now" in page
    assert "<select" not in page

    answer = admin.post(URL, {"time_zone": "Europe/Berlin"})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    with scope(acme):
        assert selectors.time_zone(organization=acme) == ZoneInfo("UTC")
        assert not AuditEntry.objects.filter(action="organization.time_zone_changed").exists()


def test_another_organizations_calls_do_not_fix_ours(outsider, globex, counted, scope):
    outsider.post("/o/globex/settings/time-zone/", {"time_zone": "Asia/Tokyo"})

    with scope(globex):
        assert selectors.time_zone(organization=globex) == ZoneInfo("Asia/Tokyo")


def test_a_zone_that_is_not_on_the_list_is_refused(admin, acme, scope):
    answer = admin.post(URL, {"time_zone": "Mars/Olympus"})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Select a valid choice." in answer.text
    with scope(acme):
        assert selectors.time_zone(organization=acme) == ZoneInfo("UTC")


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("viewer", 403), ("outsider", 404), ("anonymous", 302)])
def test_others_move_nothing(request, acme, scope, who, status):
    assert request.getfixturevalue(who).post(URL, {"time_zone": "Asia/Tokyo"}).status_code == status
    with scope(acme):
        assert selectors.time_zone(organization=acme) == ZoneInfo("UTC")
