"""Credentials: stored sealed, replaced, the default among several, deleted; and that they are never told."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from conftest import make_organization
from core.scope import org_scope
from gateway import credential_services, credentials, provider_selectors
from gateway.models import ProviderCredential
from gateway.terms import WantedCredential
from gateway.tests.provider_factories import NOON, SECRET, make_credential, make_provider
from tenants.models import AuditEntry, Project
from tenants.tests.people import owner_of

NEW = "sk-live-fedcba9876543210"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def inside(acme, scope, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    with scope(acme):
        yield


def secret_of(credential):
    row = ProviderCredential.objects.get(pk=credential.pk)
    return credentials.unseal(row.sealed, organization_id=row.organization_id, provider=row.provider, name=row.name)


def defaults():
    return sorted(ProviderCredential.objects.filter(is_default=True).values_list("name", flat=True))


def refused_add(acme, **other):
    with pytest.raises(ValidationError) as refused:
        make_credential(acme, **other)
    return refused.value


def replace(acme, credential, secret=NEW, *, seen=None, now=NOON + MINUTE):
    return credential_services.replace_secret(
        organization=acme, actor=None, credential=credential, secret=secret, seen=seen, now=now
    )


# --- Adding ---


def test_a_credential_is_stored_sealed_and_recorded_without_its_secret(acme, inside):
    actor = owner_of(acme)
    wanted = WantedCredential(provider="openai", name=" Production ", secret=f" {SECRET}\n")

    with CaptureQueriesContext(connection) as queries:
        added = credential_services.add_credential(organization=acme, actor=actor, wanted=wanted, now=NOON)

    row = ProviderCredential.objects.get()
    assert (row.name, row.hint, row.is_default, row.created_by_id, row.replaced_at) == (
        "Production", "cdef", True, actor.pk, None,
    )  # fmt: skip
    assert secret_of(added) == SECRET
    assert SECRET.encode() not in bytes(row.sealed)
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.actor_user_id) == ("credential.added", actor.pk)
    assert entry.facts == {"provider": "openai", "name": "Production", "project": "", "is_default": True}
    assert not [one for one in queries if SECRET in one["sql"]]
    assert len([one for one in queries if "pg_notify" in one["sql"]]) == 1


def test_names_are_given_once_for_a_provider(acme, inside):
    make_credential(acme)
    make_provider(acme)

    assert refused_add(acme, name="production").message_dict == {
        "name": ["Another credential of this provider has this name."]
    }
    make_credential(acme, provider="house")
    assert ProviderCredential.objects.count() == 2


def test_nothing_is_given_to_a_provider_that_is_not_there_or_takes_none(acme, inside):
    make_provider(acme, slug="ours", auth="none")

    assert refused_add(acme, provider="nobody").message_dict == {
        "provider": ["There is no such provider. Add it first."]
    }
    assert refused_add(acme, provider="openai-compatible").message_dict == {
        "provider": ["There is no such provider. Add it first."]
    }
    assert refused_add(acme, provider="ours").message_dict == {"provider": ["This provider takes no credential."]}
    assert not ProviderCredential.objects.exists()


def test_a_key_of_tokenops_is_not_taken_for_a_providers(acme, inside):
    refused = refused_add(acme, secret="tko_abcdefgh_0123456789")

    assert refused.message_dict == {"secret": ["This is a key of TokenOps. Paste the key that the provider gave you."]}


def test_a_credential_is_not_stored_for_an_address_that_nobody_looked_at(acme, inside):
    """Somebody led the provider elsewhere while the form was open."""
    make_provider(acme, slug="openai", preset="openai")
    seen = WantedCredential(provider="openai", name="P", secret=SECRET, origin="https://api.openai.com")

    with pytest.raises(ValidationError, match="The address of this provider changed in the meantime"):
        credential_services.add_credential(organization=acme, actor=None, wanted=seen, now=NOON)

    assert not ProviderCredential.objects.exists()


def test_there_can_be_only_so_many(acme, inside, monkeypatch):
    monkeypatch.setattr(credential_services, "MOST_CREDENTIALS", 1)
    make_credential(acme)

    assert refused_add(acme, name="Second").messages == ["There can be 1 credentials at most."]


# --- The default ---


def test_the_first_of_each_scope_is_the_default(acme, acme_project, inside):
    make_credential(acme, name="All 1")
    make_credential(acme, name="All 2")
    make_credential(acme, name="Web 1", project=acme_project)
    make_credential(acme, name="Web 2", project=acme_project)
    make_credential(acme, provider="anthropic", name="Other provider")

    assert defaults() == ["All 1", "Other provider", "Web 1"]


def test_another_is_made_the_default_in_its_scope_only(acme, acme_project, inside):
    make_credential(acme, name="All 1")
    second = make_credential(acme, name="All 2")
    make_credential(acme, name="Web 1", project=acme_project)

    credential_services.make_default(organization=acme, actor=None, credential=second)
    entries = AuditEntry.objects.count()
    credential_services.make_default(organization=acme, actor=None, credential=second)

    assert defaults() == ["All 2", "Web 1"]
    assert AuditEntry.objects.latest("pk").action == "credential.made_default"
    assert AuditEntry.objects.count() == entries


def test_after_the_default_the_oldest_of_its_scope_is_the_default(acme, acme_project, inside):
    first = make_credential(acme, name="All 1")
    make_credential(acme, name="Web", project=acme_project, now=NOON - MINUTE)
    make_credential(acme, name="All 3", now=NOON + 2 * MINUTE)
    make_credential(acme, name="All 2", now=NOON + MINUTE)

    heir = credential_services.delete_credential(organization=acme, actor=None, credential=first)

    assert heir.name == "All 2"
    assert defaults() == ["All 2", "Web"]
    actions = list(AuditEntry.objects.order_by("-pk").values_list("action", flat=True)[:2])
    assert actions == ["credential.made_default", "credential.deleted"]


def test_deleting_another_leaves_the_default(acme, inside):
    first = make_credential(acme, name="All 1")
    second = make_credential(acme, name="All 2")

    heir = credential_services.delete_credential(organization=acme, actor=None, credential=second)

    assert heir == first
    assert defaults() == ["All 1"]


def test_the_last_one_leaves_nothing(acme, inside):
    only = make_credential(acme)

    assert credential_services.delete_credential(organization=acme, actor=None, credential=only) is None

    assert not ProviderCredential.objects.exists()


# --- Replacing ---


def test_a_replaced_secret_keeps_its_name_and_forgets_its_test(acme, inside):
    credential = make_credential(acme)
    ProviderCredential.objects.update(check_result="accepted", checked_at=NOON)

    replace(acme, credential, f"{NEW} ")

    row = ProviderCredential.objects.get()
    assert (row.name, row.hint, row.replaced_at, row.is_default) == ("Production", "3210", NOON + MINUTE, True)
    assert (row.check_result, row.checked_at) == ("", None)
    assert secret_of(credential) == NEW
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.facts["name"]) == ("credential.replaced", "Production")
    assert NEW not in str(entry.facts)


def test_whoever_replaces_second_is_told_and_changes_nothing(acme, inside):
    credential = make_credential(acme)
    replace(acme, credential, NEW)

    with pytest.raises(ValidationError, match="Somebody else replaced this secret while you did"):
        replace(acme, credential, "sk-live-second-0000000", seen=None, now=NOON + 2 * MINUTE)

    assert secret_of(credential) == NEW
    replace(acme, credential, "sk-live-third-000000", seen=NOON + MINUTE, now=NOON + 3 * MINUTE)
    assert secret_of(credential) == "sk-live-third-000000"


def test_a_secret_that_cannot_be_one_replaces_nothing(acme, inside):
    credential = make_credential(acme)

    with pytest.raises(ValidationError):
        replace(acme, credential, "two\nlines")

    assert secret_of(credential) == SECRET


def test_two_who_replace_at_once_do_not_both_succeed(committed_db):
    organization = make_organization("Acme")
    credential = make_credential(organization)
    outcomes, together = [], Barrier(2)

    def one(secret):
        together.wait(10)
        try:
            replace(organization, credential, secret)
            outcomes.append(secret)
        except ValidationError:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [Thread(target=one, args=[f"sk-live-{number}{number}{number}-abcdefgh"]) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    (winner,) = [outcome for outcome in outcomes if outcome != "refused"]
    assert sorted(outcomes) == sorted(["refused", winner])
    with org_scope(organization.pk):
        assert secret_of(credential) == winner


def test_what_was_deleted_meanwhile_is_said(acme, inside):
    credential = make_credential(acme)
    credential_services.delete_credential(organization=acme, actor=None, credential=credential)
    gone = "Somebody deleted this credential in the meantime."

    with pytest.raises(ValidationError, match=gone):
        replace(acme, credential)
    with pytest.raises(ValidationError, match=gone):
        credential_services.make_default(organization=acme, actor=None, credential=credential)
    with pytest.raises(ValidationError, match=gone):
        credential_services.delete_credential(organization=acme, actor=None, credential=credential)


# --- Tenants and projects ---


def test_a_credential_of_another_organization_is_not_found(acme, globex, scope):
    theirs = make_credential(globex)

    with scope(acme):
        assert provider_selectors.credential(organization=acme, hidden=(), credential_id=theirs.pk) is None
        with pytest.raises(ValidationError):
            credential_services.delete_credential(organization=acme, actor=None, credential=theirs)
    with scope(globex):
        assert ProviderCredential.objects.count() == 1


def test_credentials_of_hidden_projects_are_not_listed(acme, acme_project, inside):
    make_credential(acme, name="All")
    make_credential(acme, name="Web", project=acme_project)

    (line,) = provider_selectors.lines(organization=acme, hidden=(acme_project.pk,))
    (whole,) = provider_selectors.lines(organization=acme, hidden=())

    assert [one.name for one in line.credentials] == ["All"]
    assert [one.name for one in whole.credentials] == ["All", "Web"]


def test_the_list_has_the_organizations_own_first_and_reads_a_fixed_number_of_times(acme, acme_project, inside):
    other = Project.objects.create(organization=acme, slug="api", name="API")
    for project in (acme_project, other, None):
        make_credential(acme, name=f"of {project}", project=project)
        make_credential(acme, provider="anthropic", name=f"of {project}", project=project)
    make_provider(acme, name="a house")

    with CaptureQueriesContext(connection) as queries:
        lines = provider_selectors.lines(organization=acme, hidden=())
        found = [(line.slug, [one.project and one.project.slug for one in line.credentials]) for line in lines]

    assert found == [("house", []), ("anthropic", [None, "api", "web"]), ("openai", [None, "api", "web"])]
    assert len(queries) == 2


def test_a_provider_that_is_no_more_is_still_listed(acme, inside):
    credential = make_credential(acme)
    ProviderCredential.objects.update(provider="long-gone")

    (line,) = provider_selectors.lines(organization=acme, hidden=())

    assert (line.name, line.upstream) == ("long-gone", None)
    assert line.credentials == [credential]
