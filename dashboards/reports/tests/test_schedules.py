"""Reports that come by themselves: once a slot, to every channel, and loudly silent where they cannot."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from pypdf import PdfReader

from conftest import make_user
from core.models import WorkDue
from core.scope import org_scope
from dashboards.reports import making, retention, rights, running, schedule_services
from dashboards.reports.models import Report, Schedule
from dashboards.reports.numbers import Numbers
from dashboards.reports.schedule_services import TASK
from dashboards.reports.tests.factories import NOW, make, make_schedule, owner_of, stored, wanted
from dashboards.tests.factories import count_calls
from rules.alerts.models import Bulletin, Channel, Delivery
from rules.alerts.tests.factories import deliver, make_email, make_pager, make_slack, make_webhook
from tenants import key_services
from tenants.audit import KeyActor
from tenants.models import AuditEntry, Event, Membership, OrganizationSettings
from tenants.permissions import Role, Scope

MONDAY = datetime(2026, 7, 20, 8, 0, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def mail(acme):
    with org_scope(acme.pk):
        return make_email(acme, "finance@acme.test")


def run(schedule, now=MONDAY):
    return running.run(organization_id=schedule.organization_id, schedule_id=schedule.pk, now=now)


def again(schedule):
    with org_scope(schedule.organization_id):
        return Schedule.objects.get(pk=schedule.pk)


def reports_of(schedule):
    with org_scope(schedule.organization_id):
        return list(Report.objects.filter(schedule=schedule).order_by("pk"))


def due_at(schedule):
    found = WorkDue.objects.filter(task=TASK, object_id=schedule.pk).first()
    return found and found.due_at


def move(acme, zone):
    with org_scope(acme.pk):
        OrganizationSettings.objects.filter(organization=acme).update(time_zone=zone)


# --- Slots ---


def test_a_schedule_waits_for_its_first_slot(acme, mail):
    schedule = make_schedule(acme, mail)

    assert schedule.next_at == due_at(schedule) == MONDAY


def test_at_its_slot_a_report_is_ordered_and_the_next_slot_waited_for(acme, mail):
    schedule = make_schedule(acme, mail)

    assert run(schedule) is True

    (report,) = reports_of(schedule)
    assert (report.slot_at, report.is_sent, report.state) == (MONDAY, True, "queued")
    assert (report.first_day, report.last_day) == (date(2026, 7, 13), date(2026, 7, 19))
    assert again(schedule).next_at == due_at(schedule) == MONDAY + WEEK


def test_called_too_early_or_twice_it_orders_nothing_more(acme, mail):
    schedule = make_schedule(acme, mail)

    assert run(schedule, MONDAY - timedelta(seconds=1)) is False
    assert run(schedule) is True
    assert run(schedule) is False

    assert len(reports_of(schedule)) == 1


def test_a_slot_has_one_report_even_where_the_clock_of_the_row_is_turned_back(acme, mail):
    schedule = make_schedule(acme, mail)
    run(schedule)
    with org_scope(acme.pk):
        Schedule.objects.filter(pk=schedule.pk).update(next_at=MONDAY)

    assert run(schedule) is False

    assert len(reports_of(schedule)) == 1


def test_after_a_month_of_silence_one_report_makes_up_for_the_latest_slot(acme, mail):
    schedule = make_schedule(acme, mail)

    run(schedule, MONDAY + 4 * WEEK + timedelta(hours=5))

    (report,) = reports_of(schedule)
    assert report.slot_at == MONDAY + 4 * WEEK
    assert report.last_day == (MONDAY + 4 * WEEK).date() - timedelta(days=1)
    assert again(schedule).next_at == MONDAY + 5 * WEEK


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Tokyo"])
def test_an_organization_that_moves_gets_neither_two_nor_none(acme, mail, zone):
    daily = make_schedule(acme, mail, cadence="daily", span="yesterday", now=MONDAY - timedelta(hours=1))
    run(daily)
    move(acme, zone)

    for hour in range(1, 72):
        run(daily, MONDAY + timedelta(hours=hour))

    days = [report.last_day for report in reports_of(daily)]
    assert days == sorted(set(days))
    assert len(days) in {3, 4}


def test_where_the_clock_was_changed_the_right_slot_is_waited_for(acme, mail):
    schedule = make_schedule(acme, mail)
    move(acme, "Europe/Berlin")

    running.align(organization_id=acme.pk, now=NOW)

    assert again(schedule).next_at == due_at(schedule) == MONDAY - timedelta(hours=2)


def test_a_schedule_that_is_gone_needs_no_work(acme, mail):
    schedule = make_schedule(acme, mail)
    schedule_services.delete_schedule(organization=acme, actor=owner_of(acme), schedule=schedule)

    assert run(schedule) is False
    assert due_at(schedule) is None


# --- Sending ---


def test_the_report_reaches_a_mailbox_with_its_pdf_and_slack_as_text(acme, acme_project, mail, mails, receiver):
    with org_scope(acme.pk):
        slack = make_slack(acme, receiver.url)
    count_calls(acme_project, [{"started_at": MONDAY - timedelta(days=2), "cost_usd": Decimal("12.5")}])
    schedule = make_schedule(acme, mail, slack)
    run(schedule)
    report = make(reports_of(schedule)[0], timezone.now())

    with org_scope(acme.pk):
        states = [deliver(one).state for one in Delivery.objects.filter(bulletin=report.bulletin).order_by("pk")]

    assert states == ["delivered", "delivered"]
    (message,) = mails.mails
    assert message["Subject"] == "Weekly costs: Acme, 13 – 19 Jul 2026"
    assert "LLM spend               $12.50" in message.get_body(("plain",)).get_content()
    assert "$12.50" in message.get_body(("html",)).get_content()
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == "acme-2026-07-13-2026-07-19.pdf"
    assert "$12.50" in PdfReader(BytesIO(attached.get_content())).pages[0].extract_text()
    (sent,) = receiver.received
    code = sent.json["blocks"][1]["text"]["text"]
    assert code.startswith("```\nTOKENOPS COST OPTIMIZATION REPORT\nAcme, 13 – 19 Jul 2026")
    assert sent.json["blocks"][-1]["elements"][0]["url"].endswith(f"/o/acme/reports/{report.pk}/")


def test_a_worker_that_dies_while_making_sends_nothing_and_the_next_one_sends_once(acme, mail, monkeypatch):
    schedule = make_schedule(acme, mail)
    run(schedule)
    (report,) = reports_of(schedule)

    def die(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(making.outbox, "put", die)
    with pytest.raises(KeyboardInterrupt):
        make(report)
    monkeypatch.undo()
    with org_scope(acme.pk):
        assert (Delivery.objects.count(), Bulletin.objects.count()) == (0, 0)

    make(report)
    make(report)

    with org_scope(acme.pk):
        assert (Delivery.objects.count(), Bulletin.objects.count()) == (1, 1)


def test_a_mail_without_attachment_where_the_schedule_says_so(acme, mail):
    schedule = make_schedule(acme, mail, attaches_pdf=False)
    run(schedule)

    report = make(reports_of(schedule)[0])

    assert (report.bulletin.file, report.bulletin.file_name) == (None, "")
    assert report.pdf


def test_sent_now_it_goes_to_the_same_channels_besides_the_slots(acme, mail):
    schedule = make_schedule(acme, mail)

    report = schedule_services.send_now(organization=acme, actor=owner_of(acme), schedule=schedule, now=NOW)

    made = make(report)
    assert (made.slot_at, made.state) == (None, "ready")
    with org_scope(acme.pk):
        assert Delivery.objects.get().bulletin_id == made.bulletin_id
    assert again(schedule).next_at == MONDAY


def test_a_report_of_a_schedule_that_was_deleted_meanwhile_is_made_and_not_sent(acme, mail):
    schedule = make_schedule(acme, mail)
    run(schedule)
    (report,) = reports_of(schedule)
    schedule_services.delete_schedule(organization=acme, actor=None, schedule=schedule)

    assert make(report).state == "ready"
    with org_scope(acme.pk):
        assert not Delivery.objects.exists()


# --- Rights ---


def test_whoever_lost_access_takes_their_schedules_with_them_and_somebody_is_told(acme, mail):
    mia = make_user("mia@acme.test")
    membership = Membership.objects.create(user=mia, organization=acme, role=Role.MEMBER)
    schedule = make_schedule(acme, mail, actor=mia)
    membership.delete()

    assert run(schedule) is False

    paused = again(schedule)
    assert (paused.is_active, paused.paused_reason, paused.next_at) == (False, rights.NOBODY, None)
    assert (reports_of(schedule), due_at(schedule)) == ([], None)
    with org_scope(acme.pk):
        event = Event.objects.get(kind="report.not_sent")
        entry = AuditEntry.objects.get(action="report_schedule.paused")
    assert event.facts == {"name": "Weekly costs", "reason": rights.NOBODY}
    assert event.link == f"/o/acme/reports/schedules/{schedule.pk}/"
    assert entry.actor_kind == "system"


def test_a_key_that_was_revoked_takes_its_schedules_with_it(acme, mail):
    issued = key_services.create_key(organization=acme, actor=None, name="ci", scopes=[Scope.MANAGE], project=None)
    schedule = make_schedule(acme, mail, actor=KeyActor(issued.key.pk, "ci"))
    assert run(schedule) is True
    key_services.revoke_key(organization=acme, actor=None, key=issued.key, now=NOW)

    run(schedule, MONDAY + WEEK)

    assert again(schedule).paused_reason == rights.NO_KEY


def test_a_schedule_whose_channels_were_all_deleted_is_paused(acme, mail):
    schedule = make_schedule(acme, mail)
    with org_scope(acme.pk):
        Channel.objects.all().delete()

    run(schedule)

    assert again(schedule).paused_reason == running.NO_CHANNELS


def test_whoever_changes_a_schedule_lends_it_their_rights(acme, acme_project, mail):
    mia = make_user("mia@acme.test")
    Membership.objects.create(user=mia, organization=acme, role=Role.MEMBER)
    schedule = make_schedule(acme, mail)

    changed = schedule_services.change_schedule(
        organization=acme, actor=mia, schedule=schedule, wanted=wanted(mail, name="Mine"), now=NOW
    )

    assert (changed.runs_as, changed.name) == (mia, "Mine")


def test_a_report_that_fails_for_want_of_rights_tells_that_nothing_was_sent(acme, mail):
    schedule = make_schedule(acme, mail)
    run(schedule)
    Membership.objects.filter(organization=acme).delete()

    report = make(reports_of(schedule)[0])

    assert (report.state, report.error) == ("failed", rights.NOBODY)
    with org_scope(acme.pk):
        assert Event.objects.filter(kind="report.not_sent").count() == 1


# --- Terms ---


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"cadence": "hourly"}, "cadence"),
        ({"span": "custom"}, "span"),
        ({"weekday": 7}, "weekday"),
        ({"month_day": 32}, "month_day"),
        ({"sections": ["nothing"]}, "sections"),
    ],
)
def test_terms_that_cannot_be_are_refused_by_name(acme, mail, given, field):
    with pytest.raises(ValidationError) as refused:
        make_schedule(acme, mail, **given)

    assert list(refused.value.message_dict) == [field]
    with org_scope(acme.pk):
        assert not Schedule.objects.exists()


def test_nobody_is_paged_by_a_report_and_one_needs_a_place_to_go(acme, mail, receiver):
    with org_scope(acme.pk):
        pager, hook = make_pager(acme, receiver.url), make_webhook(acme, receiver.url)

    for channels in ([], [pager], [mail, pager], [mail] * 11):
        with pytest.raises(ValidationError) as refused:
            make_schedule(acme, *channels)
        assert list(refused.value.message_dict) == ["channels"]
    make_schedule(acme, mail, hook)


def test_two_schedules_have_two_names_whatever_their_script(acme, mail):
    make_schedule(acme, mail, name="客户支持 " + "я" * 90)

    with pytest.raises(ValidationError, match="Another schedule has this name"):
        make_schedule(acme, mail, name="客户支持 " + "я" * 90)


def test_there_is_an_end_to_schedules(acme, mail, monkeypatch):
    monkeypatch.setattr(schedule_services, "MOST_SCHEDULES", 1)
    make_schedule(acme, mail)

    with pytest.raises(ValidationError, match="1 schedules at most"):
        make_schedule(acme, mail, name="Another")


def test_paused_it_waits_for_nothing_and_resumed_for_the_next_slot_alone(acme, mail):
    who = {"organization": acme, "actor": owner_of(acme)}
    schedule = make_schedule(acme, mail)
    schedule_services.pause_schedule(**who, schedule=schedule)
    assert (again(schedule).next_at, due_at(schedule)) == (None, None)
    assert run(schedule, MONDAY + WEEK) is False

    schedule_services.resume_schedule(**who, schedule=schedule, now=MONDAY + 2 * WEEK)

    assert again(schedule).next_at == due_at(schedule) == MONDAY + 3 * WEEK
    assert reports_of(schedule) == []


def test_a_change_moves_the_next_slot(acme, mail):
    schedule = make_schedule(acme, mail)

    schedule_services.change_schedule(
        organization=acme,
        actor=owner_of(acme),
        schedule=schedule,
        wanted=wanted(mail, cadence="monthly", month_day=31, at=time(23, 30), span="last_month"),
        now=NOW,
    )

    assert again(schedule).next_at == due_at(schedule) == datetime(2026, 7, 31, 23, 30, tzinfo=UTC)


def test_every_write_says_who_did_what(acme, mail):
    who = {"organization": acme, "actor": owner_of(acme)}
    schedule = make_schedule(acme, mail)
    schedule_services.pause_schedule(**who, schedule=schedule)
    schedule_services.resume_schedule(**who, schedule=schedule, now=NOW)
    schedule_services.send_now(**who, schedule=schedule, now=NOW)
    schedule_services.delete_schedule(**who, schedule=schedule)

    with org_scope(acme.pk):
        entries = list(AuditEntry.objects.filter(action__startswith="report_schedule").order_by("pk"))
    assert [one.action.partition(".")[2] for one in entries] == ["created", "paused", "resumed", "sent", "deleted"]
    assert entries[0].facts["channels"] == ["Mail"]


# --- The end of old reports ---


def test_reports_are_kept_as_long_as_the_installation_says(acme, settings):
    settings.REPORTS_KEPT_DAYS = 10
    with org_scope(acme.pk):
        old, young = (
            Report.objects.create(
                organization=acme,
                span="custom",
                first_day=NOW.date(),
                last_day=NOW.date(),
                sections=[],
                created_at=NOW - timedelta(days=days),
            )
            for days in (11, 9)
        )

    assert retention.forget_old(organization_id=acme.pk, now=NOW) == 1

    with org_scope(acme.pk):
        assert list(Report.objects.all()) == [young]
    assert old.pk != young.pk


def test_numbers_of_a_stored_report_can_be_read_again(acme, mail):
    schedule = make_schedule(acme, mail)
    report = make(schedule_services.send_now(organization=acme, actor=None, schedule=schedule, now=NOW))

    assert Numbers.of_stored(stored(report).numbers).organization == "Acme"
