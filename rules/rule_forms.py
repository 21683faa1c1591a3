"""How people say what a rule fires on; bounds and words come from the catalogue."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from django import forms

from rules.configuration import MOST_MUTED
from rules.engine.names import Severity
from rules.engine.thresholds import RuleConfig, RuleSpec, Threshold, ThresholdError, checked
from rules.rule_words import number

_LONGEST: Final = 40
_GROUPED: Final = re.compile(r"[\s,_]")


class RuleForm(forms.Form):
    """On or off, every threshold of the rule, its severity, and features it says nothing about."""

    enabled = forms.BooleanField(label="Watch for this", required=False)

    def __init__(self, data: Any = None, *, spec: RuleSpec, config: RuleConfig) -> None:
        initial = {one.name: f"{config.number(spec.rule, one.name):f}" for one in spec.thresholds} | {
            "enabled": config.enabled,
            "severity": config.severity or "",
            "muted_features": "\n".join(sorted(config.muted_features)),
        }
        super().__init__(data, initial=initial)
        self.spec = spec
        self.fields |= {one.name: _field(one) for one in spec.thresholds}
        self.fields["severity"] = _severity(spec)
        if "feature" in spec.per:
            self.fields["muted_features"] = _muted()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for one in self.spec.thresholds:
            if one.name in cleaned:
                self._check(one, cleaned[one.name])
        return cleaned

    def _check(self, threshold: Threshold, text: str) -> None:
        try:
            checked(self.spec.rule, {threshold.name: _GROUPED.sub("", text)})
        except ThresholdError as error:
            self.add_error(threshold.name, str(error))

    def thresholds(self) -> dict[str, Decimal]:
        """The numbers of a valid form."""
        given = {one.name: _GROUPED.sub("", self.cleaned_data[one.name]) for one in self.spec.thresholds}
        return checked(self.spec.rule, given)

    def muted(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data.get("muted_features", "").splitlines() if line.strip()]

    def config(self) -> RuleConfig:
        """The rule as a valid form has it."""
        severity = self.cleaned_data["severity"]
        return RuleConfig(
            enabled=self.cleaned_data["enabled"],
            values=self.thresholds(),
            severity=Severity(severity) if severity else None,
            muted_features=frozenset(self.muted()),
        )

    def wanted(self) -> Mapping[str, Any]:
        """The same as the service takes it."""
        return {
            "rule": self.spec.rule.value,
            "enabled": self.cleaned_data["enabled"],
            "thresholds": self.thresholds(),
            "severity": self.cleaned_data["severity"],
            "muted_features": self.muted(),
        }

    @property
    def threshold_fields(self) -> list[forms.BoundField]:
        return [self[one.name] for one in self.spec.thresholds]


def _field(threshold: Threshold) -> forms.CharField:
    return forms.CharField(
        label=f"{threshold.label} … {threshold.unit}",
        max_length=_LONGEST,
        help_text=f"{threshold.explanation} {bounds(threshold)} Default: {number(threshold.default)}.",
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )


def bounds(threshold: Threshold) -> str:
    """What may be typed."""
    if threshold.choices:
        return f"One of {', '.join(number(choice) for choice in threshold.choices)}."
    return f"From {number(threshold.lowest)} to {number(threshold.highest)}."


def _severity(spec: RuleSpec) -> forms.ChoiceField:
    own = spec.severities or spec.severity.value
    return forms.ChoiceField(
        label="Severity",
        required=False,
        choices=[("", f"The rule’s own: {own}"), *((one.value, one.value.capitalize()) for one in Severity)],
        error_messages={"invalid_choice": "Choose one from the list."},
    )


def _muted() -> forms.CharField:
    return forms.CharField(
        label="Muted features",
        required=False,
        max_length=MOST_MUTED * 102,
        help_text="One a line, as calls name them: the rule says nothing about these.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off"}),
    )
