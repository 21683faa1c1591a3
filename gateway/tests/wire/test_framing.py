import json
import random

import pytest

from gateway.tests.wire.made import cut
from gateway.wire.framing import Items, Pieces, data_of, item_of


def pieces_of(cutter, chunks):
    """All that is not empty, the rest last."""
    found = [piece for chunk in chunks for piece in cutter.feed(chunk)]
    rest = cutter.finish()
    return [*found, rest] if rest[0] else found


@pytest.mark.parametrize("size", [1, 2, 3, 1_000])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_blank_line_ends_an_event_whatever_ends_lines(end, size):
    stream = end.join([b"event: a", b"data: 1", b"", b"data: 2", b"", b""])

    found = pieces_of(Pieces(is_sse=True), cut(stream, size))

    assert b"".join(piece for piece, _ in found) == stream
    assert [data_of(piece) for piece, is_whole in found if is_whole] == [b"1", b"2"]


@pytest.mark.parametrize("ends", [b"\n\r\n", b"\r\n\n", b"\n\r", b"\r\n\r"])
def test_line_ends_may_be_mixed(ends):
    found = pieces_of(Pieces(is_sse=True), [b"data: 1" + ends + b"data: 2" + ends])

    assert [data_of(piece) for piece, is_whole in found if is_whole] == [b"1", b"2"]


def test_an_event_is_there_as_soon_as_its_end_is():
    cutter = Pieces(is_sse=True)

    assert list(cutter.feed(b"data: 1\n")) == []
    assert list(cutter.feed(b"\ndata: 2\n\nda")) == [(b"data: 1\n\n", True), (b"data: 2\n\n", True)]
    assert list(cutter.feed(b"ta: 3\n\n")) == [(b"data: 3\n\n", True)]


def test_the_last_event_may_lack_its_end():
    cutter = Pieces(is_sse=True)

    assert list(cutter.feed(b"data: 1")) == []
    assert cutter.finish() == (b"data: 1", True)


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: a\n\n", b"a"),
        (b"data:a\n\n", b"a"),
        (b"data:  a\n\n", b" a"),
        (b"data: a\ndata: b\n\n", b"a\nb"),
        (b": a comment\ndata: a\nid: 7\nretry: 10\n\n", b"a"),
        (b"event: ping\r\ndata: a\r\n\r\n", b"a"),
        (b": keep-alive\n\n", b""),
        (b"data\n\n", b""),
        (b"database: a\n\n", b""),
        ("data: Grüße\u2028x\n\n".encode(), "Grüße\u2028x".encode()),
    ],
)
def test_the_data_of_an_event(event, data):
    assert data_of(event) == data


def test_a_piece_that_is_too_long_passes_in_parts_and_the_next_one_is_read():
    cutter = Pieces(is_sse=True, longest=100)
    stream = b"data: " + b"x" * 500 + b"\n\ndata: 2\n\n"

    found = pieces_of(cutter, cut(stream, 50))

    assert b"".join(piece for piece, _ in found) == stream
    assert [piece for piece, is_whole in found if is_whole] == [b"data: 2\n\n"]
    assert max(len(piece) for piece, _ in found) <= 150


def test_lines_end_with_a_line_feed():
    found = pieces_of(Pieces(is_sse=False), cut(b'{"a":1}\n\n{"b":2}\r\n{"c":3}', 4))

    assert [piece.strip() for piece, _ in found] == [b'{"a":1}', b"", b'{"b":2}', b'{"c":3}']


ARRAY = json.dumps([{"a": '}]"\\', "b": [{"c": {}}]}, {"d": "é\\"}, {}], indent=1).encode()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1_000])
def test_objects_of_an_array_are_there_one_by_one(size):
    found = pieces_of(Items(), cut(ARRAY, size))

    assert b"".join(piece for piece, _ in found) == ARRAY
    assert [json.loads(item_of(piece)) for piece, is_whole in found if is_whole] == json.loads(ARRAY)


def test_an_object_that_is_too_long_is_skipped():
    stream = b'[{"a": "' + b"x" * 500 + b'"},{"b": 2}]'

    found = pieces_of(Items(longest=100), cut(stream, 50))

    assert b"".join(piece for piece, _ in found) == stream
    assert [json.loads(item_of(piece)) for piece, is_whole in found if is_whole] == [{"b": 2}]


@pytest.mark.parametrize("make", [lambda: Pieces(is_sse=True, longest=40), lambda: Pieces(is_sse=False), Items])
def test_the_cuts_of_anything_joined_together_are_what_came(make):
    rng = random.Random(11)  # noqa: S311
    for _ in range(400):
        stream = bytes(rng.choices(b'\r\n\r\n"\\{}[],:dat x\xf0\x9f', k=rng.randrange(200)))
        chunks, rest = [], stream
        while rest:
            size = rng.randrange(0, 12)
            chunks.append(rest[:size])
            rest = rest[size:]

        assert b"".join(piece for piece, _ in pieces_of(make(), chunks)) == stream
