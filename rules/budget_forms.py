"""What people type about budgets; the rules are in budget_terms and the services."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from django import forms

from rules.budget_terms import LONGEST_FEATURE, LONGEST_NAME, LONGEST_USER, NEEDED, Wanted
from rules.engine.budgets import DEFAULT_THRESHOLDS
from rules.models import Budget
from tenants.models import ApiKey, Project

_THRESHOLDS: Final = ", ".join(map(str, DEFAULT_THRESHOLDS))
_NO_TEAMS: Final[Mapping[str, str]] = {}
_PLAIN: Final = {"autocomplete": "off", "spellcheck": "false"}


def _name() -> forms.CharField:
    return forms.CharField(
        label="Name",
        max_length=LONGEST_NAME,
        help_text="How lists and alerts call it, for example “Support bot, monthly”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


def _limit() -> forms.CharField:
    return forms.CharField(
        label="Limit",
        max_length=60,
        help_text="US dollars, or tokens: as “Counts” says.",
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "placeholder": "500"}),
    )


def _thresholds() -> forms.CharField:
    return forms.CharField(
        label="Tell us at",
        max_length=100,
        initial=_THRESHOLDS,
        help_text="Percent of the limit, from the lowest to the highest. Each is told once a period, for good.",
        widget=forms.TextInput(attrs=_PLAIN),
    )


def _feature() -> forms.CharField:
    return forms.CharField(
        label="Feature",
        max_length=LONGEST_FEATURE,
        help_text="As calls name it; capitals matter.",
        widget=forms.TextInput(attrs=_PLAIN),
    )


def _end_user() -> forms.CharField:
    return forms.CharField(
        label="End user",
        max_length=LONGEST_USER,
        help_text="The user id your calls send. One that looks personal, such as an address, is kept as a keyed hash,"
        " here as in calls.",
        widget=forms.TextInput(attrs=_PLAIN),
    )


def _split(text: str) -> list[str]:
    return [part for part in re.split(r"[\s,;]+", text.replace(" %", "%")) if part]


class _Choice(forms.ChoiceField):
    """A choice that is refused in words that do not repeat it."""

    def __init__(self, label: str, empty: str, choices: Sequence[tuple[str, str]], **options: Any) -> None:
        messages = {"invalid_choice": "Choose one from the list."}
        every = [("", empty), *choices] if empty else choices
        super().__init__(label=label, choices=every, error_messages=messages, **options)


class BudgetForm(forms.Form):
    """A new budget of ``scope``, which decides what else is asked."""

    scope = forms.CharField(widget=forms.HiddenInput)
    name = _name()

    def __init__(
        self,
        data: Any = None,
        *,
        scope: str,
        teams: Mapping[str, str] = _NO_TEAMS,
        projects: Iterable[Project] = (),
        keys: Iterable[ApiKey] = (),
        initial: dict[str, str] | None = None,
    ) -> None:
        super().__init__(data, initial={"scope": scope} | (initial or {}))
        self.chosen_scope = scope
        projects, keys = list(projects), list(keys)
        self.projects = {one.slug: one for one in projects}
        self.keys = {one.prefix: one for one in keys}
        asked = {
            "project": lambda: _Choice("Project", "Choose a project", [(one.slug, one.name) for one in projects]),
            "team": lambda: _Choice("Team", "Choose a team", list(teams.items())),
            "api_key": lambda: _Choice("API key", "Choose a key", [(one.prefix, _named(one)) for one in keys]),
            "feature": _feature,
            "user_id": _end_user,
        }
        self.fields |= {name: asked[name]() for name in NEEDED[scope]}
        self.fields["metric"] = _Choice("Counts", "", Budget.Metric.choices)
        self.fields["period"] = _Choice("Every", "", Budget.Period.choices, initial=Budget.Period.MONTH)
        self.fields["limit"] = _limit()
        self.fields["thresholds"] = _thresholds()

    def wanted(self) -> Wanted:
        """What was asked for; call it on a valid form."""
        data = self.cleaned_data
        return Wanted(
            name=data["name"],
            scope=self.chosen_scope,
            metric=data["metric"],
            period=data["period"],
            limit=data["limit"],
            thresholds=_split(data["thresholds"]),
            project=self.projects.get(data.get("project", "")),
            team=data.get("team", ""),
            feature=data.get("feature", ""),
            user_id=data.get("user_id", ""),
            api_key=self.keys.get(data.get("api_key", "")),
        )


class BudgetChangeForm(forms.Form):
    """What may change of a budget that is there."""

    name = _name()
    limit = _limit()
    thresholds = _thresholds()

    def __init__(self, data: Any = None, *, budget: Budget) -> None:
        limit = f"{budget.limit:f}"
        limit = limit.rstrip("0").rstrip(".") if "." in limit else limit
        thresholds = ", ".join(map(str, budget.thresholds))
        super().__init__(data, initial={"name": budget.name, "limit": limit, "thresholds": thresholds})
        self.fields["limit"].help_text = "US dollars" if budget.metric == Budget.Metric.COST_USD else "Tokens"
        self.fields["limit"].help_text += f" {_PER[budget.period]}."

    def changes(self) -> dict[str, Any]:
        """What was asked for; call it on a valid form."""
        data = self.cleaned_data
        return {"name": data["name"], "limit": data["limit"], "thresholds": _split(data["thresholds"])}


_PER: Final = {"hour": "an hour", "day": "a day", "week": "a week", "month": "a month"}


def _named(key: ApiKey) -> str:
    where = key.project.name if key.project else "whole organization"
    return f"{key.name} (tko_{key.prefix}…, {where})"
