"""An OpenID Connect issuer on loopback, honest unless a test makes it lie; and a GitHub beside it."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "tokenops", "a secret between the two"
_PAGE = """<!DOCTYPE html><html lang="en"><head><title>Fake issuer</title></head><body>
<h1>Fake issuer</h1><p><a href="{allow}">Allow</a> <a href="{deny}">Deny</a></p></body></html>"""


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    """One for each name, made once a process."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Issuer:
    """What it says, and what it was asked. ``person`` are the claims about whoever signs in there."""

    url: str
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "248289761001"})
    emails: list[dict[str, Any]] = field(default_factory=list)  # as GitHub lists them
    userinfo: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)  # instead of the honest ones
    discovery: dict[str, Any] = field(default_factory=dict)  # the same
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)  # path → what is said instead
    signed_with: str = "right"
    algorithm: str = "RS256"
    asked: list[str] = field(default_factory=list)
    grants: dict[str, dict[str, str]] = field(default_factory=dict)  # code → what it was given for

    def approve(self, url: str) -> str:
        """The person says yes at ``url``: the way back, with a code."""
        query = _flat(urlsplit(url).query)
        code = secrets.token_urlsafe(16)
        self.grants[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def deny(self, url: str) -> str:
        query = _flat(urlsplit(url).query)
        return f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': query['state']})}"

    # --- The endpoints ---

    def get(self, path: str, query: str) -> tuple[int, Any]:
        described = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }
        pages: dict[str, Any] = {
            "/.well-known/openid-configuration": described | self.discovery,
            "/jwks": {"keys": [self._public_key()]},
            "/userinfo": self.userinfo,
            "/favicon.ico": "",  # browsers ask
            "/user": self.person,
            "/user/emails": self.emails,
        }
        if path in {"/authorize", "/login/oauth/authorize"}:
            url = f"{self.url}{path}?{query}"
            return 200, _PAGE.format(allow=_escaped(self.approve(url)), deny=_escaped(self.deny(url)))
        return (200, pages[path]) if path in pages else (404, {})

    def post(self, path: str, body: str) -> tuple[int, Any]:
        """Tokens for a code: once, to whom it was given, with the secret and the proof (RFC 7636)."""
        asked = _flat(body)
        given = self.grants.pop(asked.get("code", ""), None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(asked.get("code_verifier", "").encode()).digest())
        if (
            given is None
            or path not in {"/token", "/login/oauth/access_token"}
            or (asked.get("client_id"), asked.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET)
            or asked.get("redirect_uri") != given["redirect_uri"]
            or given.get("code_challenge") != proof.rstrip(b"=").decode()
            or given.get("code_challenge_method") != "S256"
        ):
            return 400, {"error": "invalid_grant"}
        token = {"access_token": "an access token", "token_type": "Bearer", "expires_in": 300}
        return 200, token | ({"id_token": self._id_token()} if path == "/token" else {})

    def _id_token(self) -> str:
        now = int(time.time())
        honest = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300} | self.person
        told = {name: value for name, value in (honest | self.claims).items() if value is not None}
        key: Any = private_key(self.signed_with) if self.algorithm.startswith("RS") else None
        return jwt.encode(told, key, algorithm=self.algorithm, headers={"kid": "1"})

    def _public_key(self) -> dict[str, Any]:
        found = jwt.algorithms.RSAAlgorithm.to_jwk(private_key("right").public_key(), as_dict=True)
        return found | {"kid": "1", "use": "sig", "alg": "RS256"}


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            self._answer(address.path, lambda: issuer.get(address.path, address.query))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(self.path, lambda: issuer.post(self.path, body))

        def _answer(self, path: str, honestly: Any) -> None:
            issuer.asked.append(path)
            status, said = issuer.answers.get(path) or honestly()
            is_page = isinstance(said, str)
            data = said if isinstance(said, bytes) else said.encode() if is_page else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if is_page else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _flat(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


def _escaped(url: str) -> str:
    return url.replace("&", "&amp;")
