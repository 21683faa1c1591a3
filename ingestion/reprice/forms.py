"""Which calls somebody wants to re-price."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms

from ingestion.rebuild import local_midnight
from tenants.models import Project

_DEFAULT_DAYS: Final = 30


class RepriceForm(forms.Form):
    """Days are the organization's; both are included."""

    first_day = forms.DateField(label="First day", widget=forms.DateInput(attrs={"type": "date"}))
    last_day = forms.DateField(
        label="Last day",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Calls that are not kept any more cannot be re-priced; their costs stay.",
    )
    project: "forms.ModelChoiceField[Project]" = forms.ModelChoiceField(
        label="Project",
        queryset=None,  # asked for in the scope of the request
        to_field_name="slug",
        required=False,
        empty_label="All projects",
    )
    provider = forms.CharField(
        label="Provider", max_length=100, required=False, help_text="For example openai. Empty: every provider."
    )
    model = forms.CharField(
        label="Model", max_length=255, required=False, help_text="As sent, or as it is priced now. Empty: every model."
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["project"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - ours, above
        field.queryset = Project.objects.order_by("name")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        first, last = data.get("first_day"), data.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", "Choose a day that is not before the first one.")
        return data

    def period(self, zone: ZoneInfo) -> dict[str, datetime]:
        """The chosen days as a half-open period."""
        first, last = self.cleaned_data["first_day"], self.cleaned_data["last_day"]
        return {
            "since": local_midnight(first, zone.key),
            "until": local_midnight(last + timedelta(days=1), zone.key),
        }


def initial(query: Mapping[str, str], *, today: date) -> dict[str, Any]:
    """What a link to the form has filled in: ``from``, ``to``, ``project``, ``provider`` and ``model``."""
    known = {name: query.get(name, "") for name in ("project", "provider", "model")}
    return known | {
        "first_day": query.get("from") or (today - timedelta(days=_DEFAULT_DAYS - 1)).isoformat(),
        "last_day": query.get("to") or today.isoformat(),
    }
