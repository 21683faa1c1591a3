"""What people say about an insight: how long to be quiet, whose it is, a comment, the next step."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict

from core.periods import midnight
from rules.insight_life import LONGEST_COMMENT
from tenants.models import User

_DAY: Final = "day"
_TERMS: Final[dict[str, tuple[str, timedelta]]] = {
    "4h": ("for 4 hours", timedelta(hours=4)),
    "1d": ("for a day", timedelta(days=1)),
    "7d": ("for a week", timedelta(days=7)),
    "30d": ("for 30 days", timedelta(days=30)),
    "90d": ("for 90 days", timedelta(days=90)),
}
STEPS: Final = ("acknowledge", "unmute", "resolve")


class StepForm(forms.Form):
    """A step that needs no words."""

    step = forms.ChoiceField(choices=[(step, step) for step in STEPS])


class MuteForm(forms.Form):
    term = forms.ChoiceField(
        label="Mute", choices=[*((key, words) for key, (words, _) in _TERMS.items()), (_DAY, "until a day")]
    )
    until = forms.DateField(
        label="Until this day begins", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("term") == _DAY and not cleaned.get("until") and "until" not in self.errors:
            self.add_error("until", "Choose a day.")
        return cleaned


def muted_until(data: dict[str, Any], *, now: datetime, zone: ZoneInfo) -> datetime:
    """When a mute ends that ``MuteForm`` has cleaned."""
    if data["term"] == _DAY:
        day: date = data["until"]
        return midnight(day, zone)
    return now + _TERMS[data["term"]][1]


class AssignForm(forms.Form):
    assignee = forms.ChoiceField(label="Assigned to", required=False)

    def __init__(self, data: QueryDict | None, *, people: Sequence[User], initial: int | None = None) -> None:
        super().__init__(data, initial={"assignee": initial or ""})
        self.by_id = {str(person.pk): person for person in people}
        choices = [("", "Nobody"), *((pk, person.name or person.email) for pk, person in self.by_id.items())]
        self.fields["assignee"].choices = choices  # type: ignore[attr-defined]


class CommentForm(forms.Form):
    text = forms.CharField(
        label="Comment",
        max_length=LONGEST_COMMENT,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "What you found, what you will do"}),
    )
