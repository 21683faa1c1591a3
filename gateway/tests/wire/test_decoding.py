import gzip
import random
import zlib

import brotli
import pytest
import zstandard

from gateway.tests.wire.made import cut, passed, seen_of, sse, watching
from gateway.wire import decoding
from gateway.wire.decoding import UnreadableError, decoder, is_plain

TEXT = ("data: words and numbers 0123456789\n\n" * 3_000).encode()


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


CODINGS = [
    ("gzip", gzip.compress),
    ("X-GZIP", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("br", brotli.compress),
    (" zstd ", zstandard.compress),
    ("", bytes),
    ("identity", bytes),
]


def decoded(coding, data, size):
    reading = decoder(coding)
    return b"".join(piece for chunk in cut(data, size) for piece in reading.feed(chunk))


@pytest.mark.parametrize("size", [1, 7, 4_096, 10**6])
@pytest.mark.parametrize(("coding", "encode"), CODINGS)
def test_what_was_encoded_is_decoded_however_it_is_cut(coding, encode, size):
    assert decoded(coding, encode(TEXT), size) == TEXT


@pytest.mark.parametrize(("coding", "encode"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
@pytest.mark.parametrize("size", [1, 5, 1_000])
def test_members_that_follow_each_other_are_one_text(coding, encode, size):
    assert decoded(coding, encode(b"one,") + encode(b"two,") + encode(b"three"), size) == b"one,two,three"


@pytest.mark.parametrize("coding", ["compress", "gzip, br", "aws-chunked", "gzip;q=1"])
def test_a_coding_we_do_not_read_has_no_decoder_and_passes_unread(coding):
    watched = watching(encoding=coding)

    assert decoder(coding) is None
    assert passed(watched, [b"\x00\x01", b"abc"]) == b"\x00\x01abc"
    assert (watched.seen.is_readable, watched.seen.is_whole) == (False, True)


@pytest.mark.parametrize(("coding", "encode"), CODINGS[:6])
def test_no_piece_of_what_a_bomb_inflates_to_is_large(coding, encode):
    reading = decoder(coding)
    bomb = encode(bytes(30 * 2**20))

    assert max(len(piece) for piece in reading.feed(bomb)) <= 4 * 2**20


@pytest.mark.parametrize(("coding", "encode"), CODINGS[:6])
def test_a_bomb_passes_as_it_came_and_is_not_read_on(coding, encode, monkeypatch):
    monkeypatch.setattr(decoding, "MOST_BYTES", 2**20)
    bomb = encode(bytes(8 * 2**20))
    watched = watching(encoding=coding, kind="application/json")

    assert passed(watched, cut(bomb, 1_000)) == bomb
    assert not watched.seen.is_readable


@pytest.mark.parametrize(("coding", "encode"), CODINGS[:6])
def test_a_stream_that_breaks_passes_as_it_came_and_keeps_what_was_read(coding, encode):
    good = encode(sse({"id": "chatcmpl-1", "choices": [{"delta": {"content": "Hi"}}]}, done=False))
    noise = random.Random(4).randbytes(5_000)  # noqa: S311
    watched = watching(encoding=coding)

    assert passed(watched, [good[: len(good) // 2], noise, noise]) == good[: len(good) // 2] + noise + noise
    assert not watched.seen.is_readable


def test_more_members_than_anybody_sends_are_not_read():
    reading = decoder("gzip")

    with pytest.raises(UnreadableError):
        list(reading.feed(gzip.compress(b"") * 1_001))


def test_a_deflate_stream_that_goes_on_after_its_end_is_not_read():
    with pytest.raises(UnreadableError):
        list(decoder("deflate").feed(zlib.compress(b"a") + b"more"))


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_an_empty_answer_says_nothing_and_is_no_fault(coding):
    seen = seen_of(b"", encoding=coding)

    assert (seen.is_readable, seen.is_whole, seen.usage) == (True, True, b"")


def test_only_the_identity_is_plain():
    assert [is_plain(name) for name in ("", " Identity ", "gzip", "br")] == [True, True, False, False]
