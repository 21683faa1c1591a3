"""What tenants' services leave behind: the exact audit row of a change, and nothing at all of a refused one."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from conftest import make_user
from tenants import key_services, services
from tenants.models import (
    ApiKey,
    ApiKeyLookup,
    AuditEntry,
    Membership,
    Organization,
    OrganizationSettings,
    Project,
    User,
)
from tenants.permissions import GRANTS, Permission, Role, Scope, allows

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def ada(db: None) -> User:
    return make_user("ada@example.test")


@pytest.fixture
def written(acme, globex, scope):
    """Everything that services of tenants write, for both organizations."""

    def everything():
        found = [list(table.objects.order_by("pk").values()) for table in (Organization, Membership, ApiKeyLookup)]
        for organization in (acme, globex):
            with scope(organization):
                tables = (OrganizationSettings, Project, ApiKey, AuditEntry)
                found += [list(table.objects.order_by("pk").values()) for table in tables]
        return found

    return everything


def last_entry(organization, scope):
    """The newest audit row: who, what, to what, and the facts."""
    with scope(organization):
        entry = AuditEntry.objects.latest("pk")
        return entry.actor_user_id, entry.action, entry.target_kind, entry.target_id, entry.facts


# --- Audit rows, whole ---


def test_the_audit_rows_of_an_organizations_life(ada, scope):
    acme = services.create_organization(actor=ada, name="Acme")
    target = ("organization", str(acme.pk))
    assert last_entry(acme, scope) == (ada.pk, "organization.created", *target, {"name": "Acme"})

    services.rename_organization(organization=acme, actor=ada, name="Acme Inc.")
    facts = {"before": "Acme", "after": "Acme Inc."}
    assert last_entry(acme, scope) == (ada.pk, "organization.renamed", *target, facts)

    services.set_time_zone(organization=acme, actor=None, time_zone="Asia/Kathmandu")
    facts = {"before": "UTC", "after": "Asia/Kathmandu"}
    assert last_entry(acme, scope) == (None, "organization.time_zone_changed", *target, facts)
    with scope(acme):
        assert AuditEntry.objects.count() == 3


def test_the_audit_rows_of_a_projects_life(acme, ada, scope):
    project = services.create_project(organization=acme, actor=ada, name="Search")
    target = ("project", str(project.pk))
    assert last_entry(acme, scope) == (ada.pk, "project.created", *target, {"name": "Search"})

    services.rename_project(organization=acme, actor=None, project=project, name="Find")
    facts = {"before": "Search", "after": "Find"}
    assert last_entry(acme, scope) == (None, "project.renamed", *target, facts)
    assert project.name == "Find"


def test_the_audit_rows_of_a_keys_life_hold_no_secret(acme, acme_project, ada, scope):
    issued = key_services.create_key(
        organization=acme, actor=ada, name="ci", scopes=["read", "ingest", "read"], project=acme_project
    )
    target = ("apikey", str(issued.key.pk))
    facts = {"name": "ci", "scopes": ["ingest", "read"]}
    assert last_entry(acme, scope) == (ada.pk, "key.created", *target, facts)

    key_services.revoke_key(organization=acme, actor=None, key=issued.key, now=NOW)
    assert last_entry(acme, scope) == (None, "key.revoked", *target, {"name": "ci"})

    with scope(acme):
        everything = str([list(table.objects.values()) for table in (AuditEntry, ApiKey)])
    assert issued.text not in everything
    assert issued.text.rpartition("_")[2] not in everything


def test_a_change_and_its_audit_row_belong_to_one_organization(acme, globex, ada, scope):
    services.rename_organization(organization=acme, actor=ada, name="Acme Inc.")

    with scope(globex):
        actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
        assert list(actions) == ["organization.created", "project.created"]


# --- Slugs ---


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Ünïcode Cafés", "unicode-cafes"),
        ("  -- Acme & Sons --  ", "acme-sons"),
        ("snake_case name_", "snake-case-name"),
        ("a _ b", "a-b"),
        ("full＿width", "full-width"),
        ("_", "organization"),
        ("x" * 100, "x" * 40),
        ("y" * 39 + " z", "y" * 39),
        ("Привет", "organization"),
        ("🦊", "organization"),
        ("Müller 日本", "muller"),
    ],
)
def test_an_organizations_slug_is_made_of_its_name(ada, name, slug):
    assert services.create_organization(actor=ada, name=name).slug == slug


@pytest.mark.parametrize(
    ("names", "start"), [(["日本", "中国"], "organization-"), (["x" * 99, "x" * 98], "x" * 40 + "-")]
)
def test_names_that_give_the_same_slug_get_different_ones(ada, names, start):
    first, second = (services.create_organization(actor=ada, name=name) for name in names)

    assert first.slug == start[:-1]
    assert second.slug.startswith(start)
    assert len(second.slug) == len(start) + 8 <= 50
    assert (first.name, second.name) == tuple(names)


def test_many_organizations_of_one_name_never_collide(ada):
    slugs = [services.create_organization(actor=ada, name="New").slug for _ in range(10)]

    assert len(set(slugs)) == 10
    assert "new" not in slugs


@pytest.mark.parametrize(("name", "slug"), [("x" * 100, "x" * 50), ("y" * 49 + " z", "y" * 49), ("Café_2", "cafe-2")])
def test_a_projects_slug_is_made_of_its_name(acme, ada, name, slug):
    assert services.create_project(organization=acme, actor=ada, name=name).slug == slug


def test_long_project_names_that_differ_at_the_end_are_told_apart_by_people_only(acme, ada, written):
    services.create_project(organization=acme, actor=ada, name="x" * 60)
    before = written()

    with pytest.raises(ValidationError) as refused:
        services.create_project(organization=acme, actor=ada, name="x" * 61)

    assert refused.value.message_dict == {"name": ["A project with this name exists already."]}
    assert written() == before


# --- Refusals leave nothing ---

REFUSED = {
    "organization without a name": lambda s, a, p, u: s.create_organization(actor=u, name=""),
    "organization with a long name": lambda s, a, p, u: s.create_organization(actor=u, name="x" * 101),
    "organization nowhere": lambda s, a, p, u: s.create_organization(actor=u, name="Ok", time_zone="europe/berlin"),
    "organization at an offset": lambda s, a, p, u: s.create_organization(actor=u, name="Ok", time_zone="+02:00"),
    "organization outside": lambda s, a, p, u: s.create_organization(actor=u, name="Ok", time_zone="../etc/passwd"),
    "rename organization": lambda s, a, p, u: s.rename_organization(organization=a, actor=u, name=""),
    "time zone": lambda s, a, p, u: s.set_time_zone(organization=a, actor=u, time_zone="Mars/Olympus"),
    "project without a name": lambda s, a, p, u: s.create_project(organization=a, actor=u, name=""),
    "project twice": lambda s, a, p, u: s.create_project(organization=a, actor=u, name="web"),
    "project twice but for marks": lambda s, a, p, u: s.create_project(organization=a, actor=u, name="¡Wéb!"),
    "project in another script": lambda s, a, p, u: s.create_project(organization=a, actor=u, name="Проект"),
    "rename project": lambda s, a, p, u: s.rename_project(organization=a, actor=u, project=p, name=""),
    "key without scopes": lambda s, a, p, u: new_key(a, p, scopes=[]),
    "key with an unknown scope": lambda s, a, p, u: new_key(a, p, scopes=["ingest", "INGEST"]),
    "key without a name": lambda s, a, p, u: new_key(a, p, name=""),
    "key with a long name": lambda s, a, p, u: new_key(a, p, name="x" * 101),
    "key that is over now": lambda s, a, p, u: new_key(a, p, expires_at=NOW),
    "key that was over": lambda s, a, p, u: new_key(a, None, expires_at=NOW - timedelta(days=900)),
}


def new_key(organization, project, **changes):
    values = {"actor": None, "name": "ci", "scopes": [Scope.INGEST.value], "now": NOW} | changes
    return key_services.create_key(organization=organization, project=project, **values)


@pytest.mark.parametrize("attempt", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_leaves_nothing_behind(acme, acme_project, ada, written, attempt):
    before = written()

    with pytest.raises(ValidationError):
        attempt(services, acme, acme_project, ada)

    assert written() == before


def test_a_refused_new_name_is_not_kept_in_memory_either(acme, acme_project, ada):
    with pytest.raises(ValidationError):
        services.rename_organization(organization=acme, actor=ada, name="x" * 101)
    with pytest.raises(ValidationError):
        services.rename_project(organization=acme, actor=ada, project=acme_project, name="x" * 101)

    assert (acme.name, acme_project.name) == ("Acme", "Web")


def test_a_key_cannot_be_issued_for_a_project_of_another_organization(acme_project, globex, written):
    before = written()

    with pytest.raises(ValidationError) as refused:
        new_key(globex, acme_project)

    assert set(refused.value.message_dict) == {"project"}
    assert "Web" not in str(refused.value)
    assert written() == before


def test_the_same_time_zone_again_writes_nothing(acme, ada, written):
    before = written()

    services.set_time_zone(organization=acme, actor=ada, time_zone="UTC")

    assert written() == before


def test_revoking_again_keeps_the_first_moment_and_the_first_actor(acme, acme_project, ada, written):
    issued = new_key(acme, acme_project)
    key_services.revoke_key(organization=acme, actor=ada, key=issued.key, now=NOW)
    before = written()

    key_services.revoke_key(organization=acme, actor=None, key=issued.key, now=NOW + timedelta(days=1))
    key_services.revoke_key(organization=acme, actor=ada, key=issued.key, now=NOW - timedelta(days=1))

    assert written() == before


def test_a_key_of_the_whole_organization_names_no_project(acme, scope):
    issued = new_key(acme, None, scopes=["read"])

    lookup = ApiKeyLookup.objects.get()
    assert (lookup.key_id, lookup.organization_id, lookup.project_id) == (issued.key.pk, acme.pk, None)
    assert (lookup.scopes, lookup.expires_at, lookup.revoked_at) == (["read"], None, None)


def test_two_keys_may_share_a_name_and_nothing_else(acme, acme_project):
    first, second = new_key(acme, acme_project), new_key(acme, acme_project)

    assert first.key.name == second.key.name
    assert first.text != second.text
    assert first.key.prefix != second.key.prefix


# --- Who may do what ---

EXACTLY = {
    Role.OWNER: set(Permission),
    Role.ADMIN: set(Permission) - {Permission.ORGANIZATION_DELETE, Permission.OWNERSHIP_MANAGE},
    Role.MEMBER: {
        Permission.TELEMETRY_READ,
        Permission.MEMBERS_READ,
        Permission.KEY_READ,
        Permission.KEY_MANAGE,
        Permission.ALERTS_READ,
        Permission.ALERTS_ACKNOWLEDGE,
        Permission.BUDGETS_READ,
        Permission.RULES_READ,
        Permission.INSIGHTS_ACT,
        Permission.REPORTS_MANAGE,
        Permission.FEATURES_LABEL,
    },
    Role.VIEWER: {
        Permission.TELEMETRY_READ,
        Permission.MEMBERS_READ,
        Permission.BUDGETS_READ,
        Permission.RULES_READ,
    },
    Role.NONE: set(),
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("permission", Permission)
def test_every_permission_of_every_role(role, permission):
    assert allows(role, permission) is (permission in EXACTLY[role])
    assert allows(role.value, permission) is (permission in EXACTLY[role])


def test_every_role_is_in_the_table_and_nothing_else():
    assert set(GRANTS) == set(Role)


@pytest.mark.parametrize("role", ["", "OWNER", "Owner", "superuser", "owner "])
def test_an_unknown_role_may_do_nothing(role):
    assert [permission for permission in Permission if allows(role, permission)] == []


def test_keys_have_four_scopes():
    assert Scope.values == ["ingest", "read", "manage", "gateway"]
