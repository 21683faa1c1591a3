"""What the catalogue's imports changed, as a list a person can read."""

from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import groupby
from typing import Final

import msgspec

from ingestion.models import CatalogueChange
from ingestion.pricing.usage import ModelId
from ingestion.pricing.wording import is_correction, sentences

PAGE: Final = 200


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One model's change. ``may_need_repricing``: a price that held was corrected, so calls before it may be wrong."""

    kind: str
    provider: str
    model: str
    said: list[str]
    is_used: bool
    may_need_repricing: bool


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one import changed."""

    at: datetime
    version: str
    changes: list[Change]


class ChangePage(msgspec.Struct, frozen=True, kw_only=True):
    """Imports, newest first; ``older_than`` is where the next page begins, None after the last."""

    imports: list[Import]
    older_than: int | None


def change_page(
    *, used: Collection[ModelId], provider: str = "", only_used: bool = False, older_than: int | None = None
) -> ChangePage:
    """Changes of ``provider`` (the catalogue's id; '' for all), newest first."""
    changes = CatalogueChange.objects.order_by("-pk")
    if provider:
        changes = changes.filter(provider=provider)
    if only_used:
        changes = changes.filter(catalogue_id__in={model for _, model in used})
    if older_than is not None:
        changes = changes.filter(pk__lt=older_than)
    found = list(changes[: PAGE + 1])
    shown = [one for one in found[:PAGE] if not only_used or (one.provider, one.catalogue_id) in used]
    imports = [_import(moment, group, used) for moment, group in groupby(shown, key=lambda one: one.created_at)]
    return ChangePage(imports=imports, older_than=found[PAGE - 1].pk if len(found) > PAGE else None)


def providers() -> list[str]:
    """The providers of whose models a change is known."""
    return list(CatalogueChange.objects.order_by("provider").values_list("provider", flat=True).distinct())


def _import(moment: datetime, rows: Iterable[CatalogueChange], used: Collection[ModelId]) -> Import:
    listed = list(rows)
    changes = [_change(row, used) for row in listed]
    changes.sort(key=lambda change: (not change.is_used, change.provider, change.model))
    return Import(at=moment, version=listed[0].version, changes=changes)


def _change(row: CatalogueChange, used: Collection[ModelId]) -> Change:
    is_used = (row.provider, row.catalogue_id) in used
    is_corrected = row.kind == "changed" and is_correction(row.before, row.after, at=row.created_at)
    return Change(
        kind=row.kind,
        provider=row.provider,
        model=row.catalogue_id,
        said=sentences(row.before, row.after, at=row.created_at),
        is_used=is_used,
        may_need_repricing=is_used and is_corrected,
    )
