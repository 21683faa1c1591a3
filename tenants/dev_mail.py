"""Mails that were written to files because there is no mail server, read back for ``/dev/mail/``."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

_SEPARATOR = b"\n" + b"-" * 79 + b"\n"  # what Django's file backend writes after each message
_NAME = re.compile(r"[\w-]{1,100}", re.ASCII)
_LINK = re.compile(r"https?://\S+")
_MOST = 50


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail. ``id`` names its file and its place in it; ``link`` is the first link of the text, or empty."""

    id: str
    sent_at: datetime
    to: str
    subject: str
    text: str
    html: str

    @property
    def link(self) -> str:
        found = _LINK.search(self.text)
        return found[0] if found else ""


def mails(directory: Path) -> list[Mail]:
    """The newest fifty mails below ``directory``, newest first; none when nothing was sent yet."""
    files = sorted(directory.glob("*.log"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    return [mail for file in files[:_MOST] for mail in reversed(_read(file))][:_MOST]


def find_mail(directory: Path, mail_id: str) -> Mail | None:
    """The mail that :func:`mails` lists as ``mail_id``."""
    name = mail_id.rpartition("-")[0]
    file = directory / f"{name}.log"
    if not _NAME.fullmatch(name) or not file.is_file():
        return None
    return next((mail for mail in _read(file) if mail.id == mail_id), None)


def _read(file: Path) -> list[Mail]:
    sent_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    parts = [part for part in file.read_bytes().split(_SEPARATOR) if part.strip()]
    return [_parse(part, f"{file.stem}-{number}", sent_at) for number, part in enumerate(parts)]


def _parse(raw: bytes, mail_id: str, sent_at: datetime) -> Mail:
    message = message_from_bytes(raw, _class=EmailMessage, policy=policy.default)
    return Mail(
        id=mail_id,
        sent_at=sent_at,
        to=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
        text=_body(message, "plain"),
        html=_body(message, "html"),
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part else ""
