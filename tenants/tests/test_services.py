from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ValidationError

from conftest import make_organization, make_user
from core import crypto, keys
from core.databases import EDGE
from tenants import key_selectors, key_services, selectors, services
from tenants.models import ApiKey, ApiKeyLookup, ApiKeyUsage, AuditEntry, Membership, Organization, Project, User
from tenants.permissions import Role, Scope

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def ada(db: None) -> User:
    return make_user("ada@example.test")


def audited(organization: Organization) -> list[tuple[str, dict[str, object]]]:
    """Actions and facts, oldest first; call inside the scope."""
    return list(AuditEntry.objects.filter(organization=organization).order_by("pk").values_list("action", "facts"))


def issue(organization: Organization, project: Project | None = None, **changes: object) -> key_services.IssuedKey:
    values: dict[str, object] = {"name": "ci", "scopes": [Scope.INGEST], "project": project, "actor": None}
    return key_services.create_key(organization=organization, **(values | changes))  # type: ignore[arg-type]


# --- Organizations ---


def test_creating_an_organization_makes_its_founder_the_owner(ada, scope):
    organization = services.create_organization(actor=ada, name="Acme Robotics", time_zone="Europe/Berlin")

    assert organization.slug == "acme-robotics"
    assert Membership.objects.get(organization=organization).role == Role.OWNER
    with scope(organization):
        assert selectors.time_zone(organization=organization) == ZoneInfo("Europe/Berlin")
        assert audited(organization) == [("organization.created", {"name": "Acme Robotics"})]
        stored = bytes(selectors.organization_settings(organization=organization).hash_key)
    context = f"hash-key:{organization.pk}"
    assert len(crypto.decrypt(stored, key=settings.ENCRYPTION_KEY, context=context)) == 32


@pytest.mark.parametrize("name", ["Acme", "acme", "ACME!"])
def test_a_taken_slug_gets_a_random_end(acme, ada, name):
    second = services.create_organization(actor=ada, name=name)

    assert second.slug.startswith("acme-")
    assert len(second.slug) == len("acme-") + 8


def test_an_organization_called_new_does_not_hide_the_page_of_that_address(ada):
    assert services.create_organization(actor=ada, name="New").slug.startswith("new-")


def test_a_name_without_latin_letters_still_gets_a_slug(ada):
    organization = services.create_organization(actor=ada, name="日本")

    assert (organization.name, organization.slug) == ("日本", "organization")


@pytest.mark.parametrize(
    ("name", "time_zone", "field"),
    [("", "UTC", "name"), ("x" * 101, "UTC", "name"), ("Acme", "Mars/Olympus", "time_zone"), ("Acme", "", "time_zone")],
)
def test_an_unusable_organization_is_refused_and_leaves_nothing(ada, name, time_zone, field):
    with pytest.raises(ValidationError) as refused:
        services.create_organization(actor=ada, name=name, time_zone=time_zone)

    assert field in refused.value.message_dict
    assert not Organization.objects.exists()


def test_renaming_an_organization_keeps_its_slug_and_is_audited(acme, ada, scope):
    services.rename_organization(organization=acme, actor=ada, name="Acme & Sons")

    acme.refresh_from_db()
    assert (acme.name, acme.slug) == ("Acme & Sons", "acme")
    with scope(acme):
        assert audited(acme)[-1] == ("organization.renamed", {"before": "Acme", "after": "Acme & Sons"})


def test_renaming_to_the_same_name_writes_nothing(acme, ada, scope):
    with scope(acme):
        before = AuditEntry.objects.count()

    services.rename_organization(organization=acme, actor=ada, name="Acme")

    with scope(acme):
        assert AuditEntry.objects.count() == before


@pytest.mark.parametrize("name", ["", "x" * 101])
def test_an_unusable_new_name_is_refused(acme, ada, name):
    with pytest.raises(ValidationError):
        services.rename_organization(organization=acme, actor=ada, name=name)

    assert Organization.objects.get(pk=acme.pk).name == "Acme"


def test_the_time_zone_is_changed_and_audited(acme, ada, scope):
    services.set_time_zone(organization=acme, actor=ada, time_zone="Asia/Tokyo")

    with scope(acme):
        assert selectors.time_zone(organization=acme) == ZoneInfo("Asia/Tokyo")
        assert audited(acme)[-1] == ("organization.time_zone_changed", {"before": "UTC", "after": "Asia/Tokyo"})


