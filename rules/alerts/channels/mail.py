"""E-mail: one message to all addresses of a channel, as HTML and as text, through the installation's mail server."""

import smtplib
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from core.outbound import Client
from rules.alerts.channels.types import Outcome, Outgoing, Place, Result, excerpt
from rules.alerts.messages import Content, Digest, Sheet
from rules.alerts.messages.message import clip

_LONGEST_SUBJECT: Final = 200
_FINAL: Final = 500  # of SMTP codes, from which on trying again does not help
_TONES: Final = {"high": "#b42318", "medium": "#b54708", "low": "#3538cd"}
_OVER: Final = "#067647"


def send(outgoing: Outgoing, *, place: Place, client: Client) -> Outcome:
    """``client`` is not used: mails go to the installation's own server."""
    try:
        mail(outgoing, recipients=place.config["recipients"]).send()
    except smtplib.SMTPException as error:
        return _judge(error)
    except OSError:
        return Outcome(result=Result.RETRY, answer="The mail server of this installation could not be reached.")
    return Outcome(result=Result.DELIVERED, answer="The mail server took it.")


def mail(outgoing: Outgoing, *, recipients: list[str]) -> EmailMultiAlternatives:
    """The mail. An attempt that is repeated has the same Message-ID, and most programs show it once."""
    content = outgoing.content
    template = _template(content)
    context = _context(outgoing)
    host = urlsplit(settings.BASE_URL).hostname
    made = EmailMultiAlternatives(
        subject=clip(context["subject"], _LONGEST_SUBJECT),
        body=render_to_string(f"alerts/email/{template}.txt", context),
        to=recipients,
        headers={
            "Message-ID": f"<{outgoing.message_id}@{host}>",
            # Mails about one matter lie together.
            "References": f"<{_thread(outgoing.dedup_key)}@{host}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    made.attach_alternative(render_to_string(f"alerts/email/{template}.html", context), "text/html")
    if isinstance(content, Sheet) and content.attachment:
        made.attach(content.attachment.name, content.attachment.content, content.attachment.media_type)
    return made


def _template(content: Content) -> str:
    if isinstance(content, Sheet):
        return "sheet"
    return "digest" if isinstance(content, Digest) else "message"


def _context(outgoing: Outgoing) -> dict[str, Any]:
    content = outgoing.content
    if isinstance(content, Digest):
        lines = [(message, tone(message.severity, is_over=message.is_over)) for message in content.messages]
        return {"subject": content.title, "digest": content, "lines": lines}
    if isinstance(content, Sheet):
        return {"subject": content.title, "sheet": content}
    severity = "Resolved" if content.is_over else content.severity.capitalize()
    place = content.origin.project or content.origin.organization
    title = content.title.removeprefix("Resolved: ") if content.is_over else content.title
    subject = f"[{severity}] {title} · {place}"
    tint = tone(content.severity, is_over=content.is_over)
    return {"subject": subject, "message": content, "title": title, "severity": severity, "tone": tint}


def tone(severity: str, *, is_over: bool) -> str:
    """A colour that reads on white; mails know no style sheet."""
    return _OVER if is_over else _TONES[severity]


def _thread(dedup_key: str) -> str:
    """What may stand in a Message-ID."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in dedup_key)


def _judge(error: smtplib.SMTPException) -> Outcome:
    """A server that says 5xx will say it again; everything else may pass."""
    answered = _answered(error)
    if answered is None:
        return Outcome(result=Result.RETRY, answer="The mail server broke off the connection.")
    code, said = answered
    is_final = code >= _FINAL and not _is_about_us(error)
    return Outcome(
        result=Result.FAILED if is_final else Result.RETRY,
        status=code,
        answer=excerpt(said if isinstance(said, bytes) else said.encode(), secrets=()),
    )


def _answered(error: smtplib.SMTPException) -> tuple[int, bytes | str] | None:
    """The code and the words of the server; None when it said nothing."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next(iter(error.recipients.values()), None)
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code, error.smtp_error
    return None


def _is_about_us(error: smtplib.SMTPException) -> bool:
    """The operator's to correct, not the channel's: the server does not let this installation in."""
    return isinstance(error, smtplib.SMTPAuthenticationError | smtplib.SMTPSenderRefused | smtplib.SMTPHeloError)
