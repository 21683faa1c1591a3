"""sdk: what ``tracked_completion`` adds to a call, around a provider that answers at once, while events are sent."""

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Final

from bench.report import Row

sys.path.insert(0, str(Path(__file__).parents[1] / "sdk" / "python" / "src"))  # a distribution of its own

from tokenops_sdk import client as clients
from tokenops_sdk import tracked_completion
from tokenops_sdk.config import Settings
from tokenops_sdk.transport import Outcome, Sent

ROUNDS: Final = 40
CALLS: Final = 500  # a round; fewer than fit into the queue, so that nothing is dropped
MESSAGES: Final = [
    {"role": "system", "content": "You are a helpful assistant. " * 20},
    {"role": "user", "content": "What do the figures of the last quarter say? " * 20},
]


class Answer:
    """As much of a provider's answer as is read of it."""

    id = "chatcmpl-1"
    model = "gpt-4o-2024-08-06"
    usage = {"prompt_tokens": 250, "completion_tokens": 120, "total_tokens": 370}
    choices = ()


ANSWER: Final = Answer()


class Nowhere:
    """A server that has everything at once."""

    def send(self, events: list[bytes]) -> Outcome:
        return Sent(accepted=len(events), duplicates=0, rejected=0)

    def close(self) -> None:
        """There is nothing to close."""


def run() -> list[Row]:
    client = clients.Client(Settings(api_key="tko_bench"), connect=lambda _: Nowhere())  # type: ignore[arg-type,return-value]
    clients._default = client
    bare, tracked = _measured(lambda: provider(model="gpt-4o", messages=MESSAGES)), _measured(_tracked)
    stats = client.stats()
    if stats.dropped or stats.errors or stats.accepted != stats.recorded:
        raise RuntimeError(f"events were lost: {stats}")
    return [_row(name, share, goal, tracked, bare) for name, share, goal in (("p50", 0.5, 30.0), ("p99", 0.99, 150.0))]


def provider(**_: Any) -> Answer:
    return ANSWER


def _tracked() -> Any:
    return tracked_completion(model="gpt-4o", messages=MESSAGES, endpoint_name="chat", user_id="u-1", client=provider)


def _measured(call: Callable[[], Any]) -> list[int]:
    """Nanoseconds of each call, sorted; what was recorded is sent meanwhile, and to its end between two rounds."""
    for _ in range(CALLS):
        call()
    clients.default().flush(60)
    gc.collect()
    found: list[int] = []
    for _ in range(ROUNDS):
        for _ in range(CALLS):
            begun = perf_counter_ns()
            call()
            found.append(perf_counter_ns() - begun)
        clients.default().flush(60)
    return sorted(found)


def _row(name: str, share: float, goal: float, tracked: list[int], bare: list[int]) -> Row:
    index = int(len(tracked) * share)
    added, without = (tracked[index] - bare[index]) / 1_000, bare[index] / 1_000
    return Row(
        "sdk",
        f"added to the caller, {name}",
        added,
        "µs",
        baseline=without,
        baseline_name="the bare call",
        goal=f"≤ {goal:.0f} µs",
        met=added <= goal,
    )
