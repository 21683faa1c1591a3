"""The client for customers' URLs, against real servers on loopback."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core import outbound
from core.outbound import Client, NotAllowedError, UnreachableError, read_url
from tests.receivers import Answered, drip, flood, hang, hang_up, http_receiver, speak_nonsense

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def receiver():
    with http_receiver() as running:
        yield running


def client(**options):
    return Client(**({"allowed": LOOPBACK, "seconds": 5.0} | options))


def leads_to(*addresses):
    return lambda host, port: list(addresses)


# --- What is asked and answered ---


def test_a_request_arrives_as_it_was_sent_and_its_answer_comes_back(receiver):
    receiver.says(Answered(202, b'{"status":"success"}', {"X-Request-Id": "r-1"}))

    answer = client().send("POST", f"{receiver.url}/hook?a=1", headers={"Content-Type": "text/plain"}, content=b"hi")

    assert (answer.status, answer.body, answer.is_cut) == (202, b'{"status":"success"}', False)
    assert answer.headers["x-request-id"] == "r-1"
    (request,) = receiver.received
    assert (request.method, request.path, request.body) == ("POST", "/hook?a=1", b"hi")
    assert request.headers["content-type"] == "text/plain"
    assert request.headers["user-agent"] == "TokenOps"
    assert request.headers["host"] == receiver.url.removeprefix("http://")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_not_followed(receiver, status):
    receiver.says(Answered(status, b"", {"Location": f"{receiver.url}/inside"}))

    answer = client().send("POST", receiver.url, headers={}, content=b"{}")

    assert answer.status == status
    assert [request.path for request in receiver.received] == ["/"]


def test_a_huge_answer_is_read_to_a_limit(receiver):
    receiver.says(flood)

    answer = client(most_bytes=1_000).send("GET", receiver.url, headers={})

    assert (len(answer.body), answer.is_cut) == (1_000, True)


@pytest.mark.parametrize("behaviour", [hang, drip])
def test_an_answer_that_does_not_come_is_given_up(receiver, behaviour):
    receiver.says(behaviour)

    with pytest.raises(UnreachableError, match="No answer within"):
        client(seconds=0.3).send("POST", receiver.url, headers={}, content=b"{}")


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [(hang_up, "The answer was not HTTP."), (speak_nonsense, "The answer was not HTTP.")],
)
def test_nonsense_is_no_answer(receiver, behaviour, message):
    receiver.says(behaviour)

    with pytest.raises(UnreachableError, match=message):
        client().send("POST", receiver.url, headers={})


def test_a_closed_port_is_said(receiver):
    with pytest.raises(UnreachableError, match="connection was refused"):
        client().send("POST", "http://127.0.0.1:1/", headers={})


def test_proxies_of_the_environment_are_not_asked(receiver, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert client().send("GET", receiver.url, headers={}).status == 200


# --- Where it may lead ---


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]
)
def test_a_name_that_leads_inside_is_refused_before_anything_is_sent(receiver, address):
    port = receiver.url.rpartition(":")[2]
    inside = Client(resolver=leads_to(address), seconds=5.0)

    with pytest.raises(NotAllowedError, match="not public"):
        inside.send("POST", f"https://hooks.example.com:{port}/", headers={})

    assert receiver.received == []


def test_one_address_inside_makes_all_of_a_name_unwelcome():
    two = Client(resolver=leads_to("93.184.216.34", "10.0.0.1"), seconds=5.0)

    with pytest.raises(NotAllowedError, match="not public"):
        two.send("POST", "https://hooks.example.com/", headers={})


def test_the_connection_goes_to_the_address_that_was_checked(receiver):
    port, asked = receiver.url.rpartition(":")[2], []

    def rebinding(host, at):
        """Says something harmless first and something else to whoever asks again."""
        asked.append((host, at))
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    answer = client(resolver=rebinding).send("GET", f"http://hooks.example.com:{port}/", headers={})

    assert answer.status == 200
    assert asked == [("hooks.example.com", int(port))]
    assert receiver.received[0].headers["host"] == f"hooks.example.com:{port}"


def test_a_second_address_is_tried_when_the_first_does_not_answer(receiver):
    port = receiver.url.rpartition(":")[2]

    answer = client(resolver=leads_to("127.0.0.2", "127.0.0.1")).send(
        "GET", f"http://hooks.example.com:{port}/", headers={}
    )

    assert answer.status == 200


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long")])
def test_a_name_without_an_address_may_have_one_later(error):
    def resolver(host, port):
        raise error

    with pytest.raises(UnreachableError, match="has no address"):
        client(resolver=resolver).send("GET", "https://hooks.example.com/", headers={})


def test_plain_http_stays_in_the_networks_that_are_allowed():
    public = client(resolver=leads_to("93.184.216.34"))

    with pytest.raises(NotAllowedError, match="https://"):
        public.send("GET", "http://hooks.example.com/", headers={})


def test_what_the_operator_allows_is_a_setting(settings):
    assert outbound.client().allowed == ()
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]

    assert outbound.client().allowed == LOOPBACK


def test_the_resolver_of_the_machine_is_asked_for_all_addresses():
    assert "127.0.0.1" in outbound.resolve("localhost", 80)
    assert outbound.resolve("127.0.0.1", 80) == ["127.0.0.1"]


# --- URLs ---


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "gopher://hooks.example.com/",
        "//hooks.example.com/",
        "hooks.example.com",
        "https://",
        "https:///path",
        "https://user:secret@hooks.example.com/",
        "https://user@hooks.example.com/",
        "https://hooks.example.com:0x50/",
        "https://hooks.example.com:99999/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://0x7f.1/",
        "https://hooks.example.com\\@10.0.0.1/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nHost: inside",
        "https://hooks.example.com/" + "x" * 2_000,
        "https://[::1/",
        "",
    ],
)
def test_urls_that_are_none_are_refused(url):
    with pytest.raises(NotAllowedError) as refused:
        read_url(url)

    assert "secret" not in str(refused.value)


def test_a_url_is_written_anew_from_what_was_checked():
    target = read_url("HTTPS://Hooks.Example.COM:8443/ä?q=ü%20x#fragment")

    assert (target.url, target.host, target.port) == (
        "https://hooks.example.com:8443/%C3%A4?q=%C3%BC%20x",
        "hooks.example.com",
        8443,
    )
    assert read_url("https://[2606:4700::1111]").url == "https://[2606:4700::1111]/"


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]"])
def test_an_address_inside_is_refused_before_anything_is_resolved(host):
    with pytest.raises(NotAllowedError, match="not public"):
        read_url(f"https://{host}/")


def test_an_address_that_the_operator_allows_is_read():
    assert read_url("http://127.0.0.1:9000/hook", allowed=LOOPBACK).port == 9000


# --- TLS ---


def certificate(tmp_path, name):
    """A certificate for ``name`` that signs itself: the server's side and a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    return server, ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))


def test_the_host_is_named_and_verified_though_the_connection_goes_to_an_address(tmp_path):
    server, trusting = certificate(tmp_path, "hooks.example.com")
    named = []
    server.sni_callback = lambda _socket, name, _context: named.append(name)

    with http_receiver(server) as receiver:
        port = receiver.url.rpartition(":")[2]
        good = client(tls=trusting, resolver=leads_to("127.0.0.1"))
        assert good.send("POST", f"https://hooks.example.com:{port}/", headers={}).status == 200
        assert named == ["hooks.example.com"]

        with pytest.raises(UnreachableError, match="not valid for this host"):
            good.send("POST", f"https://other.example.com:{port}/", headers={})
        with pytest.raises(UnreachableError, match="not valid for this host"):
            client(resolver=leads_to("127.0.0.1")).send("POST", f"https://hooks.example.com:{port}/", headers={})

        assert len(receiver.received) == 1
