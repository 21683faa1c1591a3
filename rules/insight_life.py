"""What people do with insights: take note, be quiet for a while, end by hand, give to somebody, say something."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from core.scope import org_scope
from rules import news
from rules.models import Insight, InsightChange, InsightComment
from tenants import audit, members
from tenants.audit import Actor, KeyActor
from tenants.models import Event, Organization, User
from tenants.permissions import Role

Status = Insight.Status
BY_HAND: Final = "by hand"
LONGEST_MUTE: Final = timedelta(days=366)
LONGEST_COMMENT: Final = 2_000


@transaction.atomic
def acknowledge(*, organization: Organization, actor: Actor, insight: Insight, now: datetime) -> None:
    """Say that somebody looks after it: nobody is reminded any more. Doing it again changes nothing.

    :raises ValidationError: it is resolved.
    """
    with _locked(organization, insight) as locked:
        _must_be_unresolved(locked)
        if locked.status == Status.ACKNOWLEDGED:
            return
        before = locked.status
        locked.status, locked.muted_until = Status.ACKNOWLEDGED, None
        locked.save(update_fields=["status", "muted_until"])
        told = Event.objects.filter(dedup_key=locked.dedup_key, acknowledged_at=None)
        told.update(acknowledged_at=now)
        _note(locked, "acknowledged", actor, now)
        audit.record("insight.acknowledged", actor=actor, target=locked, rule=locked.rule, before=before)


@transaction.atomic
def mute(*, organization: Organization, actor: Actor, insight: Insight, until: datetime, now: datetime) -> None:
    """Tell nobody of it until then, also when it ends and comes again.

    :raises ValidationError: it is resolved, or ``until`` is past or more than a year ahead.
    """
    if not now < until <= now + LONGEST_MUTE:
        raise ValidationError({"until": "Choose a time from now on, at most a year ahead."})
    with _locked(organization, insight) as locked:
        _must_be_unresolved(locked)
        locked.status, locked.muted_until = Status.MUTED, until
        locked.save(update_fields=["status", "muted_until"])
        _note(locked, "muted", actor, now, until=until.isoformat())
        audit.record("insight.muted", actor=actor, target=locked, rule=locked.rule, until=until.isoformat())


@transaction.atomic
def unmute(*, organization: Organization, actor: Actor, insight: Insight, now: datetime) -> None:
    """Open it again before its time. What is not muted stays as it is."""
    with _locked(organization, insight) as locked:
        if locked.muted_until is None:
            return
        locked.muted_until = None
        if locked.status == Status.MUTED:
            locked.status = Status.OPEN
        locked.save(update_fields=["status", "muted_until"])
        _note(locked, "unmuted", actor, now)
        audit.record("insight.unmuted", actor=actor, target=locked, rule=locked.rule)


@transaction.atomic
def resolve(*, organization: Organization, actor: Actor, insight: Insight, now: datetime) -> None:
    """End it by hand. It opens again when it comes back, or when all its numbers are from later than this.

    :raises ValidationError: it is resolved already.
    """
    with _locked(organization, insight) as locked:
        _must_be_unresolved(locked)
        locked.status, locked.resolved_at = Status.RESOLVED, now
        locked.save(update_fields=["status", "resolved_at"])
        _note(locked, "resolved", actor, now, reason=BY_HAND)
        news.tell_resolved(organization=organization, insight=locked, reason=BY_HAND)
        audit.record("insight.resolved", actor=actor, target=locked, rule=locked.rule)


@transaction.atomic
def assign(*, organization: Organization, actor: Actor, insight: Insight, assignee: User | None, now: datetime) -> None:
    """Give it to a member of the organization, or to nobody.

    :raises ValidationError: they are no member, or a member who sees nothing.
    """
    with _locked(organization, insight) as locked:
        if assignee is not None and not _may_see(organization, assignee):
            raise ValidationError({"assignee": "Choose a member of the organization."})
        if locked.assignee_id == (assignee.pk if assignee else None):
            return
        locked.assignee = assignee
        locked.save(update_fields=["assignee"])
        _note(locked, "assigned", actor, now, assignee_id=assignee.pk if assignee else None)
        personal = {"email": assignee.email} if assignee else {}
        audit.record("insight.assigned", actor=actor, target=locked, personal=personal, rule=locked.rule)


@transaction.atomic
def comment(*, organization: Organization, actor: Actor, insight: Insight, text: str, now: datetime) -> InsightComment:
    """Say something about it.

    :raises ValidationError: nothing was said, or too much.
    """
    said = text.strip()
    if not said or "\x00" in said:
        raise ValidationError({"text": "Write something."})
    if len(said) > LONGEST_COMMENT:
        raise ValidationError({"text": f"A comment has at most {LONGEST_COMMENT:,} characters."})
    with _locked(organization, insight) as locked:
        written = InsightComment.objects.create(
            organization=organization,
            insight=locked,
            author=actor if isinstance(actor, User) else None,
            key_name=actor.name if isinstance(actor, KeyActor) else "",
            text=said,
            created_at=now,
        )
        _note(locked, "commented", actor, now, comment_id=written.pk)
        audit.record("insight.commented", actor=actor, target=locked, rule=locked.rule, comment_id=written.pk)
    return written


def _may_see(organization: Organization, user: User) -> bool:
    membership = members.find_member(organization=organization, user_id=user.pk)
    return membership is not None and membership.role != Role.NONE


def _must_be_unresolved(insight: Insight) -> None:
    """:raises ValidationError: it is resolved."""
    if insight.is_resolved:
        raise ValidationError("This insight is resolved already.")


@contextmanager
def _locked(organization: Organization, insight: Insight) -> Iterator[Insight]:
    """The insight as it is now, locked; what becomes of it is written to the caller's object as well.

    :raises Insight.DoesNotExist: it is none of the organization's.
    """
    with org_scope(organization.pk):
        locked = Insight.objects.select_for_update(of=("self",)).select_related("project", "budget").get(pk=insight.pk)
        yield locked
    for name in ("status", "muted_until", "resolved_at", "assignee_id"):
        setattr(insight, name, getattr(locked, name))


def _note(insight: Insight, kind: str, actor: Actor, now: datetime, **facts: Any) -> None:
    who: dict[str, Any] = {"actor_kind": InsightChange.ActorKind.SYSTEM}
    if isinstance(actor, User):
        who = {"actor_kind": InsightChange.ActorKind.USER, "actor": actor}
    elif isinstance(actor, KeyActor):
        who = {"actor_kind": InsightChange.ActorKind.KEY, "key_name": actor.name}
    InsightChange.objects.create(
        organization_id=insight.organization_id, insight=insight, kind=kind, facts=facts, created_at=now, **who
    )
