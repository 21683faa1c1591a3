"""What a file says about itself: of which calls it was made, and the page that shows them."""

from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from core.fields import instant_text
from dashboards.explore.dimensions import LABELS as DIMENSIONS
from dashboards.explore.question import Question
from dashboards.exports import columns, numbers
from dashboards.exports.models import Export
from dashboards.exports.writers.types import Column, Content
from dashboards.filters import LABELS

PAGES: Final = {Export.Kind.CALLS: "organization-calls", Export.Kind.NUMBERS: "organization-explorer"}
"""Where one sees what a file holds."""


def content(export: Export) -> Content:
    """For the writer of its format; call it in the organization's scope."""
    return Content(columns=columns_of(export), about=facts(export), note=export.note)


def columns_of(export: Export) -> tuple[Column, ...]:
    if export.kind == Export.Kind.NUMBERS:
        return numbers.columns_of(Question.from_json(export.question))
    return tuple(one.column for one in columns.chosen(export.columns))


def facts(export: Export) -> tuple[tuple[str, str], ...]:
    """Names and texts, in the order in which they are read."""
    return (
        ("Organization", export.organization.name),
        ("Export", export.name),
        ("From", instant_text(export.since)),
        ("To", instant_text(export.until)),
        ("Filter", filter_text(export) or "none"),
        *_of_its_kind(export),
        ("Costs", "US dollars; empty is unknown, which is not zero"),
        ("Page", f"{settings.BASE_URL}{page_url(export)}"),
    )


def filter_text(export: Export) -> str:
    """The filter in one line."""
    return ", ".join(f"{label}: {value}" for label, value in chips(export))


def chips(export: Export) -> list[tuple[str, str]]:
    """The filter as pages show it: names that people read, and values."""
    return [(LABELS.get(name, name), value) for name, value in export.pairs]


def page_url(export: Export) -> str:
    """The page that shows what the file holds."""
    path = reverse(f"dashboards:{PAGES[Export.Kind(export.kind)]}", args=[export.organization.slug])
    return f"{path}?{query_of(export)}"


def query_of(export: Export) -> str:
    """The query string of that page."""
    if export.kind == Export.Kind.NUMBERS:
        return numbers.query_of(export)
    period = [("since", export.since.isoformat()), ("until", export.until.isoformat())]
    return urlencode([*period, *export.pairs])


def _of_its_kind(export: Export) -> tuple[tuple[str, str], ...]:
    if export.kind == Export.Kind.CALLS:
        return (("Received until", instant_text(export.as_of)), ("Order", "oldest first"))
    question = Question.from_json(export.question)
    by = " and ".join(DIMENSIONS[name].lower() for name in question.by)
    return (("Question", f"{question.measures.label}{f' by {by}' if by else ''}"),)
