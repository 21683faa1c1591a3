"""``EMAIL_URL`` to Django's mailers: a real SMTP server, or files that /dev/mail shows."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from tokenops.env import ConfigurationError

_SMTP_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


def mailers(email_url: str, mail_dir: Path) -> dict[str, dict[str, object]]:
    """``MAILERS`` for ``smtp://``, ``smtp+tls://`` (STARTTLS) or ``smtps://`` URLs; else files below ``mail_dir``.

    :raises ConfigurationError: another scheme, or no host.
    """
    if not email_url:
        backend = "django.core.mail.backends.filebased.EmailBackend"
        return {"default": {"BACKEND": backend, "OPTIONS": {"file_path": mail_dir}}}
    url = urlsplit(email_url)
    if url.scheme not in _SMTP_PORTS or not url.hostname:
        raise ConfigurationError("EMAIL_URL must look like smtp://user:password@host:25 (or smtp+tls, smtps).")
    options = {
        "host": url.hostname,
        "port": url.port or _SMTP_PORTS[url.scheme],
        "username": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "use_tls": url.scheme == "smtp+tls",
        "use_ssl": url.scheme == "smtps",
        "timeout": 10,
    }
    return {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}
