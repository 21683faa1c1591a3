"""Cursors are read as they were written, and nothing else is one."""

import pytest

from core.cursors import decode, encode


@pytest.mark.parametrize(
    "members", [["openai", "gpt-4o/x", "catalogue", 7], ["", "ü – 模型"], [], [-(2**63) + 1, 2**63 - 1]]
)
def test_a_cursor_is_read_as_it_was_written(members):
    text = encode(members)

    assert decode(text) == members
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "bm8",  # no
        "e30",  # {}
        "bnVsbA",  # null
        "WzEuNV0",  # [1.5]
        "W3RydWVd",  # [true]
        "W1tdXQ",  # [[]]
        "WyJcdTAwMDAiXQ",  # a null
        "WyJcdWQ4MDAiXQ",  # half of a pair of surrogates
        "gICA",  # no text
        "[" * 3000,
        encode([2**63]),
    ],
)
def test_what_is_no_cursor_is_refused(text):
    with pytest.raises(ValueError, match=r"not a cursor|Expecting value|utf-8"):
        decode(text)
