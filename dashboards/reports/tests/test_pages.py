"""Pages of reports, as people walk through them."""

from datetime import timedelta

import pytest
from django.urls import reverse

from core.scope import org_scope
from dashboards.reports.models import Report, Schedule
from dashboards.reports.tests.factories import NOW, make, make_schedule, order, owner_of
from rules.alerts.tests.factories import make_email, make_pager
from tenants.models import Membership, Organization, ProjectRole
from tenants.permissions import Role

LIST_QUERIES = 14
DETAIL_QUERIES = 12


@pytest.fixture
def mail(acme):
    with org_scope(acme.pk):
        return make_email(acme)


def url(name, *args):
    return reverse(f"reports:{name}", args=["acme", *args])


def text(response):
    return response.content.decode()


def form(mail, **given):
    terms = {"name": "Weekly", "cadence": "weekly", "weekday": "0", "month_day": "1", "at": "08:00"}
    return terms | {"span": "week_before", "channels": [str(mail.pk)]} | given


# --- History ---


def test_with_nothing_made_the_page_says_what_to_do_next(owner, viewer, acme):
    page = text(owner.get(url("report-list")))

    assert "No reports yet" in page
    assert url("report-create") in page
    assert url("report-create") not in text(viewer.get(url("report-list")))


def test_the_history_names_periods_states_and_for_whom(owner, acme, mail):
    schedule = make_schedule(acme, mail, name="<b>Monday</b>")
    make(order(acme))
    failed = order(acme)
    with org_scope(acme.pk):
        Report.objects.filter(pk=failed.pk).update(state="failed", schedule=schedule)

    page = text(owner.get(url("report-list")))

    assert page.count("9 – 15 Jul 2026") == 2
    assert "&lt;b&gt;Monday&lt;/b&gt;" in page
    assert "Every Monday at 08:00" in page
    assert page.count("badge-error") == page.count(">Ready<") == 1


def test_older_reports_are_on_the_next_page(owner, acme, monkeypatch):
    from dashboards.reports import selectors

    monkeypatch.setattr(selectors, "PAGE_SIZE", 1)
    first, second = make(order(acme)), make(order(acme))

    page = text(owner.get(url("report-list")))

    assert url("report-detail", second.pk) in page
    assert url("report-detail", first.pk) not in page
    assert url("report-detail", first.pk) in text(owner.get(url("report-list") + f"?before={second.pk}"))
    assert owner.get(url("report-list") + "?before=nonsense").status_code == 200


def test_the_number_of_questions_does_not_grow_with_what_is_listed(owner, acme, mail, django_assert_max_num_queries):
    for number in range(3):
        make(order(acme))
        make_schedule(acme, mail, name=f"S{number}")
    owner.get(url("report-list"))

    with django_assert_max_num_queries(LIST_QUERIES):
        owner.get(url("report-list"))


# --- One report ---


def test_ordered_a_report_is_waited_for_and_then_shown(owner, acme):
    moved = owner.post(url("report-create"), {"span": "last_7_days", "sections": ["models"]})
    with org_scope(acme.pk):
        report = Report.objects.get()
    assert moved["Location"] == url("report-detail", report.pk)
    waiting = text(owner.get(moved["Location"]))
    assert "The report is being made" in waiting
    assert 'hx-trigger="every 2s"' in waiting

    make(report)

    shown = text(owner.get(moved["Location"], headers={"hx-request": "true"}))
    assert "every 2s" not in shown
    assert "Cost by model" in shown
    assert "Cost by team" not in shown
    assert "TOKENOPS COST OPTIMIZATION REPORT" in shown


