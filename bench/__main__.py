"""``python -m bench [name …]``: run the named benchmarks, or all; one table, one JSON document."""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Collection

from bench import dashboard, ingest, noisy, path, report, rules, start
from bench.installation import stop_in_order
from bench.report import Row

GROUPS: dict[tuple[str, ...], Callable[[Collection[str]], list[Row]]] = {
    ingest.NAMES: ingest.run,
    ("path",): lambda _: path.run(),
    ("noisy-neighbour",): lambda _: noisy.run(),
    ("dashboard",): lambda _: dashboard.run(),
    ("rules",): lambda _: rules.run(),
    ("start",): lambda _: start.run(),
}
"""Benchmarks that share an installation run together."""
NAMES = [name for group in GROUPS for name in group]


def main() -> int:
    stop_in_order()
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="name", help=f"default: all of {NAMES}")
    wanted = parser.parse_args().names or NAMES
    rows: list[Row] = []
    for group, run in GROUPS.items():
        chosen = [name for name in group if name in wanted]
        if chosen:
            print(f"{', '.join(chosen)} …", file=sys.stderr, flush=True)
            rows += run(chosen)
    report.write(rows)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, embedded Postgres with fsync on\n")
    print(report.table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
