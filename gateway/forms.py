"""What people type about providers and credentials; the rules are the services', these carry their words back."""

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.http import QueryDict

from gateway import terms, upstreams
from gateway.models import GatewayProvider
from gateway.providers import Preset
from gateway.terms import WantedCredential, WantedProvider
from gateway.upstreams import Upstream
from tenants.models import Project

_PLAIN: Final = {"autocomplete": "off", "spellcheck": "false"}
_SECRET: Final = _PLAIN | {"autocomplete": "new-password"}
_STORED: Final = "Stored encrypted and never shown again."


def _text(label: str, length: int, help_text: str, *, required: bool = True, **attrs: str) -> forms.CharField:
    widget = forms.TextInput(attrs=_PLAIN | attrs)
    return forms.CharField(label=label, max_length=length, help_text=help_text, widget=widget, required=required)


def _seconds(label: str, most: int, help_text: str) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=1, max_value=most, help_text=help_text)


def _secret() -> forms.CharField:
    return forms.CharField(
        label="Key",
        max_length=terms.LONGEST_SECRET,
        widget=forms.PasswordInput(attrs=_SECRET),
        help_text=_STORED,
        strip=False,  # the service does, and says what is wrong with the rest
        error_messages={"required": "Paste the key that the provider gave you."},
    )


class ProviderForm(forms.Form):
    """An upstream of the organization's own, begun from a built-in row or from what is stored."""

    name = _text("Name", terms.LONGEST_NAME, "As people see it here.")
    slug = _text("Slug", terms.LONGEST_SLUG, "Where calls find it: below /v1/proxy/ and this. It stays as it is.")
    origin = _text("Address", terms.LONGEST_ORIGIN, "Scheme, host and port, without a path. It must be public.")
    base_path = _text(
        "Base path", terms.LONGEST_BASE_PATH, "Put before every path that does not begin with it.", required=False
    )
    auth = forms.ChoiceField(
        label="Where the key goes",
        choices=GatewayProvider.Auth.choices,
        help_text="None: the server takes no key, so calls need a TokenOps key only.",
    )
    auth_name = _text("Name of the header or parameter", 100, "Where the key goes into one of them.", required=False)
    inject_include_usage = forms.BooleanField(
        label="Ask for token counts of streams",
        required=False,
        help_text="Adds include_usage to streamed OpenAI-style calls that lack it, and keeps the added piece back.",
    )
    first_byte_seconds = _seconds("Seconds until an answer begins", 3_600, "Long answers that are not streamed: many.")
    idle_seconds = _seconds("Seconds between two pieces", 3_600, "Of a streamed answer.")
    total_seconds = _seconds("Seconds in all", 86_400, "Then a call is given up, however far it is.")

    def __init__(self, data: QueryDict | None, *, preset: Preset, own: GatewayProvider | None = None) -> None:
        super().__init__(data, initial=_of_row(own) if own else upstreams.defaults(preset.provider))
        self._preset = preset.provider.slug
        self.fields["origin"].widget.attrs["placeholder"] = preset.origin_hint or "https://llm.example.com"
        if own:
            del self.fields["slug"]
        self._slug = own.slug if own else ""

    def wanted(self) -> WantedProvider:
        """What a valid form wants."""
        values = dict(self.cleaned_data)
        return WantedProvider(preset=self._preset, slug=values.pop("slug", self._slug), **values)


def _of_row(own: GatewayProvider) -> dict[str, Any]:
    names = ("name", "origin", "base_path", "auth", "auth_name", "inject_include_usage", *terms.MOST_SECONDS)
    return {name: getattr(own, name) for name in names}


class CredentialForm(forms.Form):
    """A new credential; with ``fixed`` of that upstream, whose address it then remembers."""

    provider = forms.ChoiceField(label="Provider", error_messages={"required": "Choose whose key it is."})
    name = _text("Name", terms.LONGEST_NAME, "To tell it from others: “Production”. It stays when the key is replaced.")
    secret = _secret()
    project = forms.ChoiceField(
        label="For calls of", required=False, help_text="A project’s own key is taken before the organization’s."
    )
    origin = forms.CharField(required=False, max_length=terms.LONGEST_ORIGIN, widget=forms.HiddenInput)

    def __init__(
        self,
        data: QueryDict | None,
        *,
        offered: Sequence[Upstream],
        projects: Sequence[Project],
        fixed: Upstream | None = None,
    ) -> None:
        super().__init__(data)
        self._projects = {project.slug: project for project in projects}
        scopes = [(slug, project.name) for slug, project in self._projects.items()]
        self.fields["project"].choices = [("", "The whole organization"), *scopes]  # type: ignore[attr-defined]
        listed = [(one.provider.slug, f"{one.provider.name} ({one.provider.origin})") for one in offered]
        # None is chosen beforehand: a key is sent to its provider at once, and must not go to the first of a list.
        self.fields["provider"].choices = [("", "Choose whose key it is"), *listed]  # type: ignore[attr-defined]
        if fixed:
            self.fields["provider"].widget = forms.HiddenInput()
            self.initial = {"provider": fixed.provider.slug, "origin": fixed.provider.origin}
        else:
            del self.fields["origin"]

    def wanted(self) -> WantedCredential:
        """What a valid form wants."""
        values = dict(self.cleaned_data)
        return WantedCredential(project=self._projects.get(values.pop("project")), **values)


class ReplaceForm(forms.Form):
    """A new secret for a credential, and which one it was meant to follow."""

    secret = _secret()
    seen = forms.DateTimeField(required=False, widget=forms.HiddenInput)


class OfflineForm(forms.Form):
    offline_minutes = forms.IntegerField(
        label="Minutes that known keys keep working",
        min_value=0,
        max_value=terms.MOST_OFFLINE_MINUTES,
        help_text="0 to 1,440. 0: no call passes while the database cannot be asked.",
    )
