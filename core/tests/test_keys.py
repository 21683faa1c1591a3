import re

import pytest

from core import keys

PEPPER = "pepper-" * 8


def test_a_key_has_the_published_form_and_its_prefix_is_found_again():
    new = keys.generate()

    assert re.fullmatch(r"tko_[0-9A-Za-z]{8}_[0-9A-Za-z]{40}", new.text)
    assert new.text.split("_")[1] == new.prefix
    assert keys.prefix_of(new.text) == new.prefix


def test_keys_differ():
    assert len({keys.generate().text for _ in range(50)}) == 50


def test_the_text_is_not_in_the_repr():
    new = keys.generate()

    assert new.text not in repr(new)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
        lambda text: text[:20] + ("0" if text[20] != "0" else "1") + text[21:],
        lambda text: text[:-1],
        lambda text: text + "0",
        lambda text: text.upper(),
        lambda text: "sk_" + text[4:],
        lambda text: text.replace("_", "-"),
        lambda text: text[:-6] + "\u0661" * 6,  # digits, but not ASCII
        lambda _: "",
    ],
)
def test_a_damaged_key_has_no_prefix(damage):
    assert keys.prefix_of(damage(keys.generate().text)) is None


def test_only_the_key_itself_matches_its_digest():
    text, other = keys.generate().text, keys.generate().text
    stored = keys.digest(text, pepper=PEPPER)

    assert len(stored) == 32
    assert keys.matches(text, stored, pepper=PEPPER)
    assert not keys.matches(other, stored, pepper=PEPPER)
    assert not keys.matches(text, stored, pepper=PEPPER + "x")
