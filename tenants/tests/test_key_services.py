"""Rotation, limits and news of API keys."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.utils import timezone

from conftest import make_user
from core.keys import matches
from core.models import WorkDue
from tenants import key_expiry, key_mail, key_news, key_selectors, key_services, tasks
from tenants.audit import KeyActor
from tenants.models import ApiKey, ApiKeyLookup, AuditEntry, Event, Membership
from tenants.permissions import Role, Scope

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def ada(acme):
    return Membership.objects.get(organization=acme, role=Role.OWNER).user


@pytest.fixture
def issue(acme, acme_project):
    def issued(**changes):
        values = {"name": "ci", "scopes": [Scope.INGEST], "project": acme_project, "actor": None}
        return key_services.create_key(organization=acme, **(values | changes))

    return issued


def events_of(organization, scope, kind):
    with scope(organization):
        return list(Event.objects.filter(kind=kind).order_by("pk"))


# --- Rotation ---


def test_a_rotated_key_has_a_successor_like_it_and_works_for_the_overlap(acme, ada, issue, scope):
    old = issue(scopes=["read", "ingest"], allowed_ranges=["10.0.0.0/8"])

    new = key_services.rotate_key(organization=acme, actor=ada, key=old.key, overlap=DAY, now=NOW)

    with scope(acme):
        first, second = ApiKey.objects.get(pk=old.key.pk), ApiKey.objects.get(pk=new.key.pk)
    assert (first.replaced_by_id, first.expires_at) == (second.pk, NOW + DAY)
    assert (second.name, second.scopes, second.project_id) == (first.name, first.scopes, first.project_id)
    assert (second.allowed_ranges, second.expires_at, second.created_by) == (["10.0.0.0/8"], None, ada)
    lookups = {row.key_id: row for row in ApiKeyLookup.objects.all()}
    assert lookups[first.pk].expires_at == NOW + DAY
    assert lookups[second.pk].allowed_ranges == ["10.0.0.0/8"]
    assert new.text != old.text
    assert new.text not in repr(new)


def test_a_key_that_expires_before_the_overlap_ends_is_not_kept_longer(acme, issue, scope):
    old = issue(expires_at=NOW + timedelta(hours=2), now=NOW - 10 * DAY)
    with scope(acme):
        ApiKey.objects.update(created_at=NOW - 10 * DAY)

    new = key_services.rotate_key(organization=acme, actor=None, key=old.key, overlap=DAY, now=NOW)

    assert ApiKeyLookup.objects.get(key_id=old.key.pk).expires_at == NOW + timedelta(hours=2)
    assert new.key.expires_at == NOW + 10 * DAY + timedelta(hours=2)


@pytest.mark.parametrize("overlap", [timedelta(0), timedelta(minutes=59), 31 * DAY, -DAY])
def test_an_overlap_out_of_bounds_changes_nothing(acme, issue, overlap, scope):
    old = issue()

    with pytest.raises(ValidationError) as refused:
        key_services.rotate_key(organization=acme, actor=None, key=old.key, overlap=overlap, now=NOW)

    assert list(refused.value.message_dict) == ["overlap"]
    assert ApiKeyLookup.objects.get().expires_at is None


def test_a_key_is_replaced_once_and_only_while_it_works(acme, issue):
    replaced, revoked = issue(), issue()
    key_services.rotate_key(organization=acme, actor=None, key=replaced.key, overlap=DAY, now=NOW)
    key_services.revoke_key(organization=acme, actor=None, key=revoked.key, now=NOW)
    count = ApiKeyLookup.objects.count()

    for key, later in ((replaced.key, timedelta(0)), (replaced.key, 2 * DAY), (revoked.key, timedelta(0))):
        with pytest.raises(ValidationError):
            key_services.rotate_key(organization=acme, actor=None, key=key, overlap=DAY, now=NOW + later)

    assert ApiKeyLookup.objects.count() == count


def test_another_organizations_key_cannot_be_rotated(globex, ada, issue):
    foreign = issue()

    with pytest.raises(ApiKey.DoesNotExist):
        key_services.rotate_key(organization=globex, actor=ada, key=foreign.key, overlap=DAY, now=NOW)

    assert ApiKeyLookup.objects.get().expires_at is None


def test_rotation_is_recorded_for_both_keys(acme, ada, issue, scope):
    old = issue()

    new = key_services.rotate_key(organization=acme, actor=ada, key=old.key, overlap=DAY, now=NOW)

    with scope(acme):
        entry = AuditEntry.objects.get(action="key.rotated")
        created = AuditEntry.objects.get(action="key.created", target_id=str(new.key.pk))
    assert (entry.target_id, entry.actor_name) == (str(old.key.pk), ada.email)
    assert entry.facts == {"name": "ci", "replaced_by": new.key.pk, "until": (NOW + DAY).isoformat()}
    assert created.facts == {"name": "ci", "scopes": ["ingest"], "replaces": old.key.pk}


# --- Limits, makers ---


def test_ranges_are_stored_where_the_edge_looks(issue):
    issued = issue(allowed_ranges=["203.0.113.7", "2001:db8::/32"])

    assert issued.key.allowed_ranges == ["203.0.113.7/32", "2001:db8::/32"]
    assert ApiKeyLookup.objects.get().allowed_ranges == ["203.0.113.7/32", "2001:db8::/32"]


def test_a_malformed_range_makes_no_key(issue):
    with pytest.raises(ValidationError) as refused:
        issue(allowed_ranges=["10.0.0.0/99"])

    assert list(refused.value.message_dict) == ["allowed_ranges"]
    assert not ApiKeyLookup.objects.exists()


def test_a_key_outlives_whoever_made_it_and_says_so(acme, acme_project, ada, issue, scope):
    leaver = make_user("leaver@acme.test")
    membership = Membership.objects.create(user=leaver, organization=acme, role=Role.MEMBER)
    made = {
        who: issue(name=who, actor=actor).key.pk for who, actor in (("leaver", leaver), ("owner", ada), ("stack", None))
    }
    made["robot"] = issue(name="robot", actor=KeyActor(made["owner"], "owner")).key.pk
    membership.delete()

    with scope(acme):
        rows = {row.key.pk: row for row in key_selectors.project_keys(project=acme_project, now=timezone.now())}

    assert {name: rows[pk].creator_left for name, pk in made.items()} == {
        "leaver": True, "owner": False, "stack": False, "robot": False
    }  # fmt: skip
    assert [rows[made[name]].creator for name in ("owner", "stack", "robot")] == [ada.email, "TokenOps", "an API key"]
    assert rows[made["leaver"]].state == "active"


@pytest.mark.parametrize(("state", "names"), [("", 3), ("active", 1), ("expired", 1), ("revoked", 1)])
def test_keys_are_found_by_their_state(acme, acme_project, issue, scope, state, names):
    issue(name="active")
    issue(name="expired", expires_at=NOW + DAY, now=NOW)
    key_services.revoke_key(organization=acme, actor=None, key=issue(name="revoked").key, now=NOW)

    with scope(acme):
        rows = key_selectors.project_keys(project=acme_project, now=NOW + 2 * DAY, state=state)

    assert len(rows) == names
    assert not state or [(row.key.name, row.state) for row in rows] == [(state, state)]


# --- Events ---


def test_events_say_what_happened_to_a_key(acme, ada, issue, scope):
    old = issue(actor=ada)
    new = key_services.rotate_key(organization=acme, actor=ada, key=old.key, overlap=DAY, now=NOW)
    key_services.revoke_key(organization=acme, actor=ada, key=old.key, now=NOW)

    with scope(acme):
        found = list(Event.objects.filter(kind__startswith="key.").order_by("pk"))
    assert [(event.kind, event.severity) for event in found] == [
        ("key.created", "low"), ("key.rotated", "low"), ("key.revoked", "medium")
    ]  # fmt: skip
    assert {event.link for event in found} == {"/o/acme/p/web/keys/"}
    assert found[1].facts["replaced_by"] == new.key.prefix
    assert not any(text in str(event.facts) for event in found for text in (old.text, new.text))


def test_a_key_of_the_organization_is_shown_on_the_organizations_page(acme, ada, issue, scope):
    issue(actor=ada, project=None)

    (event,) = events_of(acme, scope, "key.created")
    assert (event.link, event.project_id) == ("/o/acme/keys/", None)


@pytest.mark.parametrize(
    ("left", "told"),
    [(8 * DAY, []), (7 * DAY, [7]), (3 * DAY, [7]), (DAY, [1]), (timedelta(hours=1), [1]), (timedelta(0), [])],
)
def test_people_hear_of_an_expiry_a_week_and_a_day_before(acme, issue, scope, left, told):
    issue(expires_at=NOW + 30 * DAY, now=NOW)

    for _ in range(3):
        key_expiry.tell_expiring(organization_id=acme.pk, now=NOW + 30 * DAY - left)

    assert [event.facts["days"] for event in events_of(acme, scope, "key.expiring")] == told


def test_people_hear_twice_of_a_key_and_of_the_last_day_louder(acme, issue, scope):
    issued = issue(expires_at=NOW + 30 * DAY, now=NOW)

    for day in range(31):
        for organization_id in key_expiry.organizations_with_expiring_keys(now=NOW + day * DAY):
            key_expiry.tell_expiring(organization_id=organization_id, now=NOW + day * DAY)

    found = events_of(acme, scope, "key.expiring")
    assert [(event.facts["days"], event.severity) for event in found] == [(7, "medium"), (1, "high")]
    assert {event.dedup_key for event in found} == {f"key.expiring:{issued.key.pk}"}


def test_keys_that_are_revoked_or_being_replaced_are_nobodys_worry(acme, issue, scope):
    revoked, replaced = (issue(expires_at=NOW + 2 * DAY, now=NOW) for _ in range(2))
    key_services.revoke_key(organization=acme, actor=None, key=revoked.key, now=NOW)
    key_services.rotate_key(organization=acme, actor=None, key=replaced.key, overlap=DAY, now=NOW)
    with scope(acme):
        ApiKey.objects.filter(replaced_by=None).exclude(pk=revoked.key.pk).update(expires_at=None)

    key_expiry.tell_expiring(organization_id=acme.pk, now=NOW + timedelta(hours=23))

    assert events_of(acme, scope, "key.expiring") == []


def test_another_organizations_keys_are_not_told_of(acme, globex, issue, scope):
    issue(expires_at=NOW + 2 * DAY, now=NOW)

    assert key_expiry.organizations_with_expiring_keys(now=NOW) == [acme.pk]
    assert key_expiry.tell_expiring(organization_id=globex.pk, now=NOW) == 0
    assert events_of(acme, scope, "key.expiring") == []


# --- Mails ---


@pytest.fixture
def people(acme, ada):
    """An admin, and members who hear nothing."""
    for role in (Role.ADMIN, Role.MEMBER, Role.VIEWER):
        Membership.objects.create(user=make_user(f"{role}@acme.test"), organization=acme, role=role)
    gone = make_user("gone@acme.test")
    gone.is_active = False
    gone.save()
    Membership.objects.create(user=gone, organization=acme, role=Role.ADMIN)


def due(organization):
    return list(WorkDue.objects.filter(task=key_news.MAIL_TASK, organization_id=organization.pk))


def test_owners_and_admins_get_one_mail_about_each_thing_that_somebody_did(acme, ada, people, issue):
    issued = issue(name="Backend <b>", actor=ada)
    (work,) = due(acme)

    for _ in range(2):
        tasks.mail_key_event(organization_id=acme.pk, object_id=work.object_id)

    assert sorted(message.to[0] for message in mail.outbox) == ["admin@acme.test", ada.email]
    first = mail.outbox[0]
    assert first.subject == "API key Backend <b> was created in Acme"
    assert f"by {ada.email}" in first.body
    assert f"tko_{issued.key.prefix}…" in first.body
    ((html, kind),) = first.alternatives
    assert kind == "text/html"
    assert "Backend &lt;b&gt;" in html
    assert issued.text not in first.body + html
    assert due(acme) == []


def test_a_rotation_says_until_when_the_old_key_works(acme, ada, issue):
    old = issue()
    new = key_services.rotate_key(organization=acme, actor=ada, key=old.key, overlap=DAY, now=NOW)
    (work,) = due(acme)

    tasks.mail_key_event(organization_id=acme.pk, object_id=work.object_id)

    (message,) = mail.outbox
    assert "is being replaced" in message.subject
    assert f"New key: tko_{new.key.prefix}…" in message.body
    assert "The old one works until: 2 July 2026, 12:00 UTC" in message.body


def test_what_the_stack_does_itself_is_no_news(acme, issue, scope):
    key_services.revoke_key(organization=acme, actor=None, key=issue().key, now=NOW)

    assert due(acme) == []
    assert len(events_of(acme, scope, "key.revoked")) == 1


def test_a_mail_that_cannot_be_sent_stays_due_for_a_day(acme, ada, issue, settings):
    issue(actor=ada)
    (work,) = due(acme)
    # Nobody listens there.
    smtp = {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": {"host": "127.0.0.1", "port": 1}}
    settings.MAILERS = {"default": smtp}

    key_mail.send(organization_id=acme.pk, event_id=work.object_id, now=timezone.now())
    assert len(due(acme)) == 1

    key_mail.send(organization_id=acme.pk, event_id=work.object_id, now=timezone.now() + 2 * DAY)
    assert due(acme) == []


def test_a_message_with_a_foreign_id_sends_nothing(acme, globex, ada, issue):
    issue(actor=ada)
    (work,) = due(acme)

    tasks.mail_key_event(organization_id=globex.pk, object_id=work.object_id)

    assert mail.outbox == []


def test_a_new_key_is_stored_under_the_current_pepper(issue, settings):
    issued = issue()

    row = ApiKeyLookup.objects.get()
    assert matches(issued.text, bytes(row.digest), pepper=settings.KEY_PEPPER)
    assert row.pepper_id > 1
