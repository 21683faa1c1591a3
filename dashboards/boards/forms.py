"""What people type about dashboards and widgets; filters are chosen from facets, as in the filter bar."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from dashboards.boards import documents
from dashboards.boards.documents import DocumentError
from dashboards.boards.grid import COLUMNS, LOWEST, TALLEST, Place
from dashboards.boards.models import Board
from dashboards.boards.types import (
    FILTERS,
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    LONGEST_TEXT,
    OPENING_RANGES,
    SIZES,
    BoardTerms,
    Kind,
    Pairs,
    WidgetTerms,
)
from dashboards.explore.dimensions import LABELS
from dashboards.explore.metrics import METRICS
from dashboards.explore.question import MOST_GROUPS

LARGEST_FILE: Final = 500_000
_TOPS: Final = (5, 10, 20, 50, 100, MOST_GROUPS)


class FilterForm(forms.Form):
    """A form with the facets of the filter bar beside its fields.

    What names projects that whoever fills it in may not see is not shown and stays.
    """

    def __init__(
        self, data: QueryDict | None, *, initial: dict[str, Any], filters: Pairs = (), hidden: Collection[str] = ()
    ) -> None:
        super().__init__(data, initial=initial)
        self._kept = tuple(pair for pair in filters if pair[0] == "project" and pair[1] in hidden)
        self._shown = tuple(pair for pair in filters if pair not in self._kept)
        self.filters: Pairs = filters

    @property
    def chosen(self) -> Pairs:
        """What the facets show as chosen: as stored, or as typed."""
        if not isinstance(self.data, QueryDict) or not self.is_bound:
            return self._shown
        return tuple((name, value) for name, values in self._given(self.data).items() for value in values)

    def clean(self) -> dict[str, Any]:
        if isinstance(self.data, QueryDict):
            try:
                self.filters = (*documents.pairs_of(self._given(self.data)), *self._kept)
            except ValueError as error:
                self.add_error(None, str(error))
        return dict(self.cleaned_data)

    @staticmethod
    def _given(data: QueryDict) -> dict[str, list[str]]:
        given = {name: [value.strip() for value in data.getlist(name) if value.strip()] for name in FILTERS}
        return {name: list(dict.fromkeys(values)) for name, values in given.items() if values}


class BoardForm(FilterForm):
    """A dashboard without its widgets."""

    name = forms.CharField(
        label="Name", max_length=LONGEST_NAME, widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"})
    )
    description = forms.CharField(
        label="What it is for", max_length=LONGEST_DESCRIPTION, required=False, help_text="Shown below the name."
    )
    visibility = forms.ChoiceField(label="Who sees it", widget=forms.RadioSelect)
    range = forms.ChoiceField(
        label="Opens with",
        required=False,
        choices=[("", "The last 7 days"), *OPENING_RANGES.items()],
        help_text="Whoever looks can choose another time range.",
    )

    def __init__(
        self,
        data: QueryDict | None,
        *,
        terms: BoardTerms,
        visibility: str,
        offered: Collection[str],
        hidden: Collection[str] = (),
    ) -> None:
        initial = {
            "name": terms.name,
            "description": terms.description,
            "visibility": visibility,
            "range": terms.range,
        }
        super().__init__(data, initial=initial, filters=terms.filters, hidden=hidden)
        field = self.fields["visibility"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [(value, label) for value, label in Board.Visibility.choices if value in offered]

    def terms(self) -> BoardTerms:
        """Of a valid form, without widgets."""
        return BoardTerms(
            name=self.cleaned_data["name"],
            description=self.cleaned_data["description"],
            range=self.cleaned_data["range"],
            filters=self.filters,
        )


def _metrics() -> list[tuple[str, list[tuple[str, str]]]]:
    """Metrics under the headings of their kinds."""
    kinds = dict.fromkeys(metric.kind for metric in METRICS.values())
    return [(kind, [(one.name, one.label) for one in METRICS.values() if one.kind == kind]) for kind in kinds]


def _dimension(label: str) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, required=False, choices=[("", "Nothing"), *LABELS.items()])


def _number(label: str, low: int, high: int) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=low, max_value=high)


class WidgetForm(FilterForm):
    """A widget: what it asks, how it shows the answer, and, for whoever does not drag, where."""

    kind = forms.ChoiceField(
        label="Shown as", widget=forms.RadioSelect, choices=[(one.value, one.label) for one in Kind]
    )
    title = forms.CharField(label="Title", max_length=LONGEST_NAME, required=False)
    metric = forms.ChoiceField(label="Number", choices=_metrics)
    by = _dimension("By")
    then_by = _dimension("And by")
    top = forms.TypedChoiceField(
        label="Largest",
        coerce=int,
        choices=[(number, str(number)) for number in _TOPS],
        help_text="What is left of the total is all others.",
    )
    text = forms.CharField(
        label="Text",
        required=False,
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="An empty line begins a paragraph; addresses become links.",
    )
    x = _number("Column", 0, COLUMNS - 1)
    y = _number("Row", 0, LOWEST)
    w = _number("Columns wide", 1, COLUMNS)
    h = _number("Rows tall", 1, TALLEST)

    def __init__(self, data: QueryDict | None, *, terms: WidgetTerms, hidden: Collection[str] = ()) -> None:
        super().__init__(_completed(data), initial=_initial(terms), filters=terms.filters, hidden=hidden)

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        kind = Kind(data["kind"]) if data.get("kind") else None
        if kind is None or self.errors:
            return data
        data["question"] = None
        if kind is not Kind.TEXT:
            try:
                data["question"] = documents.question_for(kind, _question(data))
            except ValueError as error:
                self.add_error(_FIELDS.get(str(error).partition(" ")[0]), f"Not as this kind: {error}")
        return data

    def terms(self) -> WidgetTerms:
        """Of a valid form."""
        data = self.cleaned_data
        return WidgetTerms(
            kind=Kind(data["kind"]),
            title=data["title"],
            question=data["question"],
            filters=self.filters if data["question"] else (),
            text=data["text"] if data["question"] is None else "",
            place=_place(data),
        )


def _completed(data: QueryDict | None) -> QueryDict | None:
    """A text need not say what it does not ask."""
    if data is None or ("metric" in data and "top" in data):
        return data
    completed = data.copy()
    completed.setdefault("metric", "cost")
    completed.setdefault("top", str(_TOPS[1]))
    return completed


_FIELDS: Final[Mapping[str, str]] = {"metric": "metric", "by": "by", "top": "top"}


def _question(data: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a question; a figure has no groups, whatever was chosen before it was made one."""
    kind = Kind(data["kind"])
    by = list(dict.fromkeys(name for name in (data["by"], data["then_by"]) if name))
    return {"metric": data["metric"], "by": by[: kind.most_groupings], "top": data["top"]}


