"""What is another organization's, hidden or not to be had: every page and every write answers as if it were not."""

from datetime import UTC, datetime

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse

from conftest import make_organization
from core.databases import OWNER
from core.scope import org_scope
from gateway.models import GatewayProvider, ProviderCredential
from gateway.tests.factories import make_traffic
from gateway.tests.provider_factories import SECRET, make_credential, make_provider
from tenants import services
from tenants.models import AuditEntry, Project
from tenants.permissions import Role, Scope
from tenants.tests.keys import bearer, issue_key
from tenants.tests.people import join, override, owner_of, signed_in

PAGE = "/o/acme/gateway/providers/"
API = "/api/v1/gateway"
HTMX = {"HX-Request": "true"}
PROVIDER_STEPS = ("edit", "delete")
CREDENTIAL_STEPS = ("replace", "delete")
CREDENTIAL_POSTS = (*CREDENTIAL_STEPS, "test", "default")
NOBODYS = 10**9


@pytest.fixture
def theirs(globex):
    """Everything the gateway of another organization has."""
    return make_provider(globex, name="Their house"), make_credential(globex, name="Their key")


def state(organization):
    with org_scope(organization.pk):
        return (
            list(GatewayProvider.objects.order_by("pk").values()),
            list(
                ProviderCredential.objects.order_by("pk").values(
                    "pk", "name", "is_default", "checked_at", "replaced_at"
                )
            ),
            AuditEntry.objects.filter(action__startswith="provider.").count(),
            AuditEntry.objects.filter(action__startswith="credential.").count(),
        )


# --- Ids ---


@pytest.mark.parametrize("step", PROVIDER_STEPS)
def test_another_organizations_provider_has_no_page_here(admin, globex, theirs, step):
    provider, _ = theirs
    before = state(globex)

    for pk in (provider.pk, NOBODYS):
        path = f"{PAGE}{pk}/{step}/"
        assert (admin.get(path).status_code, admin.post(path, {"name": "Mine"}).status_code) == (404, 404)

    assert state(globex) == before


@pytest.mark.parametrize("step", CREDENTIAL_POSTS)
def test_another_organizations_credential_has_no_page_here(admin, globex, theirs, step):
    _, credential = theirs
    before = state(globex)

    for pk in (credential.pk, NOBODYS):
        path = f"{PAGE}credentials/{pk}/{step}/"
        assert admin.post(path, {"secret": "sk-mine-0123456789"}).status_code == 404
        assert admin.get(path).status_code == (404 if step in CREDENTIAL_STEPS else 405)

    assert state(globex) == before


