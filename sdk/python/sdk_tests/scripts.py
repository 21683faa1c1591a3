"""Programs of their own that report to a fake server: how processes end is only seen when one ends."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parents[1] / "src"

PRELUDE = """
import os, sys, threading
import tokenops_sdk as sdk
from tokenops_sdk import client as clients

def call(feature="script"):
    sdk.tracked_completion(
        model="gpt-4o", messages=[{"role": "user", "content": "SECRET"}], endpoint_name=feature,
        client=lambda **_: "SECRET answer",
    )
"""


def environment(url: str, **settings: Any) -> dict[str, str]:
    """Of a program that reports there; batches wait for an hour unless the program ends or flushes."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("TOKENOPS_", "AWS_"))}
    given = {"api_key": "tko_test", "url": url, "flush_seconds": 3600} | settings
    told = {f"TOKENOPS_{name.upper()}": str(value) for name, value in given.items()}
    return mine | told | {"PYTHONPATH": str(SOURCES)}


def command(body: str) -> list[str]:
    return [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PRELUDE + textwrap.dedent(body)]


def run(body: str, url: str, **settings: Any) -> "subprocess.CompletedProcess[str]":
    """The program, at its end."""
    return subprocess.run(
        command(body), env=environment(url, **settings), capture_output=True, text=True, timeout=30, check=False
    )
