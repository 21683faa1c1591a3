from django import forms

from tenants.forms import PlainSelect, time_zone_choices


class TimeZoneForm(forms.Form):
    time_zone = forms.ChoiceField(label="Time zone", choices=time_zone_choices, widget=PlainSelect)
