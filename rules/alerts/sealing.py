"""The secrets of channels: a JSON object under the installation's key, bound to the channel's row."""

import json
from collections.abc import Mapping

from core import vault
from rules.alerts.models import Channel


def secrets_of(channel: Channel) -> dict[str, str]:
    """What the channel needs to be reached; never to be shown, logged or put into a message."""
    return dict(json.loads(vault.unseal(channel.sealed, context=channel.sealed_for)))


def seal_secrets(channel: Channel, secrets: Mapping[str, str]) -> None:
    """Put ``secrets`` on a channel that has a row already; the caller saves ``sealed``."""
    channel.sealed = vault.seal(json.dumps(dict(secrets)).encode(), context=channel.sealed_for)