def test_a_time_zone_that_does_not_exist_is_refused(acme, ada):
    with pytest.raises(ValidationError) as refused:
        services.set_time_zone(organization=acme, actor=ada, time_zone="Mars/Olympus")

    assert refused.value.message_dict == {"time_zone": ["Choose a time zone from the list."]}


# --- Projects ---


def test_the_first_project_is_the_default_and_the_second_is_not(ada, scope):
    organization = services.create_organization(actor=ada, name="Acme")

    first = services.create_project(organization=organization, actor=ada, name="Support bot")
    second = services.create_project(organization=organization, actor=ada, name="Search")

    assert [(first.slug, first.is_default), (second.slug, second.is_default)] == [
        ("support-bot", True),
        ("search", False),
    ]
    with scope(organization):
        assert audited(organization)[1:] == [
            ("project.created", {"name": "Support bot"}),
            ("project.created", {"name": "Search"}),
        ]


@pytest.mark.parametrize("name", ["Web", "WEB!", "", "!!!", "日本", "x" * 101])
def test_an_unusable_project_name_is_refused(acme, ada, scope, name):
    with pytest.raises(ValidationError) as refused:
        services.create_project(organization=acme, actor=ada, name=name)

    assert "name" in refused.value.message_dict
    with scope(acme):
        assert Project.objects.count() == 1


def test_two_organizations_may_name_a_project_alike(acme, globex, scope):
    for organization in (acme, globex):
        with scope(organization):
            assert Project.objects.get().slug == "web"


def test_renaming_a_project_keeps_its_slug_and_is_audited(acme, acme_project, ada, scope):
    services.rename_project(organization=acme, actor=ada, project=acme_project, name="Shop")
    services.rename_project(organization=acme, actor=ada, project=acme_project, name="Shop")

    with scope(acme):
        assert (Project.objects.get().name, Project.objects.get().slug) == ("Shop", "web")
        assert audited(acme)[-1] == ("project.renamed", {"before": "Web", "after": "Shop"})
        assert [action for action, _facts in audited(acme)].count("project.renamed") == 1


def test_a_project_of_another_organization_cannot_be_renamed(acme_project, globex, ada):
    with pytest.raises(Project.DoesNotExist):
        services.rename_project(organization=globex, actor=ada, project=acme_project, name="Taken")


# --- API keys ---


def test_a_key_can_be_used_but_not_read_back(acme, acme_project, scope):
    issued = issue(acme, acme_project)

    lookup = ApiKeyLookup.objects.get(key_id=issued.key.pk)
    assert keys.prefix_of(issued.text) == issued.key.prefix == lookup.prefix
    assert keys.matches(issued.text, bytes(lookup.digest), pepper=settings.KEY_PEPPER)
    assert (lookup.organization_id, lookup.project_id, lookup.scopes) == (acme.pk, acme_project.pk, ["ingest"])
    assert issued.text not in repr(issued)
    with scope(acme):
        assert audited(acme)[-1] == ("key.created", {"name": "ci", "scopes": ["ingest"]})


@pytest.mark.parametrize("scopes", [[], ["admin"], ["ingest", "admin"]])
def test_a_key_needs_known_scopes(acme, acme_project, scope, scopes):
    with pytest.raises(ValidationError) as refused:
        issue(acme, acme_project, scopes=scopes)

    assert "scopes" in refused.value.message_dict
    with scope(acme):
        assert not ApiKey.objects.exists()
    assert not ApiKeyLookup.objects.exists()


@pytest.mark.parametrize("name", ["", "x" * 101])
def test_a_key_needs_a_usable_name(acme, acme_project, name):
    with pytest.raises(ValidationError):
        issue(acme, acme_project, name=name)

    assert not ApiKeyLookup.objects.exists()


@pytest.mark.parametrize("seconds", [0, -1, -86_400])
def test_an_expiry_that_is_not_ahead_is_refused(acme, acme_project, seconds):
    with pytest.raises(ValidationError) as refused:
        issue(acme, acme_project, expires_at=NOW + timedelta(seconds=seconds), now=NOW)

    assert refused.value.message_dict == {"expires_at": ["Choose a moment in the future."]}
    assert not ApiKeyLookup.objects.exists()


def test_an_expiry_ahead_is_stored_where_the_edge_looks(acme, acme_project):
    expires_at = NOW + timedelta(seconds=1)

    issued = issue(acme, acme_project, expires_at=expires_at, now=NOW)

    assert ApiKeyLookup.objects.get(key_id=issued.key.pk).expires_at == expires_at
    assert [issued.key.state(NOW), issued.key.state(expires_at)] == ["active", "expired"]


