"""What people type about channels and routes; the rules are the services', these carry their words to the field."""

import re
from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.http import QueryDict

from rules.alerts.channel_terms import REGIONS, Given
from rules.alerts.matching import KINDS, RULES
from rules.alerts.models import LONGEST_NAME, Channel, Delivery, Route
from rules.alerts.route_services import Wanted
from tenants.models import Project, Team

_SECRET: Final = {"autocomplete": "off", "spellcheck": "false"}
_LONGEST_URL: Final = 2_000
_KEEP: Final = "Empty: it stays as it is."


class ChannelForm(forms.Form):
    """What channels of every kind have. ``secrets`` are fields that may stay empty when a channel is changed."""

    secrets: tuple[str, ...] = ()
    name = forms.CharField(
        label="Name",
        max_length=LONGEST_NAME,
        widget=forms.TextInput(attrs={"autofocus": True}),
        help_text="As people will see it in routes and in the list of deliveries.",
    )

    def __init__(self, data: QueryDict | None, *, channel: Channel | None = None) -> None:
        initial = {"name": channel.name, **self.shown(channel.config)} if channel else None
        super().__init__(data, initial=initial)
        for name in self.secrets if channel else ():
            self.fields[name].required = False
            self.fields[name].help_text = _KEEP

    @staticmethod
    def shown(config: dict[str, Any]) -> dict[str, Any]:
        """Of the stored settings, what the form begins with."""
        return {}

    def given(self) -> Given:
        """The settings of a valid form."""
        return Given(**{name: self.cleaned_data[name] for name in self.fields if name != "name"})


def _url(label: str, placeholder: str, text: str) -> forms.CharField:
    widget = forms.TextInput(attrs=_SECRET | {"inputmode": "url", "placeholder": placeholder})
    return forms.CharField(label=label, max_length=_LONGEST_URL, widget=widget, help_text=text)


class SlackForm(ChannelForm):
    secrets = ("url",)
    url = _url(
        "Incoming webhook",
        "https://hooks.slack.com/services/…",
        "In Slack: Apps, Incoming Webhooks, add one for a channel, copy its address. It is stored encrypted.",
    )


class EmailForm(ChannelForm):
    recipients = forms.CharField(
        label="Addresses",
        max_length=6_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "placeholder": "oncall@example.com"}),
        help_text="One a line, at most 20. Everybody gets the same mail and sees who else does.",
    )

    @staticmethod
    def shown(config: dict[str, Any]) -> dict[str, Any]:
        return {"recipients": "\n".join(config["recipients"])}

    def clean_recipients(self) -> list[str]:
        return [one for one in re.split(r"[\s,;]+", self.cleaned_data["recipients"]) if one]


class PagerDutyForm(ChannelForm):
    secrets = ("routing_key",)
    routing_key = forms.CharField(
        label="Integration key",
        max_length=100,
        widget=forms.TextInput(attrs=_SECRET),
        help_text="Of an Events API v2 integration of the service. It is stored encrypted.",
    )
    region = forms.ChoiceField(label="Region of the account", choices=list(REGIONS.items()), initial="us")
    url = forms.CharField(
        label="Address of another receiver",
        max_length=_LONGEST_URL,
        required=False,
        widget=forms.TextInput(attrs=_SECRET | {"inputmode": "url"}),
        help_text="Only for another receiver; events are sent to /v2/enqueue below it.",
    )

    @staticmethod
    def shown(config: dict[str, Any]) -> dict[str, Any]:
        return {"region": config["region"]}


class WebhookForm(ChannelForm):
    secrets = ("url",)
    url = _url(
        "Address",
        "https://example.com/hooks/tokenops",
        "Messages are JSON, signed as standardwebhooks.com says. The secret is shown once, after this.",
    )


CHANNEL_FORMS: Final[dict[str, type[ChannelForm]]] = {
    Channel.Kind.SLACK: SlackForm,
    Channel.Kind.EMAIL: EmailForm,
    Channel.Kind.PAGERDUTY: PagerDutyForm,
    Channel.Kind.WEBHOOK: WebhookForm,
}


def _several(label: str, text: str = "Nothing chosen: all.") -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(label=label, required=False, widget=forms.CheckboxSelectMultiple, help_text=text)


