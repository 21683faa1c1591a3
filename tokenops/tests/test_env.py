import stat

import pytest

from tokenops import env
from tokenops.env import ConfigurationError


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("TRUE", True), ("on", True), ("no", False), ("0", False)]
)
def test_boolean_reads_the_usual_words(value, expected):
    assert env.boolean("X", not expected, environ={"X": value}) is expected


def test_boolean_refuses_anything_else():
    with pytest.raises(ConfigurationError, match=r"^X must be true or false\.$"):
        env.boolean("X", False, environ={"X": "maybe"})


@pytest.mark.parametrize("value", ["0", "70000", "-1", "1.5", "many", "٣"])
def test_integer_refuses_what_is_no_number_in_its_bounds(value):
    with pytest.raises(ConfigurationError, match=r"^X must be a whole number from 1 to 65535\.$"):
        env.integer("X", 8000, low=1, high=65_535, environ={"X": value})


def test_integer_and_choice_and_words_have_defaults():
    assert env.integer("X", 8000, low=1, high=65_535, environ={}) == 8000
    assert env.choice("X", "open", ("open", "closed"), environ={}) == "open"
    assert env.words("X", environ={"X": " a, b ,,"}) == ["a", "b"]


def test_choice_names_its_options():
    with pytest.raises(ConfigurationError, match=r"^X must be one of open, closed\.$"):
        env.choice("X", "open", ("open", "closed"), environ={"X": "ajar"})


def test_a_value_may_come_from_a_file(tmp_path):
    (tmp_path / "secret").write_text("from-file\n")

    assert env.text("X", environ={"X_FILE": str(tmp_path / "secret")}) == "from-file"


def test_value_and_file_together_or_a_missing_file_are_one_sentence(tmp_path):
    with pytest.raises(ConfigurationError, match="not both"):
        env.text("X", environ={"X": "a", "X_FILE": "b"})
    with pytest.raises(ConfigurationError, match="X_FILE cannot be read: No such file or directory"):
        env.text("X", environ={"X_FILE": str(tmp_path / "absent")})


def test_secrets_are_made_once_and_are_private(tmp_path):
    first = env.ensure_secrets(tmp_path / "state")
    second = env.ensure_secrets(tmp_path / "state")

    assert first == second == env.read_secrets(tmp_path / "state")
    assert set(first) == set(env.SECRET_NAMES)
    assert len(set(first.values())) == 3
    assert stat.S_IMODE((tmp_path / "state" / "secrets.env").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_a_missing_secret_is_added_and_the_others_stay(tmp_path):
    (tmp_path / "secrets.env").write_text("SECRET_KEY=" + "a" * 40 + "\n")

    assert env.ensure_secrets(tmp_path)["SECRET_KEY"] == "a" * 40


def test_a_real_server_requires_its_secrets(tmp_path, monkeypatch):
    monkeypatch.delenv("KEY_PEPPER", raising=False)

    with pytest.raises(ConfigurationError, match="KEY_PEPPER is required when DATABASE_URL is set"):
        env.secret("KEY_PEPPER", state_dir=tmp_path, required=True)


def test_a_short_secret_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("KEY_PEPPER", "short")

    with pytest.raises(ConfigurationError, match="at least 32 characters"):
        env.secret("KEY_PEPPER", state_dir=tmp_path, required=False)


def test_proxies_are_addresses_or_networks():
    listed = {"TRUSTED_PROXIES": "10.0.0.5, 192.168.0.0/16 ,2001:db8::/32"}

    assert env.networks("TRUSTED_PROXIES", environ=listed) == ["10.0.0.5", "192.168.0.0/16", "2001:db8::/32"]
    assert env.networks("TRUSTED_PROXIES", environ={}) == []
    with pytest.raises(ConfigurationError, match="addresses or networks"):
        env.networks("TRUSTED_PROXIES", environ={"TRUSTED_PROXIES": "10.0.0.5,proxy.internal"})
