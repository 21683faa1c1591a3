"""The chain of the audit log, and every way of breaking it, tried as the one role that could: the owner."""

from io import StringIO
from threading import Barrier, Thread

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction

from conftest import make_organization
from core.databases import OWNER
from core.origin import Origin, _current
from core.scope import org_scope
from tenants import audit, audit_log, services
from tenants.audit_log import Broken, Verified
from tenants.models import AuditEntry, AuditHead, Project, User

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def acme():
    """Five entries: the organization, its project, three renames."""
    organization = make_organization("Acme")
    with org_scope(organization.pk):
        project = Project.objects.get()
    for name in ("One", "Two", "Three"):
        services.rename_project(organization=organization, actor=None, project=project, name=name)
    return organization


def outcome(organization):
    with org_scope(organization.pk):
        return audit_log.verify(organization=organization)


def tamper(statement, *parameters):
    with psycopg.connect(settings.DATABASE.conninfo(OWNER), autocommit=True) as owner:
        assert owner.execute(statement, parameters).rowcount == 1


def test_entries_are_chained_in_the_order_of_their_commits(acme):
    with org_scope(acme.pk):
        entries = list(AuditEntry.objects.order_by("sequence"))
        head = AuditHead.objects.get()

    assert [entry.sequence for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry.facts.get("after") for entry in entries] == [None, None, "One", "Two", "Three"]
    assert bytes(entries[0].previous_hash) == b""
    assert [bytes(entry.hash) for entry in entries[:-1]] == [bytes(entry.previous_hash) for entry in entries[1:]]
    assert (head.sequence, bytes(head.hash)) == (5, bytes(entries[-1].hash))
    assert outcome(acme) == Verified(5)


def test_each_organization_has_a_chain_of_its_own(acme):
    globex = make_organization("Globex")

    assert (outcome(acme), outcome(globex)) == (Verified(5), Verified(2))
    with org_scope(globex.pk):
        assert list(AuditEntry.objects.order_by("pk").values_list("sequence", flat=True)) == [1, 2]


def test_two_changes_of_one_transaction_are_two_links(acme):
    with org_scope(acme.pk):
        audit.record("test.first", actor=None, target=acme)
        audit.record("test.second", actor=None, target=acme)

    assert outcome(acme) == Verified(7)


def test_what_was_rolled_back_leaves_no_gap(acme):
    def undone():
        with org_scope(acme.pk):
            audit.record("test.undone", actor=None, target=acme)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        undone()
    with org_scope(acme.pk):
        audit.record("test.done", actor=None, target=acme)

    assert outcome(acme) == Verified(6)


def test_transactions_that_commit_at_once_make_one_chain(acme):
    start = Barrier(4)

    def work():
        start.wait()
        for _ in range(5):
            with org_scope(acme.pk):
                audit.record("test.raced", actor=None, target=acme)
        connections.close_all()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcome(acme) == Verified(25)


CHANGES = {
    "the entry was changed": [
        "update audit_entries set action = 'project.created' where sequence = 3",
        'update audit_entries set facts = \'{"after": "Nothing"}\' where sequence = 3',
        "update audit_entries set created_at = created_at - interval '1 day' where sequence = 3",
        "update audit_entries set actor_kind = 'key', actor_key_id = 9 where sequence = 3",
        "update audit_entries set target_id = '0' where sequence = 3",
        "update audit_entries set hash = 'x' where sequence = 3",
    ],
    "the entry is missing": ["delete from audit_entries where sequence = 3"],
    "the entry does not follow the one before it": ["update audit_entries set previous_hash = '' where sequence = 3"],
}


@pytest.mark.parametrize(("reason", "statement"), [(why, one) for why, many in CHANGES.items() for one in many])
def test_the_first_break_is_told(acme, reason, statement):
    tamper(statement)

    assert outcome(acme) == Broken(3, reason)


def test_a_chain_that_was_cut_short_is_told(acme):
    tamper("delete from audit_entries where sequence = 5")

    assert outcome(acme) == Broken(5, "the newest entries are missing")


