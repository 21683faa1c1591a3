"""Channels, routes and deliveries as the API shows and takes them. A secret goes in and does not come out."""

from typing import Any, Final

from django.db.models import TextChoices
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.fields import InstantField, OptionalInstantField
from core.parameters import Body, Choice, OrganizationParameters
from rules.alerts.channel_terms import MOST_RECIPIENTS, REGIONS
from rules.alerts.matching import KINDS, RULES
from rules.alerts.models import LONGEST_NAME, Channel, Delivery, DeliveryAttempt, Route
from tenants.models import Event

_LONGEST_URL: Final = 2_000
_LARGEST_ID: Final = 2**63 - 1
_ALL: Final = "Empty: all."


def _values(choices: type[TextChoices]) -> tuple[str, ...]:
    return tuple(choices.values)


# "time" of JSON Schema has seconds and an offset, which a moment of every day on the organization's clock has not.
@extend_schema_field({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "example": "09:00"})
class _ClockField(serializers.TimeField):
    """Hours and minutes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%H:%M", input_formats=["%H:%M"], **kwargs)


# --- Channels ---


class ChannelSerializer(serializers.Serializer[Channel]):
    """A place where people are told."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    kind = Choice(_values(Channel.Kind))
    enabled = serializers.BooleanField(source="is_enabled")
    disabled_reason = serializers.CharField(help_text="Why it was turned off; empty while it is on.")
    host = serializers.SerializerMethodField(help_text="Where it leads to; null for e-mail. Addresses are secrets.")
    recipients = serializers.SerializerMethodField(help_text="Of e-mail; empty for other kinds.")
    region = serializers.SerializerMethodField(help_text="Of PagerDuty; null for other kinds.")
    failures = serializers.IntegerField(help_text="Messages in a row that were given up; three turn it off.")
    last_failure = serializers.CharField()
    last_failure_at = OptionalInstantField(allow_null=True)
    last_success_at = OptionalInstantField(allow_null=True)
    created_at = InstantField()

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_host(self, channel: Channel) -> str | None:
        host: str | None = channel.config.get("host")
        return host

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_recipients(self, channel: Channel) -> list[str]:
        return list(channel.config.get("recipients", []))

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_region(self, channel: Channel) -> str | None:
        region: str | None = channel.config.get("region")
        return region


class NewChannelSerializer(ChannelSerializer):
    """A channel that was just made. This is the only answer with the signing secret of a webhook."""

    signing_secret = serializers.CharField(allow_null=True, help_text="Of a webhook; null for other kinds.")


class ChannelListSerializer(serializers.Serializer[Any]):
    results = ChannelSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null: the list has one page.")


class _ChannelSettings(Body):
    url = serializers.CharField(
        required=False, max_length=_LONGEST_URL, write_only=True, help_text="Of Slack, a webhook, another receiver."
    )
    recipients = serializers.ListField(
        child=serializers.CharField(max_length=254), required=False, max_length=MOST_RECIPIENTS, help_text="Of e-mail."
    )
    routing_key = serializers.CharField(
        required=False, max_length=100, write_only=True, help_text="Of PagerDuty’s Events API v2."
    )
    region = Choice(tuple(REGIONS), required=False, help_text="Of PagerDuty.")


class ChannelBodySerializer(_ChannelSettings):
    """A channel to be; which settings it takes depends on its kind."""

    name = serializers.CharField(max_length=LONGEST_NAME)
    kind = Choice(_values(Channel.Kind))


class ChannelChangeSerializer(_ChannelSettings):
    """What is to change; what is left out stays."""

    name = serializers.CharField(max_length=LONGEST_NAME, required=False)
    enabled = serializers.BooleanField(required=False, help_text="True forgives its failures.")


class SecretSerializer(serializers.Serializer[Any]):
    """A new signing secret; the old one signs beside it for 24 hours."""

    signing_secret = serializers.CharField()


# --- Routes ---