@pytest.mark.parametrize(
    ("kind", "media_type", "begins"),
    [
        ("pdf", "application/pdf", b"%PDF-"),
        ("html", "text/html; charset=utf-8", b"<!DOCTYPE html>"),
        ("txt", "text/plain; charset=utf-8", b"TOKENOPS"),
        ("json", "application/json", b'{"made_at"'),
    ],
)
def test_every_form_is_a_file(viewer, acme, kind, media_type, begins):
    report = make(order(acme))

    answer = viewer.get(url("report-file", report.pk, kind))

    assert (answer["Content-Type"], answer.content[: len(begins)]) == (media_type, begins)
    assert answer["Content-Disposition"] == f'attachment; filename="acme-2026-07-09-2026-07-15.{kind}"'


def test_there_is_no_file_of_another_kind_nor_of_what_is_not_made(owner, acme):
    report = order(acme)

    assert owner.get(url("report-file", report.pk, "pdf")).status_code == 404
    make(report)
    assert owner.get(url("report-file", report.pk, "exe")).status_code == 404


def test_what_failed_says_why_and_can_be_tried_again(owner, acme):
    report = order(acme)
    with org_scope(acme.pk):
        Report.objects.filter(pk=report.pk).update(state="failed", error="The PDF could not be made.")
    assert "The PDF could not be made." in text(owner.get(url("report-detail", report.pk)))

    assert owner.post(url("report-retry", report.pk)).status_code == 302

    assert make(report).state == "ready"
    assert owner.post(url("report-retry", report.pk)).status_code == 422


def test_reading_a_report_takes_the_same_number_of_questions(owner, acme, django_assert_max_num_queries):
    report = make(order(acme))
    owner.get(url("report-detail", report.pk))

    with django_assert_max_num_queries(DETAIL_QUERIES):
        owner.get(url("report-detail", report.pk))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"span": "custom"}, "Say which day is the first."),
        ({"span": "custom", "first_day": "2016-01-01"}, "A report is about 760 days at most."),
        ({"span": "custom", "first_day": "2026-02-02", "last_day": "2026-02-01"}, "The first day is after the last"),
        ({"span": "custom", "first_day": "9998-01-01"}, "The first day is in the future."),
        ({"span": "forever"}, "Select a valid choice"),
        ({"span": "last_7_days", "sections": ["x"]}, "Choose from the listed sections."),
        ({"span": "last_7_days", "project": "globex-web"}, "Choose one from the list."),
    ],
)
def test_what_cannot_be_is_said_beside_the_field_and_nothing_is_ordered(owner, acme, given, said):
    answer = owner.post(url("report-create"), given)

    assert (answer.status_code, said in text(answer)) == (422, True)
    with org_scope(acme.pk):
        assert not Report.objects.exists()


def test_a_report_that_says_more_than_the_reader_may_see_is_not_there(member, acme, acme_project):
    person = Membership.objects.get(organization=acme, role=Role.MEMBER).user
    report = make(order(acme))
    with org_scope(acme.pk):
        ProjectRole.objects.create(organization=acme, project=acme_project, user=person, role=Role.NONE)

    assert member.get(url("report-detail", report.pk)).status_code == 404
    assert member.get(url("report-file", report.pk, "pdf")).status_code == 404
    assert url("report-detail", report.pk) not in text(member.get(url("report-list")))


def test_another_organization_sees_nothing(outsider, acme, globex, mail):
    report, schedule = make(order(acme)), make_schedule(acme, mail)
    for name, pk in (("report-detail", report.pk), ("schedule-detail", schedule.pk)):
        assert outsider.get(url(name, pk)).status_code == 404
        assert outsider.get(reverse(f"reports:{name}", args=["globex", pk])).status_code == 404


# --- Schedules ---


