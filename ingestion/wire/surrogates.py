"""Lone surrogates: JSON's grammar allows them, Unicode text does not, and the decoder refuses a whole body for one.

JavaScript sends them where it cut a string inside an emoji, mostly in content that is dropped anyway. So each is
replaced by U+FFFF, which is no character and refused in every text that is kept: one event may suffer, not the batch.
"""

import re

MARK = "\uffff"
MARK_UTF8 = MARK.encode()
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def mark_lone_surrogates(text: bytes) -> bytes:
    """``text`` with every escaped surrogate that is not half of a pair replaced; pairs and ``\\\\ud800`` are left."""
    return _ESCAPE.sub(lambda escape: rb"\uffff" if escape.group(1) else escape.group(), text)
