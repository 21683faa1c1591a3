"""Dashboards as the API reads and shows them; the document itself is read by ``dashboards.boards.documents``."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.fields import InstantField
from core.parameters import Body, Choice
from dashboards.boards.documents import FORMAT, VERSION
from dashboards.boards.grid import COLUMNS, LOWEST, TALLEST
from dashboards.boards.models import Board
from dashboards.boards.types import (
    FILTERS,
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_WIDGETS,
    OPENING_RANGES,
    Kind,
)
from dashboards.explore.dimensions import LABELS
from dashboards.explore.metrics import METRICS
from dashboards.explore.question import MOST_DIMENSIONS, MOST_GROUPS, Shape

METRIC_NAMES: Final = tuple(METRICS)
_VISIBILITIES: Final = tuple(Board.Visibility.values)


class QuestionSerializer(serializers.Serializer[Any]):
    """What the explorer is asked; what is left out is what the kind decides, or the usual."""

    metric = serializers.ChoiceField(METRIC_NAMES, required=False)
    by = serializers.ListField(child=serializers.ChoiceField(tuple(LABELS)), max_length=MOST_DIMENSIONS, required=False)
    shape = serializers.ChoiceField(tuple(map(str, Shape)), required=False, help_text="The kind decides it.")
    top = serializers.IntegerField(min_value=1, max_value=MOST_GROUPS, required=False)


class PlaceSerializer(serializers.Serializer[Any]):
    """Where a widget lies on the twelve columns."""

    x = serializers.IntegerField(min_value=0, max_value=COLUMNS - 1)
    y = serializers.IntegerField(min_value=0, max_value=LOWEST)
    w = serializers.IntegerField(min_value=1, max_value=COLUMNS)
    h = serializers.IntegerField(min_value=1, max_value=TALLEST)


def _filters() -> serializers.DictField:
    words = f"Values by name ({', '.join(FILTERS)}): one of them is enough, and every name must fit."
    return serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()), required=False, help_text=words
    )


class WidgetSerializer(serializers.Serializer[Any]):
    """A rectangle of a dashboard: a `text`, or a `question` with the way its answer is shown."""

    kind = serializers.ChoiceField(tuple(map(str, Kind)))
    title = serializers.CharField(max_length=LONGEST_NAME, required=False, allow_blank=True)
    question = QuestionSerializer(required=False, help_text="Of every kind but `text`.")
    filters = _filters()
    text = serializers.CharField(max_length=LONGEST_TEXT, required=False, help_text="Of a `text`; no markup.")
    place = PlaceSerializer(required=False, help_text="Left out, it goes where there is room.")


class DashboardDocumentSerializer(serializers.Serializer[Any]):
    """What exports hold and imports read. Ids, owners and dates are no part of it."""

    format = serializers.ChoiceField([FORMAT], required=False)
    version = serializers.ChoiceField([VERSION])
    name = serializers.CharField(max_length=LONGEST_NAME)
    description = serializers.CharField(max_length=LONGEST_DESCRIPTION, required=False, allow_blank=True)
    range = serializers.ChoiceField(
        tuple(OPENING_RANGES), required=False, allow_null=True, help_text="What it opens with; null: the last 7 days."
    )
    filters = _filters()
    widgets = WidgetSerializer(many=True, required=False, help_text=f"At most {MOST_WIDGETS}.")


@extend_schema_field(DashboardDocumentSerializer)
class DocumentField(serializers.Field[Any, Any, Any, Any]):
    """A dashboard's document, as it is: the views read it with all its faults."""

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class BoardSerializer(serializers.Serializer[Any]):
    """A dashboard in a list."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    visibility = serializers.ChoiceField(_VISIBILITIES, help_text="`private`: only its owner sees it.")
    owner = serializers.EmailField(allow_null=True, help_text="Null where an API key made it or the owner left.")
    version = serializers.IntegerField(help_text="Counts its changes; replacing it takes the one you saw.")
    widgets = serializers.IntegerField(help_text="How many it has.")
    created_at = InstantField()
    changed_at = InstantField()


class BoardDetailSerializer(BoardSerializer):
    """The same with its document; projects that you may not see are `(hidden)` in it."""

    dashboard = DocumentField()


class BoardListSerializer(serializers.Serializer[Any]):
    results = BoardSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null: the list has one page.")


class NewBoardSerializer(Body):
    """A dashboard to be."""

    visibility = Choice(
        _VISIBILITIES, required=False, help_text="Left out: `private` for people, `shared` for keys, which own nothing."
    )
    dashboard = DocumentField()


class BoardReplacementSerializer(NewBoardSerializer):
    """What is to take its place; a visibility that is left out stays."""

    version = serializers.IntegerField(
        required=False, min_value=1, help_text="The one you saw, unless the header If-Match has it."
    )
