"""Which cheaper model of the same family could take over. Reviewed by hand against the catalogue of November 2026.

Sources: the makers' model pages and their prices in genai-prices (the installed catalogue), read 2026-11-26. A model
that is not here has no alternative, and its saving is not estimated: a guess would not be evidence.
"""

import re
from collections.abc import Iterator
from typing import Final

from rules.engine.classes import base_name, split_name

_CLAUDE_3_5_HAIKU: Final = (
    "claude-3-5-haiku-latest",
    "claude-3-5-haiku",
    "claude-3-5-haiku-20241022",
    "claude-3-5-haiku-20241022-v1:0",
    "claude-3.5-haiku",
)
_CLAUDE_HAIKU_4_5: Final = ("claude-haiku-4-5", "claude-haiku-4-5-20251001", "claude-haiku-4.5")
_CLAUDE_HAIKU_5_5: Final = ("claude-haiku-5-5", "claude-haiku-5.5")

# The first row whose pattern is the whole base name decides; the names after it are spellings of one model, of which
# the first that the same provider has a price for is taken.
_TABLE: Final = tuple(
    (re.compile(pattern), names)
    for pattern, names in (
        (r"gpt-4o|chatgpt-4o|gpt-4o:extended|gpt-4|gpt-4-32k|gpt-4-turbo|gpt-4\.5", ("gpt-4o-mini",)),
        (r"gpt-4\.1", ("gpt-4.1-mini",)),
        (r"gpt-5(\.[123])?|gpt-5(\.2)?-pro", ("gpt-5-mini",)),
        (r"gpt-5\.[45](-pro)?", ("gpt-5.4-mini",)),
        (r"gpt-5\.6-(sol|terra)", ("gpt-5.6-luna",)),
        (r"gpt-6(\.1)?-(sol|terra|astra)", ("gpt-6-luna",)),
        (r"o1|o1-preview|o1-pro|o3|o3-pro", ("o4-mini",)),
        (r"claude-(sonnet-4|sonnet-4-0|4-sonnet|opus-4|opus-4-[01]|opus-4\.1|4-opus)", _CLAUDE_3_5_HAIKU),
        (r"claude-(3-opus|3-sonnet|3[-.][57]-sonnet)", _CLAUDE_3_5_HAIKU),
        (r"claude-(sonnet|opus)-4[-.][5-9]|claude-(sonnet|opus)-5", _CLAUDE_HAIKU_4_5),
        (r"claude-(sonnet|opus)-5[-.]5|claude-(fable|mythos)-5([-.]\d)?", _CLAUDE_HAIKU_5_5),
        (r"gemini-1\.5-pro|gemini-pro-1\.5", ("gemini-1.5-flash", "gemini-flash-1.5")),
        (r"gemini-2\.5-pro", ("gemini-2.0-flash", "gemini-2.0-flash-001")),
        (r"gemini-3(\.1)?-pro", ("gemini-3-flash-preview", "gemini-3-flash")),
        (r"gemini-4-argon", ("gemini-3.8-flash",)),
        (r"grok-3|grok-3-fast", ("grok-3-mini",)),
        (r"grok-4", ("grok-4-fast-non-reasoning", "grok-4-fast")),
        (r"command-r-plus|command-a", ("command-r",)),
    )
)


def alternatives(model: str) -> Iterator[str]:
    """Spellings of the alternative to ``model``, the likeliest first: with the model's own prefix, then without."""
    name = base_name(model)
    names = next((names for pattern, names in _TABLE if pattern.fullmatch(name)), ())
    prefix, _ = split_name(model)
    if prefix:
        yield from (prefix + one for one in names)
    yield from names
