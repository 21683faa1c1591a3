"""``python -m bench [name …]``: run the named benchmarks, or all; one table, one JSON document."""

import argparse
import os
import platform
import sys

from bench import dashboard, ingest, noisy, report, start

BENCHMARKS = {"ingest": ingest.run, "noisy": noisy.run, "dashboard": dashboard.run, "start": start.run}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="default: all")
    names = parser.parse_args().names or list(BENCHMARKS)
    rows = []
    for name in names:
        print(f"{name} …", file=sys.stderr, flush=True)
        rows += BENCHMARKS[name]()
    report.write(rows)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, embedded Postgres with fsync on\n")
    print(report.table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
