"""``/api/v1/audit``."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from core.scope import org_scope
from tenants import key_services, services, teams
from tenants.audit import KeyActor
from tenants.models import AuditEntry, User
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key

URL = "/api/v1/audit"
OF_ACME = "?organization=acme"


@pytest.fixture
def manager(acme):
    return bearer(issue_key(acme, scopes=[Scope.MANAGE]))


@pytest.fixture
def ask(anonymous, manager):
    """The entries that a query finds."""

    def found(query=""):
        answer = anonymous.get(f"{URL}?{query}", headers=manager)
        assert answer.status_code == 200, answer.content
        return answer.json()["results"]

    return found


def actions(entries):
    return [entry["action"] for entry in entries]


def test_entries_are_shown_whole_and_newest_first(ask, anonymous, manager, acme, globex):
    teams.create_team(organization=acme, actor=KeyActor(7, "CI"), name="Search")
    teams.create_team(organization=globex, actor=None, name="Theirs")

    found = ask()

    assert actions(found) == ["team.created", "key.created", "project.created", "organization.created"]
    newest = found[0]
    assert (newest["sequence"], newest["hash"]) == (None, "")  # the database chains entries at commit
    assert newest["created_at"].endswith("Z")
    assert {name: newest[name] for name in ("actor_kind", "actor_name", "actor_key_id", "actor_user_id", "facts")} == {
        "actor_kind": "key",
        "actor_name": "CI",
        "actor_key_id": 7,
        "actor_user_id": None,
        "facts": {"slug": "search", "name": "Search", "aliases": []},
    }
    assert anonymous.get(f"{URL}/{newest['id']}", headers=manager).json() == newest


def test_each_filter_narrows(ask, acme):
    owner = User.objects.get(email="owner@acme.test")
    team = teams.create_team(organization=acme, actor=KeyActor(7, "CI"), name="Search")
    services.rename_organization(organization=acme, actor=owner, name="Acme Inc")
    with org_scope(acme.pk):
        at = {entry.action: entry.created_at for entry in AuditEntry.objects.all()}

    def moment(action, *, later=0):
        return quote((at[action] + timedelta(microseconds=later)).isoformat())

    assert actions(ask("actor=OWNER@acme.test&action=organization.renamed")) == ["organization.renamed"]
    assert actions(ask("actor=ci")) == ["team.created"]
    assert actions(ask("actor_kind=key")) == ["team.created"]
    assert actions(ask("actor_kind=system")) == []
    assert actions(ask(f"target_kind=team&target_id={team.pk}")) == ["team.created"]
    assert actions(ask(f"from={moment('team.created')}")) == ["organization.renamed", "team.created"]
    until = moment("team.created", later=1)
    assert actions(ask(f"from={moment('team.created')}&to={until}")) == ["team.created"]
    assert actions(ask(f"to={moment('key.created')}")) == ["project.created", "organization.created"]


def test_pages_follow_each_other_with_their_filters(anonymous, manager, acme):
    for name in ("One", "Two", "Three"):
        teams.create_team(organization=acme, actor=None, name=name)

    first = anonymous.get(f"{URL}?limit=2&action=team.created", headers=manager).json()
    second = anonymous.get(first["next"], headers=manager).json()

    assert [entry["facts"]["name"] for entry in first["results"]] == ["Three", "Two"]
    assert [entry["facts"]["name"] for entry in second["results"]] == ["One"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("from=2026-11-22", "from"),
        ("from=2026-11-22T10:15:00", "from"),
        ("from=2026-02-30T10:15:00Z", "from"),
        ("from=0001-01-01T00:00:00Z", "from"),
        ("to=9999-12-31T00:00:00-12:00", "to"),
        ("from=2026-11-22T10:15:00Z&to=2026-11-22T10:15:00Z", "from"),
        ("actor_kind=robot", "actor_kind"),
        ("action=" + "x" * 51, "action"),
        ("actor=%00", "actor"),
        ("cursor=x", "cursor"),
        ("user=ada", "user"),
    ],
)
def test_a_bad_parameter_is_named(anonymous, manager, query, field):
    answer = anonymous.get(f"{URL}?{query}", headers=manager)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_plus_that_was_not_encoded_is_understood(ask):
    assert ask("from=2026-01-01T00:00:00+02:00&to=2026-01-01T00:00:01 02:00") == []


def test_nobody_below_an_admin_reads_it(anonymous, admin, member, viewer, nobody, outsider, acme, acme_project, globex):
    with org_scope(acme.pk):
        entry = AuditEntry.objects.latest("pk").pk

    def statuses(client):
        return [client.get(f"{URL}{of}{OF_ACME}").status_code for of in ("", f"/{entry}")]

    assert statuses(admin) == [200, 200]
    for client in (member, viewer, nobody):
        assert statuses(client) == [403, 403]
    assert statuses(outsider) == [404, 404]
    for keyed, status in (
        (issue_key(acme, scopes=[Scope.READ, Scope.INGEST, Scope.GATEWAY]), 403),
        (issue_key(acme, project=acme_project, scopes=[Scope.MANAGE]), 403),
        (issue_key(globex, scopes=[Scope.MANAGE]), 404),
    ):
        assert anonymous.get(f"{URL}/{entry}", headers=bearer(keyed)).status_code == status


def test_secrets_are_in_no_entry(anonymous, manager, acme):
    issued = key_services.create_key(organization=acme, actor=None, name="CI", scopes=["read"], project=None)

    text = anonymous.get(URL, headers=manager).content.decode()

    assert issued.text not in text
    assert issued.text.split("_")[2] not in text
