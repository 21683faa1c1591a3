"""What a slot's files say about themselves, and the manifest that is written last. Pure, and the same at every try."""

import json
from typing import Any, Final

from core.fields import instant_text
from dashboards.exports import columns
from dashboards.exports.destinations.models import Destination, DestinationRun
from dashboards.exports.writers.types import MONEY_DIGITS, Content

SCHEMA_VERSION: Final = 1
"""Goes up when a column changes or goes; new columns are no new version."""


def content(destination: Destination, run: DestinationRun) -> Content:
    """For the writer of the files."""
    about = (
        ("Organization", destination.organization.slug),
        ("Project", destination.project.slug if destination.project else ""),
        ("Received from", instant_text(run.slot_from)),
        ("Received to", instant_text(run.slot_to)),
        ("Schema version", str(SCHEMA_VERSION)),
        ("Costs", "US dollars; empty is unknown, which is not zero"),
    )
    return Content(columns=tuple(one.column for one in columns.CALLS), about=about)


def manifest(destination: Destination, run: DestinationRun) -> bytes:
    """JSON. Whoever sees it sees every file that it names."""
    said: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "organization": destination.organization.slug,
        "filter": {
            "project": destination.project.slug if destination.project else None,
            "received_from": instant_text(run.slot_from),
            "received_to": instant_text(run.slot_to),
        },
        "rows": run.rows,
        "bytes": run.bytes,
        "files": run.files,
        "money": {"currency": "USD", "decimals": MONEY_DIGITS},
        "columns": [{"name": one.name, "kind": one.kind.value} for one in columns.CALLS],
    }
    return (json.dumps(said, indent=1, ensure_ascii=False) + "\n").encode()
