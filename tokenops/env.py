"""Typed readers of the environment, so that a wrong value fails at start with one sentence and never later."""

import ipaddress
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

SECRET_NAMES = ("SECRET_KEY", "KEY_PEPPER", "ENCRYPTION_KEY")
_SHORTEST_SECRET = 32  # characters
_SHORTEST_TOKEN = 16
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


class ConfigurationError(RuntimeError):
    """A setting is missing or has a value nobody can use; the message is one sentence for the operator."""


def text(name: str, default: str = "", *, environ: Mapping[str, str] | None = None) -> str:
    """The value of ``name``, or the content of the file named by ``NAME_FILE`` (container secrets).

    :raises ConfigurationError: both are set, or the file cannot be read.
    """
    env = os.environ if environ is None else environ
    value, file = env.get(name), env.get(f"{name}_FILE")
    if value and file:
        raise ConfigurationError(f"Set either {name} or {name}_FILE, not both.")
    if not file:
        return value or default
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"{name}_FILE cannot be read: {error.strerror}.") from error


def boolean(name: str, default: bool, *, environ: Mapping[str, str] | None = None) -> bool:
    """``1/true/yes/on`` or ``0/false/no/off``, any case.

    :raises ConfigurationError: anything else, because DEBUG=maybe must not mean True.
    """
    value = text(name, environ=environ).lower()
    if not value:
        return default
    if value in _TRUE | _FALSE:
        return value in _TRUE
    raise ConfigurationError(f"{name} must be true or false.")


def integer(name: str, default: int, *, low: int, high: int, environ: Mapping[str, str] | None = None) -> int:
    """A whole number within ``low`` and ``high``, both included.

    :raises ConfigurationError: not a number, or outside.
    """
    value = text(name, environ=environ)
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
        raise ConfigurationError(f"{name} must be a whole number from {low} to {high}.")
    return int(value)


def choice(name: str, default: str, options: tuple[str, ...], *, environ: Mapping[str, str] | None = None) -> str:
    """One of ``options``.

    :raises ConfigurationError: anything else.
    """
    value = text(name, default, environ=environ)
    if value not in options:
        raise ConfigurationError(f"{name} must be one of {', '.join(options)}.")
    return value


def words(name: str, *, environ: Mapping[str, str] | None = None) -> list[str]:
    """Comma-separated values without blanks; empty when unset."""
    return [part.strip() for part in text(name, environ=environ).split(",") if part.strip()]


def networks(name: str, *, environ: Mapping[str, str] | None = None) -> list[str]:
    """Comma-separated addresses or networks (``10.0.0.0/8``); empty when unset.

    :raises ConfigurationError: one of them is neither; a host name would be believed or not as DNS pleases.
    """
    found = words(name, environ=environ)
    try:
        for entry in found:
            ipaddress.ip_network(entry, strict=False)
    except ValueError as error:
        raise ConfigurationError(f"{name} must list addresses or networks such as 10.0.0.0/8.") from error
    return found


def token(name: str, *, environ: Mapping[str, str] | None = None) -> str:
    """A secret that opens one door when it is set; ``''`` keeps the door shut.

    :raises ConfigurationError: it is short enough to be guessed, or cannot be sent in a header.
    """
    value = text(name, environ=environ)
    if value and (len(value) < _SHORTEST_TOKEN or not value.isascii() or not value.isprintable() or " " in value):
        raise ConfigurationError(f"{name} must have at least {_SHORTEST_TOKEN} printable ASCII characters, no blanks.")
    return value


def read_secrets(state_dir: Path) -> dict[str, str]:
    """The secrets that :func:`ensure_secrets` wrote; empty when it never ran."""
    path = state_dir / "secrets.env"
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def ensure_secrets(state_dir: Path) -> dict[str, str]:
    """Create ``secrets.env`` (0600) once and return its content; later starts reuse it."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = read_secrets(state_dir)
    missing = [name for name in SECRET_NAMES if name not in found]
    if not missing:
        return found
    found |= {name: secrets.token_urlsafe(48) for name in missing}
    _write_secrets(state_dir, found)
    return found


def start_rotation(state_dir: Path, name: str) -> None:
    """Give ``secrets.env`` a new value of ``name`` and keep the old one as ``NAME_PREVIOUS``.

    :raises ConfigurationError: the file does not have it, or it is being replaced already.
    """
    found = read_secrets(state_dir)
    if name not in found:
        raise ConfigurationError(f"{name} is not in secrets.env: set the new one where you set it now.")
    if found.get(_previous(name)):
        raise ConfigurationError(f"{name} is being replaced already: finish that first.")
    _write_secrets(state_dir, found | {name: secrets.token_urlsafe(48), _previous(name): found[name]})


def finish_rotation(state_dir: Path, name: str) -> None:
    """Forget the old value of ``name``.

    :raises ConfigurationError: ``secrets.env`` has none.
    """
    found = read_secrets(state_dir)
    if not found.pop(_previous(name), ""):
        raise ConfigurationError(f"{_previous(name)} is not in secrets.env: remove it where you have set it.")
    _write_secrets(state_dir, found)


def _write_secrets(state_dir: Path, found: Mapping[str, str]) -> None:
    """In one step: a machine that stops half-way has the old file or the new one."""
    content = "".join(f"{name}={value}\n" for name, value in found.items())
    unfinished = state_dir / "secrets.env.new"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(state_dir / "secrets.env")


def _previous(name: str) -> str:
    return f"{name}_PREVIOUS"


def previous_secret(name: str, *, state_dir: Path) -> str:
    """``NAME_PREVIOUS``: what a secret was before, while both are valid; '' at all other times.

    :raises ConfigurationError: it is too short to have been a secret of ours.
    """
    value = text(name) or read_secrets(state_dir).get(name, "")
    if value and len(value) < _SHORTEST_SECRET:
        raise ConfigurationError(f"{name} must have at least {_SHORTEST_SECRET} characters.")
    return value


def secret(name: str, *, state_dir: Path, required: bool) -> str:
    """A secret from the environment, else from the embedded stack's ``secrets.env``.

    :raises ConfigurationError: neither has it and ``required`` is set (a real server, where nobody may guess it).
    """
    value = text(name) or read_secrets(state_dir).get(name, "")
    if value and len(value) < _SHORTEST_SECRET:
        raise ConfigurationError(f"{name} must have at least {_SHORTEST_SECRET} characters.")
    if not value and required:
        raise ConfigurationError(f"{name} is required when DATABASE_URL is set (or {name}_FILE).")
    return value or "insecure-until-the-stack-has-started-" + name
