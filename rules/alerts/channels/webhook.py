"""A webhook of the customer's own, signed as Standard Webhooks says (standardwebhooks.com)."""

import base64
import hashlib
import hmac
import json
import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from core.fields import instant_text
from core.outbound import Client
from rules.alerts.channels.types import Outcome, Outgoing, Place, post
from rules.alerts.messages import Digest, Message, Sheet

PREFIX: Final = "whsec_"
OVERLAP: Final = timedelta(hours=24)  # for which messages are signed with the old secret too
_BYTES: Final = 32


def send(outgoing: Outgoing, *, place: Place, client: Client) -> Outcome:
    body = json.dumps(payload(outgoing), ensure_ascii=False).encode()
    headers = signed_headers(
        outgoing.message_id, body, at=outgoing.sent_at, keys=valid_secrets(place, now=outgoing.sent_at)
    )
    return post(client, place.secrets["url"], headers=headers, body=body, place=place, now=outgoing.sent_at)


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def valid_secrets(place: Place, *, now: datetime) -> list[str]:
    """The secret, and the one before it while the overlap lasts."""
    previous, until = place.secrets.get("previous", ""), place.secrets.get("previous_until", "")
    is_valid = bool(previous and until) and now < datetime.fromisoformat(until)
    return [place.secrets["secret"], *([previous] if is_valid else [])]


def signed_headers(message_id: str, body: bytes, *, at: datetime, keys: list[str]) -> dict[str, str]:
    """A signature for each of ``keys``: a receiver that knows one of them is content."""
    timestamp = str(int(at.timestamp()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(key, message_id, timestamp, body) for key in keys),
    }


def _signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def payload(outgoing: Outgoing) -> dict[str, Any]:
    """``type``, ``timestamp`` and ``data``; a digest has the data of each of its alerts."""
    content, at = outgoing.content, instant_text(outgoing.sent_at)
    if isinstance(content, Digest):
        data: dict[str, Any] = {
            "title": content.title,
            "url": content.url,
            "alerts": [_data(message) for message in content.messages],
            "left_out": content.left_out,
        }
        return {"type": "digest", "timestamp": at, "data": data}
    if isinstance(content, Sheet):
        return {"type": "report", "timestamp": at, "data": _sheet(content)}
    data = _data(content) | {"action": outgoing.action.value, "dedup_key": outgoing.dedup_key, "note": content.note}
    return {"type": content.origin.kind, "timestamp": at, "data": data}


def _sheet(sheet: Sheet) -> dict[str, Any]:
    return {
        "made_at": instant_text(sheet.made_at),
        "organization": sheet.organization,
        "title": sheet.title,
        "summary": " ".join(sheet.sentences),
        "figures": [
            {"label": figure.label, "value": figure.value, "note": figure.normal or None} for figure in sheet.figures
        ],
        "text": sheet.text,
        "url": sheet.url or None,
    }


def _data(message: Message) -> dict[str, Any]:
    origin = message.origin
    return {
        "event_id": origin.event_id,
        "kind": origin.kind,
        "severity": origin.severity,
        "is_over": message.is_over,
        "happened_at": instant_text(origin.happened_at),
        "organization": origin.organization,
        "project": origin.project or None,
        "team": origin.team or None,
        "rule": origin.rule or None,
        "title": message.title,
        "summary": message.summary,
        "figures": [
            {"label": figure.label, "value": figure.value, "normal": figure.normal or None}
            for figure in message.figures
        ],
        "advice": message.advice,
        "url": message.url or None,
    }
