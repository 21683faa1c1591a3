"""Slack and what speaks like it: an incoming webhook that takes Block Kit."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    HeaderBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from core.outbound import Client
from rules.alerts.channels.types import Outcome, Outgoing, Place, post
from rules.alerts.messages import Content, Digest, Message, Sheet

_SIGNS: Final = {"high": "🔴", "medium": "🟠", "low": "🔵"}
_OVER: Final = "✅"
_MOST_PIECES, _PIECE = 3, 2_900  # of preformatted text: a section takes 3,000 characters


def send(outgoing: Outgoing, *, place: Place, client: Client) -> Outcome:
    body = json.dumps(payload(outgoing.content)).encode()
    return post(client, place.secrets["url"], headers={}, body=body, place=place, now=outgoing.sent_at)


def payload(content: Content) -> dict[str, Any]:
    """The webhook's body: ``text`` is what notifications show, ``blocks`` what the channel does."""
    if isinstance(content, Digest):
        return _body(content.title, _digest_blocks(content))
    if isinstance(content, Sheet):
        return _body(content.title, _sheet_blocks(content))
    return _body(f"{_sign(content)} {content.title}", _message_blocks(content))


def escape(text: str) -> str:
    """Slack's three characters, so that a name can mention nobody and link nowhere."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _body(text: str, blocks: Iterator[Block]) -> dict[str, Any]:
    return {"text": escape(text), "unfurl_links": False, "blocks": [block.to_dict() for block in blocks]}


def _message_blocks(message: Message) -> Iterator[Block]:
    yield HeaderBlock(text=PlainTextObject(text=_fits_header(f"{_sign(message)} {message.title}"), emoji=True))
    if message.note:
        yield ContextBlock(elements=[_text(f"*{escape(message.note)}*")])
    if message.summary:
        yield SectionBlock(text=_text(escape(message.summary)))
    fields = [_text(f"*{escape(figure.label)}*\n{_value(figure.value, figure.normal)}") for figure in message.figures]
    if fields:
        yield SectionBlock(fields=fields)
    if message.advice:
        yield SectionBlock(text=_text(f"*What to do*\n{escape(message.advice)}"))
    places = " · ".join(f"{label}: {escape(name)}" for label, name in message.where)
    yield ContextBlock(elements=[_text(f"{places} · Severity: {message.severity}")])
    if message.url:
        yield _button("Open in TokenOps", message.url)


def _digest_blocks(digest: Digest) -> Iterator[Block]:
    yield HeaderBlock(text=PlainTextObject(text=_fits_header(digest.title), emoji=True))
    for message in digest.messages:
        yield SectionBlock(text=_text(_line(message)))
    if digest.left_out:
        yield ContextBlock(elements=[_text(f"and {digest.left_out:,} more")])
    yield _button("Open in TokenOps", digest.url)


def _sheet_blocks(sheet: Sheet) -> Iterator[Block]:
    """Its text as code: a fence inside would end the block."""
    yield HeaderBlock(text=PlainTextObject(text=_fits_header(sheet.title), emoji=True))
    text = escape(sheet.text).replace("```", "ʼʼʼ")
    for piece in replace(sheet, text=text).pieces(_MOST_PIECES, _PIECE):
        yield SectionBlock(text=_text(f"```\n{piece}\n```"))
    if sheet.url:
        yield _button("Open the report", sheet.url)


def _line(message: Message) -> str:
    title = escape(message.title).replace("|", "¦")  # which would end the address of a link
    head = f"<{message.url}|{title}>" if message.url else title
    figures = ", ".join(
        f"{escape(figure.label)} {_value(figure.value, figure.normal)}" for figure in message.figures[:2]
    )
    places = " · ".join(escape(name) for _label, name in message.where[1:])
    return "\n".join(line for line in (f"{_sign(message)} *{head}*", figures, places) if line)


def _button(text: str, url: str) -> ActionsBlock:
    return ActionsBlock(elements=[ButtonElement(text=text, url=url, action_id="open")])


def _text(text: str) -> MarkdownTextObject:
    return MarkdownTextObject(text=text, verbatim=True)


def _value(value: str, normal: str) -> str:
    return f"{escape(value)} _({escape(normal)})_" if normal else escape(value)


def _sign(message: Message) -> str:
    return _OVER if message.is_over else _SIGNS[message.severity]


def _fits_header(text: str) -> str:
    return text if len(text) <= HeaderBlock.text_max_length else text[: HeaderBlock.text_max_length - 1] + "…"
