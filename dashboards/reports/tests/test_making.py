"""A report as a worker makes it: its numbers are the pages' own, and it is there whole or not at all."""

from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from pypdf import PdfReader

from conftest import make_user
from core.models import WorkDue
from core.scope import org_scope
from dashboards import selectors as pages
from dashboards.filters import Filter
from dashboards.reports import making, rights, services
from dashboards.reports import selectors as reports
from dashboards.reports.models import Report
from dashboards.reports.numbers import SECTIONS, Numbers
from dashboards.reports.spans import Days
from dashboards.reports.tests.factories import NOW, TODAY, WEEK, make, order, owner_of, stored
from dashboards.tests.factories import count_calls
from ingestion.tests.factories import make_sample
from rules import recommendations
from rules.tests.budgets import make_budget
from rules.tests.factories import make_insight, saving
from tenants import currency, teams
from tenants import services as tenants
from tenants.models import AuditEntry, Membership, ProjectRole
from tenants.permissions import Role


def call(day, cost, **columns):
    priced = {"cost_usd": Decimal(0), "unpriced_calls": 1} if cost is None else {"cost_usd": Decimal(cost)}
    return {"started_at": NOW.replace(day=day.day, month=day.month, hour=9)} | priced | columns


def calls(project, day, *costs, **columns):
    count_calls(project, [call(day, cost, **columns) for cost in costs])


def numbers(report):
    return Numbers.of_stored(report.numbers)


# --- The numbers ---


def test_a_report_says_what_the_overview_of_the_same_days_says(acme, acme_project):
    count_calls(
        acme_project,
        [
            call(date(2026, 7, 3), "1"),
            call(date(2026, 7, 10), "0.000123", feature="titles"),
            call(date(2026, 7, 10), "2.5", feature="titles"),
            call(TODAY, "4", model_key="claude", provider="anthropic", feature="chat"),
            call(TODAY, None, model_key="own", feature="chat"),
        ],
    )

    found = numbers(make(order(acme)))

    with org_scope(acme.pk):
        chosen = Filter.parse({"range": ["7d"]}, now=NOW, zone=ZoneInfo("UTC"))
        page = pages.overview(organization=acme, project=None, chosen=chosen)
    assert (found.total.calls, found.total.cost_usd) == (page.total.calls, page.total.cost_usd)
    assert found.total.unpriced_calls == page.total.unpriced_calls == 1
    assert [(one.within, one.name, one.sums.cost_usd) for one in found.models.groups] == [
        (model.provider, model.model_key, sums.cost_usd) for model, sums in page.models.items()
    ]
    assert [(one.name, one.sums.calls) for one in found.features.groups] == [
        (name, sums.calls) for name, sums in page.features.items()
    ]
    assert sum(one.sums.cost_usd for one in found.days) == page.total.cost_usd
    assert [one.day for one in found.days] == [WEEK.first + timedelta(days=n) for n in range(7)]


def test_teams_are_summed_under_whichever_of_their_names_calls_gave(acme, acme_project):
    teams.create_team(organization=acme, actor=None, name="Search")
    calls(acme_project, TODAY, "1", team="search")
    calls(acme_project, TODAY, "2", team=" SEARCH")
    calls(acme_project, TODAY, "8", team="strangers")
    calls(acme_project, TODAY, "16", team="")

    found = numbers(make(order(acme))).teams

    assert [(one.name, one.sums.cost_usd) for one in found.groups] == [
        ("", Decimal(16)),
        ("strangers", Decimal(8)),
        ("Search", Decimal(3)),
    ]


def test_insights_and_savings_are_those_of_the_recommendations(acme, acme_project):
    make_insight(acme, acme_project, opened_at=NOW, **saving("10"))
    make_insight(acme, acme_project, opened_at=NOW - timedelta(days=60), severity="low", rule="SPIKE")
    make_insight(acme, None, opened_at=NOW - timedelta(days=60), status="acknowledged", severity="medium")
    ended = {"status": "resolved", "resolved_at": NOW - timedelta(days=1), "opened_at": NOW - timedelta(days=60)}
    make_insight(acme, acme_project, is_firing=False, **saving("4"), **ended)
    make_insight(acme, acme_project, is_firing=True, **saving("100"), **ended)  # ended by hand, and still there

    found = numbers(make(order(acme))).findings

    with org_scope(acme.pk):
        page = recommendations.report(organization=acme, project_ids=[acme_project.pk, None])
    assert [one.id for one in found.open] == [one.insight_id for one in page.causes]
    assert (found.potential.month_usd, found.potential.year_usd) == (page.saving.month_usd, page.saving.year_usd)
    assert found.counts == {"high": 1, "medium": 1, "low": 1}
    assert (found.found.month_usd, found.found.insights) == (Decimal(10), 1)
    assert (found.realised.month_usd, found.realised.insights) == (Decimal(4), 1)
    first = found.open[0]
    assert (first.place, first.team) == ("gpt-4o in titles", "search")
    assert first.evidence == "Output a call: 9.50 tokens a call, fires below 100 tokens a call"


