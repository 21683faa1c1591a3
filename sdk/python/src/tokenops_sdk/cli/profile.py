"""Where the command line finds its server and key: options, then the environment, then what ``login`` stored."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tokenops_sdk.cli.errors import CommandError, Exit, FileError
from tokenops_sdk.config import DEFAULT_URL

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_PRIVATE: Final = 0o600
_FOLDER_MODE: Final = 0o700


@dataclass(frozen=True)
class Profile:
    """A server and the key to ask it with. ``source`` says in words where the key comes from."""

    url: str
    key: str
    source: str


def config_path(environ: Mapping[str, str] | None = None) -> Path:
    """``config.toml`` below ``XDG_CONFIG_HOME``, or ``~/.config``."""
    given = os.environ if environ is None else environ
    base = Path(given["XDG_CONFIG_HOME"]) if given.get("XDG_CONFIG_HOME") else Path.home() / ".config"
    return base / "tokenops" / "config.toml"


def load(*, url: str = "", key: str = "", environ: Mapping[str, str] | None = None) -> Profile:
    """The profile to use.

    :raises CommandError: the stored configuration cannot be read, or the address is none.
    """
    given = os.environ if environ is None else environ
    stored = _stored(config_path(given))
    places = (
        (key, "--key"),
        (given.get("TOKENOPS_API_KEY", ""), "TOKENOPS_API_KEY"),
        (stored.get("key", ""), str(config_path(given))),
    )
    found, source = next(((value.strip(), place) for value, place in places if value.strip()), ("", ""))
    return Profile(
        _checked(url or given.get("TOKENOPS_URL", "") or stored.get("url", "") or DEFAULT_URL), found, source
    )


def address(url: str, environ: Mapping[str, str] | None = None) -> str:
    """The server to log in to, also where the stored configuration cannot be read.

    :raises CommandError: the address is none.
    """
    given = os.environ if environ is None else environ
    if url or given.get("TOKENOPS_URL"):
        return _checked(url or given["TOKENOPS_URL"])
    try:
        return load(environ=environ).url
    except FileError:
        return DEFAULT_URL


def _checked(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise CommandError(f"{url} is no address: it begins with https:// or http://.", Exit.UNREACHABLE)
    return url.rstrip("/")


def store(*, url: str, key: str, environ: Mapping[str, str] | None = None) -> Path:
    """Write the profile so that only its owner can read it, whole or not at all; where it is.

    :raises FileError: it cannot be written.
    """
    path = config_path(environ)
    new = path.with_suffix(".new")
    try:
        path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "w") as file:
            file.write(f'url = "{_escaped(url)}"\nkey = "{_escaped(key)}"\n')
        new.replace(path)
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}.") from error
    return path


def _stored(path: Path) -> dict[str, str]:
    try:
        found = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileError(f"{path} cannot be read ({type(error).__name__}); run tokenops login again.") from error
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
