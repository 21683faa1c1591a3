"""Saved views: who sees which, and the writes. A private one is its owner's business; what is shared is recorded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from core.scope import org_scope
from dashboards.models import DefaultView, SavedView
from dashboards.models.saved_views import LONGEST_NAME
from tenants import audit
from tenants.audit import Actor
from tenants.models import Membership, Organization, Project, User
from tenants.permissions import Permission, allows

PAGES: Final[dict[str, str]] = {
    "overview": "Overview",
    "executive": "Executive",
    "explorer": "Explorer",
    "calls": "Calls",
    "models": "Models",
    "features": "Features",
    "users": "Users",
    "teams": "Teams",
    "traces": "Traces",
    "sessions": "Sessions",
}
MOST_OWN: Final = 100
MOST_SHARED: Final = 500
MOST_OPTIONS: Final = 20
_LONGEST_OPTION: Final = 255

type Pairs = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A view to be: what ``page`` of the organization or of ``project`` is asked for, and what it is called."""

    name: str
    page: str
    project: Project | None
    query: Pairs
    options: Pairs = field(default=())
    is_shared: bool = False


# --- Reads ---


def views(*, organization: Organization, user: User | None) -> QuerySet[SavedView]:
    """What is shared in the organization, and what is ``user``'s own, by page and name."""
    found = SavedView.objects.filter(organization=organization).select_related("shared_by__user", "project")
    return found.filter(Q(owner=None) | Q(owner__user=user) if user else Q(owner=None)).order_by("page", "name", "pk")


def default_view(*, organization: Organization, user: User, page: str, project: Project | None) -> SavedView | None:
    """What this page opens with for ``user`` when it is asked for nothing."""
    defaults = DefaultView.objects.filter(organization=organization, membership__user=user, page=page, project=project)
    found = defaults.select_related("view").first()
    return found.view if found else None


def default_ids(*, organization: Organization, user: User) -> set[int]:
    """The views that are ``user``'s defaults."""
    defaults = DefaultView.objects.filter(organization=organization, membership__user=user)
    return set(defaults.values_list("view_id", flat=True))


def may_change(view: SavedView, *, user: User, role: str) -> bool:
    """Whether ``user``, who has ``role`` where the view belongs, may change it: one's own, or as an admin."""
    if not view.is_shared:
        return view.owner is not None and view.owner.user_id == user.pk
    is_sharer = view.shared_by is not None and view.shared_by.user_id == user.pk
    return allows(role, Permission.VIEWS_MANAGE) or (is_sharer and allows(role, Permission.VIEWS_SHARE))


# --- Writes ---


@transaction.atomic
def create_view(*, organization: Organization, actor: Actor, wanted: Wanted, now: datetime) -> SavedView:
    """Save a view. What a key saves is shared: keys have no pages of their own.

    :raises ValidationError: by field: the name is taken or there is none, the page is unknown; there are too many.
    """
    name = _checked_name(wanted.name)
    if wanted.page not in PAGES:
        raise ValidationError({"page": "There is no such page."})
    with org_scope(organization.pk):
        member = _membership(organization, actor)
        view = SavedView(
            organization=organization,
            name=name,
            page=wanted.page,
            project=wanted.project,
            query=_listed(wanted.query),
            options=_checked_options(wanted.options),
            created_at=now,
            changed_at=now,
        )
        _belong(view, member, is_shared=wanted.is_shared or member is None)
        _check_room(view)
        _save(view)
        _record("created", view, actor, is_shared=view.is_shared)
    return view


@transaction.atomic
def change_view(
    *,
    organization: Organization,
    actor: Actor,
    view: SavedView,
    name: str | None = None,
    query: Pairs | None = None,
    options: Pairs | None = None,
    is_shared: bool | None = None,
    now: datetime,
) -> SavedView:
    """Change what is given; the rest stays. A shared view that becomes private is whose it was, or else the actor's.

    :raises ValidationError: by field: the name is taken; a key cannot own a view; there are too many.
    """
    with org_scope(organization.pk):
        locked = SavedView.objects.select_for_update(of=("self",)).select_related("shared_by").get(pk=view.pk)
        was_shared, before, kept = locked.is_shared, _facts(locked), _content(locked)
        locked.name = locked.name if name is None else _checked_name(name)
        locked.query = locked.query if query is None else _listed(query)
        locked.options = locked.options if options is None else _checked_options(options)
        if is_shared is not None and is_shared != was_shared:
            _hand_over(locked, _membership(organization, actor), is_shared=is_shared)
        if _content(locked) == kept:
            return locked
        locked.changed_at = now
        _save(locked)
        _record("changed", locked, actor, is_shared=was_shared or locked.is_shared, before=before, after=_facts(locked))
    return locked


