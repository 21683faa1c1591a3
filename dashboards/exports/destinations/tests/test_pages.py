"""Pages of destinations: what they say, what they refuse, and that they never say the secret."""

from datetime import timedelta

import pytest
from django.urls import reverse

from conftest import make_user
from core.scope import org_scope
from dashboards.exports.destinations import running, services
from dashboards.exports.destinations.models import Destination
from dashboards.exports.destinations.tests.conftest import fill, runs, stored
from dashboards.exports.destinations.tests.factories import make_destination
from ingestion.tests.factories import make_calls
from tenants.models import Membership, ProjectRole, User
from tenants.permissions import Role
from tenants.services import create_project


@pytest.fixture
def client(client, ada: User):
    client.force_login(ada)
    return client


def url(name, *arguments):
    return reverse(f"exports:destination-{name}", args=["acme", *arguments])


def typed(store, **given):
    known = {
        "name": "Data lake",
        "project": "",
        "cadence": "hourly",
        "endpoint": store.server.url,
        "region": "us-east-1",
        "bucket": store.name,
        "prefix": "lake/calls",
        "key_id": store.server.owner.key_id,
        "secret": store.server.owner.secret,
    }
    return known | given


def text(answer):
    return answer.content.decode()


def test_without_any_the_page_says_what_they_are_for(client, acme):
    said = text(client.get(url("list")))

    assert "No destinations yet" in said
    assert url("create") in said


def test_the_page_of_exports_leads_there_for_those_who_may(client, acme):
    exports = reverse("exports:export-list", args=["acme"])
    assert url("list") in text(client.get(exports))
    member = make_user("member@acme.test")
    Membership.objects.create(user=member, organization=acme, role=Role.MEMBER)
    client.force_login(member)

    assert url("list") not in text(client.get(exports))


def test_one_that_works_is_created_after_trying_it(client, acme, store):
    answer = client.post(url("create"), typed(store))

    with org_scope(acme.pk):
        made = Destination.objects.get()
    assert answer.headers["location"] == url("detail", made.pk)
    assert (made.bucket, made.is_conditional, made.created_by.email) == (store.name, True, "owner@acme.test")
    assert store.keys() == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"secret": "wrong"}, "The secret does not belong to this access key id."),
        ({"bucket": "there-is-none"}, "There is no such bucket."),
        ({"endpoint": "http://127.0.0.1:1"}, "The connection was refused."),
        ({"endpoint": "https://10.0.0.1"}, "The host has an address that is not public"),
        ({"prefix": "/a"}, "A prefix has letters"),
        ({"secret": ""}, "Enter the secret that belongs to the access key id."),
    ],
)
def test_one_that_does_not_work_is_not_kept_and_nothing_is_lost(client, acme, store, given, words):
    answer = client.post(url("create"), typed(store, **given))

    assert answer.status_code == 422
    assert words in text(answer)
    assert 'value="Data lake"' in text(answer)
    assert store.server.owner.secret not in text(answer)
    with org_scope(acme.pk):
        assert not Destination.objects.exists()


def test_no_page_says_the_secret(client, destination, store):
    pages = [
        url("list"),
        url("detail", destination.pk),
        url("edit", destination.pk),
        url("delete", destination.pk),
        reverse("tenants:audit-list", args=["acme"]),
    ]

    said = [text(client.get(page)) for page in pages]

    assert all("Data lake" in one for one in said)
    assert not any(store.server.owner.secret in one for one in said)


def test_changing_without_a_secret_keeps_it(client, destination, store):
    sealed = bytes(stored(destination).sealed)

    answer = client.post(url("edit", destination.pk), typed(store, name="Lake", secret=""))

    assert answer.status_code == 302
    assert (stored(destination).name, bytes(stored(destination).sealed)) == ("Lake", sealed)


def test_a_change_that_does_not_work_changes_nothing(client, destination, store):
    answer = client.post(url("edit", destination.pk), typed(store, name="Lake", secret="wrong"))

    assert answer.status_code == 422
    assert stored(destination).name == "Data lake"


