"""Pure: facts of events in, words for people out. Every channel writes the same message in its own form."""

from rules.alerts.messages.message import Digest, Figure, Message, Origin, digest_of
from rules.alerts.messages.sheet import Attachment, Sheet
from rules.alerts.messages.wording import write

type Content = Message | Digest | Sheet

__all__ = ["Attachment", "Content", "Digest", "Figure", "Message", "Origin", "Sheet", "digest_of", "write"]