def test_revoking_stops_the_key_and_is_audited_once(acme, acme_project, ada, scope):
    issued = issue(acme, acme_project)

    key_services.revoke_key(organization=acme, actor=ada, key=issued.key, now=NOW)
    key_services.revoke_key(organization=acme, actor=ada, key=issued.key, now=NOW + timedelta(hours=1))

    assert ApiKeyLookup.objects.get(key_id=issued.key.pk).revoked_at == NOW
    with scope(acme):
        key = ApiKey.objects.get()
        assert (key.revoked_at, key.state(NOW), key.is_usable(NOW)) == (NOW, "revoked", False)
        assert [action for action, _facts in audited(acme)].count("key.revoked") == 1


def test_every_edge_process_hears_of_a_revoked_key(committed_db):
    organization = make_organization("Acme")
    issued = issue(organization)
    with psycopg.connect(settings.DATABASE.conninfo(EDGE), autocommit=True) as edge:
        edge.execute(f"listen {services.KEY_CHANNEL}")

        key_services.revoke_key(organization=organization, actor=None, key=issued.key, now=NOW)

        heard = [notice.payload for notice in edge.notifies(timeout=5, stop_after=1)]
    assert heard == [issued.key.prefix]


def test_every_edge_process_hears_of_a_new_time_zone(committed_db):
    organization = make_organization("Acme")
    with psycopg.connect(settings.DATABASE.conninfo(EDGE), autocommit=True) as edge:
        edge.execute(f"listen {services.KEY_CHANNEL}")

        services.set_time_zone(organization=organization, actor=None, time_zone="Asia/Tokyo")

        heard = [notice.payload for notice in edge.notifies(timeout=5, stop_after=1)]
    assert heard == [""]


def test_a_key_of_another_organization_cannot_be_revoked(acme, acme_project, globex, ada):
    issued = issue(acme, acme_project)

    with pytest.raises(ApiKey.DoesNotExist):
        key_services.revoke_key(organization=globex, actor=ada, key=issued.key, now=NOW)

    assert ApiKeyLookup.objects.get(key_id=issued.key.pk).revoked_at is None


# --- Reads ---


def test_keys_that_work_come_first_and_then_the_newest(acme, acme_project, scope):
    for name, age, lifetime in (("old", 30, None), ("expired", 20, 10), ("new", 10, None), ("revoked", 5, None)):
        created_at = NOW - timedelta(days=age)
        expires_at = created_at + timedelta(days=lifetime) if lifetime else None
        issued = issue(acme, acme_project, name=name, expires_at=expires_at, now=created_at)
        with scope(acme):
            ApiKey.objects.filter(pk=issued.key.pk).update(created_at=created_at)
        if name == "revoked":
            key_services.revoke_key(organization=acme, actor=None, key=issued.key, now=NOW)

    with scope(acme):
        rows = key_selectors.project_keys(project=acme_project, now=NOW)

    assert [(row.key.name, row.state) for row in rows] == [
        ("new", "active"),
        ("old", "active"),
        ("revoked", "revoked"),
        ("expired", "expired"),
    ]


def test_a_key_says_when_the_edge_last_saw_it(committed_db, scope):
    organization = make_organization("Acme")
    with scope(organization):
        project = Project.objects.get()
    used, unused = (issue(organization, project, name=name) for name in ("used", "unused"))
    with psycopg.connect(settings.DATABASE.conninfo(EDGE)) as edge:
        edge.execute(
            "insert into api_key_usage (organization_id, key_id, last_used_at) values (%s, %s, %s)",
            [organization.pk, used.key.pk, NOW],
        )

    with scope(organization):
        rows = key_selectors.project_keys(project=project, now=NOW)
        assert ApiKeyUsage.objects.count() == 1

    assert {row.key.pk: row.last_used_at for row in rows} == {used.key.pk: NOW, unused.key.pk: None}


def test_the_usable_membership_is_the_last_one_then_one_that_sees_something(ada):
    first, second, third = (services.create_organization(actor=ada, name=name) for name in ("One", "Two", "Three"))
    Membership.objects.filter(organization=first).update(role=Role.NONE)

    def landed(slug: str = "") -> str:
        membership = selectors.usable_membership(user=ada, slug=slug)
        assert membership
        return membership.organization.slug

    assert [landed(), landed(third.slug), landed(first.slug), landed("gone")] == ["two", "three", "one", "two"]
    assert second.slug == "two"


def test_somebody_without_an_organization_lands_nowhere(ada):
    assert selectors.usable_membership(user=ada) is None