class RouteSerializer(serializers.Serializer[Route]):
    """Which events a channel is told of, and when."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    channel = serializers.IntegerField(source="channel_id", help_text="Id of the channel.")
    enabled = serializers.BooleanField(source="is_enabled")
    min_severity = Choice(_values(Event.Severity))
    kinds = serializers.ListField(child=serializers.CharField(), help_text=_ALL)
    rules = serializers.ListField(child=serializers.CharField(), help_text=_ALL)
    teams = serializers.ListField(child=serializers.CharField(), help_text=f"Slugs. {_ALL}")
    projects = serializers.SerializerMethodField(help_text=f"Slugs. {_ALL}")
    pace = Choice(_values(Route.Pace))
    digest_at = _ClockField(help_text="Of a daily digest, on the organization's clock.")
    quiet_from = _ClockField(allow_null=True)
    quiet_until = _ClockField(allow_null=True)
    renotify_hours = serializers.IntegerField(allow_null=True)
    tells_recovery = serializers.BooleanField()
    escalate_to = serializers.IntegerField(source="escalate_to_id", allow_null=True, help_text="Id of a channel.")
    escalate_after_minutes = serializers.IntegerField(allow_null=True)
    created_at = InstantField()

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_projects(self, route: Route) -> list[str]:
        names: dict[int, str] = self.context.get("projects", {})
        return [names[pk] for pk in route.project_ids if pk in names]


class RouteListSerializer(serializers.Serializer[Any]):
    results = RouteSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null: the list has one page.")


def _several(help_text: str, choices: tuple[str, ...] = ()) -> serializers.ListField:
    child: serializers.Field[Any, Any, Any, Any] = Choice(choices) if choices else serializers.CharField(max_length=100)
    return serializers.ListField(child=child, required=False, max_length=100, help_text=help_text)


def _id(**options: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=_LARGEST_ID, **options)


class RouteChangeSerializer(Body):
    """What is to change; what is left out stays."""

    name = serializers.CharField(max_length=LONGEST_NAME, required=False)
    channel = _id(required=False, help_text="Id of a channel.")
    enabled = serializers.BooleanField(required=False)
    min_severity = Choice(_values(Event.Severity), required=False)
    kinds = _several(_ALL, tuple(KINDS))
    rules = _several(_ALL, tuple(RULES))
    teams = _several(f"Slugs. {_ALL}")
    projects = _several(f"Slugs. {_ALL}")
    pace = Choice(_values(Route.Pace), required=False)
    digest_at = _ClockField(required=False)
    quiet_from = _ClockField(required=False, allow_null=True)
    quiet_until = _ClockField(required=False, allow_null=True)
    renotify_hours = serializers.IntegerField(required=False, allow_null=True)
    tells_recovery = serializers.BooleanField(required=False)
    escalate_to = _id(required=False, allow_null=True, help_text="Id of a channel.")
    escalate_after_minutes = serializers.IntegerField(required=False, allow_null=True)


class RouteBodySerializer(RouteChangeSerializer):
    """A route to be."""

    name = serializers.CharField(max_length=LONGEST_NAME)
    channel = _id(help_text="Id of a channel.")


# --- Deliveries ---


class AttemptSerializer(serializers.Serializer[DeliveryAttempt]):
    """One try and what the other side said."""

    number = serializers.IntegerField()
    started_at = InstantField()
    duration_ms = serializers.IntegerField()
    outcome = Choice(_values(DeliveryAttempt.Outcome))
    status = serializers.IntegerField(allow_null=True, help_text="HTTP or SMTP status; null: nothing answered.")
    answer = serializers.CharField(help_text="The beginning of it.")


class DeliverySerializer(serializers.Serializer[Delivery]):
    """One message to one channel."""

    id = serializers.IntegerField(source="pk")
    channel = serializers.IntegerField(source="channel_id", allow_null=True, help_text="Null: it was deleted.")
    channel_name = serializers.CharField()
    channel_kind = Choice(_values(Channel.Kind))
    purpose = Choice(_values(Delivery.Purpose))
    state = Choice(_values(Delivery.State))
    reason = serializers.CharField(help_text="Why it was given up or is not needed.")
    title = serializers.CharField(help_text="Of its message, of the first one of a digest.")
    events = serializers.ListField(child=serializers.IntegerField(), source="event_ids")
    message_id = serializers.CharField(help_text="The same at every attempt.")
    attempts = serializers.IntegerField()
    next_attempt_at = OptionalInstantField(allow_null=True, help_text="Null when it is over.")
    created_at = InstantField()
    finished_at = OptionalInstantField(allow_null=True)


class DeliveryListSerializer(serializers.Serializer[Any]):
    results = DeliverySerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last one.")


class DeliveryDetailSerializer(DeliverySerializer):
    """A delivery with its attempts, the last one first."""

    acknowledged_at = OptionalInstantField(
        allow_null=True, help_text="When the last of what it tells of was acknowledged; null while something is not."
    )
    tries = AttemptSerializer(many=True)


class DeliveryParameters(OrganizationParameters):
    """What to look for."""

    channel = _id(required=False, help_text="Id of a channel.")
    state = Choice(_values(Delivery.State), required=False)
    event = _id(required=False, help_text="Id of an event.")
    before = _id(required=False, help_text="Deliveries older than the one of this id; see `next`.")
    limit = serializers.IntegerField(required=False, min_value=1, max_value=200, default=50)
