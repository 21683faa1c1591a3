"""Signing in through the issuer of tests/issuer.py, as a browser without scripts would."""

import html
import re
from typing import Any
from urllib.parse import urlsplit

from django.test import Client
from django.urls import reverse

from tests.issuer import CLIENT_ID, CLIENT_SECRET, Issuer
from tokenops.settings.identity import identity_providers


def configure(settings: Any, issuer: Issuer, **environ: str) -> None:
    """The issuer as ``oidc`` and as ``github``, as the environment would say it."""
    credentials = {
        f"{prefix}_{name}": value
        for prefix in ("OIDC", "GITHUB")
        for name, value in (("CLIENT_ID", CLIENT_ID), ("CLIENT_SECRET", CLIENT_SECRET))
    }
    urls = {"OIDC_ISSUER": issuer.url, "OIDC_NAME": "Acme ID", "GITHUB_URL": issuer.url}
    found = identity_providers(credentials | urls | environ)
    for app in found["github"]["APPS"]:
        app["settings"]["api_url"] = issuer.url
    settings.SOCIALACCOUNT_PROVIDERS = found


def leave(client: Client, provider: str = "oidc", **form: str) -> str:
    """Press the button; the address of the provider that the page leads on to."""
    answer = client.post(reverse("tenants:identity-login", args=[provider]), form)
    assert answer.status_code == 200, answer.status_code
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', answer.content.decode())
    assert found is not None
    return html.unescape(found[1])


def come_back(client: Client, url: str) -> Any:
    address = urlsplit(url)
    return client.get(f"{address.path}?{address.query}")


def sign_in_there(client: Client, issuer: Issuer, provider: str = "oidc", **form: str) -> Any:
    return come_back(client, issuer.approve(leave(client, provider, **form)))


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session