def test_the_month_is_forecast_at_the_pace_of_its_calls_and_set_against_budgets(acme, acme_project):
    at = NOW - timedelta(days=7)
    count_calls(
        acme_project, [{"started_at": at + timedelta(hours=hour), "cost_usd": Decimal(1)} for hour in range(168)]
    )
    make_budget(acme)

    found = numbers(make(order(acme))).forecast

    left = Decimal((date(2026, 8, 1) - TODAY).days * 24 - 12)
    assert found.spent.cost_usd == 168
    assert found.forecast.expected == 168 + left
    assert [one.name for one in found.budgets] != []


def test_cloud_entries_are_counted_and_an_unknown_cost_stays_unknown(acme, acme_project):
    make_sample(acme_project, sampled_at=NOW - timedelta(hours=1), resource="a", cost_usd=None)
    make_sample(acme_project, sampled_at=NOW - timedelta(hours=2), resource="b", cost_usd=None)

    found = numbers(make(order(acme))).resources

    assert (found.entries, found.count, found.cost_usd, found.without_cost) == (2, 2, None, 2)


def test_a_report_of_one_project_is_about_no_other(acme, acme_project):
    other = tenants.create_project(organization=acme, actor=None, name="Other")
    calls(acme_project, TODAY, "1")
    calls(other, TODAY, "2")
    make_insight(acme, other)
    make_insight(acme, None)

    found = numbers(make(order(acme, project=acme_project)))

    assert (found.project, found.total.cost_usd, found.findings.open_count) == ("Web", Decimal(1), 0)
    assert [one.sums.cost_usd for one in found.teams.groups] == [Decimal(1)]
    assert found.forecast.spent.cost_usd == 1


def test_costs_are_written_in_the_organizations_currency(acme, acme_project):
    currency.set_rate(organization=acme, actor=None, code="EUR", rate=Decimal("0.5"), valid_from=date(2026, 1, 1))
    currency.set_currency(organization=acme, actor=None, code="EUR")
    calls(acme_project, TODAY, "4")

    report = make(order(acme))

    assert numbers(report).total.cost_usd == 4
    text = paper(report)
    assert "€2.00" in text
    assert "$4.00" not in text
    assert "converted at 1 USD = 0.5 EUR" in text


def paper(report):
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(bytes(report.pdf))).pages)


# --- In whose name ---


def hide(acme, project, user):
    with org_scope(acme.pk):
        ProjectRole.objects.create(organization=acme, project=project, user=user, role=Role.NONE)


def join(acme, name, role=Role.MEMBER):
    user = make_user(f"{name}@acme.test")
    Membership.objects.create(user=user, organization=acme, role=role)
    return user


def test_hidden_projects_of_whoever_orders_it_are_left_out_and_the_report_says_so(acme, acme_project):
    secret = tenants.create_project(organization=acme, actor=None, name="Secret")
    calls(acme_project, TODAY, "1")
    calls(secret, TODAY, "64", team="secret-team", model_key="secret-model")
    make_insight(acme, secret, model="secret-model")
    make_budget(acme, scope="project", project=secret, name="Secret budget")
    make_sample(secret, sampled_at=NOW - timedelta(hours=1))
    mia = join(acme, "mia")
    hide(acme, secret, mia)

    report = make(order(acme, mia))

    found = numbers(report)
    assert (found.total.cost_usd, found.hidden_projects, found.findings.open_count) == (Decimal(1), 1, 0)
    assert [one.sums.cost_usd for one in found.teams.groups] == [Decimal(1)]
    assert (found.forecast.spent.cost_usd, found.forecast.budgets) == (Decimal(1), ())
    assert found.resources.entries == 0
    assert "secret" not in str(report.numbers).casefold()
    assert "1 project that they may not see is left out" in paper(report)


def test_a_report_is_shown_to_nobody_who_may_see_less_than_it_says(acme, acme_project):
    mia, tom = join(acme, "mia"), join(acme, "tom")
    hide(acme, acme_project, mia)
    of_owner, of_mia = make(order(acme)), make(order(acme, mia))
    of_project = make(order(acme, tom, project=acme_project))

    with org_scope(acme.pk):
        seen_by_mia = list(reports.reports(organization=acme, hidden=(acme_project.pk,)))
        seen_by_tom = list(reports.reports(organization=acme, hidden=()))

    assert seen_by_mia == [of_mia]
    assert seen_by_tom == [of_project, of_mia, of_owner]


