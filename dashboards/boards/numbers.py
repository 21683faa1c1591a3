"""What one widget shows: its answer for whoever looks, or why there is none. Runs inside the organization's scope."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db import OperationalError, transaction
from django.db.models import Min

from core import display
from dashboards.boards import layers, showing
from dashboards.boards.types import Kind, Pairs, WidgetTerms
from dashboards.explore import looks, selectors, tables
from dashboards.explore.answer import Answer
from dashboards.explore.drawing import Looks
from dashboards.explore.question import Question
from dashboards.explore.tables import Table
from dashboards.filters import Filter
from ingestion.models import DailyRollup
from tenants.models import Organization, Project

# States of a widget without an answer; the template has a sentence for each.
GONE: Final = "gone"
NOTHING: Final = "nothing"
SLOW: Final = "slow"


type Link = Callable[[Mapping[str, str]], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks, as far as their numbers go: the filter they chose, and where their calls are."""

    organization: Organization
    chosen: Filter
    link: Link


def show(*, viewer: Viewer, board_filters: Pairs, widget: WidgetTerms) -> dict[str, Any]:
    """The context of a widget's template. One question, which may be too slow without harm to any other widget."""
    if widget.question is None:
        return {"kind": Kind.TEXT, "title": widget.title, "text": widget.text}
    title = widget.title or showing.title_of(widget.question)
    context = {"kind": widget.kind, "title": title, "compared": viewer.chosen.is_compared}
    pairs = layers.combined([board_filters, widget.filters, viewer.chosen.narrowed_by])
    own = (*board_filters, *widget.filters)
    lost, named = layers.missing(own, _visible(viewer, own))
    if lost and lost == named:
        return context | {"state": GONE}
    if pairs is None:
        return context | {"state": NOTHING}
    try:
        with transaction.atomic():  # a statement that took too long must not end the scope's transaction
            answer = _ask(viewer, replace(viewer.chosen, narrowed_by=pairs), widget.kind, widget.question)
            shown = _shown(viewer, widget.kind, answer) if answer.total.calls else {"state": NOTHING}
    except OperationalError:
        return context | {"state": SLOW}
    return context | shown | {"note": _note(answer, lost)}


def _visible(viewer: Viewer, pairs: Pairs) -> set[str]:
    """Of the projects that the pairs name, those that are there for the viewer; without a name there is no query."""
    slugs = layers.projects_of(pairs)
    if not slugs:
        return set()
    found = Project.objects.filter(organization=viewer.organization, slug__in=slugs)
    return set(found.exclude(pk__in=viewer.chosen.hidden).values_list("slug", flat=True))


def _ask(viewer: Viewer, chosen: Filter, kind: Kind, question: Question) -> Answer:
    return selectors.answer(
        organization=viewer.organization,
        project=None,
        chosen=chosen,
        question=question,
        series=showing.series_wanted(kind),
    )


def _shown(viewer: Viewer, kind: Kind, answer: Answer) -> dict[str, Any]:
    if kind is Kind.STAT:
        return {"figure": showing.figure(answer, _before(viewer, answer), show_cost=display.cost)}
    if kind is Kind.TABLE:
        return _table(viewer, tables.table(answer, show_cost=display.cost))
    return {
        "spec": showing.chart(kind, answer, _looks(viewer.organization, kind, answer)),
        "caption": showing.caption_of(answer.question, answer.chosen),
        "period": f"{answer.chosen.period.first_day} to {answer.chosen.period.last_day}",
    }


def _looks(organization: Organization, kind: Kind, answer: Answer) -> Looks:
    if not showing.has_colors(kind, answer.question):
        return {}
    return looks.looks(organization=organization, answer=answer, wanted=showing.wanted(kind))


def _table(viewer: Viewer, table: Table) -> dict[str, Any]:
    """The table, and each line with where its calls are listed."""
    groups = [line.group.filters if line.group else None for line in table.lines]
    urls = ["" if filters is None else viewer.link(filters) for filters in groups]
    return {"table": table, "lines": list(zip(table.lines, urls, strict=True))}


def _before(viewer: Viewer, answer: Answer) -> Answer | None:
    """The same of the period that is compared with, if all of it was counted: only figures look back."""
    if not answer.chosen.is_compared or not _reaches_back(viewer, answer.chosen):
        return None
    chosen = replace(answer.chosen, period=answer.chosen.previous)
    return _ask(viewer, chosen, Kind.STAT, answer.question)


def _reaches_back(viewer: Viewer, chosen: Filter) -> bool:
    """Whether there are numbers from the first day on that is compared with."""
    days = DailyRollup.objects.filter(organization_id=viewer.organization.pk).exclude(project_id__in=chosen.hidden)
    first = days.aggregate(first=Min("bucket_date"))["first"]
    return first is not None and first <= chosen.previous.first_day


def _note(answer: Answer, lost: int) -> str:
    """What whoever looks should know of the numbers."""
    sentences = [answer.sentence] if answer.sentence else []
    if lost:
        sentences.append(f"{lost} of its projects {'is' if lost == 1 else 'are'} gone, or not for you to see.")
    return " ".join(sentences)