@transaction.atomic
def delete_view(*, organization: Organization, actor: Actor, view: SavedView) -> None:
    """Delete a view. Pages it was the default of open without; links to it say that it is gone."""
    with org_scope(organization.pk):
        locked = SavedView.objects.select_for_update().filter(pk=view.pk).first()
        if locked is None:
            return
        _record("deleted", locked, actor, is_shared=locked.is_shared)
        locked.delete()


@transaction.atomic
def set_default(*, organization: Organization, user: User, view: SavedView) -> None:
    """Have the view's page open with it, for ``user``."""
    with org_scope(organization.pk):
        member = Membership.objects.get(organization=organization, user=user)
        DefaultView.objects.update_or_create(
            organization=organization,
            membership=member,
            page=view.page,
            project=view.project,
            defaults={"view": view},
        )


@transaction.atomic
def clear_default(*, organization: Organization, user: User, view: SavedView) -> None:
    """Have the view's page open without it, for ``user``."""
    with org_scope(organization.pk):
        DefaultView.objects.filter(organization=organization, membership__user=user, view=view).delete()


def erase_end_user(*, organization: Organization, user_ids: Sequence[str]) -> None:
    """Take an end user who is erased out of every view, whoever's it is."""
    with org_scope(organization.pk):
        for user_id in user_ids:
            pair = ["user", user_id]
            for view in SavedView.objects.select_for_update().filter(query__contains=[pair]).order_by("pk"):
                view.query = [one for one in view.query if one != pair]
                view.save(update_fields=["query"])


def _hand_over(view: SavedView, member: Membership | None, *, is_shared: bool) -> None:
    owner = member if is_shared else view.shared_by or member
    if owner is None:
        raise ValidationError({"shared": "A view that a key saved is shared."})
    _belong(view, owner, is_shared=is_shared)
    _check_room(view)
    if not is_shared:
        DefaultView.objects.filter(view=view).exclude(membership=owner).delete()


def _belong(view: SavedView, member: Membership | None, *, is_shared: bool) -> None:
    view.owner, view.shared_by = (None, member) if is_shared else (member, None)


def _check_room(view: SavedView) -> None:
    most = MOST_SHARED if view.is_shared else MOST_OWN
    if SavedView.objects.filter(owner=view.owner).exclude(pk=view.pk).count() >= most:
        raise ValidationError(f"There can be {most} {'shared' if view.is_shared else 'private'} views at most.")


def _save(view: SavedView) -> None:
    """:raises ValidationError: another view of the page has the name."""
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        raise ValidationError({"name": "Another view of this page has this name."}) from error


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or "\0" in name:
        raise ValidationError({"name": "Give the view a name."})
    if len(name) > LONGEST_NAME:
        raise ValidationError({"name": f"A name has at most {LONGEST_NAME} characters."})
    return name


def _checked_options(options: Pairs) -> list[list[str]]:
    if len(options) > MOST_OPTIONS or any(
        len(text) > _LONGEST_OPTION or "\0" in text for one in options for text in one
    ):
        raise ValidationError({"options": "These options cannot be kept."})
    return _listed(options)


def _listed(pairs: Iterable[Sequence[str]]) -> list[list[str]]:
    return [[name, value] for name, value in pairs]


def _membership(organization: Organization, actor: Actor) -> Membership | None:
    return Membership.objects.get(organization=organization, user=actor) if isinstance(actor, User) else None


def _facts(view: SavedView) -> dict[str, Any]:
    """What can change, without the filter's values: they may name end users."""
    return {
        "name": view.name,
        "shared": view.is_shared,
        "filters": sorted({name for name, _ in view.query}),
    }


def _content(view: SavedView) -> tuple[object, ...]:
    return view.name, view.query, view.options, view.owner_id, view.shared_by_id


def _record(what: str, view: SavedView, actor: Actor, *, is_shared: bool, **facts: object) -> None:
    if is_shared:
        audit.record(f"saved_view.{what}", actor=actor, target=view, page=view.page, **(facts or _facts(view)))
