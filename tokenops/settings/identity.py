"""Who else people may sign in with: identity providers by name, from the environment, in the form allauth reads."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from tokenops import env
from tokenops.env import ConfigurationError

GITHUB: Final = "github"
# id → the variables' prefix, the name on the button, the issuer that needs no configuration.
_OPENID: Final = (
    ("oidc", "OIDC", "single sign-on", ""),
    ("google", "GOOGLE", "Google", "https://accounts.google.com"),
    ("gitlab", "GITLAB", "GitLab", "https://gitlab.com"),
    ("microsoft", "MICROSOFT", "Microsoft", ""),
)
_MICROSOFT: Final = "https://login.microsoftonline.com/{}/v2.0"
_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}

App = dict[str, Any]
Environ = Mapping[str, str] | None


def identity_providers(environ: Environ = None) -> dict[str, dict[str, list[App]]]:
    """``SOCIALACCOUNT_PROVIDERS``; empty when nobody is configured.

    :raises ConfigurationError: one of them is configured by half, or could be listened to on its way.
    """
    found = [app for row in _OPENID if (app := _openid(*row, environ))]
    github = _github(environ)
    _trust([*found, *github], environ)
    return {kind: {"APPS": apps} for kind, apps in (("openid_connect", found), (GITHUB, github)) if apps}


def _openid(provider_id: str, prefix: str, name: str, issuer: str, environ: Environ) -> App | None:
    credentials = _credentials(prefix, environ)
    wanted = _issuer(prefix, issuer, environ)
    if credentials is None:
        if wanted != issuer:
            raise ConfigurationError(f"{prefix}_CLIENT_ID and {prefix}_CLIENT_SECRET are missing.")
        return None
    if not wanted:
        missing = "MICROSOFT_TENANT" if prefix == "MICROSOFT" else f"{prefix}_ISSUER"
        raise ConfigurationError(f"{missing} is missing beside {prefix}_CLIENT_ID.")
    shown = env.text(f"{prefix}_NAME", name, environ=environ)
    return _app(provider_id, shown, credentials, server_url=wanted, uid_field="identity")


def _issuer(prefix: str, default: str, environ: Environ) -> str:
    if prefix == "MICROSOFT":
        tenant = env.text("MICROSOFT_TENANT", environ=environ)
        if tenant in {"common", "organizations", "consumers"}:
            raise ConfigurationError("MICROSOFT_TENANT must name one tenant: all others would be let in.")
        return _MICROSOFT.format(tenant) if tenant else ""
    return _safe_url(f"{prefix}_ISSUER", default, environ) if prefix == "OIDC" else default


def _github(environ: Environ) -> list[App]:
    credentials = _credentials("GITHUB", environ)
    url = _safe_url("GITHUB_URL", "", environ).rstrip("/")
    if credentials is None:
        if url:
            raise ConfigurationError("GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET are missing.")
        return []
    web, api = (url, f"{url}/api/v3") if url else ("https://github.com", "https://api.github.com")
    return [_app(GITHUB, env.text("GITHUB_NAME", "GitHub", environ=environ), credentials, web_url=web, api_url=api)]


def _credentials(prefix: str, environ: Environ) -> tuple[str, str] | None:
    names = (f"{prefix}_CLIENT_ID", f"{prefix}_CLIENT_SECRET")
    client_id, secret = (env.text(name, environ=environ) for name in names)
    if bool(client_id) != bool(secret):
        present, missing = names if client_id else reversed(names)
        raise ConfigurationError(f"{missing} is missing beside {present}.")
    return (client_id, secret) if client_id else None


def _safe_url(name: str, default: str, environ: Environ) -> str:
    """Whoever listens on the way to a provider signs in as everybody."""
    value = env.text(name, default, environ=environ)
    url = urlsplit(value)
    is_safe = url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK)
    if value and (not is_safe or not url.hostname or url.query or url.fragment):
        raise ConfigurationError(f"{name} must be an https URL; http is for this machine only.")
    return value


def _app(provider_id: str, name: str, credentials: tuple[str, str], **settings: str) -> App:
    client_id, secret = credentials
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
    unknown = trusted - {str(app["provider_id"]) for app in apps}
    if unknown:
        raise ConfigurationError("TRUSTED_IDENTITY_PROVIDERS must name providers that are configured, such as oidc.")
    for app in apps:
        app["settings"]["email_authentication"] = app["provider_id"] in trusted
