"""Asking for a file, watching it grow, taking it, by whoever may."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.urls import reverse

from dashboards.exports import at_once, making, services
from dashboards.exports.models import Export
from dashboards.exports.services import path_of
from dashboards.exports.tests.conftest import make, wanted
from ingestion.models import ProjectActivity
from ingestion.tests.factories import make_call, make_calls
from tenants import services as tenants
from tenants.models import AuditEntry, ProjectRole, User
from tenants.permissions import Role

ASKED = {"name": "July", "format": "csv", "which": "usual", "columns": ""}
OWN = ASKED | {"which": "own"}


def url(name, organization, *more, **query):
    return reverse(f"exports:export-{name}", args=[organization.slug, *more], query=query or None)


def body(answer):
    return b"".join(answer.streaming_content)


def rows(answer):
    return list(csv.DictReader(io.StringIO(body(answer).decode(), newline="")))


def stored(scope, acme):
    with scope(acme):
        return list(Export.objects.order_by("pk"))


# --- Small files at once ---


def test_a_small_file_is_the_answer(viewer, acme, calls, scope):
    answer = viewer.post(url("create", acme), OWN | {"columns": "endpoint_name, id"})

    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="july-')
    assert rows(answer) == [{"endpoint_name": "chat", "id": f"c{at}"} for at in range(7)]
    assert stored(scope, acme) == []
    with scope(acme):
        assert AuditEntry.objects.get(action="export.downloaded").facts["name"] == "July"


def test_the_file_is_about_the_calls_of_the_page(member, acme, acme_project, calls, noon, scope):
    make_call(acme_project, call_id="search", started_at=noon, feature="search")

    answer = member.post(url("create", acme, feature="search", range="7d"), OWN | {"columns": "id"})

    assert [row["id"] for row in rows(answer)] == ["search"]
    assert "feature=search" in answer["X-TokenOps-Filter"]


@pytest.mark.parametrize(
    ("form", "first"), [("json", b'{"about": {"Organization": "Acme"'), ("ndjson", b'{"timestamp":')]
)
def test_json_is_written_at_once_too(member, acme, calls, form, first):
    text = body(member.post(url("create", acme), ASKED | {"format": form}))

    assert text.startswith(first)
    found = json.loads(text)["rows"] if form == "json" else [json.loads(line) for line in text.splitlines()]
    assert [row["id"] for row in found] == [f"c{at}" for at in range(7)]


def test_every_field_is_in_it_when_that_was_chosen(member, acme, calls):
    found = rows(member.post(url("create", acme), ASKED | {"which": "every"}))

    assert len(found[0]) == 69
    assert found[0]["tags"] == "{}"


def test_nothing_is_a_file_too(member, acme, acme_project):
    assert rows(member.post(url("create", acme), ASKED)) == []


def test_what_one_may_not_see_is_in_no_file(member, acme, acme_project, calls, noon, scope):
    other = tenants.create_project(organization=acme, actor=None, name="Secret")
    make_call(other, call_id="secret", started_at=noon)
    with scope(acme):
        user = User.objects.get(email="member@acme.test")
        ProjectRole.objects.create(organization=acme, project=other, user=user, role=Role.NONE)

    found = rows(member.post(url("create", acme), ASKED))

    assert "secret" not in {row["id"] for row in found}
    refused = member.post(url("create", acme, project="secret"), ASKED)
    assert refused.status_code == 422
    assert b"no project in this" in refused.content


# --- Large ones are made ---


@pytest.mark.parametrize("form", ["xlsx", "parquet"])
def test_some_formats_are_always_made(member, acme, calls, scope, form):
    answer = member.post(url("create", acme), ASKED | {"format": form})

    assert (answer.status_code, answer["Location"]) == (302, url("list", acme))
    (export,) = stored(scope, acme)
    assert (export.state, export.format, export.created_by.email) == ("queued", form, "member@acme.test")


def test_many_rows_are_made(member, acme, calls, scope, monkeypatch):
    monkeypatch.setattr(at_once, "MOST_ROWS", 6)

    assert member.post(url("create", acme), ASKED).status_code == 302
    assert len(stored(scope, acme)) == 1


def test_what_takes_long_to_count_is_made(member, acme, calls, scope, monkeypatch):
    monkeypatch.setattr(at_once, "_PATIENCE", "1ms")
    monkeypatch.setattr(at_once.pages, "_COUNT", "select pg_sleep(10)")

    assert member.post(url("create", acme), ASKED).status_code == 302
    assert len(stored(scope, acme)) == 1


def test_a_viewer_is_told_what_takes_a_member(viewer, acme, calls, scope):
    answer = viewer.post(url("create", acme), ASKED | {"format": "xlsx"})

    assert answer.status_code == 422
    assert b"you need to be a member" in answer.content
    assert stored(scope, acme) == []


def test_too_many_at_once_are_refused_and_nothing_typed_is_lost(member, acme, calls, settings, scope):
    settings.EXPORT_MAX_RUNNING = 1
    member.post(url("create", acme), ASKED | {"format": "xlsx"})

    answer = member.post(url("create", acme), ASKED | {"format": "xlsx", "name": "August"})

    assert answer.status_code == 422
    assert b"1 exports are being made already" in answer.content
    assert b'value="August"' in answer.content
    assert len(stored(scope, acme)) == 1


# --- The form ---


def test_the_form_says_how_much_it_will_be(member, acme, calls, noon):
    page = member.get(url("create", acme, feature="chat")).content.decode()

    assert "7 calls. CSV, JSON and NDJSON download at once" in page
    assert "<span>Feature</span><strong" in page
    assert f"{reverse('dashboards:organization-calls', args=[acme.slug])}?feature=chat" in page


def test_the_form_says_that_there_is_nothing(member, acme, acme_project):
    assert "No call matches" in member.get(url("create", acme)).content.decode()


def test_the_form_says_that_it_will_take_a_while(member, acme, calls, monkeypatch):
    monkeypatch.setattr(at_once, "MOST_ROWS", 6)

    assert "More than 6 calls" in member.get(url("create", acme)).content.decode()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"which": "own"}, "Name at least one column."),
        ({"which": "own", "columns": "id prompt_text"}, "There is no such column: number 2."),
        ({"format": "doc"}, "Select a valid choice"),
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 101}, "at most 100 characters"),
    ],
)
def test_what_cannot_be_used_is_said_beside_its_field(member, acme, calls, given, sentence):
    answer = member.post(url("create", acme), ASKED | given)

    assert answer.status_code == 422
    page = answer.content.decode()
    assert sentence in page
    assert "prompt_text" not in page.replace('name="columns"', "").split("errorlist")[-1][:300]


def test_a_range_of_ten_years_is_cut_and_said(member, acme, calls):
    query = {"from": "2016-01-01", "to": "2026-01-01"}

    assert "at most 760 days" in member.get(url("create", acme, **query)).content.decode()


def test_a_wrong_filter_is_said_before_it_is_exported(member, acme, calls):
    assert "The status must be ok or error" in member.get(url("create", acme, status="x")).content.decode()


@pytest.fixture
def active(acme, acme_project, calls, noon, scope):
    """As after the first call: pages show calls."""
    with scope(acme):
        ProjectActivity.objects.create(
            organization_id=acme.pk, project_id=acme_project.pk, first_received_at=noon, last_received_at=noon
        )


def test_the_calls_page_leads_here_with_its_filter(member, acme, active):
    page = member.get(reverse("dashboards:organization-calls", args=[acme.slug], query={"feature": "chat"}))

    assert f'id="export" href="{url("create", acme)}?feature=chat"' in page.content.decode()


def test_the_button_follows_the_filter_without_a_new_page(member, acme, active):
    address = reverse("dashboards:organization-calls", args=[acme.slug], query={"range": "24h"})

    part = member.get(address, headers={"hx-request": "true"}).content.decode()

    assert f'id="export" hx-swap-oob="true" href="{url("create", acme)}?range=24h"' in part


def test_a_project_s_calls_page_keeps_the_project(member, acme, active):
    page = member.get(reverse("dashboards:project-calls", args=[acme.slug, "web"], query={"range": "24h"}))

    assert f'{url("create", acme)}?project=web&amp;range=24h"' in page.content.decode()


# --- The list ---


def test_the_list_shows_progress_and_asks_again_while_something_is_made(owner, acme, export, now):
    page = owner.get(url("list", acme)).content.decode()
    assert "Waiting for a worker" in page
    assert 'hx-trigger="every 2s"' in page

    make(export, now=now)
    page = owner.get(url("list", acme), headers={"hx-request": "true"}).content.decode()
    assert "<html" not in page
    assert "7 rows" in page
    assert "every 2s" not in page
    assert url("file", acme, export.pk) in page


def test_the_list_shows_what_a_file_was_made_of(owner, acme, acme_project, ada, noon, now):
    asked = wanted(acme_project, noon, narrowed_by=[("feature", "<b>")], filters={"feature": ["<b>"]})
    services.create_export(organization=acme, actor=ada, wanted=asked, now=now)

    page = owner.get(url("list", acme)).content.decode()

    assert "&lt;b&gt;" in page
    assert "feature=%3Cb%3E" in page


def test_rows_that_were_gone_are_told(owner, acme, export, now, scope):
    make(export, now=now)
    with scope(acme):
        Export.objects.update(rows_counted=9)

    assert "2 of 9 rows counted at the start were no longer kept" in owner.get(url("list", acme)).content.decode()


def test_a_failure_is_told(owner, acme, export, now):
    mine = making.claim(organization_id=acme.pk, export_id=export.pk, now=now)
    making.fail(mine, reason="The disk of the server is full.", now=now)

    assert "The disk of the server is full." in owner.get(url("list", acme)).content.decode()


def test_without_exports_the_list_says_what_to_do(member, acme):
    assert "No exports yet" in member.get(url("list", acme)).content.decode()


def test_members_see_their_own_and_admins_everybody_s(member, admin, acme, export):
    assert "July" not in member.get(url("list", acme)).content.decode()
    assert "July" in admin.get(url("list", acme)).content.decode()


def test_a_list_takes_the_same_queries_however_long(
    owner, acme, acme_project, ada, noon, now, settings, django_assert_num_queries
):
    settings.EXPORT_MAX_RUNNING = 100
    services.create_export(organization=acme, actor=ada, wanted=wanted(acme_project, noon), now=now)
    owner.get(url("list", acme))
    with django_assert_num_queries(9):
        owner.get(url("list", acme), headers={"hx-request": "true"})
    for _ in range(10):
        services.create_export(organization=acme, actor=ada, wanted=wanted(acme_project, noon), now=now)

    with django_assert_num_queries(9):
        owner.get(url("list", acme), headers={"hx-request": "true"})


# --- Downloads ---


@pytest.fixture
def ready(export, now):
    make(export, now=now)
    return export


def test_a_file_is_downloaded_whole(owner, acme, ready, scope):
    answer = owner.get(url("file", acme, ready.pk))

    assert answer.status_code == 200
    assert body(answer) == path_of(ready).read_bytes()
    assert answer["Content-Length"] == str(path_of(ready).stat().st_size)
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["X-Content-Type-Options"] == "nosniff"
    with scope(acme):
        assert AuditEntry.objects.filter(action="export.downloaded").count() == 1


def test_a_download_goes_on_where_it_was_cut_off(owner, acme, ready, scope):
    first = owner.get(url("file", acme, ready.pk), headers={"range": "bytes=0-99"})
    rest = owner.get(url("file", acme, ready.pk), headers={"range": "bytes=100-", "if-range": first["ETag"]})

    assert (first.status_code, rest.status_code) == (206, 206)
    assert first["Content-Range"] == f"bytes 0-99/{path_of(ready).stat().st_size}"
    assert body(first) + body(rest) == path_of(ready).read_bytes()
    with scope(acme):
        assert AuditEntry.objects.filter(action="export.downloaded").count() == 1  # one download in two parts


def test_another_file_s_part_is_not_mixed_in(owner, acme, ready):
    answer = owner.get(url("file", acme, ready.pk), headers={"range": "bytes=100-", "if-range": '"other"'})

    assert (answer.status_code, body(answer)) == (200, path_of(ready).read_bytes())


def test_bytes_that_are_not_there_are_refused(owner, acme, ready):
    answer = owner.get(url("file", acme, ready.pk), headers={"range": "bytes=999999-"})

    assert (answer.status_code, answer["Content-Range"]) == (416, f"bytes */{path_of(ready).stat().st_size}")


def test_head_says_how_long_it_is(owner, acme, ready, scope):
    answer = owner.head(url("file", acme, ready.pk))

    assert (answer.status_code, answer["Content-Length"]) == (200, str(path_of(ready).stat().st_size))
    assert body(answer) == b""
    with scope(acme):
        assert not AuditEntry.objects.filter(action="export.downloaded").exists()


def test_a_large_file_is_never_in_memory(owner, acme, ready, scope):
    size = 3 * 2**20
    path_of(ready).write_bytes(b"x" * size)
    with scope(acme):
        Export.objects.update(bytes=size)

    pieces = [len(piece) for piece in owner.get(url("file", acme, ready.pk)).streaming_content]

    assert (sum(pieces), max(pieces)) == (size, 256 * 1024)


def test_what_is_not_ready_is_not_there(owner, acme, export):
    assert owner.get(url("file", acme, export.pk)).status_code == 404


def test_a_file_that_the_disk_lost_is_not_there(owner, acme, ready):
    path_of(ready).unlink()

    assert owner.get(url("file", acme, ready.pk)).status_code == 404


def test_nobody_takes_the_file_of_somebody_else(member, viewer, outsider, acme, ready, scope):
    statuses = [client.get(url("file", acme, ready.pk)).status_code for client in (member, viewer, outsider)]

    assert statuses == [404, 403, 404]
    with scope(acme):
        assert not AuditEntry.objects.filter(action="export.downloaded").exists()


def test_an_admin_takes_everybody_s(admin, acme, ready):
    assert admin.get(url("file", acme, ready.pk)).status_code == 200


def test_who_may_no_longer_see_a_project_may_not_take_its_calls(member, acme, acme_project, calls, noon, now, scope):
    user = User.objects.get(email="member@acme.test")
    export = services.create_export(organization=acme, actor=user, wanted=wanted(acme_project, noon), now=now)
    make(export, now=now)
    assert member.get(url("file", acme, export.pk)).status_code == 200

    with scope(acme):
        ProjectRole.objects.create(organization=acme, project=acme_project, user=user, role=Role.NONE)

    assert member.get(url("file", acme, export.pk)).status_code == 403
    page = member.get(url("list", acme)).content.decode()
    assert "It holds calls of a project that you may no longer see." in page
    assert url("file", acme, export.pk) not in page


# --- Stopping and deleting ---


def test_cancelling_asks_first_and_says_what_happens(owner, acme, export, scope):
    assert "What there is of the file is removed" in owner.get(url("cancel", acme, export.pk)).content.decode()
    assert stored(scope, acme)[0].state == "queued"

    assert owner.post(url("cancel", acme, export.pk)).status_code == 302
    assert stored(scope, acme)[0].state == "cancelled"
    with scope(acme):
        assert AuditEntry.objects.filter(action="export.cancelled").exists()


def test_cancelling_what_is_over_says_so(owner, acme, ready):
    answer = owner.post(url("cancel", acme, ready.pk), follow=True)

    assert "This export is over already." in answer.content.decode()


def test_deleting_asks_first(owner, acme, ready, scope, django_capture_on_commit_callbacks):
    assert owner.get(url("delete", acme, ready.pk)).status_code == 200
    assert path_of(ready).exists()

    with django_capture_on_commit_callbacks(execute=True):
        owner.post(url("delete", acme, ready.pk))

    assert stored(scope, acme) == []
    assert not path_of(ready).exists()
    with scope(acme):
        assert AuditEntry.objects.get(action="export.deleted").facts["name"] == "July"


def test_many_calls_are_read_in_pages_when_written_at_once(member, acme, acme_project, noon, monkeypatch):
    page = at_once.pages.page
    monkeypatch.setattr(at_once.pages, "page", lambda *given: page(*given, most=3))
    make_calls(acme_project, [{"call_id": f"c{at}", "started_at": noon + timedelta(minutes=at)} for at in range(10)])

    assert [row["id"] for row in rows(member.post(url("create", acme), ASKED))] == [f"c{at}" for at in range(10)]
