"""Saved views as the API reads and shows them: the filters of a page are its query string."""

from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from rest_framework import serializers

from core.fields import InstantField
from core.parameters import Body, Choice
from dashboards.filters import is_known
from dashboards.models import SavedView
from dashboards.models.saved_views import LONGEST_NAME
from dashboards.saved_views import PAGES

LONGEST_QUERY: Final = 8_000
_QUERY: Final = "As in the page's address: `range=30d&team=red`. What the page does not know is kept as its own option."


class SavedViewSerializer(serializers.Serializer[Any]):
    """A page with filters that got a name: at `?view={id}` of the page."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    page = serializers.ChoiceField([*PAGES])
    project = serializers.CharField(allow_null=True, help_text="Slug; null: of the whole organization.")
    query = serializers.CharField(help_text=_QUERY)
    shared = serializers.BooleanField(help_text="False: only you see it.")
    created_at = InstantField()
    changed_at = InstantField()


class SavedViewListSerializer(serializers.Serializer[Any]):
    results = SavedViewSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null: the list has one page.")


def _query(**options: Any) -> serializers.CharField:
    return serializers.CharField(max_length=LONGEST_QUERY, allow_blank=True, help_text=_QUERY, **options)


class NewSavedViewSerializer(Body):
    """A view to be."""

    name = serializers.CharField(max_length=LONGEST_NAME)
    page = Choice(tuple(PAGES))
    project = serializers.CharField(
        max_length=100, required=False, allow_null=True, default=None, help_text="Slug; null: the organization's page."
    )
    query = _query(required=False, default="")
    shared = serializers.BooleanField(
        required=False, default=True, help_text="False keeps it to yourself; what a key saves is always shared."
    )


class SavedViewChangeSerializer(Body):
    """What is to change; what is left out stays. The page never changes: save another view."""

    name = serializers.CharField(max_length=LONGEST_NAME, required=False)
    query = _query(required=False)
    shared = serializers.BooleanField(required=False)


def document(view: SavedView) -> dict[str, Any]:
    shown = {name: getattr(view, name) for name in ("name", "page", "created_at", "changed_at")} | {
        "id": view.pk,
        "project": view.project.slug if view.project else None,
        "query": urlencode([(name, value) for name, value in [*view.query, *view.options]]),
        "shared": view.is_shared,
    }
    return dict(SavedViewSerializer(shown).data)


def parted(query: str) -> tuple[dict[str, list[str]], list[tuple[str, str]]]:
    """A query string as what filters know, by name, and the other pairs."""
    known: dict[str, list[str]] = {}
    options = []
    for name, value in parse_qsl(query.removeprefix("?")):
        if is_known(name):
            known.setdefault(name, []).append(value)
        else:
            options.append((name, value))
    return known, options
