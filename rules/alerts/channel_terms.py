"""What a channel of each kind needs, checked: settings as people give them in, what is stored out."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from core import addresses, outbound
from rules.alerts.channels import pagerduty, webhook
from rules.alerts.models import Channel

MOST_RECIPIENTS: Final = 20
OTHER_REGION: Final = "other"
REGIONS: Final = {"us": "United States", "eu": "Europe", OTHER_REGION: "Another receiver of the same events"}
_ROUTING_KEY: Final = re.compile(r"[A-Za-z0-9]{20,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Settings as they were given; what is empty was not. ``kept`` are the secrets of a channel that is changed."""

    url: str = field(default="", repr=False)
    recipients: Sequence[str] = ()
    region: str = ""
    routing_key: str = field(default="", repr=False)
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)


type Stored = tuple[dict[str, Any], dict[str, str]]
"""What may be shown, and the secrets."""


def check(kind: str, given: Given) -> Stored:
    """The settings of a channel of ``kind``.

    :raises ValidationError: something is missing or cannot be used; no message repeats what was given.
    """
    return _CHECKS[kind](given)


def _slack(given: Given) -> Stored:
    url = _url(given, "Paste the address of the incoming webhook, as Slack shows it.")
    return {"host": outbound.read_url(url, allowed=_allowed()).host}, {"url": url}


def _email(given: Given) -> Stored:
    recipients = list(dict.fromkeys(one.strip() for one in given.recipients if one.strip()))
    if not recipients:
        raise ValidationError({"recipients": "Give at least one address."})
    if len(recipients) > MOST_RECIPIENTS:
        raise ValidationError({"recipients": f"There can be {MOST_RECIPIENTS} addresses at most."})
    for one in recipients:
        try:
            validate_email(one)
        except ValidationError as error:
            raise ValidationError({"recipients": "One of these is not an e-mail address."}) from error
    return {"recipients": recipients}, {}


def _pagerduty(given: Given) -> Stored:
    key = given.routing_key.strip() or given.kept.get("routing_key", "")
    if not _ROUTING_KEY.fullmatch(key):
        raise ValidationError({"routing_key": "Paste the integration key of an Events API v2 integration."})
    region = given.region or "us"
    if region not in REGIONS:
        raise ValidationError({"region": "Choose one of the listed regions."})
    if region != OTHER_REGION:
        host = outbound.read_url(pagerduty.REGIONS[region]).host
        return {"region": region, "host": host}, {"routing_key": key}
    url = _url(given, "Give the address below which events are taken.")
    host = outbound.read_url(url, allowed=_allowed()).host
    return {"region": region, "host": host}, {"routing_key": key, "url": url}


def _webhook(given: Given) -> Stored:
    url = _url(given, "Give the address that takes the messages.")
    kept = {name: value for name, value in given.kept.items() if name != "url"}
    host = outbound.read_url(url, allowed=_allowed()).host
    return {"host": host}, {"secret": webhook.new_secret(), **kept, "url": url}


def _url(given: Given, missing: str) -> str:
    url = given.url.strip() or given.kept.get("url", "")
    if not url:
        raise ValidationError({"url": missing})
    try:
        return outbound.read_url(url, allowed=_allowed()).url
    except outbound.NotAllowedError as error:
        raise ValidationError({"url": str(error)}) from error


def _allowed() -> Sequence[addresses.Network]:
    return addresses.networks(settings.OUTBOUND_ALLOWED_NETWORKS)


_CHECKS: Final[dict[str, Callable[[Given], Stored]]] = {
    Channel.Kind.SLACK: _slack,
    Channel.Kind.EMAIL: _email,
    Channel.Kind.PAGERDUTY: _pagerduty,
    Channel.Kind.WEBHOOK: _webhook,
}