def test_pages_below_another_organization_are_not_there(admin, globex, theirs):
    provider, credential = theirs
    theirs_at = PAGE.replace("/o/acme/", "/o/globex/")
    before = state(globex)

    paths = [f"{theirs_at}{provider.pk}/delete/", f"{theirs_at}credentials/{credential.pk}/delete/"]
    answers = [admin.post(path) for path in [theirs_at, *paths]] + [admin.get(path) for path in [theirs_at, *paths]]

    assert {answer.status_code for answer in answers} <= {404, 405}
    assert state(globex) == before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/providers/{provider}", None),
        ("PATCH", "/providers/{provider}", '{"name": "Mine"}'),
        ("DELETE", "/providers/{provider}", None),
        ("GET", "/credentials/{credential}", None),
        ("DELETE", "/credentials/{credential}", None),
        ("POST", "/credentials/{credential}/default", None),
        ("POST", "/credentials/{credential}/replace", '{"secret": "sk-mine-0123456789", "replaced_at": null}'),
    ],
)
def test_foreign_and_invented_ids_are_the_same_to_the_api(anonymous, acme, globex, theirs, method, path, body):
    provider, credential = theirs
    headers = bearer(issue_key(acme, scopes=[Scope.MANAGE]))
    before = state(globex)

    ids = ({"provider": provider.pk, "credential": credential.pk}, {"provider": NOBODYS, "credential": NOBODYS})
    answers = [
        anonymous.generic(method, API + path.format(**one), body or "", "application/json", headers=headers)
        for one in ids
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
    assert state(globex) == before


def test_a_key_of_one_project_reaches_no_provider_and_no_credential(anonymous, acme, acme_project):
    make_provider(acme)
    credential = make_credential(acme, project=acme_project)
    headers = bearer(issue_key(acme, project=acme_project, scopes=[Scope.MANAGE, Scope.READ]))
    before = state(acme)

    answers = [
        anonymous.generic(method, API + path, "{}", "application/json", headers=headers)
        for method, path in (
            ("GET", "/providers"),
            ("POST", "/providers"),
            ("GET", "/credentials"),
            ("GET", f"/credentials/{credential.pk}"),
            ("DELETE", f"/credentials/{credential.pk}"),
        )
    ]

    assert [answer.status_code for answer in answers] == [403] * 5
    assert state(acme) == before
    assert anonymous.get(f"{API}/traffic", headers=headers).status_code == 200


# --- Choices that are not on offer ---


def test_a_key_goes_to_nobody_while_no_provider_is_chosen(admin, acme):
    """It is sent at once: the first of a list would get somebody else's."""
    page = admin.get(f"{PAGE}credentials/new/")
    assert '<option value="" selected>Choose whose key it is</option>' in page.content.decode()

    answer = admin.post(f"{PAGE}credentials/new/", {"provider": "", "name": "P", "secret": SECRET, "project": ""})

    assert answer.status_code == 422
    assert answer.context["form"].errors == {"provider": ["Choose whose key it is."]}
    assert SECRET not in answer.content.decode()
    assert state(acme)[1] == []


@pytest.mark.parametrize("provider", ["their-own", "ollama", "lab", "nobody", "OPENAI"])
def test_a_key_is_taken_for_no_provider_that_takes_none_or_is_not_ours(admin, acme, globex, provider):
    make_provider(globex, slug="their-own")
    make_provider(acme, slug="lab", auth="none")

    data = {"provider": provider, "name": "P", "secret": SECRET, "project": ""}
    answer = admin.post(f"{PAGE}credentials/new/?provider={provider}", data)

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["provider"]
    assert state(acme)[1] == state(globex)[1] == []


def test_a_key_is_for_no_project_that_one_may_not_see(acme, globex, acme_project):
    services.create_project(organization=globex, actor=owner_of(globex), name="Theirs")
    ada = join(acme, "ada@example.test", Role.ADMIN)
    override(acme_project, ada, Role.NONE)
    make_provider(acme)

    for project in ("web", "theirs", "nowhere"):
        data = {"provider": "house", "name": "P", "secret": SECRET, "project": project}
        answer = signed_in(ada).post(f"{PAGE}credentials/new/?provider=house", data)
        assert answer.status_code == 422
        assert list(answer.context["form"].errors) == ["project"]

    assert state(acme)[1] == []


@pytest.mark.parametrize("preset", ["", "nobody", "openai\0"])
def test_an_unknown_kind_of_provider_leads_to_the_choice(admin, preset):
    answer = admin.get(f"{PAGE}new/", query_params={"preset": preset})

    assert answer.status_code == 200
    assert "What does it speak?" in answer.content.decode()


def test_other_methods_change_nothing(admin, acme):
    provider, credential = make_provider(acme), make_credential(acme)
    before = state(acme)

    assert admin.put(f"{PAGE}{provider.pk}/edit/").status_code == 405
    assert admin.delete(f"{PAGE}{provider.pk}/delete/").status_code == 405
    assert admin.get(f"{PAGE}settings/").status_code == 405
    assert admin.get(f"{PAGE}credentials/{credential.pk}/default/").status_code == 405
    assert admin.post(reverse("gateway:organization-overview", args=["acme"])).status_code == 405
    assert state(acme) == before


# --- A database that does not answer in time ---


def test_numbers_that_take_too_long_are_given_up_and_the_page_says_so(committed_db):
    organization = make_organization("Slow")
    client = Client()
    client.force_login(owner_of(organization))
    with org_scope(organization.pk):
        project = Project.objects.get()
    make_traffic(project, hour=datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
    headers = bearer(issue_key(organization))
    path = reverse("gateway:organization-overview", args=[organization.slug])
    assert client.get(path).status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("set lock_timeout = '200ms'")

    with psycopg.connect(settings.DATABASE.conninfo(OWNER)) as database:
        database.execute("lock table gateway_traffic_hourly in access exclusive mode")
        page = client.get(path)
        refreshed = client.get(path, headers=HTMX)
        told = Client().get(f"{API}/traffic", headers=headers)

    assert [page.status_code, refreshed.status_code, told.status_code] == [503, 503, 503]
    assert "That took too long" in page.content.decode()
    assert "<html" not in refreshed.content.decode()
    assert told["Retry-After"]
    assert client.get(path).status_code == 200  # nothing of it stays
