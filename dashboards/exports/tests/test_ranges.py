"""Which bytes a request wants (RFC 9110, 14.1.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.exports.ranges import Part, UnsatisfiableError, part

ETAG = '"7-100-1"'


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=0-", 0, 100),
        ("bytes=99-", 99, 100),
        ("bytes=50-1000", 50, 100),
        ("bytes=-10", 90, 100),
        ("bytes=-1000", 0, 100),
        ("bytes= 5 - 5", 5, 6),
    ],
)
def test_a_part(wanted, start, end):
    assert part(wanted, size=100, etag=ETAG) == Part(start, end, 100)


@pytest.mark.parametrize("wanted", ["", "bytes=-", "bytes=0-1,5-6", "lines=0-1", "bytes=a-b", "bytes=9-5", "bytes=²-3"])
def test_what_is_not_understood_is_the_whole(wanted):
    assert part(wanted, size=100, etag=ETAG) is None


@pytest.mark.parametrize("wanted", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_what_is_not_there_is_refused(wanted):
    with pytest.raises(UnsatisfiableError):
        part(wanted, size=100, etag=ETAG)


def test_nothing_has_no_part():
    with pytest.raises(UnsatisfiableError):
        part("bytes=0-", size=0, etag=ETAG)


def test_another_file_is_sent_whole():
    assert part("bytes=5-", size=100, etag=ETAG, if_range='"7-90-1"') is None
    assert part("bytes=5-", size=100, etag=ETAG, if_range=ETAG) == Part(5, 100, 100)


def test_a_part_says_where_it_belongs():
    assert (Part(5, 10, 100).header, Part(5, 10, 100).length) == ("bytes 5-9/100", 5)


@given(st.text(max_size=30), st.integers(0, 10**6))
def test_no_header_asks_for_bytes_that_are_not_there(wanted, size):
    try:
        found = part(f"bytes={wanted}", size=size, etag=ETAG)
    except UnsatisfiableError:
        return
    assert found is None or 0 <= found.start < found.end <= size
