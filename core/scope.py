"""The tenant a piece of work is for. Without one, every tenant query fails instead of answering for all."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from django.db import connection, models, transaction

_current: ContextVar[int | None] = ContextVar("tokenops_organization", default=None)
M_co = TypeVar("M_co", bound=models.Model, covariant=True)


class ScopeError(RuntimeError):
    """Tenant data was touched outside ``org_scope``, or a scope was opened inside another organization's."""


def current_organization_id() -> int:
    """The organization of the running scope.

    :raises ScopeError: there is none.
    """
    organization_id = _current.get()
    if organization_id is None:
        raise ScopeError("Tenant data can only be read or written inside org_scope().")
    return organization_id


@contextmanager
def org_scope(organization_id: int) -> Iterator[None]:
    """Open a transaction in which the database shows and accepts only this organization's rows.

    Opening the same organization again is a no-op; opening another one inside is a programming error. The setting is
    taken back by hand on the way out, because a released savepoint keeps it for the rest of the outer transaction.

    :raises ScopeError: a scope of another organization is open.
    """
    current = _current.get()
    if current is not None and current != organization_id:
        raise ScopeError("A scope of another organization is already open.")
    if current == organization_id:
        yield
        return
    with transaction.atomic():
        _set(str(organization_id))
        token = _current.set(organization_id)
        try:
            yield
        finally:
            _current.reset(token)
        _set("")  # '' is no bigint: later statements of an outer transaction fail closed


def _set(value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select set_config('tokenops.org_id', %s, true)", [value])


class OrgScopedManager(models.Manager[M_co]):
    """Raises without a scope, and adds the organization to every query: row-level security is the second lock."""

    def get_queryset(self) -> models.QuerySet[M_co]:
        return super().get_queryset().filter(organization_id=current_organization_id())


class OrgScopedModel(models.Model):
    """A row that belongs to exactly one organization."""

    organization = models.ForeignKey("tenants.Organization", on_delete=models.CASCADE, related_name="+")

    objects = OrgScopedManager()

    class Meta:
        abstract = True
        # Related look-ups and cascades go through the base manager; they stay inside the scope too.
        base_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.organization_id != current_organization_id():
            raise ScopeError("A row of another organization cannot be saved in this scope.")
        super().save(*args, **kwargs)
