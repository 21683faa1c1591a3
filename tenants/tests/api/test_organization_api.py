"""``PATCH /api/v1/organizations/{slug}``."""

import pytest

from core.scope import org_scope
from tenants.models import AuditEntry, Organization
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key

URL = "/api/v1/organizations/acme"
JSON = {"content_type": "application/json"}
DOLLARS = {"display_currency": "USD", "currency_rate": None}


@pytest.fixture
def patch(anonymous, acme):
    manager = bearer(issue_key(acme, scopes=[Scope.MANAGE]))

    def change(body, *, headers=None, url=URL):
        return anonymous.patch(url, body, headers=headers or manager, **JSON)

    return change


def name_of(organization):
    return Organization.objects.get(pk=organization.pk).name


def test_a_key_renames_its_organization_in_its_own_name(patch, acme):
    answer = patch({"name": "Acme Inc"})

    assert answer.status_code == 200
    assert answer.json() == {"slug": "acme", "name": "Acme Inc", "role": None, "time_zone": "UTC"} | DOLLARS
    with org_scope(acme.pk):
        entry = AuditEntry.objects.get(action="organization.renamed")
        assert (entry.actor_kind, entry.facts) == ("key", {"before": "Acme", "after": "Acme Inc"})


def test_nothing_named_changes_nothing(patch, acme):
    assert patch({}).json()["name"] == "Acme"
    with org_scope(acme.pk):
        assert not AuditEntry.objects.filter(action="organization.renamed").exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"slug": "other"}, "slug"),
        ({"mfa_required": False}, "mfa_required"),
        ({"monthly_event_quota": 10}, "monthly_event_quota"),
        ({"name": "Fine", "delete_at": None}, "delete_at"),
    ],
)
def test_what_an_admin_does_not_decide_here_is_refused_by_name(patch, acme, body, field):
    answer = patch(body)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert name_of(acme) == "Acme"


def test_reach_and_rights(patch, admin, member, outsider, acme, acme_project, globex):
    body = {"name": "Taken"}

    assert patch(body, headers=bearer(issue_key(acme, scopes=[Scope.READ]))).status_code == 403
    assert patch(body, headers=bearer(issue_key(acme, project=acme_project, scopes=[Scope.MANAGE]))).status_code == 403
    assert patch(body, headers=bearer(issue_key(globex, scopes=[Scope.MANAGE]))).status_code == 404
    assert member.patch(URL, body, **JSON).status_code == 403
    assert outsider.patch(URL, body, **JSON).status_code == 404
    assert name_of(acme) == "Acme"
    assert admin.patch(URL, body, **JSON).status_code == 200


def test_an_organization_is_not_deleted_over_the_api(anonymous, owner, acme):
    manager = bearer(issue_key(acme, scopes=list(Scope)))

    assert anonymous.delete(URL, headers=manager).status_code == 405
    assert owner.delete(URL).status_code == 405
