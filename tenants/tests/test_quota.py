"""Who sets what an organization may send in a month, and who sees it."""

import io

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from conftest import make_user
from core.databases import APP
from tenants import selectors, services
from tenants.models import AuditEntry, OrganizationSettings


def quota_of(organization, scope):
    with scope(organization):
        return OrganizationSettings.objects.get().monthly_event_quota


def set_quota(*words):
    out = io.StringIO()
    call_command("set_quota", *words, stdout=out)
    return out.getvalue()


def test_a_new_organization_has_no_limit(acme, scope):
    assert quota_of(acme, scope) is None


def test_a_new_organization_gets_the_instances_default(db, settings, scope):
    settings.MONTHLY_EVENT_QUOTA = 50_000

    organization = services.create_organization(actor=make_user("a@example.test"), name="Later")

    assert quota_of(organization, scope) == 50_000


def test_the_default_does_not_touch_those_who_are_there(acme, settings, scope):
    settings.MONTHLY_EVENT_QUOTA = 50_000

    assert quota_of(acme, scope) is None


def test_a_change_is_audited(acme, globex, scope):
    services.set_quota(organization=acme, actor=None, events=1_000)
    services.set_quota(organization=acme, actor=None, events=1_000)  # nothing new
    services.set_quota(organization=acme, actor=None, events=None)

    assert quota_of(acme, scope) is None
    with scope(acme):
        entries = AuditEntry.objects.filter(action="organization.quota_changed").order_by("pk")
        assert [(entry.actor_kind, entry.facts) for entry in entries] == [
            ("system", {"before": None, "after": 1_000}),
            ("system", {"before": 1_000, "after": None}),
        ]
    with scope(globex):
        assert not AuditEntry.objects.filter(action="organization.quota_changed").exists()


@pytest.mark.parametrize("events", [0, -1, 10**15 + 1])
def test_a_quota_nobody_can_mean_is_refused(acme, scope, events):
    with pytest.raises(ValidationError):
        services.set_quota(organization=acme, actor=None, events=events)

    assert quota_of(acme, scope) is None


def test_the_database_takes_no_quota_of_nothing(acme, scope):
    with scope(acme), pytest.raises(IntegrityError), transaction.atomic():
        OrganizationSettings.objects.update(monthly_event_quota=0)


# --- manage.py set_quota ---


@pytest.mark.parametrize(
    ("word", "events", "said"),
    [
        ("1000000", 1_000_000, "acme may send 1,000,000 events a month.\n"),
        ("1_000_000", 1_000_000, "acme may send 1,000,000 events a month.\n"),
        ("none", None, "acme may send as many events as it likes.\n"),
    ],
)
def test_the_command_sets_it(acme, globex, scope, word, events, said):
    services.set_quota(organization=acme, actor=None, events=5)

    assert set_quota("acme", word) == said

    assert quota_of(acme, scope) == events
    assert quota_of(globex, scope) is None


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("nowhere", "5"), "There is no organization with the slug nowhere."),
        (("acme", "0"), "at least 1"),
        (("acme", "many"), "write a whole number, or none for no limit"),
        (("acme", "1.5"), "write a whole number, or none for no limit"),
    ],
)
def test_the_command_says_what_is_wrong(acme, scope, words, reason):
    with pytest.raises(CommandError, match=reason):
        set_quota(*words)

    assert quota_of(acme, scope) is None


# --- The instance's list ---


def test_an_instance_administrator_sees_what_each_may_send(acme, globex):
    services.set_quota(organization=acme, actor=None, events=1_000_000)

    summaries = {row.slug: row.monthly_event_quota for row in selectors.organization_summaries()}

    assert summaries == {"acme": 1_000_000, "globex": None}


def test_the_instance_page_shows_it(acme, globex, client):
    services.set_quota(organization=acme, actor=None, events=1_234_567)
    user = make_user("root@example.test")
    user.is_staff = True
    user.save()
    client.force_login(user)

    page = client.get("/instance/").text

    assert "1,234,567" in page
    assert "No limit" in page


def test_quotas_are_read_by_the_web_role_only(db):
    for role in ("tokenops_edge", "tokenops_queue"):
        with (
            psycopg.connect(settings.DATABASE.conninfo(role)) as session,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            session.execute("select * from organization_quotas()")
    with psycopg.connect(settings.DATABASE.conninfo(APP)) as session:
        assert session.execute("select count(*) from organization_quotas()").fetchone() is not None