@pytest.mark.parametrize(
    ("lose", "why"),
    [
        (lambda membership: membership.delete(), rights.NOBODY),
        (lambda membership: Membership.objects.filter(pk=membership.pk).update(role=Role.VIEWER), rights.NO_ROLE),
    ],
)
def test_whoever_lost_their_rights_gets_no_report(acme, acme_project, lose, why):
    mia = join(acme, "mia")
    report = order(acme, mia)
    lose(Membership.objects.get(user=mia))

    made = make(report)

    assert (made.state, made.error, made.numbers, made.pdf) == ("failed", why, None, None)


def test_a_report_of_a_project_that_was_hidden_since_is_not_made(acme, acme_project):
    mia = join(acme, "mia")
    report = order(acme, mia, project=acme_project)
    hide(acme, acme_project, mia)

    assert make(report).error == rights.NO_PROJECT


# --- Once, whole, or not at all ---


def test_a_made_report_has_its_numbers_and_its_paper_and_nothing_more_is_due(acme):
    report = order(acme)
    assert WorkDue.objects.filter(task=services.TASK, object_id=report.pk).exists()

    made = make(report)

    assert (made.state, made.made_at, made.error) == ("ready", NOW, "")
    assert made.pdf_bytes == len(bytes(made.pdf)) > 10_000
    assert made.sections == list(SECTIONS)
    assert not WorkDue.objects.filter(task=services.TASK, object_id=report.pk).exists()


def test_making_it_twice_changes_nothing(acme, acme_project):
    report = order(acme)
    first = make(report)
    calls(acme_project, TODAY, "1")

    again = make(report, NOW + timedelta(hours=1))

    assert (again.made_at, again.numbers) == (first.made_at, first.numbers)


def test_a_worker_that_dies_leaves_the_report_waiting(acme, monkeypatch):
    report = order(acme)

    def die(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(making.pdf, "render", die)
    with pytest.raises(KeyboardInterrupt):
        make(report)
    monkeypatch.undo()

    assert stored(report).state == "queued"
    assert WorkDue.objects.filter(task=services.TASK, object_id=report.pk).exists()
    assert make(report).state == "ready"


def test_a_database_that_does_not_answer_in_time_is_asked_three_times(acme):
    report = order(acme)

    for _ in range(2):
        making.note_failure(organization_id=acme.pk, report_id=report.pk, now=NOW)
        assert stored(report).state == "queued"
    making.note_failure(organization_id=acme.pk, report_id=report.pk, now=NOW)

    assert (stored(report).state, stored(report).error) == ("failed", making.TOO_SLOW)
    assert not WorkDue.objects.filter(task=services.TASK, object_id=report.pk).exists()


def test_the_task_notes_a_failure_and_lets_it_be_seen(acme, monkeypatch):
    from dashboards.reports import tasks

    report = order(acme)

    def fail(**_):
        raise DatabaseError

    monkeypatch.setattr(making.reading, "numbers", fail)
    with pytest.raises(DatabaseError):
        tasks.make(organization_id=acme.pk, object_id=report.pk)

    assert (stored(report).state, stored(report).failures) == ("queued", 1)


def test_what_failed_can_be_tried_again_by_whoever_manages_reports(acme):
    report = order(acme)
    for _ in range(3):
        making.note_failure(organization_id=acme.pk, report_id=report.pk, now=NOW)

    services.retry_report(organization=acme, actor=owner_of(acme), report=stored(report))

    assert make(report).state == "ready"


def test_only_what_failed_is_tried_again(acme):
    with pytest.raises(ValidationError, match="Only a report that failed"):
        services.retry_report(organization=acme, actor=None, report=order(acme))


def test_a_report_of_a_project_that_was_deleted_needs_no_work(acme, acme_project):
    report = order(acme, project=acme_project)
    with org_scope(acme.pk):
        Report.objects.all().delete()

    making.make(organization_id=acme.pk, report_id=report.pk, now=NOW)

    assert not WorkDue.objects.filter(task=services.TASK, object_id=report.pk).exists()


def test_reports_that_wait_are_bounded(acme):
    for _ in range(services.MOST_WAITING):
        order(acme)

    with pytest.raises(ValidationError, match="20 reports are being made already"):
        order(acme)


def test_an_unknown_section_is_refused_by_name(acme):
    with pytest.raises(ValidationError) as refused:
        order(acme, sections=["everything"])

    assert refused.value.message_dict == {"sections": ["Choose from the listed sections."]}


def test_ordering_is_recorded(acme):
    order(acme, days=Days(date(2026, 6, 1), date(2026, 6, 30)))

    with org_scope(acme.pk):
        entry = AuditEntry.objects.get(action="report.ordered")
    assert entry.facts == {"project": "", "first_day": "2026-06-01", "last_day": "2026-06-30"}
