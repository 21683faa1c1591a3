"""API keys as text: ``tko_<8>_<40>`` in base62, recognisable by secret scanners and worthless once hashed."""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from functools import lru_cache

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_KEY = re.compile(r"tko_([0-9A-Za-z]{8})_([0-9A-Za-z]{34})([0-9A-Za-z]{6})", re.ASCII)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at the only moment its text is known."""

    prefix: str
    text: str = field(repr=False)


def generate() -> NewKey:
    """A new key: 8 public characters to find it by, 34 secret ones (202 bits), 6 of checksum."""
    prefix, secret = _random(8), _random(34)
    return NewKey(prefix=prefix, text=f"tko_{prefix}_{secret}{_checksum(prefix + secret)}")


def prefix_of(text: str) -> str | None:
    """The public part of a well-formed key, or None; a typing error is found without asking the database."""
    match = _KEY.fullmatch(text)
    if match is None or _checksum(match[1] + match[2]) != match[3]:
        return None
    return match[1]


def digest(text: str, *, pepper: str) -> bytes:
    """What is stored of a key: HMAC-SHA256 under the pepper, so a stolen table cannot be tested against guesses."""
    return hmac.digest(pepper.encode(), text.encode(), "sha256")


@lru_cache(maxsize=8)
def pepper_id(pepper: str) -> int:
    """Names a pepper beside the digests made with it, and tells nothing about it: 63 bits of a hash."""
    return int.from_bytes(hashlib.sha256(b"tokenops-pepper-id:" + pepper.encode()).digest()[:8]) >> 1


@dataclass(frozen=True, slots=True)
class Peppers:
    """The pepper that new digests get and, while it is being replaced, the one that older digests still have."""

    current: str = field(repr=False)
    previous: str = field(default="", repr=False)

    def match(self, text: str, stored: bytes) -> bool:
        """Whether ``text`` is the key behind ``stored`` under either of them."""
        under_current = matches(text, stored, pepper=self.current)
        return under_current or bool(self.previous and matches(text, stored, pepper=self.previous))

    def renewal(self, text: str, *, stored: bytes, stored_id: int) -> "Renewal | None":
        """The digest to store instead of ``stored`` when that is not the current pepper's; ``text`` has matched it.

        A digest cannot be made from another digest, so a key gets its new one when it is presented.
        """
        if stored_id == pepper_id(self.current):
            return None
        return Renewal(stored, digest(text, pepper=self.current), pepper_id(self.current))


@dataclass(frozen=True, slots=True)
class Renewal:
    """A digest and the one that takes its place."""

    seen: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    pepper_id: int


def matches(text: str, stored: bytes, *, pepper: str) -> bool:
    """Whether ``text`` is the key behind ``stored``, in constant time."""
    return hmac.compare_digest(digest(text, pepper=pepper), stored)


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(text: str) -> str:
    number, characters = zlib.crc32(text.encode()), []
    for _ in range(6):
        number, remainder = divmod(number, 62)
        characters.append(ALPHABET[remainder])
    return "".join(reversed(characters))