def test_the_history_says_what_was_copied_and_where(client, destination, hour, acme_project):
    make_calls(acme_project, [{"call_id": "c", "started_at": hour, "received_at": hour}])
    fill(destination, now=hour + timedelta(hours=1, minutes=10))

    said = text(client.get(url("detail", destination.pk)))

    assert "Copied" in said
    assert runs(destination)[0].manifest_key in said
    assert "Erasing an end user here does not reach copies in your bucket" in said


def failed(destination, hour):
    now = hour + timedelta(hours=1, minutes=10)
    mine = running.claim(organization_id=destination.organization_id, destination_id=destination.pk, now=now)
    running.fail(mine, reason="There is no such bucket.", now=now)


def test_a_failed_slot_says_why_and_can_be_tried_again(client, destination, hour):
    failed(destination, hour)
    before = stored(destination).next_at

    said = text(client.get(url("detail", destination.pk)))
    client.post(url("retry", destination.pk))

    assert "There is no such bucket." in said
    assert "Try again now" in said
    assert "attempt 2" in said
    assert stored(destination).next_at > before


def test_trying_again_what_did_not_fail_says_so(client, destination):
    answer = client.post(url("retry", destination.pk), follow=True)

    assert "There is nothing to try again." in text(answer)


def test_the_button_tests_the_bucket_as_it_is(client, destination, store):
    assert "The bucket takes what is written to it." in text(client.post(url("test", destination.pk), follow=True))
    store.remove()

    assert "There is no such bucket." in text(client.post(url("test", destination.pk), follow=True))


def test_pausing_resuming_deleting(client, destination, acme):
    client.post(url("pause", destination.pk))
    assert "Paused" in text(client.get(url("list")))
    client.post(url("resume", destination.pk))
    assert "Active" in text(client.get(url("list")))
    assert "stays in the bucket" in text(client.get(url("delete", destination.pk)))
    assert stored(destination).is_active

    answer = client.post(url("delete", destination.pk))

    assert answer.headers["location"] == url("list")
    with org_scope(acme.pk):
        assert not Destination.objects.exists()


def test_one_that_was_paused_for_a_reason_says_it(client, destination, acme):
    with org_scope(acme.pk):
        services.stop(stored(destination), reason="The access key may not write here.")

    assert "The access key may not write here." in text(client.get(url("detail", destination.pk)))


def test_an_admin_sees_no_destination_of_what_is_hidden_from_them(client, acme, ada, acme_project):
    other = create_project(organization=acme, actor=ada, name="Other")
    of_all, of_hidden = make_destination(acme), make_destination(acme, name="Hidden", prefix="x", project=acme_project)
    seen = make_destination(acme, name="Seen", prefix="y", project=other)
    admin = make_user("admin@acme.test")
    Membership.objects.create(user=admin, organization=acme, role=Role.ADMIN)
    with org_scope(acme.pk):
        ProjectRole.objects.create(organization=acme, project=acme_project, user=admin, role=Role.NONE)
    client.force_login(admin)

    said = text(client.get(url("list")))
    form = text(client.get(url("create")))

    assert ("Seen" in said, "Hidden" in said, "Data lake" in said) == (True, False, False)
    assert client.get(url("detail", seen.pk)).status_code == 200
    assert {client.get(url("detail", one.pk)).status_code for one in (of_all, of_hidden)} == {404}
    assert ('<option value=""' in form, 'value="web"' in form, 'value="other"' in form) == (False, False, True)


def test_the_pages_ask_few_questions(client, destination, acme, django_assert_max_num_queries):
    for number in range(5):
        make_destination(acme, name=f"More {number}", prefix=f"p{number}")
    client.get(url("list"))

    with django_assert_max_num_queries(14):
        client.get(url("list"))
    with django_assert_max_num_queries(15):
        client.get(url("detail", destination.pk))
