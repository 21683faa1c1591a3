"""Which names of fields may be kept: a client chooses them, so a name can be a text in disguise.

``{"My account number is …": "…"}`` is valid JSON. A name is therefore kept only when every word of it belongs to a
closed vocabulary, or is one letter away from a word of it: that shows a misspelt or a foreign field
(``modle``, ``tokenCount``) and can say nothing else. All other names become ``(unknown field)``.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import islice
from typing import Final

import msgspec
from msgspec import Raw

from ingestion.wire.content import is_content
from ingestion.wire.event import CAMEL_NAMES, SET_BY_SERVER
from ingestion.wire.otlp import names

UNKNOWN: Final = "(unknown field)"
CONTENT: Final = "(content)"
MOST_NAMES: Final = 30  # of one event; a longer list would not be read
_LONGEST: Final = 50
_LONGEST_EVENT: Final = 100_000  # bytes; beyond them a list of names is not worth reading the event again
_SHORTEST_TYPO: Final = 4  # letters: every shorter word is one letter away from many others
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]*", re.ASCII)
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", re.ASCII)
# What other tools call what we call otherwise.
_FOREIGN: Final = (
    "account api app application call code count created customer data date deployment duration elapsed end ended "
    "env event events finished info key kind label level llm log max meta metadata method metric min ms name "
    "namespace num number org organisation organization price region req res result run sec seconds size span "
    "start started success temperature time total type unit units url usd user value version workspace"
)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _attribute_names() -> Iterable[str]:
    for wanted in vars(names).values():
        if isinstance(wanted, tuple):
            yield from wanted


def _without_a_letter(word: str) -> set[str]:
    return {word[:place] + word[place + 1 :] for place in range(len(word))}


_VOCABULARY: Final = frozenset(
    word for name in (*CAMEL_NAMES, SET_BY_SERVER, *_attribute_names(), _FOREIGN) for word in _words(name)
)
_TYPOS: Final = frozenset(
    shorter
    for word in _VOCABULARY
    if len(word) > _SHORTEST_TYPO  # and a letter less is long enough
    for shorter in (_without_a_letter(word) | {word})
)


@lru_cache(maxsize=8_192)
def kept_name(name: str) -> str:
    """The name itself when it can hold nothing but words of ours, else ``(unknown field)``."""
    is_plain = len(name) <= _LONGEST and _PLAIN.fullmatch(name) is not None
    return name if is_plain and all(map(_is_ours, _words(name))) else UNKNOWN


def _is_ours(word: str) -> bool:
    """Of the vocabulary, or with one letter too many, missing, wrong or exchanged with its neighbour."""
    if word in _VOCABULARY:
        return True
    return len(word) >= _SHORTEST_TYPO and not _TYPOS.isdisjoint(_without_a_letter(word) | {word})


def kept_names(given: Iterable[str], *, is_content: Callable[[str], bool] = is_content) -> tuple[str, ...]:
    """What may be kept of an event's names: sorted, each once, the first thirty of them."""
    return tuple(sorted({CONTENT if is_content(name) else kept_name(name) for name in islice(given, MOST_NAMES)}))


def event_names(raw: bytes) -> tuple[str, ...]:
    """``kept_names`` of a JSON event; nothing when it is no object or a very large one."""
    if len(raw) > _LONGEST_EVENT:
        return ()
    try:
        return kept_names(_MEMBERS.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
