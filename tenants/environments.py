"""Which environments a project expects, and the one of calls that name none. No call is refused for its environment."""

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from core.scope import org_scope
from tenants import audit, services
from tenants.audit import Actor
from tenants.models import Environment, Organization, Project

LONGEST: Final = 100
MOST: Final = 50
OTHER: Final = "(other)"  # what sums call everything beyond the values they keep apart


def environments(*, project: Project) -> QuerySet[Environment]:
    """What the project declared: production first, then by name."""
    return Environment.objects.filter(project=project).order_by("-is_production", "name")


@transaction.atomic
def declare(
    *,
    organization: Organization,
    actor: Actor,
    project: Project,
    name: str,
    note: str = "",
    is_production: bool = False,
) -> None:
    """Expect calls of an environment; one that is declared already gets the new note and mark.

    :raises ValidationError: the name or the note is not usable, or there are too many.
    """
    with org_scope(organization.pk):
        name, note = _check(name, field="name"), note.strip()
        Project.objects.select_for_update().get(pk=project.pk)
        found = Environment.objects.filter(project=project, name=name).first()
        if found is None and Environment.objects.filter(project=project).count() >= MOST:
            raise ValidationError({"name": f"A project can declare {MOST} environments at most."})
        saved = found or Environment(organization=organization, project=project, name=name)
        before = (found.note, found.is_production) if found else None
        saved.note, saved.is_production = note, is_production
        if before == (note, is_production):
            return
        saved.full_clean()
        saved.save()
        facts: dict[str, Any] = {"note": note, "is_production": is_production}
        audit.record("project.environment_declared", actor=actor, target=project, name=name, **facts)


@transaction.atomic
def withdraw(*, organization: Organization, actor: Actor, project: Project, name: str) -> None:
    """Expect an environment no longer; its calls stay and go on being taken."""
    with org_scope(organization.pk):
        gone, _ = Environment.objects.filter(project=project, name=name).delete()
        if gone:
            audit.record("project.environment_withdrawn", actor=actor, target=project, name=name)


@transaction.atomic
def set_default(*, organization: Organization, actor: Actor, project: Project, name: str) -> None:
    """Count calls that name no environment to ``name`` from now on; every edge hears of it.

    :raises ValidationError: it is empty or no usable name.
    """
    with org_scope(organization.pk):
        name = _check(name, field="default_environment")
        locked = Project.objects.select_for_update().get(pk=project.pk)
        before, locked.default_environment = locked.default_environment, name
        if before == name:
            return
        locked.save(update_fields=["default_environment"])
        audit.record("project.default_environment_changed", actor=actor, target=locked, before=before, after=name)
        services.announce_every_key()
    project.default_environment = name


def _check(name: str, *, field: str) -> str:
    """:raises ValidationError: no call can name this environment."""
    if not name.strip() or len(name) > LONGEST or not name.isprintable() or name == OTHER:
        raise ValidationError({field: f"Use 1 to {LONGEST} visible characters."})
    return name
