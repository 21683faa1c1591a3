"""``python -m bench.gateway_clients``: which HTTP client forwards best; the table of docs/adr/0023-upstream-client.md.

Both forward and do nothing else, under one Granian worker each, round by round in turn. pyreqwest is no dependency.
"""

import os

from bench.cpu import Spent, spent_by
from bench.gateway import provider
from bench.gateway_load import Proxied, ask, request
from bench.installation import Server, server

_CLIENTS = {"aiohttp": "bench.gateway_forwarding:application", "pyreqwest": "bench.gateway_pyreqwest:application"}
_CASES = {
    "1 connection": ({}, 1, 400),
    "16 connections": ({}, 16, 60),
    "64 connections": ({}, 64, 25),
    "256 connections": ({}, 256, 6),
    "64 streams of 20 pieces": ({"pieces": 20}, 64, 4),
}


def main() -> None:
    rounds = int(os.environ.get("BENCH_ROUNDS", "3"))
    with provider() as upstream:
        where = {"BENCH_UPSTREAM": upstream.url}
        with server(_CLIENTS["aiohttp"], **where) as one, server(_CLIENTS["pyreqwest"], **where) as other:
            servers = {"aiohttp": one, "pyreqwest": other}
            print("| Case | Client | Requests/s | CPU µs a request | p50 ms | p99 ms |\n|---|---|---|---|---|---|")
            for case, (shape, connections, each) in _CASES.items():
                _print(case, _measure(servers, request("none", **shape), connections, each, rounds))


def _measure(
    servers: dict[str, Server], sent: bytes, connections: int, each: int, rounds: int
) -> dict[str, tuple[Proxied, Spent]]:
    found = {name: (Proxied(), Spent()) for name in servers}
    for number in range(rounds + 1):
        for name, one in servers.items():
            with spent_by(one.pid) as spent:
                load = ask(one, sent, connections=connections, each=each)
            load.expect_only(200)
            if number:  # the first round opens connections
                total, cpu = found[name]
                total.seconds += load.seconds
                total.latencies_ms += load.latencies_ms
                cpu.seconds += spent.seconds
    return found


def _print(case: str, found: dict[str, tuple[Proxied, Spent]]) -> None:
    for name, (load, spent) in found.items():
        count = len(load.latencies_ms)
        figures = f"{count / load.seconds:,.0f} | {spent.micros_each(count):,.0f}"
        print(f"| {case} | {name} | {figures} | {load.percentile(0.5):.1f} | {load.percentile(0.99):.1f} |", flush=True)


if __name__ == "__main__":
    main()
