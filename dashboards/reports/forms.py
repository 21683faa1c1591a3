"""What people type about reports and schedules; the rules are the services', these carry their words to the field."""

from collections.abc import Sequence
from datetime import date, time
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from dashboards.reports import spans
from dashboards.reports.models import LONGEST_NAME, Schedule
from dashboards.reports.numbers import SECTIONS
from dashboards.reports.schedule_services import CHANNEL_KINDS, Wanted
from dashboards.reports.spans import LABELS, ON_DEMAND, SCHEDULED, Days, Span, SpanError
from dashboards.reports.timing import LAST_DAY
from dashboards.reports.words import WEEKDAYS
from rules.alerts.models import Channel
from tenants.models import Project

_PLAIN: Final = {"autocomplete": "off"}


def _day(label: str, help_text: str = "") -> forms.DateField:
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    return forms.DateField(label=label, required=False, widget=widget, help_text=help_text)


def _sections() -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label="What is in it",
        choices=list(SECTIONS.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="The summary always is. Nothing chosen: everything.",
        error_messages={"invalid_choice": "Choose from the listed sections."},
    )


class _AboutProjects(forms.Form):
    """What is about all projects, or about one of those that somebody may see."""

    project = forms.ChoiceField(
        label="About", required=False, error_messages={"invalid_choice": "Choose one from the list."}
    )

    def __init__(self, data: QueryDict | None, *, projects: Sequence[Project], initial: dict[str, Any]) -> None:
        super().__init__(data, initial=initial)
        self._projects = {project.slug: project for project in projects}
        offered = [(slug, project.name) for slug, project in self._projects.items()]
        self.fields["project"].choices = [("", "All projects"), *offered]  # type: ignore[attr-defined]

    def project_of(self) -> Project | None:
        """The chosen one, of a valid form; None is all."""
        return self._projects.get(self.cleaned_data["project"])


class ReportForm(_AboutProjects):
    """A report to be made now."""

    span = forms.ChoiceField(label="Period", choices=[(one.value, LABELS[one]) for one in ON_DEMAND])
    first_day = _day("First day")
    last_day = _day("Last day", "Only for days of your choice. Empty: today.")
    sections = _sections()
    field_order = ("span", "first_day", "last_day", "project", "sections")

    def __init__(
        self, data: QueryDict | None, *, projects: Sequence[Project], today: date, initial: dict[str, Any]
    ) -> None:
        super().__init__(data, projects=projects, initial={"sections": list(SECTIONS)} | initial)
        self._today = today

    def clean(self) -> dict[str, Any]:
        """Adds ``days``."""
        values: dict[str, Any] = super().clean() or {}
        if "span" in values and not self.errors:
            values["days"] = self._days(Span(values["span"]), values)
        return values

    def _days(self, span: Span, values: dict[str, Any]) -> Days:
        try:
            if span is Span.CUSTOM:
                return spans.chosen_days(values["first_day"], values["last_day"], today=self._today)
            return spans.days_of(span, today=self._today)
        except SpanError as error:
            raise ValidationError({"first_day": str(error)}) from error


class ScheduleForm(_AboutProjects):
    """A report that comes by itself."""

    name = forms.CharField(
        label="Name",
        max_length=LONGEST_NAME,
        help_text="It begins the subject of the mails, for example “Weekly costs”.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    cadence = forms.ChoiceField(label="How often", choices=Schedule.Cadence.choices)
    weekday = forms.TypedChoiceField(
        label="On which day of the week", choices=list(enumerate(WEEKDAYS)), coerce=int, help_text="Of a weekly one."
    )
    month_day = forms.IntegerField(
        label="On which day of the month",
        min_value=1,
        max_value=LAST_DAY,
        help_text="Of a monthly one. A month that is shorter has it on its last day.",
    )
    at = forms.TimeField(
        label="At",
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        help_text="On the organization’s clock.",
    )
    span = forms.ChoiceField(label="Period", choices=[(one.value, LABELS[one]) for one in SCHEDULED])
    channels = forms.MultipleChoiceField(
        label="Where to",
        widget=forms.CheckboxSelectMultiple,
        help_text="Mails carry the summary, Slack the report as text; both lead to the whole report.",
        error_messages={"required": "Choose at least one channel.", "invalid_choice": "Choose from the list."},
    )
    attaches_pdf = forms.BooleanField(label="Attach the PDF to mails", required=False)
    sections = _sections()
    field_order = ("name", "cadence", "weekday", "month_day", "at", "span", "project", "channels", "attaches_pdf")

    def __init__(
        self,
        data: QueryDict | None,
        *,
        projects: Sequence[Project],
        channels: Sequence[Channel],
        schedule: Schedule | None = None,
    ) -> None:
        super().__init__(data, projects=projects, initial=_initial(schedule) if schedule else _DEFAULTS)
        self._channels = {str(one.pk): one for one in channels if one.kind in CHANNEL_KINDS}
        offered = [(pk, f"{channel.name} ({channel.get_kind_display()})") for pk, channel in self._channels.items()]
        self.fields["channels"].choices = offered  # type: ignore[attr-defined]

    @property
    def has_channels(self) -> bool:
        return bool(self._channels)

    def wanted(self) -> Wanted:
        """What a valid form wants."""
        values = {name: value for name, value in self.cleaned_data.items() if name not in {"project", "channels"}}
        channels = [self._channels[pk] for pk in self.cleaned_data["channels"]]
        return Wanted(project=self.project_of(), channels=channels, **values)


_DEFAULTS: Final[dict[str, Any]] = {
    "cadence": Schedule.Cadence.WEEKLY,
    "weekday": 0,
    "month_day": 1,
    "at": time(8),
    "span": Span.WEEK_BEFORE.value,
    "attaches_pdf": True,
    "sections": list(SECTIONS),
}


def _initial(schedule: Schedule) -> dict[str, Any]:
    names = ("name", "cadence", "weekday", "month_day", "at", "span", "attaches_pdf", "sections")
    return {name: getattr(schedule, name) for name in names} | {
        "project": schedule.project.slug if schedule.project else "",
        "channels": [str(one.channel_id) for one in schedule.recipients.all()],
    }
