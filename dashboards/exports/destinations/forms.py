"""What people type about destinations; the rules are the services', this carries their words to the field."""

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.http import QueryDict

from dashboards.exports.destinations.models import LONGEST_NAME, Destination
from dashboards.exports.destinations.terms import LONGEST_PREFIX, Wanted
from tenants.models import Project

_PLAIN: Final = {"autocomplete": "off", "spellcheck": "false"}


def _text(label: str, length: int, help_text: str, placeholder: str = "", *, required: bool = True) -> forms.CharField:
    widget = forms.TextInput(attrs=_PLAIN | {"placeholder": placeholder})
    return forms.CharField(label=label, max_length=length, help_text=help_text, widget=widget, required=required)


class DestinationForm(forms.Form):
    name = _text("Name", LONGEST_NAME, "As people will see it here and in alerts.", "Data lake")
    project = forms.ChoiceField(label="Calls of", required=False)
    cadence = forms.ChoiceField(
        label="How often",
        choices=Destination.Cadence.choices,
        help_text="An hour is copied ten minutes after its end, a day ten minutes after the organization’s midnight.",
    )
    endpoint = _text(
        "Endpoint",
        300,
        "The server’s address without bucket. It must be public.",
        "https://s3.eu-central-1.amazonaws.com",
    )
    region = _text("Region", 50, "As the server calls it; “us-east-1” where it has none.", "eu-central-1")
    bucket = _text("Bucket", 63, "It must exist already.", "acme-telemetry")
    # Not the form's own prefix: fields leave the class when it is made.
    prefix = _text(  # type: ignore[assignment]
        "Prefix", LONGEST_PREFIX, "Where in the bucket. Empty: at its top.", "tokenops", required=False
    )
    key_id = _text("Access key id", 128, "A key that may put objects there; it need not read or list.")
    secret = forms.CharField(
        label="Secret access key",
        max_length=256,
        widget=forms.PasswordInput(attrs=_PLAIN | {"autocomplete": "new-password"}),
        help_text="Stored encrypted and never shown.",
        error_messages={"required": "Enter the secret that belongs to the access key id."},
    )

    def __init__(
        self,
        data: QueryDict | None,
        *,
        projects: Sequence[Project],
        sees_all: bool,
        destination: Destination | None = None,
    ) -> None:
        super().__init__(data, initial=_initial(destination) if destination else _DEFAULTS)
        self._projects = {project.slug: project for project in projects}
        every = [("", "All projects")] if sees_all else []
        offered = [*every, *((slug, project.name) for slug, project in self._projects.items())]
        self.fields["project"].choices = offered  # type: ignore[attr-defined]
        self.fields["project"].required = not sees_all
        if destination:
            self.fields["secret"].required = False
            self.fields["secret"].help_text = "Empty: it stays as it is. A new key needs its own."

    def wanted(self) -> Wanted:
        """What a valid form wants."""
        values: dict[str, Any] = {name: value for name, value in self.cleaned_data.items() if name != "project"}
        return Wanted(project=self._projects.get(self.cleaned_data["project"]), **values)


_DEFAULTS: Final = {"cadence": Destination.Cadence.HOURLY, "region": "us-east-1"}


def _initial(destination: Destination) -> dict[str, Any]:
    names = ("name", "cadence", "endpoint", "region", "bucket", "prefix", "key_id")
    return {name: getattr(destination, name) for name in names} | {
        "project": destination.project.slug if destination.project else ""
    }
