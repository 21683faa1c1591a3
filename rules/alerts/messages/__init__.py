"""Pure: facts of events in, words for people out. Every channel writes the same message in its own form."""

from rules.alerts.messages.message import Digest, Figure, Message, Origin, digest_of
from rules.alerts.messages.wording import write

__all__ = ["Digest", "Figure", "Message", "Origin", "digest_of", "write"]
