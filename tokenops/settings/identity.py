"""Who else people may sign in with: identity providers by name, from the environment, in the form allauth reads."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from tokenops import env
from tokenops.env import ConfigurationError

_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
_ANYBODY: Final = {"common", "organizations", "consumers"}  # what Microsoft calls all tenants at once

App = dict[str, Any]
Environ = Mapping[str, str] | None


def identity_providers(environ: Environ = None) -> dict[str, dict[str, list[App]]]:
    """``SOCIALACCOUNT_PROVIDERS``; empty when nobody is configured.

    :raises ConfigurationError: one of them is configured by half, or could be listened to on its way.
    """
    openid = [*_oidc(environ), *_google(environ), *_gitlab(environ), *_microsoft(environ)]
    github = _github(environ)
    _trust([*openid, *github], environ)
    return {kind: {"APPS": apps} for kind, apps in (("openid_connect", openid), ("github", github)) if apps}


def _oidc(environ: Environ) -> list[App]:
    issuer = env.text("OIDC_ISSUER", environ=environ)
    client_id = env.text("OIDC_CLIENT_ID", environ=environ)
    secret = env.text("OIDC_CLIENT_SECRET", environ=environ)
    name = env.text("OIDC_NAME", "single sign-on", environ=environ)
    if not _is_complete(OIDC_ISSUER=issuer, OIDC_CLIENT_ID=client_id, OIDC_CLIENT_SECRET=secret):
        return []
    _insist_on_tls("OIDC_ISSUER", issuer)
    return [_openid("oidc", name, client_id, secret, issuer)]


def _google(environ: Environ) -> list[App]:
    client_id = env.text("GOOGLE_CLIENT_ID", environ=environ)
    secret = env.text("GOOGLE_CLIENT_SECRET", environ=environ)
    if not _is_complete(GOOGLE_CLIENT_ID=client_id, GOOGLE_CLIENT_SECRET=secret):
        return []
    return [_openid("google", "Google", client_id, secret, "https://accounts.google.com")]


def _gitlab(environ: Environ) -> list[App]:
    client_id = env.text("GITLAB_CLIENT_ID", environ=environ)
    secret = env.text("GITLAB_CLIENT_SECRET", environ=environ)
    if not _is_complete(GITLAB_CLIENT_ID=client_id, GITLAB_CLIENT_SECRET=secret):
        return []
    return [_openid("gitlab", "GitLab", client_id, secret, "https://gitlab.com")]


def _microsoft(environ: Environ) -> list[App]:
    tenant = env.text("MICROSOFT_TENANT", environ=environ)
    client_id = env.text("MICROSOFT_CLIENT_ID", environ=environ)
    secret = env.text("MICROSOFT_CLIENT_SECRET", environ=environ)
    if not _is_complete(MICROSOFT_TENANT=tenant, MICROSOFT_CLIENT_ID=client_id, MICROSOFT_CLIENT_SECRET=secret):
        return []
    if tenant in _ANYBODY or not tenant.replace("-", "").replace(".", "").isalnum():
        raise ConfigurationError("MICROSOFT_TENANT must name one tenant: all others would be let in.")
    return [_openid("microsoft", "Microsoft", client_id, secret, f"https://login.microsoftonline.com/{tenant}/v2.0")]


def _github(environ: Environ) -> list[App]:
    url = env.text("GITHUB_URL", environ=environ).rstrip("/")
    client_id = env.text("GITHUB_CLIENT_ID", environ=environ)
    secret = env.text("GITHUB_CLIENT_SECRET", environ=environ)
    optional = {"GITHUB_URL": url} if url else {}
    if not _is_complete(**optional, GITHUB_CLIENT_ID=client_id, GITHUB_CLIENT_SECRET=secret):
        return []
    if url:
        _insist_on_tls("GITHUB_URL", url)
    web, api = (url, f"{url}/api/v3") if url else ("https://github.com", "https://api.github.com")
    return [_app("github", "GitHub", client_id, secret, web_url=web, api_url=api)]


def _is_complete(**values: str) -> bool:
    """Whether all variables are set; False when none is.

    :raises ConfigurationError: some are and some are not.
    """
    missing = [name for name, value in values.items() if not value]
    present = [name for name, value in values.items() if value]
    if missing and present:
        raise ConfigurationError(f"{missing[0]} is missing beside {present[0]}.")
    return bool(present)


def _insist_on_tls(name: str, value: str) -> None:
    """Whoever listens on the way to a provider signs in as everybody."""
    url = urlsplit(value)
    is_safe = url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK)
    if not is_safe or not url.hostname or url.query or url.fragment:
        raise ConfigurationError(f"{name} must be an https URL; http is for this machine only.")


def _openid(provider_id: str, name: str, client_id: str, secret: str, issuer: str) -> App:
    return _app(provider_id, name, client_id, secret, server_url=issuer, uid_field="identity")


def _app(provider_id: str, name: str, client_id: str, secret: str, **settings: str) -> App:
    return {
        "provider_id": provider_id,
        "name": name,
        "client_id": client_id,
        "secret": secret,
        "settings": {"oauth_pkce_enabled": True, **settings},
    }


def _trust(apps: list[App], environ: Environ) -> None:
    """Mark those whose word about an address opens the account that has it."""
    trusted = set(env.words("TRUSTED_IDENTITY_PROVIDERS", environ=environ))
    if trusted - {str(app["provider_id"]) for app in apps}:
        raise ConfigurationError("TRUSTED_IDENTITY_PROVIDERS must name providers that are configured, such as oidc.")
    for app in apps:
        app["settings"]["email_authentication"] = app["provider_id"] in trusted