def _clock(label: str, text: str = "") -> forms.TimeField:
    widget = forms.TimeInput(format="%H:%M", attrs={"type": "time"})
    return forms.TimeField(label=label, required=False, widget=widget, help_text=text)


_SEVERITIES: Final = [("low", "Low: everything"), ("medium", "Medium and high"), ("high", "High only")]


class RouteForm(forms.Form):
    name = forms.CharField(
        label="Name", max_length=LONGEST_NAME, help_text="For example “Everything urgent to the on-call channel”."
    )
    channel = forms.ChoiceField(label="Channel")
    is_enabled = forms.BooleanField(label="This route is on", required=False, initial=True)
    min_severity = forms.ChoiceField(label="From which severity", choices=_SEVERITIES)
    kinds = _several("What", "Nothing chosen: everything.")
    rules = _several("Rules of insights", "Nothing chosen: all, and what is no insight too.")
    teams = _several("Teams", "Nothing chosen: all, and what is of no team too.")
    projects = _several("Projects", "Nothing chosen: all, and what is of the whole organization too.")
    pace = forms.ChoiceField(label="How often", choices=Route.Pace.choices)
    digest_at = _clock("Time of the daily digest", "On the organization’s clock. Only for a daily digest.")
    quiet_from = _clock("Quiet from")
    quiet_until = _clock("Quiet until", "What happens in between is sent at the end. It may cross midnight.")
    tells_recovery = forms.BooleanField(
        label="Tell when it is over", required=False, initial=True, help_text="To whoever was told that it began."
    )
    renotify_hours = forms.IntegerField(
        label="Remind while it is open, every so many hours",
        required=False,
        help_text="1 to 168; until somebody acknowledges it. Empty: never.",
    )
    escalate_to = forms.ChoiceField(
        label="If nobody acknowledges it, tell", required=False, help_text="At once, in quiet hours too."
    )
    escalate_after_minutes = forms.IntegerField(label="After how many minutes", required=False)

    def __init__(
        self,
        data: QueryDict | None,
        *,
        channels: Sequence[Channel],
        teams: Sequence[Team],
        projects: Sequence[Project],
        route: Route | None = None,
    ) -> None:
        super().__init__(data, initial=_initial(route) if route else {"digest_at": "09:00"})
        self._channels = {str(channel.pk): channel for channel in channels}
        offered = [(pk, f"{channel.name} ({channel.get_kind_display()})") for pk, channel in self._channels.items()]
        choices: dict[str, list[tuple[str, str]]] = {
            "channel": offered,
            "escalate_to": [("", "Nobody else"), *offered],
            "kinds": list(KINDS.items()),
            "rules": list(RULES.items()),
            "teams": [(team.slug, team.name) for team in teams],
            "projects": [(str(project.pk), project.name) for project in projects],
        }
        for name, of_field in choices.items():
            self.fields[name].choices = of_field  # type: ignore[attr-defined]

    def wanted(self) -> Wanted:
        """What a valid form wants."""
        values = dict(self.cleaned_data)
        projects, escalate_to = values.pop("projects"), values.pop("escalate_to")
        digest_at = values.pop("digest_at")
        return Wanted(
            **values | {"channel": self._channels[values["channel"]]},
            escalate_to=self._channels.get(escalate_to),
            project_ids=[int(pk) for pk in projects],
            **({"digest_at": digest_at} if digest_at else {}),
        )


def _initial(route: Route) -> dict[str, Any]:
    names = [name for name in RouteForm.base_fields if name not in {"projects", "channel", "escalate_to"}]
    return {name: getattr(route, name) for name in names} | {
        "projects": [str(pk) for pk in route.project_ids],
        "channel": str(route.channel_id),
        "escalate_to": str(route.escalate_to_id or ""),
    }


class DeliveryFilterForm(forms.Form):
    channel = forms.ChoiceField(label="Channel", required=False)
    state = forms.ChoiceField(label="State", required=False, choices=[("", "Any"), *Delivery.State.choices])
    event = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict, *, channels: Sequence[Channel]) -> None:
        super().__init__(data)
        self.fields["channel"].choices = [("", "All"), *((str(one.pk), one.name) for one in channels)]  # type: ignore[attr-defined]
