import pytest
from django.test import RequestFactory

from core.addresses import UNKNOWN_ADDRESS, client_address, is_this_machine, valid_or_unknown

PROXY = "10.0.0.5"


@pytest.mark.parametrize(
    ("remote", "forwarded_for", "trusted", "address"),
    [
        ("203.0.113.9", "", [], "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", [], "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", [PROXY], "203.0.113.9"),
        (PROXY, "198.51.100.1", [PROXY], "198.51.100.1"),
        (PROXY, "1.2.3.4, 198.51.100.1", [PROXY], "198.51.100.1"),
        (PROXY, "198.51.100.1, 10.0.0.9", ["10.0.0.0/8"], "198.51.100.1"),
        (PROXY, "", [PROXY], PROXY),
        (PROXY, "2001:db8::1", [PROXY], "2001:db8::1"),
        (PROXY, "not an address", [PROXY], "not an address"),
    ],
)
def test_only_what_a_trusted_proxy_appended_is_believed(remote, forwarded_for, trusted, address):
    assert client_address(remote=remote, forwarded_for=forwarded_for, trusted=trusted) == address


def test_a_trusted_proxy_that_is_no_address_is_a_mistake():
    with pytest.raises(ValueError, match=r"'proxy\.internal'"):
        client_address(remote=PROXY, forwarded_for="", trusted=["proxy.internal"])


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "localhost:8000", "[::1]:8000", "127.8.8.8"])
@pytest.mark.parametrize("remote", ["127.0.0.1", "::1"])
def test_a_browser_on_this_machine_is_known(settings, host, remote):
    settings.ALLOWED_HOSTS = ["*"]

    assert is_this_machine(RequestFactory(headers={"host": host}, REMOTE_ADDR=remote).get("/"))


@pytest.mark.parametrize(
    ("host", "remote", "headers"),
    [
        ("localhost", "192.168.1.7", {}),
        ("localhost", "", {}),
        ("tokenops.example.com", "127.0.0.1", {}),  # a foreign name that resolves to us
        ("localhost", "127.0.0.1", {"x-forwarded-for": "203.0.113.9"}),
        ("localhost", "127.0.0.1", {"forwarded": "for=203.0.113.9"}),
        ("localhost", "127.0.0.1", {"x-forwarded-host": "tokenops.example.com"}),
    ],
)
def test_anybody_else_is_not_this_machine(settings, host, remote, headers):
    settings.ALLOWED_HOSTS = ["*"]

    request = RequestFactory(headers={"host": host} | headers, REMOTE_ADDR=remote).get("/")

    assert not is_this_machine(request)


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("", UNKNOWN_ADDRESS),
        ("unknown", UNKNOWN_ADDRESS),
    ],
)
def test_what_is_no_address_is_not_taken_for_one(address, kept):
    assert valid_or_unknown(address) == kept
