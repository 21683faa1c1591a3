"""Setting destinations up: what is refused, what is recorded, and where the secret is not."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from core.crypto import DecryptionError
from core.models import WorkDue
from core.scope import org_scope
from dashboards.exports.destinations import opening, services, slots
from dashboards.exports.destinations.models import TASK, Destination
from dashboards.exports.destinations.s3 import Bucket, BucketError, Place, TakenError
from dashboards.exports.destinations.tests.conftest import fill, runs, stored, wanted
from tenants.models import AuditEntry, Project
from tenants.services import create_project
from tests.receivers import Answered, http_receiver


def entries(organization):
    with org_scope(organization.pk):
        return list(AuditEntry.objects.filter(action__startswith="destination.").order_by("pk"))


def create(acme, ada, terms, now, **given):
    return services.create_destination(
        organization=acme, actor=ada, wanted=terms, is_conditional=given.get("is_conditional", True), now=now
    )


def errors_of(call):
    with pytest.raises(ValidationError) as error:
        call()
    return error.value.message_dict if hasattr(error.value, "error_dict") else error.value.messages


# --- Writing ---


def test_a_new_one_begins_with_its_hour_and_is_recorded(destination, acme, ada, hour, store):
    found = stored(destination)

    assert (found.filled_until, found.next_at) == (hour, hour + timedelta(hours=1, minutes=10))
    assert WorkDue.objects.get(task=TASK, object_id=found.pk).due_at == found.next_at
    (entry,) = entries(acme)
    assert (entry.action, entry.actor_user_id) == ("destination.created", ada.pk)
    assert entry.facts == {
        "name": "Data lake",
        "endpoint": store.server.url,
        "place": f"{store.name}/lake/calls",
        "key_id": store.server.owner.key_id,
        "project": "",
        "cadence": "hourly",
        "active": True,
    }


def test_the_secret_is_sealed_and_bound_to_its_row(destination, store):
    found = stored(destination)

    assert store.server.owner.secret.encode() not in bytes(found.sealed)
    assert opening.place_of(found).secret == store.server.owner.secret
    found.pk += 1
    with pytest.raises(DecryptionError):
        opening.place_of(found)


def test_nothing_says_the_secret(destination, acme, store):
    secret = store.server.owner.secret

    said = [repr(opening.place_of(stored(destination))), repr(wanted(store)), repr(opening.bucket), str(destination)]
    said += [f"{entry.facts} {entry.personal}" for entry in entries(acme)]
    with org_scope(acme.pk), connection.cursor() as cursor:
        cursor.execute("select row_to_json(d)::text from export_destinations d")
        said += [row[0] for row in cursor.fetchall()]

    assert not any(secret in text for text in said)


@pytest.mark.parametrize(
    ("given", "field", "text"),
    [
        ({"name": " "}, "name", "Give it a name."),
        ({"name": "n" * 101}, "name", "A name has at most 100 characters."),
        ({"endpoint": "ftp://example.com"}, "endpoint", "The URL must begin with https://."),
        (
            {"endpoint": "https://example.com/bucket"},
            "endpoint",
            "The endpoint ends after host and port: bucket and prefix have their own fields.",
        ),
        ({"endpoint": "https://k:s@example.com"}, "endpoint", "A URL must not have a name and password in it."),
        (
            {"endpoint": "https://10.0.0.1"},
            "endpoint",
            "The host has an address that is not public, and such are not connected to.",
        ),
        ({"region": "EU West"}, "region", "A region is of small letters, digits and dashes: us-east-1."),
        ({"bucket": "Bucket"}, "bucket", "A bucket has 3 to 63 small letters, digits, dots and dashes."),
        ({"bucket": "a/b"}, "bucket", "A bucket has 3 to 63 small letters, digits, dots and dashes."),
        ({"cadence": "weekly"}, "cadence", "Choose one of the listed cadences."),
        ({"key_id": ""}, "key_id", "An access key id has no spaces and at most 128 characters."),
        ({"secret": ""}, "secret", "Enter the secret that belongs to the access key id."),
        ({"secret": "with space"}, "secret", "A secret has no spaces and at most 256 characters."),
        *(
            (
                {"prefix": prefix},
                "prefix",
                "A prefix has letters, digits and . _ = -, with / between its parts and none at its ends.",
            )
            for prefix in ("/a", "a/", "a//b", "../a", "a/./b", "ä", "a b", "a" * 201)
        ),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(acme, ada, store, now, given, field, text):
    assert errors_of(lambda: create(acme, ada, wanted(store, **given), now)) == {field: [text]}

    with org_scope(acme.pk):
        assert not Destination.objects.exists()
    assert entries(acme) == []


def test_endpoints_are_stored_in_their_usual_form(acme, ada, store, now):
    made = create(acme, ada, wanted(store, endpoint=" HTTPS://S3.Example.COM:443/ "), now)

    assert stored(made).endpoint == "https://s3.example.com"


def test_two_never_write_to_one_place_or_share_a_name(acme, ada, store, destination, now):
    assert errors_of(lambda: create(acme, ada, wanted(store, prefix="other"), now)) == {
        "name": ["Another destination has this name."]
    }
    assert errors_of(lambda: create(acme, ada, wanted(store, name="Other"), now)) == {
        "prefix": ["Another destination writes there. Choose another prefix."]
    }


def test_there_are_not_too_many(acme, ada, store, destination, now, monkeypatch):
    monkeypatch.setattr(services, "MOST_DESTINATIONS", 1)

    found = errors_of(lambda: create(acme, ada, wanted(store, name="Other", prefix="other"), now))

    assert found == ["There can be 1 destinations at most."]


def change(acme, ada, destination, terms, now):
    return services.change_destination(
        organization=acme, actor=ada, destination=destination, wanted=terms, is_conditional=True, now=now
    )


def test_a_change_without_a_secret_keeps_it_and_one_with_it_replaces_it(acme, ada, store, destination, now):
    change(acme, ada, destination, wanted(store, secret="", name="Lake"), now)
    assert opening.place_of(stored(destination)).secret == store.server.owner.secret

    change(acme, ada, destination, wanted(store, secret="n3w", key_id="AKIA2"), now)

    assert (stored(destination).key_id, opening.place_of(stored(destination)).secret) == ("AKIA2", "n3w")
    facts = [entry.facts for entry in entries(acme)]
    assert [one.get("is_secret_new") for one in facts] == [None, False, True]
    assert "n3w" not in str(facts)


def test_a_slot_that_was_begun_begins_anew_in_a_new_place(acme, ada, store, destination, hour, now):
    later = hour + timedelta(hours=1, minutes=10)
    fill(destination, now=later, steps=1)
    (begun,) = runs(destination)

    change(acme, ada, destination, wanted(store, prefix="elsewhere"), later)
    fill(destination, now=later)

    (run,) = runs(destination)
    assert run.pk != begun.pk
    assert (run.slot_from, run.folder.partition("/")[0]) == (hour, "elsewhere")


def test_after_a_change_of_cadence_nothing_is_left_out_or_doubled(acme, ada, store, destination, hour):
    fill(destination, now=hour + timedelta(hours=1, minutes=10))

    change(acme, ada, destination, wanted(store, cadence="daily"), hour + timedelta(hours=2))
    midnight = (hour + timedelta(days=1)).replace(hour=0)
    fill(destination, now=midnight + slots.SETTLING)

    first, second = runs(destination)
    assert (first.slot_to, second.slot_from, second.slot_to) == (hour + timedelta(hours=1),) * 2 + (midnight,)
    assert second.folder.endswith("/from=130000Z")


def test_pausing_resuming_and_deleting_are_recorded_once(acme, ada, destination, hour):
    for _ in range(2):
        services.pause_destination(organization=acme, actor=ada, destination=destination)
    assert not WorkDue.objects.filter(task=TASK).exists()
    for _ in range(2):
        services.resume_destination(organization=acme, actor=ada, destination=destination, now=hour)
    assert WorkDue.objects.filter(task=TASK).exists()
    services.delete_destination(organization=acme, actor=ada, destination=destination)

    actions = [entry.action.partition(".")[2] for entry in entries(acme)]
    assert actions == ["created", "paused", "resumed", "deleted"]
    assert not WorkDue.objects.filter(task=TASK).exists()


def test_what_did_not_fail_is_not_tried_again(acme, ada, destination, now):
    found = errors_of(
        lambda: services.retry_destination(organization=acme, actor=ada, destination=destination, now=now)
    )

    assert found == ["There is nothing to try again."]


def test_a_failed_one_is_tried_again_at_once(acme, ada, destination, now):
    with org_scope(acme.pk):
        Destination.objects.update(failures=2, next_at=now + timedelta(hours=1))

    services.retry_destination(organization=acme, actor=ada, destination=destination, now=now)

    assert stored(destination).next_at == now
    assert entries(acme)[-1].action == "destination.retried"


def test_a_destination_goes_with_its_project(acme, ada, store, now):
    project = create_project(organization=acme, actor=ada, name="Short-lived")
    made = create(acme, ada, wanted(store, project=project), now)

    with org_scope(acme.pk):
        Project.objects.filter(pk=project.pk).delete()
        assert not Destination.objects.filter(pk=made.pk).exists()


# --- Trying a place ---


def attempt(acme, terms):
    return services.try_place(organization=acme, wanted=terms)


def test_a_place_that_works_is_found_so_and_left_as_it_was(acme, store):
    assert attempt(acme, wanted(store)) is True

    assert store.keys() == []


def test_a_key_that_may_only_write_is_enough(acme, ada, store, hour):
    writer = store.server.writer
    terms = wanted(store, key_id=writer.key_id, secret=writer.secret)

    assert attempt(acme, terms) is True
    made = create(acme, ada, terms, hour)
    fill(made, now=hour + timedelta(hours=1, minutes=10))

    assert [run.state for run in runs(made)] == ["done"]
    assert store.keys()[0].endswith("/manifest.json")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"secret": "wrong"}, "The secret does not belong to this access key id."),
        ({"key_id": "AKIANOBODY"}, "The server does not know this access key id."),
        ({"bucket": "there-is-none"}, "There is no such bucket."),
    ],
)
def test_a_place_that_does_not_work_is_said_in_words(acme, store, given, text):
    assert errors_of(lambda: attempt(acme, wanted(store, **given))) == [text]


def test_a_private_address_is_not_even_asked(acme, store, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = []

    found = errors_of(lambda: attempt(acme, wanted(store, endpoint="https://127.0.0.1:9000")))

    assert found == {"endpoint": ["The host has an address that is not public, and such are not connected to."]}


def test_nobody_listening_is_said(acme, store):
    assert errors_of(lambda: attempt(acme, wanted(store, endpoint="http://127.0.0.1:1"))) == [
        "The connection was refused."
    ]


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (
            403,
            b"<Error><Code>RequestTimeTooSkewed</Code></Error>",
            "The clocks of this server and of the other one differ by more than it allows.",
        ),
        (
            301,
            b"<Error><Code>PermanentRedirect</Code></Error>",
            "The bucket is in another region: correct endpoint and region.",
        ),
        (503, b"<Error><Code>SlowDown</Code></Error>", "The server asks to slow down."),
        (403, b"", "The access key may not write here."),
        (500, b"<Error><Code>InternalError</Code></Error>", "The server answered 500 InternalError."),
        (502, b"<html>secret words</html>", "The server answered 502."),
        (418, b"<Code>not a code!</Code>", "The server answered 418."),
    ],
)
def test_what_servers_answer_is_said_in_our_words(acme, store, status, body, text):
    with http_receiver() as receiver:
        receiver.usually = Answered(status, body)
        found = errors_of(lambda: attempt(acme, wanted(store, endpoint=receiver.url)))

    assert found == [text]


def bucket_of(store, **given):
    account = store.server.owner
    place = Place(
        endpoint=store.server.url, region="us-east-1", bucket=store.name, key_id=account.key_id, secret=account.secret
    )
    return opening.bucket(replace(place, **given))


def test_an_object_is_put_once_and_again_under_another_name(store):
    bucket: Bucket = bucket_of(store)

    assert bucket.put_new("a/b.txt", b"one") == "a/b.txt"
    assert bucket.put_new("a/b.txt", b"one") == "a/b.txt"
    assert bucket.put_new("a/b.txt", b"two") == "a/b.2.txt"

    assert (store.read("a/b.txt"), store.read("a/b.2.txt")) == (b"one", b"two")


def test_names_come_to_an_end(store, monkeypatch):
    monkeypatch.setattr(slots, "MOST_SUFFIXES", 2)
    bucket = bucket_of(store)
    for body in (b"one", b"two"):
        bucket.put_new("a.txt", body)

    with pytest.raises(TakenError, match="Other objects lie where the files would be written"):
        bucket.put_new("a.txt", b"three")

    assert store.keys() == ["a.2.txt", "a.txt"]


@pytest.mark.parametrize("key", ["organization=a/date=2026-07-01/x.txt", "a+b c/ü~x.txt", "a%2Fb.txt"])
def test_keys_are_signed_as_they_are_sent(store, key):
    assert bucket_of(store).put_new(key, b"body") == key

    assert store.keys() == [key]


def test_a_broken_connection_is_an_error_without_the_address(store):
    bucket = bucket_of(store, endpoint="http://127.0.0.1:1")

    with pytest.raises(BucketError) as error:
        bucket.put_new("a.txt", b"body")

    assert str(error.value) == "The connection was refused."
