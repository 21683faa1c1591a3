"""``python -m bench [name …]``: run the named benchmarks, or all; one table, one JSON document."""

import argparse
import os
import platform
import sys

from bench import groups, report
from bench.installation import in_its_own_process, stop_in_order
from bench.report import Row

NAMES = [name for group in groups.GROUPS for name in group]


def main() -> int:
    stop_in_order()
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="name", help=f"default: all of {NAMES}")
    wanted = parser.parse_args().names or NAMES
    rows: list[Row] = []
    for group in groups.GROUPS:
        chosen = [name for name in group if name in wanted]
        if chosen:
            print(f"{', '.join(chosen)} …", file=sys.stderr, flush=True)
            rows += in_its_own_process(groups.run, group, chosen)
    report.write(rows)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, embedded Postgres with fsync on\n")
    print(report.table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
