"""What people type about currencies; the rules are the services'."""

from datetime import date
from typing import Any

from django import forms

from core.currencies import NAMES, USD
from tenants.currency import NO_RATE, SMALLEST
from tenants.forms import PlainSelect

_ALL = [(code, f"{code} · {name}") for code, name in NAMES.items()]
_OTHERS = [(code, text) for code, text in _ALL if code != USD]
_USUAL = "EUR"


class CurrencyForm(forms.Form):
    currency = forms.ChoiceField(
        label="Currency",
        choices=[(USD, f"{USD} · {NAMES[USD]}"), *_OTHERS],
        widget=PlainSelect,
        help_text="What pages show costs in. They are stored, exported and answered by the API in US dollars.",
        error_messages={"invalid_choice": "Choose a currency from the list."},
    )


class RateForm(forms.Form):
    """``confirm`` is asked only about a rate that looks like a slip."""

    code = forms.ChoiceField(
        label="Currency",
        choices=_OTHERS,
        widget=PlainSelect,
        error_messages={"invalid_choice": "Choose a currency from the list."},
    )
    rate = forms.DecimalField(
        label="One US dollar is",
        max_digits=20,
        decimal_places=10,
        localize=False,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "placeholder": "0.92"}),
        help_text="How many of the currency, as in 1 USD = 0.92 EUR; not the other way round.",
        min_value=SMALLEST,
        error_messages={"invalid": "Type a number such as 0.92.", "min_value": NO_RATE},
    )
    valid_from = forms.DateField(
        label="From",
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        help_text="A day to come is fine: the rate before it holds until then.",
    )
    confirm = forms.BooleanField(label="The rate is meant as it is", required=False, widget=forms.HiddenInput)

    @staticmethod
    def proposal(code: str, today: date) -> dict[str, Any]:
        """What the empty form begins with."""
        return {"code": _USUAL if code == USD else code, "valid_from": today}

    def ask(self, question: str) -> None:
        """Come back with a box to tick."""
        self.add_error("rate", question)
        self.fields["confirm"].widget = forms.CheckboxInput()
