"""Insights open, stay, end and come again, each with one event; two workers write it once."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connections

from conftest import make_organization
from core.scope import org_scope
from dashboards.tests.factories import record_calls
from ingestion.tests.factories import make_samples
from rules import configuration, cursors, evaluation, insight_life
from rules.findings import Outcome
from rules.models import Insight, InsightChange, RuleEvaluation
from rules.tests.scenes import NOW, ONE, TODAY, evaluate, only_insight, spike
from tenants.models import Event, Project

LATER = NOW + 2 * ONE


def told(organization):
    with org_scope(organization.pk):
        found = Event.objects.filter(kind__startswith="insight.").order_by("pk")
        return list(found.values_list("kind", "dedup_key"))


def history(insight):
    with org_scope(insight.organization_id):
        return list(InsightChange.objects.filter(insight=insight).order_by("pk").values_list("kind", flat=True))


def test_a_finding_opens_an_insight_and_tells_once(acme, acme_project, scope):
    spike(acme_project)

    outcome = evaluate(acme_project)

    assert outcome == Outcome(opened=1)
    insight = only_insight(acme)
    assert (insight.rule, insight.severity, insight.team, insight.status) == ("SPIKE", "high", "growth", "open")
    assert (insight.first_seen_at, insight.last_seen_at, insight.opened_at) == (NOW, NOW, NOW)
    assert (insight.project, insight.is_firing, insight.times_reopened) == (acme_project, True, 0)
    assert told(acme) == [("insight.opened", insight.fingerprint)]
    assert history(insight) == ["opened"]
    with scope(acme):
        event = Event.objects.get()
        assert (event.severity, event.team, event.project, event.subject_id) == (
            "high", "growth", acme_project, str(insight.pk),
        )  # fmt: skip
        assert event.link == f"/o/acme/p/web/insights/{insight.pk}/"
        assert event.facts["title"] == "Spike in traffic: growth"
        assert event.facts["figures"][0] == {
            "label": "Calls",
            "value": "120 calls a day",
            "normal": "above 6 calls a day",
        }


def test_the_same_finding_is_the_same_insight_with_newer_numbers(acme, acme_project):
    spike(acme_project)
    evaluate(acme_project)
    before = only_insight(acme)
    record_calls(acme_project, [{"started_at": NOW, "team": "growth"} for _ in range(30)])

    outcome = evaluate(acme_project, now=NOW + timedelta(minutes=1))

    assert outcome == Outcome(still=1)
    after = only_insight(acme)
    assert (after.pk, after.opened_at, after.last_seen_at) == (before.pk, NOW, NOW + timedelta(minutes=1))
    assert after.evidence["figures"][0]["value"] == 150
    assert len(told(acme)) == 1


def test_a_change_of_severity_is_in_the_history(acme, acme_project):
    spike(acme_project, calls=100)
    evaluate(acme_project)
    configured = {"times": "3", "times_high": "500"}
    configuration.configure(
        organization=acme, actor=None, project=acme_project, rule="SPIKE", enabled=True, thresholds=configured, now=NOW
    )

    evaluate(acme_project, now=NOW)

    insight = only_insight(acme)
    assert (insight.severity, history(insight)) == ("low", ["opened", "severity"])


def test_what_is_gone_ends_by_itself_and_is_told(acme, acme_project, scope):
    spike(acme_project)
    evaluate(acme_project)

    outcome = evaluate(acme_project, now=LATER)

    assert outcome == Outcome(resolved=1)
    insight = only_insight(acme)
    assert (insight.status, insight.resolved_at, insight.is_firing) == ("resolved", LATER, False)
    assert told(acme) == [("insight.opened", insight.fingerprint), ("insight.resolved", insight.fingerprint)]
    assert history(insight) == ["opened", "resolved"]


def test_what_is_gone_is_gone_once(acme, acme_project):
    spike(acme_project)
    evaluate(acme_project)
    evaluate(acme_project, now=LATER)

    assert evaluate(acme_project, now=LATER + timedelta(minutes=1)) == Outcome()
    assert len(told(acme)) == 2


def test_what_comes_again_is_the_same_insight_opened_again_under_a_new_key(acme, acme_project):
    spike(acme_project)
    evaluate(acme_project)
    evaluate(acme_project, now=LATER)

    outcome = evaluate(acme_project, now=NOW + timedelta(minutes=2))

    assert outcome == Outcome(reopened=1)
    insight = only_insight(acme)
    assert (insight.status, insight.times_reopened, insight.resolved_at) == ("open", 1, None)
    assert told(acme)[-1] == ("insight.reopened", f"{insight.fingerprint}:1")
    assert history(insight) == ["opened", "resolved", "reopened"]


def test_only_rules_that_ran_end_what_they_found(acme, acme_project):
    own = {"model_key": "own-1", "cost_usd": None, "cost_source": "none", "started_at": NOW - ONE, "received_at": NOW}
    record_calls(acme_project, [own])
    assert evaluate(acme_project, hours=True) == Outcome(opened=1)

    assert evaluate(acme_project, now=NOW + timedelta(minutes=1)) == Outcome()
    assert only_insight(acme).status == "open"


def test_a_rule_that_is_turned_off_ends_what_it_found(acme, acme_project):
    spike(acme_project)
    evaluate(acme_project)
    configuration.configure(
        organization=acme, actor=None, project=acme_project, rule="SPIKE", enabled=False, thresholds={}, now=NOW
    )

    assert evaluate(acme_project) == Outcome(resolved=1)


# --- What people did ---


def test_an_acknowledged_insight_stays_so_while_it_lasts_and_ends_by_itself(acme, acme_project):
    spike(acme_project)
    evaluate(acme_project)
    insight_life.acknowledge(organization=acme, actor=None, insight=only_insight(acme), now=NOW)

    evaluate(acme_project, now=NOW + timedelta(minutes=1))
    assert only_insight(acme).status == "acknowledged"

    evaluate(acme_project, now=LATER)
    assert only_insight(acme).status == "resolved"


def test_a_muted_insight_opens_when_its_time_is_over_and_nobody_is_told_again(acme, acme_project):
    spike(acme_project)
    evaluate(acme_project)
    until = NOW + timedelta(minutes=10)
    insight_life.mute(organization=acme, actor=None, insight=only_insight(acme), until=until, now=NOW)

    evaluate(acme_project, now=NOW + timedelta(minutes=9))
    assert only_insight(acme).status == "muted"

    evaluate(acme_project, now=until)
    insight = only_insight(acme)
    assert (insight.status, insight.muted_until) == ("open", None)
    assert [kind for kind, _ in told(acme)] == ["insight.opened"]


def test_what_comes_again_while_it_is_muted_is_told_to_nobody(acme, acme_project):
    spike(acme_project)
    evaluate(acme_project)
    insight_life.mute(organization=acme, actor=None, insight=only_insight(acme), until=NOW + 30 * ONE, now=NOW)
    evaluate(acme_project, now=LATER)

    evaluate(acme_project, now=NOW + timedelta(minutes=3))

    insight = only_insight(acme)
    assert (insight.status, insight.times_reopened) == ("muted", 1)
    assert [kind for kind, _ in told(acme)] == ["insight.opened", "insight.resolved"]


def test_what_was_resolved_by_hand_is_not_told_again_while_its_window_is_the_same(acme, acme_project):
    spike(acme_project)
    evaluate(acme_project)
    insight_life.resolve(organization=acme, actor=None, insight=only_insight(acme), now=NOW)

    outcome = evaluate(acme_project, now=NOW + timedelta(minutes=1))

    assert outcome == Outcome(still=1)
    assert only_insight(acme).status == "resolved"


def test_what_was_resolved_by_hand_opens_again_when_all_its_numbers_are_later(acme, acme_project):
    spike(acme_project)
    evaluate(acme_project)
    insight_life.resolve(organization=acme, actor=None, insight=only_insight(acme), now=TODAY - timedelta(minutes=5))

    assert evaluate(acme_project, now=NOW + timedelta(minutes=1)) == Outcome(reopened=1)


# --- Who evaluates when ---


def test_a_project_whose_calls_moved_is_handed_out_and_not_twice(acme, acme_project):
    spike(acme_project)

    assert cursors.sweep(now=NOW) == 1
    assert cursors.sweep(now=NOW) == 0
    cursor = RuleEvaluation.objects.get(project_id=acme_project.pk)
    assert cursor.leased_until == NOW + cursors.LEASE


def test_a_lost_worker_loses_nothing(acme, acme_project):
    spike(acme_project)
    cursors.sweep(now=NOW)

    assert cursors.sweep(now=NOW + cursors.LEASE - timedelta(seconds=1)) == 0
    assert cursors.sweep(now=NOW + cursors.LEASE) == 1


def test_a_second_message_for_what_is_done_does_nothing(acme, acme_project):
    spike(acme_project)
    cursors.sweep(now=NOW)
    cursor = RuleEvaluation.objects.get(project_id=acme_project.pk)

    assert evaluation.run(organization_id=acme.pk, cursor_id=cursor.pk, now=NOW) is not None
    assert evaluation.run(organization_id=acme.pk, cursor_id=cursor.pk, now=NOW) is None
    assert len(told(acme)) == 1


def test_after_an_evaluation_a_project_waits_until_something_moves_or_the_next_hour(acme, acme_project):
    spike(acme_project)
    cursors.sweep(now=NOW)
    cursor = RuleEvaluation.objects.get(project_id=acme_project.pk)
    evaluation.run(organization_id=acme.pk, cursor_id=cursor.pk, now=NOW)
    hour = NOW.replace(minute=0) + timedelta(hours=1)

    assert cursors.sweep(now=NOW + timedelta(minutes=2)) == 0
    assert cursors.sweep(now=hour - timedelta(seconds=1)) == 0
    assert cursors.sweep(now=hour) == 1


def test_calls_that_came_just_before_are_looked_at_once_more(acme, acme_project):
    spike(acme_project, at=NOW - timedelta(seconds=3))
    cursors.sweep(now=NOW)
    cursor = RuleEvaluation.objects.get(project_id=acme_project.pk)
    evaluation.run(organization_id=acme.pk, cursor_id=cursor.pk, now=NOW)

    assert cursors.sweep(now=NOW + timedelta(seconds=30)) == 0
    assert cursors.sweep(now=NOW + timedelta(minutes=1)) == 1


@pytest.mark.parametrize(
    ("age", "watched", "due"),
    [
        (timedelta(0), False, NOW.replace(minute=0) + timedelta(hours=1)),
        (timedelta(hours=27), False, TODAY + ONE),
        (timedelta(days=31), False, TODAY + ONE),
        (timedelta(days=40), False, None),
        (timedelta(days=40), True, NOW.replace(minute=0) + timedelta(hours=1)),
        (None, False, None),
    ],
)
def test_when_a_project_is_due_although_nothing_moves(age, watched, due):
    from zoneinfo import ZoneInfo

    last = None if age is None else NOW - age

    assert cursors.next_due(now=NOW, progress=cursors.Progress(last, watched, ZoneInfo("UTC"))) == due


def test_the_rules_of_every_hour_run_once_an_hour_and_at_local_midnight(acme):
    from zoneinfo import ZoneInfo

    kathmandu = ZoneInfo("Asia/Kathmandu")  # its hours begin at a quarter past
    cursor = RuleEvaluation(fully_evaluated_at=NOW.replace(minute=14))

    assert cursors.is_full_due(RuleEvaluation(), now=NOW, zone=kathmandu)
    assert not cursors.is_full_due(cursor, now=NOW.replace(minute=14, second=59), zone=kathmandu)
    assert cursors.is_full_due(cursor, now=NOW.replace(minute=15), zone=kathmandu)


def test_a_project_that_is_to_be_deleted_is_left_alone(acme, acme_project, scope):
    spike(acme_project)
    with scope(acme):
        Project.objects.filter(pk=acme_project.pk).update(delete_at=NOW)

    assert evaluate(acme_project) is None
    assert not RuleEvaluation.objects.filter(project_id=acme_project.pk).exists()
    assert told(acme) == []


def test_a_cursor_of_another_organization_is_not_taken(acme, acme_project, globex):
    spike(acme_project)
    cursors.sweep(now=NOW)
    cursor = RuleEvaluation.objects.get(project_id=acme_project.pk)

    assert evaluation.run(organization_id=globex.pk, cursor_id=cursor.pk, now=NOW) is None
    assert told(acme) == []


def test_a_project_that_sends_samples_and_no_calls_is_found(acme, acme_project):
    rows = [{"sampled_at": NOW - timedelta(hours=20 + number), "received_at": NOW} for number in range(60)]
    make_samples(acme_project, rows)

    assert evaluation.seek_samples(now=NOW) == 1
    assert evaluation.seek_samples(now=NOW) == 0
    assert cursors.sweep(now=NOW) == 1
    assert evaluate(acme_project, hours=True) == Outcome(opened=1)
    assert only_insight(acme).rule == "RAM_OVER_PROVISION"


@pytest.fixture
def committed_project(committed_db):
    organization = make_organization("Acme")
    with org_scope(organization.pk):
        project = Project.objects.get(slug="web")
    spike(project)
    return project


def test_two_workers_at_once_open_one_insight_and_tell_once(committed_project):
    cursors.sweep(now=NOW)
    cursor = RuleEvaluation.objects.get(project_id=committed_project.pk)
    barrier, outcomes = Barrier(2), []

    def work():
        barrier.wait()
        outcomes.append(evaluation.run(organization_id=committed_project.organization_id, cursor_id=cursor.pk, now=NOW))
        connections.close_all()

    workers = [Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(outcomes, key=str) == [None, Outcome(opened=1)]
    assert len(told(committed_project.organization)) == 1


def test_a_worker_that_dies_half_way_leaves_nothing_and_the_next_one_finds_it_all(committed_project, monkeypatch):
    cursors.sweep(now=NOW)
    cursor = RuleEvaluation.objects.get(project_id=committed_project.pk)
    ids = {"organization_id": committed_project.organization_id, "cursor_id": cursor.pk}
    with monkeypatch.context() as patch:
        patch.setattr(cursors, "put_back", lambda *_, **__: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            evaluation.run(**ids, now=NOW)
    with org_scope(committed_project.organization_id):
        assert Insight.objects.count() == Event.objects.filter(kind="insight.opened").count() == 0

    assert cursors.sweep(now=NOW + cursors.LEASE) == 1
    assert evaluation.run(**ids, now=NOW + cursors.LEASE) == Outcome(opened=1)


def test_a_project_can_be_made_due_before_it_was_ever_looked_at(acme, acme_project):
    cursors.make_due(organization_id=acme.pk, project_id=acme_project.pk, now=NOW)
    cursors.make_due(organization_id=acme.pk, project_id=acme_project.pk, now=NOW + timedelta(minutes=1), is_full=True)

    cursor = RuleEvaluation.objects.get(project_id=acme_project.pk)
    assert (cursor.due_at, cursor.fully_evaluated_at) == (NOW + timedelta(minutes=1), None)
