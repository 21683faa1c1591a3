"""What a file says about itself: of which calls it was made, and the page that shows them."""

from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from core.fields import instant_text
from dashboards.exports import columns
from dashboards.exports.models import Export
from dashboards.exports.writers.types import Content
from dashboards.filters import LABELS


def content(export: Export) -> Content:
    """For the writer of its format; call it in the organization's scope."""
    chosen = tuple(one.column for one in columns.chosen(export.columns))
    return Content(columns=chosen, about=facts(export), note=export.note)


def facts(export: Export) -> tuple[tuple[str, str], ...]:
    """Names and texts, in the order in which they are read."""
    return (
        ("Organization", export.organization.name),
        ("Export", export.name),
        ("From", instant_text(export.since)),
        ("To", instant_text(export.until)),
        ("Filter", filter_text(export) or "none"),
        ("Received until", instant_text(export.as_of)),
        ("Order", "project by project, oldest first"),
        ("Costs", "US dollars; empty is unknown, which is not zero"),
        ("Page", f"{settings.BASE_URL}{page_url(export)}"),
    )


def filter_text(export: Export) -> str:
    """The filter in one line, as a response's header has it too."""
    return ", ".join(f"{LABELS.get(name, name)}: {value}" for name, value in export.pairs)


def page_url(export: Export) -> str:
    """The page that shows what the file holds."""
    period = [("since", export.since.isoformat()), ("until", export.until.isoformat())]
    path = reverse("dashboards:organization-calls", args=[export.organization.slug])
    return f"{path}?{urlencode([*period, *export.pairs])}"
