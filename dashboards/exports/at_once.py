"""Small files, written while the client reads them: nothing is stored, and no scope is open in between."""

from collections.abc import Iterator
from typing import Final

from django.db import OperationalError, connection, transaction

from core.scope import org_scope
from dashboards.exports import about, numbers, pages
from dashboards.exports.making import asked_of
from dashboards.exports.models import Export
from dashboards.exports.pages import Page
from dashboards.exports.writers import writer
from dashboards.exports.writers.types import Rendering, Writer

MOST_ROWS: Final = 10_000
FORMATS: Final = frozenset({Export.Format.CSV, Export.Format.JSON, Export.Format.NDJSON})
"""What can be written without knowing the whole; the others take too long for somebody to wait."""
_PATIENCE: Final = "2s"


def count(export: Export) -> int | None:
    """How many rows it would have, up to one more than fit; None where counting them takes too long."""
    if export.kind == Export.Kind.NUMBERS:
        return 0
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("select set_config('statement_timeout', %s, true)", [_PATIENCE])
            found = pages.count(asked_of(export), since=export.since, until=export.until, most=MOST_ROWS + 1)
            cursor.execute("reset statement_timeout")
    except OperationalError:
        return None
    return found


def is_small(export: Export) -> bool:
    """Whether it can be written at once. Call it in the organization's scope."""
    if export.format not in FORMATS:
        return False
    found = count(export)
    return found is not None and found <= MOST_ROWS


def stream(export: Export) -> Iterator[bytes]:
    """The file piece by piece. Call it in the organization's scope, read it outside."""
    one = writer(export.format, about.content(export))
    return _pieces(export, one)


def _pieces(export: Export, one: Writer) -> Iterator[bytes]:
    yield one.begin()
    for page in _pages(export, one.rendering):
        yield one.rows(page.text)
    yield one.end(lambda start, end: b"")


def _pages(export: Export, rendering: Rendering) -> Iterator[Page]:
    if export.kind == Export.Kind.NUMBERS:
        with org_scope(export.organization_id):
            page = numbers.page(export, rendering)
        yield page
        return
    asked = asked_of(export)
    position = pages.start(asked)
    while position is not None:
        with org_scope(export.organization_id):
            page = pages.page(asked, position, rendering)
        yield page
        position = page.position
