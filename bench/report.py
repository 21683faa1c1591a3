"""What a benchmark says, as one table for people and one document for machines."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

RESULTS = Path(__file__).parent / "results.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One measured case: ``measured`` against ``baseline`` in the same unit, and the goal of quality.md."""

    name: str
    case: str
    measured: float
    unit: str
    baseline: float | None = None
    baseline_name: str = ""
    goal: str = ""
    met: bool | None = None
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        return self.measured / self.baseline if self.baseline else None


def table(rows: Sequence[Row]) -> str:
    """A Markdown table, so that it can go into docs/performance.md as it is."""
    head = (
        "| Benchmark | Case | Measured | Baseline in the same run | Ratio | Goal | Met |\n|---|---|---|---|---|---|---|"
    )
    return "\n".join([head, *map(_line, rows)])


def _line(row: Row) -> str:
    ratio = "–" if row.ratio is None else f"{row.ratio:.2f}"
    baseline = f"{row.baseline_name}: {_number(row.baseline)} {row.unit}" if row.baseline else "–"
    met = {None: "–", True: "yes", False: "no"}[row.met]
    extra = ", ".join(f"{name} {_number(value)}" for name, value in row.figures.items())
    measured = f"{_number(row.measured)} {row.unit}" + (f" ({extra})" if extra else "")
    return f"| {row.name} | {row.case} | {measured} | {baseline} | {ratio} | {row.goal or '–'} | {met} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def write(rows: Sequence[Row]) -> None:
    """Keep the run beside the code, uncommitted."""
    RESULTS.write_text(json.dumps([asdict(row) | {"ratio": row.ratio} for row in rows], indent=2) + "\n")
