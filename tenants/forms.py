"""What people type about tenants; the rules are the services', these forms carry their words back to the field."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.forms.utils import flatatt
from django.http import QueryDict
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from tenants import key_terms
from tenants.audit_log import AuditFilter
from tenants.permissions import Scope
from tenants.time_zones import time_zones

_NOT_PLACES: Final = ("Etc/", "SystemV/", "US/", "Canada/", "Brazil/", "Chile/", "Mexico/")


def write_with[T](form: forms.Form, write: Callable[[dict[str, Any]], T]) -> T | None:
    """The result of ``write`` on the cleaned data, or None when the form or the service said no."""
    if not form.is_valid():
        return None
    try:
        return write(form.cleaned_data)
    except ValidationError as error:
        _show(form, error)
        return None


def status(form: forms.Form) -> int:
    """422 for a form that comes back with its errors."""
    return 422 if form.errors else 200


def _show(form: forms.Form, error: ValidationError) -> None:
    """Each message beside its field; those about something the form does not ask go on top of it."""
    by_field = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    for field, messages in by_field.items():
        for message in messages:
            form.add_error(field if field in form.fields else None, message)


@lru_cache(maxsize=1)
def time_zone_choices() -> tuple[tuple[str, str], ...]:
    """UTC first, then the zones named after places."""
    names = sorted(name for name in time_zones() if "/" in name and not name.startswith(_NOT_PLACES))
    return (("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names))


class PlainSelect(forms.Select):
    """A select of hundreds of options: Django renders a template for each, which takes 100 ms for the time zones."""

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        selected = str(value or "")
        options = ((value, mark_safe(" selected") if value == selected else "", label) for value, label in self.choices)
        return format_html(
            '<select name="{}"{}>{}</select>',
            name,
            flatatt(self.build_attrs(self.attrs, attrs)),
            format_html_join("", '<option value="{}"{}>{}</option>', options),
        )


class OrganizationForm(forms.Form):
    name = forms.CharField(
        label="Organization name",
        max_length=100,
        help_text="Your company or team. You can change it later.",
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "organization"}),
    )
    time_zone = forms.ChoiceField(
        label="Time zone",
        choices=time_zone_choices,
        initial="UTC",
        help_text="Days and months in charts and budgets begin at midnight here.",
        widget=PlainSelect(attrs={"data-time-zone": ""}),
    )


class NameForm(forms.Form):
    """A new name for something that has one."""

    name = forms.CharField(label="Name", max_length=100)


class MfaPolicyForm(forms.Form):
    required = forms.BooleanField(
        label="Require two-step sign-in of every member",
        required=False,
        help_text="Whoever has none is asked to set it up before anything of this organization is shown to them.",
    )


class ProjectForm(forms.Form):
    name = forms.CharField(
        label="Project name",
        max_length=100,
        help_text="One application or service, for example “Support bot”. Keys and dashboards belong to it.",
        widget=forms.TextInput(attrs={"autofocus": True}),
    )


class ConfirmationForm(forms.Form):
    """What must be typed before something is deleted."""

    confirmation = forms.CharField(
        label="Slug", max_length=50, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    )


class KeyForm(forms.Form):
    """A new key. Its expiry comes back as a moment and its ranges as networks in their usual form."""

    name = forms.CharField(
        label="Name",
        max_length=100,
        help_text="Where the key is used, for example “production backend”.",
    )
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        initial=[Scope.INGEST],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )
    expires_at = forms.CharField(
        label="Expires",
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "7d"}),
        help_text="After 24h or 7d, at the end of a day such as 2027-01-31, or at 2027-01-31T18:00. Empty: never.",
    )
    allowed_ranges = forms.CharField(
        label="Allowed addresses",
        max_length=5_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "placeholder": "203.0.113.0/24"}),
        help_text="One address or network a line, IPv4 or IPv6, at most 50. Empty: from anywhere.",
    )

    def __init__(
        self,
        data: QueryDict | None,
        *,
        scopes: Sequence[Scope],
        now: datetime,
        zone: tzinfo,
        wanted: Sequence[Scope] = (),
    ) -> None:
        """``wanted`` are ticked to begin with, where a page that led here knows what the key is for."""
        super().__init__(data, initial={"scopes": list(wanted)} if wanted else None)
        self._now, self._zone = now, zone
        self.fields["scopes"].choices = [(scope.value, scope.label) for scope in scopes]  # type: ignore[attr-defined]

    def clean_expires_at(self) -> datetime | None:
        return _term(lambda: key_terms.expiry(self.cleaned_data["expires_at"], now=self._now, zone=self._zone))

    def clean_allowed_ranges(self) -> list[str]:
        return _term(lambda: key_terms.ranges(re.split(r"[\s,]+", self.cleaned_data["allowed_ranges"])))


class RotateKeyForm(forms.Form):
    """For how long the old key works beside the new one."""

    overlap = forms.CharField(
        label="Keep the old key working for",
        max_length=10,
        initial=key_terms.USUAL_OVERLAP,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="From 1h to 30d: long enough to bring the new key to everything that uses the old one.",
    )

    def clean_overlap(self) -> timedelta:
        return _term(lambda: key_terms.overlap(self.cleaned_data["overlap"]))


def _term[T](read: Callable[[], T]) -> T:
    try:
        return read()
    except key_terms.TermError as error:
        raise ValidationError(str(error)) from error


def _day(*, label: str) -> forms.DateField:
    """An optional day, far from where calendars end."""
    bounds = [MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2199, 12, 31))]
    return forms.DateField(required=False, label=label, widget=forms.DateInput({"type": "date"}), validators=bounds)


class AuditFilterForm(forms.Form):
    """What to look for in the audit log; days are local to the organization, the last one included."""

    actor = forms.CharField(max_length=254, required=False, label="Who (e-mail or key name)")
    action = forms.ChoiceField(required=False, label="What")
    target_kind = forms.CharField(max_length=50, required=False, widget=forms.HiddenInput)
    target_id = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    since = _day(label="From")
    until = _day(label="To")

    def __init__(self, data: QueryDict, *, actions: Sequence[str]) -> None:
        super().__init__(data)
        self.fields["action"].choices = [("", "Everything"), *((name, name) for name in actions)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", "This is before the first day.")
        return cleaned

    def chosen(self, zone: tzinfo) -> AuditFilter:
        """The filter of a valid form."""
        values = dict(self.cleaned_data)
        since, until = values.pop("since"), values.pop("until")
        return AuditFilter(
            **values,
            since=datetime.combine(since, time(), zone) if since else None,
            until=datetime.combine(until + timedelta(days=1), time(), zone) if until else None,
        )
