"""What people do with insights: each step recorded, nothing of others, nothing that contradicts itself."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from conftest import make_user
from rules import insight_life
from rules.models import Insight, InsightChange, InsightComment
from rules.tests.scenes import NOW, evaluate, only_insight, spike
from tenants.audit import KeyActor
from tenants.models import AuditEntry, Event, Membership, User
from tenants.permissions import Role

KEY = KeyActor(key_id=5, name="deploy")


@pytest.fixture
def owner_user(acme):
    return User.objects.get(memberships__organization=acme, memberships__role=Role.OWNER)


@pytest.fixture
def insight(acme, acme_project):
    spike(acme_project)
    evaluate(acme_project)
    return only_insight(acme)


def last_change():
    return InsightChange.objects.order_by("-pk").first()


def actions():
    return list(
        AuditEntry.objects.filter(action__startswith="insight.").order_by("pk").values_list("action", flat=True)
    )


def test_acknowledging_says_who_and_takes_note_of_what_was_told(acme, owner_user, insight, scope):
    insight_life.acknowledge(organization=acme, actor=owner_user, insight=insight, now=NOW)

    assert insight.status == "acknowledged"
    with scope(acme):
        change = last_change()
        assert (change.kind, change.actor, change.actor_kind) == ("acknowledged", owner_user, "user")
        told = Event.objects.get(kind="insight.opened")
        assert (told.acknowledged_at, told.acknowledged_by) == (NOW, owner_user)
        assert actions() == ["insight.acknowledged"]


def test_doing_it_again_changes_nothing(acme, owner_user, insight, scope):
    for _ in range(2):
        insight_life.acknowledge(organization=acme, actor=owner_user, insight=insight, now=NOW)

    with scope(acme):
        assert actions() == ["insight.acknowledged"]


def test_muting_has_an_end_and_unmuting_opens_it_again(acme, insight, scope):
    until = NOW + timedelta(days=2)
    insight_life.mute(organization=acme, actor=KEY, insight=insight, until=until, now=NOW)

    assert (insight.status, insight.muted_until) == ("muted", until)
    with scope(acme):
        change = last_change()
        assert (change.kind, change.actor_kind, change.key_name) == ("muted", "key", "deploy")
        assert change.facts == {"until": until.isoformat()}
        assert Event.objects.get(kind="insight.opened").acknowledged_at == NOW  # nobody is reminded

    insight_life.unmute(organization=acme, actor=KEY, insight=insight, now=NOW)

    assert (insight.status, insight.muted_until) == ("open", None)
    with scope(acme):
        assert actions() == ["insight.muted", "insight.unmuted"]


@pytest.mark.parametrize("until", [NOW, NOW - timedelta(days=1), NOW + timedelta(days=367)])
def test_a_mute_that_is_over_or_never_ends_is_refused(acme, insight, scope, until):
    with pytest.raises(ValidationError, match="at most a year ahead"):
        insight_life.mute(organization=acme, actor=None, insight=insight, until=until, now=NOW)

    with scope(acme):
        assert (Insight.objects.get().status, actions()) == ("open", [])


def test_resolving_by_hand_is_told_under_the_same_key(acme, owner_user, insight, scope):
    insight_life.resolve(organization=acme, actor=owner_user, insight=insight, now=NOW)

    assert (insight.status, insight.resolved_at) == ("resolved", NOW)
    with scope(acme):
        event = Event.objects.get(kind="insight.resolved")
        assert (event.dedup_key, event.facts["reason"]) == (insight.fingerprint, "by hand")
        assert last_change().facts == {"reason": "by hand"}
        assert actions() == ["insight.resolved"]


@pytest.mark.parametrize("step", ["acknowledge", "resolve", "mute"])
def test_what_is_resolved_can_be_neither_acknowledged_nor_muted_nor_resolved(acme, insight, scope, step):
    insight_life.resolve(organization=acme, actor=None, insight=insight, now=NOW)
    more = {"until": NOW + timedelta(days=1)} if step == "mute" else {}

    with pytest.raises(ValidationError, match="resolved already"):
        getattr(insight_life, step)(organization=acme, actor=None, insight=insight, now=NOW, **more)

    with scope(acme):
        assert actions() == ["insight.resolved"]


def test_a_member_is_given_an_insight_and_it_is_taken_back(acme, owner_user, insight, scope):
    insight_life.assign(organization=acme, actor=owner_user, insight=insight, assignee=owner_user, now=NOW)

    assert insight.assignee_id == owner_user.pk
    with scope(acme):
        entry = AuditEntry.objects.get(action="insight.assigned")
        assert (entry.personal, "email" in entry.facts) == ({"email": owner_user.email}, False)

    insight_life.assign(organization=acme, actor=owner_user, insight=insight, assignee=None, now=NOW)

    with scope(acme):
        assert Insight.objects.get().assignee is None
        assert len(actions()) == 2


def test_only_members_who_see_something_are_given_insights(acme, globex, insight, scope):
    stranger = User.objects.get(memberships__organization=globex)
    blind = make_user("blind@acme.test")
    Membership.objects.create(user=blind, organization=acme, role=Role.NONE)

    for person in (stranger, blind):
        with pytest.raises(ValidationError, match="member of the organization"):
            insight_life.assign(organization=acme, actor=None, insight=insight, assignee=person, now=NOW)

    with scope(acme):
        assert Insight.objects.get().assignee is None


def test_a_comment_is_kept_as_it_was_said(acme, owner_user, insight, scope):
    text = "  <b>Looking</b> into “it” 🔍  "

    insight_life.comment(organization=acme, actor=owner_user, insight=insight, text=text, now=NOW)

    with scope(acme):
        comment = InsightComment.objects.get()
        assert (comment.text, comment.author, comment.key_name) == (text.strip(), owner_user, "")
        assert "text" not in AuditEntry.objects.get(action="insight.commented").facts


@pytest.mark.parametrize("text", ["", "   ", "x" * 2_001, "a\x00b"])
def test_nothing_and_too_much_are_no_comments(acme, insight, scope, text):
    with pytest.raises(ValidationError):
        insight_life.comment(organization=acme, actor=None, insight=insight, text=text, now=NOW)

    with scope(acme):
        assert InsightComment.objects.count() == 0
        assert actions() == []


@pytest.mark.parametrize("step", ["acknowledge", "resolve", "unmute", "comment", "assign"])
def test_insights_of_others_do_not_exist(acme, globex, insight, scope, step):
    more = {"comment": {"text": "Hello"}, "assign": {"assignee": None}}.get(step, {})

    with pytest.raises(Insight.DoesNotExist):
        getattr(insight_life, step)(organization=globex, actor=None, insight=insight, now=NOW, **more)

    with scope(acme):
        assert Insight.objects.get().status == "open"