def test_a_schedule_is_previewed_made_changed_and_deleted(owner, acme, mail):
    preview = owner.post(url("schedule-preview"), form(mail, name="<i>"))
    assert (preview.status_code, "Preview of “<bdi>&lt;i&gt;" in text(preview)) == (200, True)
    assert "Cost and optimization report" in text(preview)

    made = owner.post(url("schedule-create"), form(mail))
    with org_scope(acme.pk):
        schedule = Schedule.objects.get()
    assert made["Location"] == url("schedule-detail", schedule.pk)
    assert "Every Monday at 08:00" in text(owner.get(made["Location"]))
    assert 'value="Weekly"' in text(owner.get(url("schedule-edit", schedule.pk)))

    monthly = form(mail, cadence="monthly", month_day="31")
    assert owner.post(url("schedule-edit", schedule.pk), monthly).status_code == 302
    assert "On the last day of every month at 08:00" in text(owner.get(made["Location"]))

    assert "Delete “<bdi>Weekly" in text(owner.get(url("schedule-delete", schedule.pk)))
    assert owner.post(url("schedule-delete", schedule.pk))["Location"] == url("report-list")
    with org_scope(acme.pk):
        assert not Schedule.objects.exists()


def test_a_preview_keeps_nothing(owner, acme, mail):
    owner.post(url("schedule-preview"), form(mail))

    with org_scope(acme.pk):
        assert not Schedule.objects.exists()
        assert not Report.objects.exists()


def test_pausing_resuming_and_sending_now(member, acme, mail):
    schedule = make_schedule(acme, mail)

    member.post(url("schedule-pause", schedule.pk))
    assert "Resume" in text(member.get(url("schedule-detail", schedule.pk)))
    member.post(url("schedule-resume", schedule.pk))
    assert "Pause" in text(member.get(url("schedule-detail", schedule.pk)))
    sent = member.post(url("schedule-send", schedule.pk))

    with org_scope(acme.pk):
        assert sent["Location"] == url("report-detail", Report.objects.get().pk)


def test_without_a_channel_the_form_says_where_one_is_made(owner, member, acme, receiver):
    with org_scope(acme.pk):
        make_pager(acme, receiver.url)

    assert reverse("alerts:channel-list", args=["acme"]) in text(owner.get(url("schedule-create")))
    assert "Ask an admin or owner" in text(member.get(url("schedule-create")))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"channels": []}, "Choose at least one channel."),
        ({"channels": ["999999"]}, "Choose from the list."),
        ({"at": "25:00"}, "Enter a valid time."),
        ({"month_day": "32"}, "less than or equal to 31"),
        ({"name": ""}, "This field is required."),
    ],
)
def test_a_schedule_that_cannot_be_comes_back_with_what_was_typed(owner, acme, mail, given, said):
    answer = owner.post(url("schedule-create"), form(mail) | given)

    assert (answer.status_code, said in text(answer)) == (422, True)
    with org_scope(acme.pk):
        assert not Schedule.objects.exists()


def test_a_name_that_is_taken_is_said_beside_it(owner, acme, mail):
    owner.post(url("schedule-create"), form(mail))

    answer = owner.post(url("schedule-create"), form(mail))

    assert (answer.status_code, "Another schedule has this name." in text(answer)) == (422, True)


def test_a_paused_schedule_says_why(owner, acme, mail):
    schedule = make_schedule(acme, mail)
    with org_scope(acme.pk):
        reason = {"paused_reason": "All of its channels were deleted."}
        Schedule.objects.filter(pk=schedule.pk).update(is_active=False, next_at=None, **reason)

    assert "All of its channels were deleted." in text(owner.get(url("schedule-detail", schedule.pk)))


def test_a_schedule_of_a_hidden_project_is_not_there(member, acme, acme_project, mail):
    person = Membership.objects.get(organization=acme, role=Role.MEMBER).user
    schedule = make_schedule(acme, mail, project=acme_project)
    with org_scope(acme.pk):
        ProjectRole.objects.create(organization=acme, project=acme_project, user=person, role=Role.NONE)

    assert member.get(url("schedule-detail", schedule.pk)).status_code == 404
    assert member.post(url("schedule-delete", schedule.pk)).status_code == 404


def test_the_report_of_an_organization_with_a_long_name_is_whole(owner, acme):
    Organization.objects.filter(pk=acme.pk).update(name="Я客" * 50)
    report = make(order(acme, owner_of(acme)), NOW + timedelta(hours=1))

    assert "Я客" * 50 in text(owner.get(url("report-detail", report.pk)))
