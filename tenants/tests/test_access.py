"""The door of organization pages: who gets in, and with what."""

from http import HTTPStatus

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from core.scope import current_organization_id
from tenants import services
from tenants.access import OrgRequest, org_view, the_project
from tenants.models import Membership, User
from tenants.permissions import Permission, Role, allows


@org_view(Permission.TELEMETRY_READ)
def echo(request: OrgRequest) -> HttpResponse:
    project = request.project.slug if request.project else "-"
    return HttpResponse(f"{current_organization_id()} {request.role} {project} {timezone.get_current_timezone_name()}")


@pytest.fixture
def ask(acme):
    def ask(**url: str) -> str:
        request = RequestFactory().get("/")
        request.user = User.objects.get(memberships__organization=acme)
        request.session = {}  # type: ignore[assignment]
        answer = echo(request, organization_slug="acme", **url)
        assert isinstance(answer, HttpResponse)
        return answer.text

    return ask


def test_the_view_runs_in_scope_and_in_the_organizations_time_zone(acme, ask):
    services.set_time_zone(organization=acme, actor=None, time_zone="Asia/Tokyo")

    assert ask() == f"{acme.pk} owner - Asia/Tokyo"
    assert ask(project_slug="web") == f"{acme.pk} owner web Asia/Tokyo"
    assert timezone.get_current_timezone_name() == "UTC"


def test_a_page_without_a_project_has_none():
    request = OrgRequest()
    request.project = None

    with pytest.raises(LookupError):
        the_project(request)


def test_a_role_is_lost_at_once(owner, acme):
    assert owner.get("/o/acme/projects/").status_code == HTTPStatus.OK

    Membership.objects.filter(organization=acme).update(role=Role.NONE)
    assert owner.get("/o/acme/projects/").status_code == HTTPStatus.FORBIDDEN

    Membership.objects.filter(organization=acme).delete()
    assert owner.get("/o/acme/projects/").status_code == HTTPStatus.NOT_FOUND


def test_every_permission_is_granted_to_the_owner_and_none_to_nobody():
    assert all(allows(Role.OWNER, permission) for permission in Permission)
    assert not any(allows(role, permission) for permission in Permission for role in (Role.NONE, "unknown", ""))


def test_only_the_owner_may_delete_the_organization():
    assert [role for role in Role if allows(role, Permission.ORGANIZATION_DELETE)] == [Role.OWNER]
