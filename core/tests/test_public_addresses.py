import ipaddress

import pytest

from core.public_addresses import host_name, is_named, may_connect

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_may_be_connected_to(address):
    assert may_connect(address, allowed=())


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",  # noqa: S104 - refused, not bound to
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",  # metadata
        "100.64.0.1",  # carrier-grade NAT
        "100.100.100.200",  # metadata of another cloud
        "168.63.129.16",  # public by the registry, a cloud's own
        "192.0.0.192",
        "198.18.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "239.255.255.250",
        "255.255.255.255",
        "240.0.0.1",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",  # metadata over IPv6
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "2002:a9fe:a9fe::1",
        "2001:0:1:1::1",  # Teredo
        "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1",
        "2001:db8::1",
        "not an address",
        "",
    ],
)
def test_addresses_inside_are_refused_however_they_are_written(address):
    assert not may_connect(address, allowed=())


def test_a_public_address_behind_nat64_is_public():
    assert may_connect("64:ff9b::808:808", allowed=())


def test_the_operator_may_allow_a_network_and_nothing_beside_it():
    assert may_connect("127.0.0.1", allowed=LOOPBACK)
    assert may_connect("::ffff:127.0.0.1", allowed=LOOPBACK)
    assert not may_connect("10.0.0.1", allowed=LOOPBACK)
    assert not may_connect("::1", allowed=LOOPBACK)


def test_an_address_is_named_by_the_network_it_is_in():
    assert is_named("127.0.0.9", LOOPBACK)
    assert is_named("::ffff:127.0.0.9", LOOPBACK)
    assert not is_named("8.8.8.8", LOOPBACK)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("hooks.example.com", "hooks.example.com"),
        ("Hooks.Example.COM.", "hooks.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("a_b.example", "a_b.example"),
        ("localhost", "localhost"),  # what it resolves to is looked at later
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("::FFFF:7f00:1", "::ffff:127.0.0.1"),
        ("1.example", "1.example"),
    ],
)
def test_hosts_are_read_one_way(host, name):
    assert host_name(host) == name


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "example.0x",
        "a..b",
        "-a.example",
        "a b.example",
        "a%00.example",
        "ex\u2025ample",
        "x" * 64 + ".example",
        ".".join(["abcdefghi"] * 26),
        "①②⑦.⓪.⓪.①.",
    ],
)
def test_hosts_that_are_none_are_refused(host):
    with pytest.raises(ValueError, match="not a host name"):
        host_name(host)
