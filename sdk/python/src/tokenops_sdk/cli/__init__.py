"""The command ``tokenops``: what it needs beyond the SDK comes with ``tokenops-sdk[cli]``."""

import io
import sys


def main() -> None:
    """Run the command line; without its extra say how to get it."""
    try:
        from tokenops_sdk.cli.app import app  # noqa: PLC0415 - an extra
    except ImportError as error:
        sys.stderr.write(f"tokenops: {error.name} is not installed: pip install 'tokenops-sdk[cli]'\n")
        sys.exit(1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter shows another instead of a traceback
    app(prog_name="tokenops")
