"""An organization that requires two-step sign-in, seen by everybody who belongs to it."""

from http import HTTPStatus

import pytest
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.test import Client

from tenants import mfa_policy, selectors
from tenants.models import AuditEntry, Organization, OrganizationSettings, User
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key
from tenants.tests.totp import give_factor

PAGE = "/o/acme/settings/two-step/"
OWNER = "owner@acme.test"
ASKED = "Acme requires two-step sign-in"


def require(organization: Organization, scope, required: bool = True) -> None:
    with scope(organization):
        OrganizationSettings.objects.update(mfa_required=required)


def is_required(organization: Organization, scope) -> bool:
    with scope(organization):
        return selectors.organization_settings(organization=organization).mfa_required


def entries(organization: Organization, scope) -> list[AuditEntry]:
    with scope(organization):
        return list(AuditEntry.objects.filter(action="organization.mfa_required_changed").order_by("pk"))


def test_whoever_has_a_second_step_requires_it_and_the_log_says_so(owner, acme, scope):
    give_factor(OWNER)

    answer = owner.post(PAGE, {"required": "on"})

    assert answer["Location"] == "/o/acme/settings/"
    assert is_required(acme, scope)
    assert "Required" in owner.get("/o/acme/settings/").text
    (entry,) = entries(acme, scope)
    assert (entry.actor_name, entry.facts) == (OWNER, {"before": False, "after": True})


def test_whoever_has_none_requires_it_of_nobody(owner, acme, scope):
    answer = owner.post(PAGE, {"required": "on"})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Set up two-step sign-in for yourself first." in answer.text
    assert not is_required(acme, scope)
    assert entries(acme, scope) == []


def test_the_same_again_is_no_change(owner, acme, scope):
    give_factor(OWNER)

    owner.post(PAGE, {"required": "on"})
    owner.post(PAGE, {"required": "on"})
    owner.post(PAGE, {})

    assert not is_required(acme, scope)
    assert [entry.facts["after"] for entry in entries(acme, scope)] == [True, False]


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("viewer", 403), ("outsider", 404), ("anonymous", 302)])
def test_others_decide_nothing(request, acme, scope, who, status):
    assert request.getfixturevalue(who).post(PAGE, {"required": "on"}).status_code == status

    assert not is_required(acme, scope)


def test_the_page_says_how_many_would_stay_outside(owner, member, viewer, acme):
    give_factor(OWNER)

    assert "2 members of this organization have no second step yet" in owner.get(PAGE).text

    give_factor("member@acme.test")
    assert "1 member of this organization has no second step yet" in owner.get(PAGE).text

    give_factor("viewer@acme.test")
    assert "Every member of this organization has a second step." in owner.get(PAGE).text


def test_a_member_without_a_second_step_sees_the_way_to_one_and_nothing_else(member, acme, acme_project, scope):
    require(acme, scope)

    for path in ("/o/acme/", "/o/acme/projects/", "/o/acme/p/web/keys/"):
        answer = member.get(path)

        assert answer.status_code == HTTPStatus.FORBIDDEN, path
        assert ASKED in answer.text
        assert "/accounts/2fa/" in answer.text
        assert "/o/acme/p/web/" not in answer.text
    assert member.get("/accounts/2fa/").status_code == HTTPStatus.OK


def test_writing_is_as_closed_as_reading(member, acme, acme_project, scope):
    require(acme, scope)

    answer = member.post("/o/acme/p/web/keys/new/", {"name": "ci", "scopes": [Scope.INGEST]})

    assert answer.status_code == HTTPStatus.FORBIDDEN
    with scope(acme):
        assert not AuditEntry.objects.filter(action="key.created").exists()


def test_with_one_the_pages_open(member, acme, acme_project, scope):
    require(acme, scope)
    give_factor("member@acme.test")

    assert member.get("/o/acme/projects/").status_code == HTTPStatus.OK


def test_recovery_codes_alone_are_no_second_step(member, acme, scope):
    require(acme, scope)
    user = User.objects.get(email="member@acme.test")
    Authenticator.objects.create(user=user, type=Authenticator.Type.RECOVERY_CODES, data={})

    assert ASKED in member.get("/o/acme/projects/").text


def test_even_the_owner_is_asked_when_the_own_app_is_gone(owner, acme, scope):
    require(acme, scope)

    assert ASKED in owner.get("/o/acme/settings/").text
    assert ASKED in owner.post(PAGE, {}).text
    assert is_required(acme, scope)


def test_strangers_and_the_forbidden_learn_nothing_of_it(outsider, viewer, acme, scope):
    require(acme, scope)

    assert outsider.get("/o/acme/projects/").status_code == HTTPStatus.NOT_FOUND
    assert ASKED not in viewer.get("/o/acme/settings/").text


def test_another_organization_of_the_same_person_stays_open(outsider, globex, acme, scope):
    require(acme, scope)

    assert outsider.get("/o/globex/projects/").status_code == HTTPStatus.OK


def test_a_partial_makes_htmx_load_the_whole_page(member, acme, scope):
    require(acme, scope)

    answer = member.get("/o/acme/projects/", headers={"HX-Request": "true"})

    assert answer.headers["HX-Refresh"] == "true"


def test_the_api_tells_a_person_what_is_missing(member, acme, acme_project, scope):
    require(acme, scope)

    answer = member.get("/api/v1/projects?organization=acme")

    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert answer.json() == {
        "type": "https://tokenops.dev/problems/second-factor-required",
        "title": "This organization requires two-step sign-in.",
        "status": 403,
        "detail": "Set it up at /accounts/2fa/, or use an API key.",
    }
    give_factor("member@acme.test")
    assert member.get("/api/v1/projects?organization=acme").status_code == HTTPStatus.OK


def test_keys_go_on(acme, acme_project, scope):
    require(acme, scope)

    answer = Client().get("/api/v1/projects", headers=bearer(issue_key(acme)))

    assert answer.status_code == HTTPStatus.OK


@pytest.mark.parametrize(("required", "queries"), [(False, 0), (True, 1)])
def test_the_rule_costs_one_query_where_it_is_in_force(
    owner, acme, scope, django_assert_num_queries, required, queries
):
    require(acme, scope, required)
    with scope(acme):
        settings = selectors.organization_settings(organization=acme)
    user = User.objects.get(email=OWNER)

    with django_assert_num_queries(queries):
        assert mfa_policy.keeps_out(user, settings=settings) is required


def test_the_service_refuses_too(acme, scope):
    actor = User.objects.get(email=OWNER)

    with pytest.raises(ValidationError):
        mfa_policy.set_mfa_required(organization=acme, actor=actor, required=True)

    assert not is_required(acme, scope)