def test_an_entry_smuggled_past_the_chain_is_told(acme):
    with psycopg.connect(settings.DATABASE.conninfo(OWNER), autocommit=True) as owner:
        owner.execute("alter table audit_entries disable trigger audit_chain")
        with org_scope(acme.pk):
            audit.record("test.smuggled", actor=None, target=acme)
        owner.execute("alter table audit_entries enable trigger audit_chain")

    assert outcome(acme) == Broken(None, "an entry is in no chain")


def test_names_and_addresses_can_be_erased_without_a_break(acme):
    for column in ("actor_name", "address", "user_agent"):
        tamper(f"update audit_entries set {column} = '' where sequence = 1")
    tamper("update audit_entries set personal = '{}' where sequence = 1")

    assert outcome(acme) == Verified(5)


@pytest.mark.parametrize("statement", ["update audit_entries set action = 'x.y'", "delete from audit_entries",
                                       "update audit_heads set sequence = 0", "delete from audit_heads"])  # fmt: skip
def test_the_application_can_neither_change_nor_remove_entries(acme, statement):
    with pytest.raises(DatabaseError, match="permission denied"), org_scope(acme.pk), connection.cursor() as cursor:
        cursor.execute(statement)

    assert outcome(acme) == Verified(5)


def test_a_place_in_the_chain_cannot_be_claimed(acme):
    with org_scope(acme.pk):
        entry = AuditEntry(organization=acme, actor_kind="system", action="test.forged", target_kind="", target_id="")
        entry.sequence, entry.hash, entry.previous_hash = 77, b"mine", b"mine too"
        entry.save()

    assert outcome(acme) == Verified(6)


def test_an_entry_says_who_from_where_and_in_which_request(acme):
    user = User.objects.get()
    token = _current.set(Origin("203.0.113.7", "curl/8"))
    with org_scope(acme.pk):
        audit.record("test.person", actor=user, target=acme, personal={"email": "b@c.test"}, before=1, after=2)
        audit.record("test.key", actor=audit.KeyActor(42, "ci"), target=acme)
        audit.record("test.system", actor=None, target=acme)
        person, key, system = AuditEntry.objects.filter(action__startswith="test.").order_by("pk")
    _current.reset(token)

    assert (person.actor_kind, person.actor_user_id, person.actor_key_id) == ("user", user.pk, None)
    assert (person.actor_name, person.address, person.user_agent) == (user.email, "203.0.113.7", "curl/8")
    assert (person.facts, person.personal) == ({"before": 1, "after": 2}, {"email": "b@c.test"})
    assert (key.actor_kind, key.actor_user_id, key.actor_key_id, key.actor_name) == ("key", None, 42, "ci")
    assert (system.actor_kind, system.actor_user_id, system.actor_key_id, system.actor_name) == (
        "system",
        None,
        None,
        "",
    )


def test_the_command_says_that_every_log_holds(acme):
    make_organization("Globex")
    said = StringIO()

    call_command("verify_audit", stdout=said)

    assert said.getvalue().splitlines() == ["acme: 5 entries, unbroken", "globex: 2 entries, unbroken"]


def test_the_command_fails_at_a_break_and_names_it(acme):
    make_organization("Globex")
    tamper("delete from audit_entries where facts ->> 'after' = 'One'")
    said, complained = StringIO(), StringIO()

    with pytest.raises(CommandError, match=r"1 of 2 audit logs are broken\."):
        call_command("verify_audit", stdout=said, stderr=complained)

    assert complained.getvalue().strip() == "acme: broken at entry 3: the entry is missing"
    assert said.getvalue().strip() == "globex: 2 entries, unbroken"


def test_the_command_looks_at_one_organization_and_knows_no_other(acme):
    said = StringIO()
    call_command("verify_audit", organization="acme", stdout=said)
    assert said.getvalue().strip() == "acme: 5 entries, unbroken"

    with pytest.raises(CommandError, match="no organization"):
        call_command("verify_audit", organization="nobody")


def test_a_write_that_fails_at_commit_leaves_neither_change_nor_entry(acme):
    with org_scope(acme.pk):
        project = Project.objects.get()

    @transaction.atomic
    def fail_late():
        services.rename_project(organization=acme, actor=None, project=project, name="Four")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_late()

    with org_scope(acme.pk):
        assert Project.objects.get().name == "Three"
    assert outcome(acme) == Verified(5)
