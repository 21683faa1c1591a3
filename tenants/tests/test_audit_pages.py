"""The audit log on screen and as a file."""

import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.urls import reverse

from tenants import audit, services
from tenants.models import AuditEntry
from tenants.views import audit as views

LIST = "/o/acme/audit/"
LONG_AGO = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def entry(scope, acme, action="test.done", *, at=None, personal=None, **facts):
    with scope(acme):
        audit.record(action, actor=None, target=acme, personal=personal, **facts)
        return AuditEntry.objects.latest("pk") if at is None else moved(acme, at)


def moved(acme, at):
    """The newest entry as if it had been written at ``at``; only a test's own transaction lets that happen."""
    last = AuditEntry.objects.latest("pk")
    return AuditEntry.objects.create(
        organization=acme, actor_kind="system", action=last.action, target_kind="", target_id="", created_at=at
    )


def body(response):
    return b"".join(response.streaming_content).decode()


def test_an_admin_sees_who_did_what(admin, acme, scope):
    services.rename_organization(organization=acme, actor=acme.memberships.get(role="owner").user, name="Acme Inc.")

    page = admin.get(LIST)

    assert page.status_code == 200
    assert [(line.action, subject) for line, subject in page.context["lines"]] == [
        ("organization.renamed", "Acme Inc."),
        ("project.created", "Web"),
        ("organization.created", "Acme"),
    ]
    assert page.text.count("owner@acme.test") == 3


def test_an_entry_shows_before_and_after_and_links_to_the_history_of_its_object(admin, acme, scope):
    one = entry(scope, acme, before=["a"], after=None, personal={"email": "x@y.test"})

    page = admin.get(reverse("tenants:audit-entry", args=["acme", one.pk]))

    assert page.context["facts"] == [("before", '["a"]'), ("after", ""), ("email", "x@y.test")]
    assert f"target_kind=organization&amp;target_id={acme.pk}" in page.text


def test_markup_in_a_name_is_text(admin, acme, scope):
    entry(scope, acme, name="<script>alert(1)</script>")

    assert "<script>alert(1)" not in admin.get(LIST).text


def test_entries_are_found_by_actor_action_object_and_day(admin, acme, scope):
    entry(scope, acme, "test.old", at=LONG_AGO)

    def found(**query):
        return [line.action for line, _ in admin.get(LIST, query).context["lines"]]

    assert found(action="project.created") == ["project.created"]
    assert found(actor="OWNER@acme.test") == ["project.created", "organization.created"]
    assert found(actor="nobody@acme.test") == []
    assert found(target_kind="organization", target_id=str(acme.pk)) == ["test.old", "organization.created"]
    assert found(since="2026-03-29", until="2026-03-29") == ["test.old"]
    assert found(until="2026-03-28") == []


def test_days_are_the_organizations(admin, acme, scope):
    services.set_time_zone(organization=acme, actor=None, time_zone="America/Los_Angeles")
    entry(scope, acme, "test.old", at=LONG_AGO)  # still the 28th there

    assert [line.action for line, _ in admin.get(LIST, {"until": "2026-03-28"}).context["lines"]] == ["test.old"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-02-02", "until": "2026-02-01"}, "until"),
        ({"action": "x"}, "action"),
        ({"since": "0001-01-01"}, "since"),
        ({"until": "9999-12-31"}, "until"),
    ],
)
def test_a_filter_that_makes_no_sense_is_said_beside_its_field(admin, query, field):
    page = admin.get(LIST, query)

    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]
    assert admin.get("/o/acme/audit/audit.csv", query).status_code == 422


def test_pages_go_back_to_the_first_entry_and_keep_the_filter(admin, acme, scope):
    for number in range(60):
        entry(scope, acme, name=str(number))

    first = admin.get(LIST, {"action": "test.done"})
    second = admin.get(first.context["older_url"])

    assert [len(page.context["lines"]) for page in (first, second)] == [50, 10]
    assert [subject for _, subject in second.context["lines"]] == [str(number) for number in reversed(range(10))]
    assert (second.context["older_url"], second.context["newest_url"]) == ("", LIST + "?action=test.done")


@pytest.mark.parametrize("place", ["9" * 30, "-1", "x", "²"])
def test_a_place_that_makes_no_sense_is_no_failure(admin, place):
    assert admin.get(LIST, {"before": place}).status_code == 200


def test_a_log_without_a_match_says_so(admin, acme):
    assert "No entry matches this filter." in admin.get(LIST, {"actor": "nobody"}).text


def test_another_organizations_entry_does_not_exist(admin, globex, scope):
    foreign = entry(scope, globex)

    assert admin.get(reverse("tenants:audit-entry", args=["acme", foreign.pk])).status_code == 404


def test_the_file_has_every_entry_of_the_filter(admin, acme, scope, monkeypatch):
    monkeypatch.setattr(views, "_EXPORT_AT_ONCE", 2)
    for number in range(5):
        entry(scope, acme, name=f"={number}")

    answer = admin.get("/o/acme/audit/audit.ndjson", {"action": "test.done"})
    lines = [json.loads(line) for line in body(answer).splitlines()]

    assert answer["Content-Disposition"] == 'attachment; filename="audit-acme.ndjson"'
    assert [line["facts"]["name"] for line in lines] == ["=4", "=3", "=2", "=1", "=0"]
    assert list(lines[0]) == list(views.COLUMNS)
    assert datetime.fromisoformat(lines[0]["created_at"]) > datetime.now(UTC) - timedelta(hours=1)


def test_a_spreadsheet_runs_nothing_of_the_file(admin, acme, scope):
    entry(scope, acme, name="x")
    with scope(acme):
        AuditEntry.objects.create(
            organization=acme, actor_kind="system", action="=cmd()", target_kind="", target_id="-1"
        )

    rows = list(csv.DictReader(StringIO(body(admin.get("/o/acme/audit/audit.csv")))))

    assert (rows[0]["action"], rows[0]["target_id"]) == ("'=cmd()", "'-1")
    assert rows[1]["facts"] == '{"name": "x"}'


def test_the_file_says_nothing_of_others(admin, acme, globex):
    assert "globex" not in body(admin.get("/o/acme/audit/audit.csv"))
