"""Which benchmarks there are, and which of them share an installation. Importable, as a process of its own needs it."""

from collections.abc import Callable, Collection

from bench import dashboard, export, gateway, ingest, noisy, path, rules, sdk, start
from bench.report import Row

GROUPS: dict[tuple[str, ...], Callable[[Collection[str]], list[Row]]] = {
    ingest.NAMES: ingest.run,
    ("path",): lambda _: path.run(),
    ("noisy-neighbour",): lambda _: noisy.run(),
    ("dashboard",): lambda _: dashboard.run(),
    ("export",): lambda _: export.run(),
    ("rules",): lambda _: rules.run(),
    gateway.NAMES: gateway.run,
    ("sdk",): lambda _: sdk.run(),
    ("start",): lambda _: start.run(),
}
"""Benchmarks that share an installation run together."""


def run(group: tuple[str, ...], chosen: Collection[str]) -> list[Row]:
    """The rows of ``chosen`` names of a group."""
    return GROUPS[group](chosen)
