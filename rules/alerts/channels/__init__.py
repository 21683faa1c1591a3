"""One module a kind of channel: how a message looks there and how it gets there."""

from collections.abc import Callable
from typing import Final

from core.outbound import Client
from rules.alerts.channels import mail, pagerduty, slack, webhook
from rules.alerts.channels.types import Action, Outcome, Outgoing, Place, Result
from rules.alerts.models import Channel

__all__ = ["Action", "Outcome", "Outgoing", "Place", "Result", "send"]

_SENDERS: Final[dict[str, Callable[..., Outcome]]] = {
    Channel.Kind.SLACK: slack.send,
    Channel.Kind.EMAIL: mail.send,
    Channel.Kind.PAGERDUTY: pagerduty.send,
    Channel.Kind.WEBHOOK: webhook.send,
}


def send(outgoing: Outgoing, *, kind: str, place: Place, client: Client) -> Outcome:
    """Send a message through a channel of ``kind``; failures are outcomes. Call it outside of every scope."""
    return _SENDERS[kind](outgoing, place=place, client=client)
