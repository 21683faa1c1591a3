import pytest

from core.crypto import DecryptionError, decrypt, encrypt

KEY, CONTEXT = "k" * 48, "hash-key:1"


def test_what_was_encrypted_opens_again():
    assert decrypt(encrypt(b"secret", key=KEY, context=CONTEXT), key=KEY, context=CONTEXT) == b"secret"


def test_the_plain_value_is_not_visible_and_never_twice_the_same():
    first, second = (encrypt(b"secret", key=KEY, context=CONTEXT) for _ in range(2))

    assert b"secret" not in first
    assert first != second


@pytest.mark.parametrize(
    ("key", "context", "change"),
    [
        ("x" * 48, CONTEXT, lambda stored: stored),
        (KEY, "hash-key:2", lambda stored: stored),
        (KEY, CONTEXT, lambda stored: stored[:-1] + bytes([stored[-1] ^ 1])),
        (KEY, CONTEXT, lambda stored: b"\x03" + stored[1:]),
        (KEY, CONTEXT, lambda stored: stored[:5]),
        (KEY, CONTEXT, lambda _: b""),
    ],
)
def test_another_key_place_or_value_does_not_open(key, context, change):
    stored = encrypt(b"secret", key=KEY, context=CONTEXT)

    with pytest.raises(DecryptionError):
        decrypt(change(stored), key=key, context=context)
