"""Who asks, where, and whether everything between the program and the server works: login, whoami, doctor."""

import os
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from time import time
from typing import Annotated, Any, Final

import typer

from tokenops_sdk.cli import output, profile
from tokenops_sdk.cli.api import Api
from tokenops_sdk.cli.errors import CommandError, Exit
from tokenops_sdk.cli.state import state_of
from tokenops_sdk.identity import uuid7

AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]
_CLOCK_SECONDS: Final = 60  # far less than what the server accepts, and more than a network's delay
_ACCEPTED = 202


def login(
    context: typer.Context,
    key: Annotated[
        str, typer.Option(help="An API key with the scope read; asked for, or read from a pipe, when left out.")
    ] = "",
    url: Annotated[str, typer.Option(help="The server's address.")] = "",
    as_json: AsJson = False,
) -> None:
    """Check an API key and keep it for later commands.

    It is stored where only you can read it.
    """
    state = state_of(context)
    address = profile.address(url or state.url)
    given = (key or state.key or _typed()).strip()
    with Api(profile.Profile(address, given, "what you gave")) as api:
        me = api.get("/api/v1/me")
    _require_read(me)
    path = profile.store(url=address, key=given)
    if as_json:
        output.as_json(me | {"url": address, "stored_in": str(path)})
    else:
        output.line(f"{_named(me)}\nStored in {path}.")
    if os.environ.get("TOKENOPS_API_KEY"):
        output.note("TOKENOPS_API_KEY is set, and is used instead until you unset it.")


def _typed() -> str:
    """The key from the keyboard, unseen, or the first line of a pipe."""
    if sys.stdin.isatty():
        return str(typer.prompt("API key (scope read)", hide_input=True))
    return sys.stdin.readline()


def whoami(context: typer.Context, as_json: AsJson = False) -> None:
    """Say which key is used, and what it may do."""
    with state_of(context).api() as api:
        me = api.get("/api/v1/me")
        if as_json:
            output.as_json(me | {"url": api.profile.url})
            return
        output.line(f"{_named(me)}\nAt {api.profile.url}; the key is from {api.profile.source}.")


def doctor(
    context: typer.Context,
    send: Annotated[bool, typer.Option("--send/--no-send", help="Send a test event.")] = True,
    as_json: AsJson = False,
) -> int:
    """Check address, key and clock, and send a test event.

    The event is sent where the key has the scope ingest.
    """
    with state_of(context).api() as api:
        found = list(_examined(api, is_sending=send))
    if as_json:
        output.as_json([{"check": name, "ok": is_ok, "detail": text} for name, is_ok, text in found])
    else:
        for name, is_ok, text in found:
            output.line(f"{'ok  ' if is_ok else 'FAIL'}  {name.ljust(10)}  {text}")
    return Exit.OK if all(is_ok for _, is_ok, _ in found) else Exit.CHECK_FAILED


def _examined(api: Api, *, is_sending: bool) -> Iterator[tuple[str, bool, str]]:
    """(what, whether it is well, what was found); what needs something that failed is left out."""
    try:
        response = api.request("GET", "/api/v1/me")
    except CommandError as error:
        yield "connection", False, str(error)
        return
    yield "connection", True, f"{api.profile.url} answers in {response.elapsed.total_seconds() * 1000:.0f} ms"
    yield _clock(response.headers.get("Date", ""))
    try:
        me = api.checked(response).json()
    except CommandError as error:
        yield "key", False, str(error)
        return
    except ValueError:
        yield "key", False, "the answer is no JSON: is it a TokenOps server?"
        return
    scopes = (me.get("key") or {}).get("scopes", [])
    yield "key", True, _named(me)
    yield "read", "read" in scopes, "may read" if "read" in scopes else "the key lacks the scope read"
    if "ingest" in scopes and is_sending:
        yield _test_event(api)
    else:
        yield "test event", True, "not sent" + ("" if "ingest" in scopes else ": the key lacks the scope ingest")


def _clock(date: str) -> tuple[str, bool, str]:
    try:
        there = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return "clock", True, "the server does not say what time it is"
    away = (datetime.now(timezone.utc) - there).total_seconds()
    return "clock", abs(away) <= _CLOCK_SECONDS, f"{abs(away):.0f} s {'ahead of' if away >= 0 else 'behind'} the server"


def _test_event(api: Api) -> tuple[str, bool, str]:
    now_ms = int(time() * 1000)
    event = {
        "id": uuid7(now_ms),
        "timestamp": now_ms,
        "model": "tokenops-doctor",
        "endpoint_name": "tokenops-doctor",
        "environment": "test",
    }
    response = api.request("POST", "/api/v1/ingest", json=event)
    if response.status_code == _ACCEPTED:
        return "test event", True, "accepted; it is the call tokenops-doctor on the calls page, without a price"
    try:
        api.checked(response)
    except CommandError as error:
        return "test event", False, str(error)
    return "test event", False, f"the server answered {response.status_code}"


def _require_read(me: dict[str, Any]) -> None:
    key = me.get("key")
    if key is not None and "read" not in key["scopes"]:
        raise CommandError(
            f"The key {key['prefix']} has the scopes {', '.join(key['scopes'])}, and read is needed here.",
            Exit.NOT_ALLOWED,
        )


def _named(me: dict[str, Any]) -> str:
    """``Key Ab3dEf7h "Reports" of Acme, project Web (read)``."""
    key, organization, project = me.get("key"), me.get("organization") or {}, me.get("project")
    if key is None:
        return str((me.get("user") or {}).get("email", "Signed in"))
    where = f"{organization.get('name', '?')}, project {project['name']}" if project else organization.get("name", "?")
    until = f", until {key['expires_at'][:10]}" if key.get("expires_at") else ""
    return f'Key {key["prefix"]} "{key["name"]}" of {where} ({", ".join(key["scopes"])}{until})'
