"""What people type about prices; the rules are in overrides.py, the amounts are read as in pasted lines."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError

from ingestion.pricing import paste
from ingestion.pricing.catalogue import provider_clauses
from ingestion.pricing.overrides import Wanted
from ingestion.pricing.own import REQUIRED, UNIT_NAMES
from tenants.forms import PlainSelect

_LABELS: Final[Mapping[str, str]] = {
    "input": "Input",
    "cached_input": "Cached input",
    "cache_write": "Cache write",
    "output": "Output",
    "reasoning": "Reasoning",
    "audio_input": "Audio input",
    "audio_output": "Audio output",
    "image_input": "Image input",
    "image_output": "Image output",
    "requests": "Per thousand requests",
}
USUAL: Final = ("input", "cached_input", "cache_write", "output")


class DayInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class AmountField(forms.CharField):
    """US dollars as a decimal."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "placeholder": "0.00"})

    def clean(self, value: Any) -> Decimal | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return paste.amount(text)
        except ValueError as error:
            raise ValidationError(f"The price {error}.") from error


def _valid_from() -> forms.DateField:
    return forms.DateField(
        label="Valid from",
        required=False,
        widget=DayInput(),
        help_text="From midnight of this day on; it may be past or to come. Empty: since ever.",
    )


def midnight(day: date | None, zone: tzinfo) -> datetime | None:
    """The moment ``day`` begins in ``zone``; None without one."""
    return None if day is None else datetime.combine(day, time(), zone).astimezone(UTC)


class PriceForm(forms.Form):
    model = forms.CharField(
        label="Model id",
        max_length=255,
        strip=True,
        help_text="Exactly as calls name it; upper and lower case are one.",
    )
    provider = forms.CharField(
        label="Provider", max_length=100, required=False, help_text="Empty: whichever provider the call names."
    )
    valid_from = _valid_from()
    confirm = forms.BooleanField(label="Yes, the prices are meant like this", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in UNIT_NAMES:
            self.fields[name] = AmountField(label=_LABELS[name], required=name in REQUIRED)
        self.fields["input"].help_text = self.fields["output"].help_text = "0 if it costs nothing."
        self.fields["cached_input"].help_text = "Empty: billed as input."
        self.fields["cache_write"].help_text = "Empty: billed as input."

    @property
    def usual_prices(self) -> list[forms.BoundField]:
        return [self[name] for name in USUAL]

    @property
    def other_prices(self) -> list[forms.BoundField]:
        return [self[name] for name in UNIT_NAMES if name not in USUAL]

    @property
    def has_other_prices(self) -> bool:
        """Whether the fields that are folded away hold something to see."""
        return any(field.value() or field.errors for field in self.other_prices)

    def wanted(self, zone: tzinfo) -> Wanted:
        """What was asked for; call it on a valid form."""
        data = self.cleaned_data
        prices = {name: data[name] for name in UNIT_NAMES if data.get(name) is not None}
        valid_from = midnight(data["valid_from"], zone)
        return Wanted(model=data["model"], provider=data["provider"], prices=prices, valid_from=valid_from)


@lru_cache(maxsize=1)
def provider_choices() -> tuple[tuple[str, str], ...]:
    """The catalogue's providers."""
    return (
        ("", "Choose a provider"),
        *((one.id, one.id) for one in sorted(provider_clauses(), key=lambda one: one.id)),
    )


class AliasForm(forms.Form):
    model = forms.CharField(label="Model id", max_length=255, help_text="Exactly as calls name it.")
    target_provider = forms.ChoiceField(label="Has the price of", choices=provider_choices, widget=PlainSelect)
    target = forms.CharField(label="Model of that provider", max_length=255, help_text="Its id in the catalogue.")
    valid_from = _valid_from()

    def wanted(self, zone: tzinfo) -> Wanted:
        """What was asked for; call it on a valid form."""
        data = self.cleaned_data
        target = data["target_provider"], data["target"]
        return Wanted(model=data["model"], target=target, valid_from=midnight(data["valid_from"], zone))


class BulkForm(forms.Form):
    lines = forms.CharField(
        label="Prices",
        strip=False,
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 12, "class": "mono", "spellcheck": "false", "autocomplete": "off"}),
        help_text="One model a line: provider, model, input, cached input, cache write, output. Or paste a table with a"
        " first line of names, also from a spreadsheet. US dollars per million tokens; an empty provider means any.",
    )
    valid_from = _valid_from()
    confirm = forms.BooleanField(label="Yes, the prices are meant like this", required=False)

    def wanted(self, zone: tzinfo) -> list[tuple[int, Wanted]]:
        """What was asked for, by line.

        :raises PasteError: lines that cannot be used.
        """
        valid_from = midnight(self.cleaned_data["valid_from"], zone)
        return [
            (one.line, Wanted(model=one.model, provider=one.provider, prices=one.prices, valid_from=valid_from))
            for one in paste.read(self.cleaned_data["lines"])
        ]


class EndForm(forms.Form):
    ends_on = forms.DateField(
        label="Ends",
        required=False,
        widget=DayInput(),
        help_text="At midnight as this day begins. Empty: now.",
    )

    def ends_at(self, zone: tzinfo, now: datetime) -> datetime:
        """The moment that was chosen; call it on a valid form."""
        return midnight(self.cleaned_data["ends_on"], zone) or now
