from django import forms

from tenants.forms import PlainSelect, time_zone_choices

_ID = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"})


class TimeZoneForm(forms.Form):
    time_zone = forms.ChoiceField(label="Time zone", choices=time_zone_choices, widget=PlainSelect)


class RetentionForm(forms.Form):
    days = forms.IntegerField(
        label="Days",
        min_value=7,
        max_value=730,
        help_text="7 to 730. Calls that are older are deleted within the hour; sums by hour and day stay 25 months.",
    )


class PersonalIdsForm(forms.Form):
    allowed = forms.BooleanField(
        label="Store user ids as they are sent, even if they look personal",
        required=False,
        help_text="Otherwise a value with an @ or at least seven digits is stored as a keyed hash: the same person"
        " keeps the same value, and nobody gets from it to the person. Calls that are stored already stay as they are.",
    )


class EndUserForm(forms.Form):
    """The id of an end user as the application sends it; blanks at its ends are part of it."""

    user_id = forms.CharField(
        label="User id",
        max_length=255,
        strip=False,
        widget=_ID,
        help_text="As your application sends it. Ids that are stored hashed are found by what was sent.",
    )


class ErasureForm(forms.Form):
    user_id = forms.CharField(max_length=255, strip=False, widget=forms.HiddenInput)
    confirmation = forms.CharField(label="The id once more", max_length=255, strip=False, widget=_ID)
