"""What people type about environments; the rules are the services'."""

from django import forms

from tenants.environments import LONGEST

_TEXT = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})


class EnvironmentForm(forms.Form):
    name = forms.CharField(
        label="Name", max_length=LONGEST, strip=False, widget=_TEXT, help_text="As calls send it; capitals matter."
    )
    note = forms.CharField(label="Note", max_length=200, required=False)
    is_production = forms.BooleanField(label="Production: calls of real users", required=False)


class DefaultEnvironmentForm(forms.Form):
    default_environment = forms.CharField(
        label="Environment of calls that name none",
        max_length=LONGEST,
        strip=False,
        widget=_TEXT,
        help_text="From now on; “default” unless you say otherwise. Calls that are stored stay as they are.",
    )
