"""What the person at the terminal sees."""

import contextlib
import sys
from collections.abc import Mapping

type Report = Mapping[str, str | None]

_EVENT = '{"model": "gpt-4o-mini", "endpoint_name": "first-call", "input_tokens": 1200, "output_tokens": 350}'
_LOGIN = ("email", "password", "api_key", "organization", "project")


def say(text: str) -> None:
    """Print a line; a terminal that was closed must not keep us from stopping in order."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def step(text: str) -> None:
    say(f"  → {text}")


def warn(text: str) -> None:
    say(f"  ! {text}")


def welcome(report: Report, *, is_invite_only: bool) -> str:
    """The box at the end of the start: where to go, who to be, how to send a call."""
    url = report["url"]
    lines = ["", f"  TokenOps is ready: {url}", ""]
    if report["email"]:
        lines += [f"  {name:<13} {report[name]}" for name in _LOGIN]
        lines += ["", "  Send a call:", *(f"    {line}" for line in curl(f"{url}", f"{report['api_key']}"))]
    else:
        lines.append("  Sign up there: it shows how to create a project and a key, and how to send a call.")
    if is_invite_only:
        lines += ["", "  Others can reach this machine, so sign-up is by invitation only (see SIGNUP)."]
    return "\n".join([*lines, "", "  Ctrl-C stops everything; the data stays.", ""])


def curl(url: str, api_key: str) -> list[str]:
    """The lines of one command that posts a call."""
    return [
        f"curl {url}/api/v1/ingest \\",
        f"  -H 'Authorization: Bearer {api_key}' \\",
        "  -H 'Content-Type: application/json' \\",
        f"  -d '{_EVENT}'",
    ]
