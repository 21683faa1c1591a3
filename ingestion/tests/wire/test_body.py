import gzip
import tracemalloc
import zlib

import pytest
import zstandard

from ingestion.wire.body import BoundedBody, read_body
from ingestion.wire.errors import BadEncoding, BodyTooLarge, UnsupportedEncoding

LIMIT = 100_000


def raw_deflate(data):
    """Deflate without zlib's frame."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


CODINGS = [
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("zstd", zstandard.compress),
]


def pieces(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("name", ["", "identity", " Identity "])
def test_an_uncompressed_body_is_passed_through(name):
    assert read_body([b"ab", b"", b"c"], content_encoding=name, limit=3) == b"abc"


@pytest.mark.parametrize("name", ["gzip", "GZIP", "x-gzip"])
@pytest.mark.parametrize("size", [1, 7, 4096, 200_000])
def test_gzip_is_decoded_however_it_is_cut(name, size):
    text = b"0123456789" * 9_000

    assert read_body(pieces(gzip.compress(text), size), content_encoding=name, limit=LIMIT) == text


def test_no_body_at_all_is_empty():
    assert read_body([], content_encoding="gzip", limit=LIMIT) == b""
    assert read_body([b""], content_encoding="", limit=LIMIT) == b""


@pytest.mark.parametrize("size", [1, 50, 10_000])
def test_members_are_joined(size):
    stream = gzip.compress(b"one,") + gzip.compress(b"") + gzip.compress(b"two")

    assert read_body(pieces(stream, size), content_encoding="gzip", limit=LIMIT) == b"one,two"


@pytest.mark.parametrize("name", ["br", "gzip, gzip", "identity, gzip", "compress", "gzip;q=1"])
def test_other_codings_are_not_supported(name):
    with pytest.raises(UnsupportedEncoding):
        BoundedBody(content_encoding=name, limit=LIMIT)


def test_the_limit_itself_is_allowed():
    text = b"x" * LIMIT

    assert read_body([text], content_encoding="", limit=LIMIT) == text
    for name, encode in CODINGS:
        assert read_body([encode(text)], content_encoding=name, limit=LIMIT) == text


@pytest.mark.parametrize(("name", "encode"), [("", bytes), *CODINGS])
@pytest.mark.parametrize("size", [10, 1_000_000])
def test_one_byte_more_is_too_large(name, encode, size):
    with pytest.raises(BodyTooLarge):
        read_body(pieces(encode(b"x" * (LIMIT + 1)), size), content_encoding=name, limit=LIMIT)


@pytest.mark.parametrize(("name", "encode"), CODINGS)
def test_a_bomb_is_refused_without_being_inflated(name, encode):
    bomb = encode(bytes(50_000_000))
    body = BoundedBody(content_encoding=name, limit=1_000)

    with pytest.raises(BodyTooLarge):
        body.feed(bomb)

    assert len(body._body) == 0


def test_a_bomb_of_many_members_is_refused():
    with pytest.raises(BodyTooLarge):
        read_body([gzip.compress(bytes(60_000)) * 2], content_encoding="gzip", limit=LIMIT)


def test_empty_members_without_end_are_refused():
    with pytest.raises(BadEncoding, match="too many members"):
        read_body([gzip.compress(b"") * 1_001], content_encoding="gzip", limit=LIMIT)


def test_blocks_that_decode_to_nothing_do_not_go_on_for_ever():
    header = gzip.compress(b"")[:10]
    empty_stored_block = b"\x00\x00\x00\xff\xff"
    body = BoundedBody(content_encoding="gzip", limit=1_000)
    body.feed(header)
    body.feed(empty_stored_block * 10_000)

    with pytest.raises(BodyTooLarge):
        body.feed(empty_stored_block * 10_000)


@pytest.mark.parametrize(
    "stream",
    [
        b"not gzip",
        b"\x1f\x8b",
        zlib.compress(b"zlib is not gzip"),
        gzip.compress(b"cut off", mtime=0)[:-1],
        gzip.compress(b"cut off", mtime=0)[:12],
        gzip.compress(b"flipped", mtime=0)[:-5] + b"\x00" + gzip.compress(b"flipped", mtime=0)[-4:],
        gzip.compress(b"good", mtime=0) + b"trailing",
        gzip.compress(b"good", mtime=0) + gzip.compress(b"cut off", mtime=0)[:-3],
    ],
)
@pytest.mark.parametrize("size", [1, 1_000])
def test_damaged_streams_are_refused(stream, size):
    with pytest.raises(BadEncoding):
        read_body(pieces(stream, size), content_encoding="gzip", limit=LIMIT)


@pytest.mark.parametrize(("name", "encode"), [("deflate", zlib.compress), ("Deflate", raw_deflate)])
@pytest.mark.parametrize("size", [1, 7, 4096, 200_000])
@pytest.mark.parametrize("text", [b"", b"0123456789" * 9_000])
def test_deflate_is_decoded_with_and_without_its_frame_however_it_is_cut(name, encode, size, text):
    assert read_body(pieces(encode(text), size), content_encoding=name, limit=LIMIT) == text


def test_an_empty_deflate_body_is_empty():
    assert read_body([], content_encoding="deflate", limit=LIMIT) == b""
    assert read_body([b""], content_encoding="deflate", limit=LIMIT) == b""


@pytest.mark.parametrize(
    "stream",
    [
        b"x",
        b"not deflate",
        gzip.compress(b"gzip is not deflate", mtime=0),
        zlib.compress(b"cut off")[:-1],
        zlib.compress(b"cut off")[:2],
        raw_deflate(b"cut off")[:-1],
        zlib.compress(b"flipped")[:-1] + b"\0",
        zlib.compress(b"good") + b"trailing",
        zlib.compress(b"good") * 2,
    ],
)
@pytest.mark.parametrize("size", [1, 1_000])
def test_damaged_deflate_is_refused(stream, size):
    with pytest.raises(BadEncoding):
        read_body(pieces(stream, size), content_encoding="deflate", limit=LIMIT)


def zstd_in_pieces(data):
    """A frame that does not say how large it is, from a compressor that streams."""
    compressor = zstandard.ZstdCompressor().compressobj()
    return compressor.compress(data) + compressor.flush()


def zstd_with_window(log, data):
    parameters = zstandard.ZstdCompressionParameters(window_log=log)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return compressor.compress(data) + compressor.flush()


@pytest.mark.parametrize("encode", [zstandard.compress, zstd_in_pieces])
@pytest.mark.parametrize("size", [1, 7, 4096, 200_000])
@pytest.mark.parametrize("text", [b"", b"0123456789" * 9_000])
def test_zstd_is_decoded_however_it_is_cut(encode, size, text):
    assert read_body(pieces(encode(text), size), content_encoding="zstd", limit=LIMIT) == text


@pytest.mark.parametrize("size", [1, 10_000])
def test_zstd_frames_are_joined_and_those_to_skip_are_skipped(size):
    skipped = b"\x50\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"
    stream = zstandard.compress(b"one,") + skipped + zstandard.compress(b"") + zstandard.compress(b"two")

    assert read_body(pieces(stream, size), content_encoding="zstd", limit=LIMIT) == b"one,two"


def test_a_zstd_window_may_have_8_megabytes_and_no_more():
    text = b"0123456789" * 9_000

    assert read_body([zstd_with_window(23, text)], content_encoding="zstd", limit=LIMIT) == text
    with pytest.raises(BadEncoding, match="window"):
        read_body([zstd_with_window(24, text)], content_encoding="zstd", limit=LIMIT)


def test_the_densest_zstd_bomb_is_inflated_by_a_slice_at_most():
    header = b"\x28\xb5\x2f\xfd" + bytes([0, (23 - 10) << 3])
    block_of_128_kilobytes = (131_072 << 3 | 1 << 1).to_bytes(3, "little") + b"x"
    bomb = header + block_of_128_kilobytes * 200_000
    body = BoundedBody(content_encoding="zstd", limit=10 * 2**20)
    tracemalloc.start()

    with pytest.raises(BodyTooLarge):
        body.feed(bomb)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 2**20  # it would be 26 GB
    assert len(body._body) == 0


def test_zstd_frames_without_end_are_refused():
    with pytest.raises(BadEncoding, match="too many frames"):
        read_body([zstandard.compress(b"") * 1_001], content_encoding="zstd", limit=LIMIT)


@pytest.mark.parametrize(
    "stream",
    [
        b"x",
        b"not zstd at all",
        gzip.compress(b"gzip is not zstd", mtime=0),
        zstandard.compress(b"cut off")[:-1],
        zstandard.compress(b"cut off")[:3],
        zstandard.compress(b"good") + b"trailing",
        zstandard.compress(b"good") + zstandard.compress(b"cut off")[:-2],
    ],
)
@pytest.mark.parametrize("size", [1, 1_000])
def test_damaged_zstd_is_refused(stream, size):
    with pytest.raises(BadEncoding):
        read_body(pieces(stream, size), content_encoding="zstd", limit=LIMIT)