def _place(data: Mapping[str, Any]) -> Place | None:
    """Where the widget goes: None while nothing is said, the usual size where only the corner is."""
    if data["x"] is None and data["y"] is None and data["w"] is None and data["h"] is None:
        return None
    usual_w, usual_h = SIZES[Kind(data["kind"])]
    w, h = data["w"] or usual_w, data["h"] or usual_h
    return Place(min(data["x"] or 0, COLUMNS - w), LOWEST if data["y"] is None else data["y"], w, h)


def _initial(terms: WidgetTerms) -> dict[str, Any]:
    question, place = terms.question, terms.place
    by: Sequence[str] = (*question.by, "", "") if question else ("", "")
    asked = {"metric": question.metric, "top": question.top} if question else {"metric": "cost", "top": _TOPS[1]}
    where = {"x": place.x, "y": place.y, "w": place.w, "h": place.h} if place else {}
    about = {"kind": terms.kind.value, "title": terms.title, "text": terms.text, "by": by[0], "then_by": by[1]}
    return about | asked | where


class ImportForm(forms.Form):
    """A file, or its text; who will see the dashboard."""

    file = forms.FileField(label="File", required=False, help_text="As another dashboard's “Export” saves it.")
    text = forms.CharField(
        label="Or its text",
        required=False,
        max_length=LARGEST_FILE,
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false", "class": "mono"}),
    )

    def clean(self) -> dict[str, Any]:
        data = dict(self.cleaned_data)
        if self.errors:
            return data
        raw = _uploaded(data.get("file")) or data.get("text", "")
        if not raw.strip():
            raise ValidationError("Choose a file or paste its text.")
        try:
            data["terms"] = documents.read(json.loads(raw))
        except DocumentError as error:
            faults = [f"{place}: {message}" if place else message for place, message in error.faults.items()]
            raise ValidationError(faults) from error
        except (ValueError, RecursionError) as error:
            raise ValidationError("This is not JSON.") from error
        return data


def _uploaded(file: Any) -> str:  # an UploadedFile or None
    """The text of an uploaded file.

    :raises ValidationError: it is too large, or no text.
    """
    if file is None:
        return ""
    if (file.size or 0) > LARGEST_FILE:
        raise ValidationError("The file is larger than 500 kB.")
    try:
        return bytes(file.read()).decode()
    except UnicodeDecodeError as error:
        raise ValidationError("The file is not text.") from error
