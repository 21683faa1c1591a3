"""Report what LLM calls use and cost to TokenOps; their content never leaves the program."""

from tokenops_sdk.attribution import carried, track
from tokenops_sdk.client import Client, configure, default
from tokenops_sdk.completion import atracked_completion, tracked_completion
from tokenops_sdk.config import Settings
from tokenops_sdk.instrumentation import instrument, uninstrument
from tokenops_sdk.prices import estimate_cost
from tokenops_sdk.serverless import serverless
from tokenops_sdk.stats import Stats
from tokenops_sdk.wrapping import wrap

__all__ = [
    "Client",
    "Settings",
    "Stats",
    "atracked_completion",
    "carried",
    "configure",
    "estimate_cost",
    "flush",
    "instrument",
    "serverless",
    "stats",
    "track",
    "tracked_completion",
    "uninstrument",
    "wrap",
]


def flush(timeout: float | None = None) -> bool:
    """Report what is waiting now; whether all of it was decided about within ``timeout`` seconds (by default
    ``shutdown_seconds``). Answers at once when the server has asked to wait for longer.
    """
    return default().flush(timeout)


def stats() -> Stats:
    """What became of the events of this process: accepted, rejected, dropped and why."""
    return default().stats()
