"""End users: what each costs, and one of them."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from django.db import OperationalError, transaction
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from core import display
from dashboards import call_days, figures, selectors, user_pages, users
from dashboards.bars import Link, address
from dashboards.filters import Filter
from dashboards.groups.table import Header
from dashboards.users import Listing
from dashboards.views.frame import (
    Context,
    answer,
    frame,
    kept,
    marked,
    nothing_here,
    nothing_yet,
    page_path,
    read_filter,
    wants_panel,
)
from ingestion import end_users
from rules import budget_selectors, budget_words
from rules.budget_reach import Reach
from rules.budget_words import BudgetLine
from tenants.access import OrgRequest, org_view
from tenants.permissions import Permission, allows

_LONGEST: Final = 255
_LAST_PAGE: Final = 100_000


@require_GET
@org_view(Permission.TELEMETRY_READ)
def user_list(request: OrgRequest) -> HttpResponse:
    """Every end user of the period, what costs most first, and one line for the calls without one."""
    chosen = users.of_users(read_filter(request))
    if wants_panel(request):
        keep = kept(request, "q", "sort")
        return marked(render(request, "dashboards/filter_panel.html", frame(request, chosen, "users", keep=keep)))
    fresh = selectors.freshness(organization=request.organization, project=request.project)
    context = frame(request, chosen, "users", keep=kept(request, "q", "sort")) | {"fresh": fresh}
    if fresh.last_received_at is None:
        return answer(request, "users", context | nothing_yet(request))
    try:
        with transaction.atomic():  # a statement that took too long must not end the scope's transaction
            context |= _listed(request, chosen)
    except OperationalError:
        return answer(request, "users", context | {"state": "slow"}, status=503)
    return answer(request, "users", context)


@require_GET
@org_view(Permission.TELEMETRY_READ)
def user_detail(request: OrgRequest) -> HttpResponse:
    """One end user over time and by model, and where more is known of the person."""
    user_id = request.GET.get("id", "")
    if not user_id or "\0" in user_id or len(user_id) > _LONGEST:
        raise Http404
    chosen = users.of_users(read_filter(request).without_all("user"))
    context = _one_frame(request, chosen, user_id)
    try:
        with transaction.atomic():
            found = users.one(
                organization=request.organization, project=request.project, chosen=chosen, user_id=user_id
            )
    except OperationalError:
        return marked(render(request, "dashboards/user.html", context | {"state": "slow"}, status=503))
    return marked(render(request, "dashboards/user.html", context | _one(request, chosen, user_id, found)))


def _listed(request: OrgRequest, chosen: Filter) -> Context:
    path, text, sort = page_path(request, "users"), _text(request), _sort(request)
    page = _page(request)
    found = users.listing(
        organization=request.organization, project=request.project, chosen=chosen, text=text, sort=sort, page=page
    )
    if not found.users and not found.nobodys.calls:
        return nothing_here(chosen, path)
    return {
        "listing": found,
        "rows": _rows(request, chosen, found),
        "text": text,
        "sort": sort,
        "hidden": [*chosen.pairs, *([("sort", sort)] if sort != users.DEFAULT_SORT else [])],
        "sorts": _sorts(path, chosen, text, sort),
        "clear_search_url": address(path, chosen, *_kept(sort, "")),
        "compared_with": users.compared_days(chosen),
        "no_user_url": address(page_path(request, "calls"), chosen),
        **_pager(path, chosen, found, page, _kept(sort, text)),
    }


def _rows(request: OrgRequest, chosen: Filter, found: Listing) -> list[user_pages.Row]:
    path = page_path(request, "user")
    return [
        user_pages.row(line, url=address(path, chosen, ("id", line.user_id)), total=found.total) for line in found.lines
    ]


def _sorts(path: str, chosen: Filter, text: str, sort: str) -> dict[str, Header]:
    """The heads of the columns, by names that a template can say; the largest comes first whatever it is."""
    return {
        name.replace("-", "_"): Header(
            label, address(path, chosen, *_kept(name, text)), "descending" if name == sort else "", "", ""
        )
        for name, label in users.SORTS.items()
    }


def _kept(sort: str, text: str) -> list[tuple[str, str]]:
    """What a link says of order and search; the usual needs no words."""
    kept = [("sort", sort)] if sort != users.DEFAULT_SORT else []
    return [*kept, ("q", text)] if text else kept


def _pager(path: str, chosen: Filter, found: Listing, page: int, kept: Sequence[tuple[str, str]]) -> dict[str, Any]:
    first = (page - 1) * users.PAGE_SIZE
    last = first + len(found.lines)
    return {
        "first": first + 1,
        "last": last,
        "previous_url": address(path, chosen, *kept, ("page", str(page - 1))) if page > 1 else "",
        "next_url": address(path, chosen, *kept, ("page", str(page + 1))) if last < found.found else "",
    }


def _text(request: OrgRequest) -> str:
    return request.GET.get("q", "").replace("\0", "").strip()[:_LONGEST]


def _sort(request: OrgRequest) -> str:
    wanted = request.GET.get("sort", "")
    return wanted if wanted in users.SORTS else users.DEFAULT_SORT


def _page(request: OrgRequest) -> int:
    """A page from 1; anything else is the first."""
    wanted = request.GET.get("page", "")
    is_number = wanted.isascii() and wanted.isdecimal() and len(wanted) < len(str(_LAST_PAGE))
    return max(int(wanted), 1) if is_number else 1


# --- One ---


def _one_frame(request: OrgRequest, chosen: Filter, user_id: str) -> Context:
    path = page_path(request, "user")
    only = chosen.only(user=user_id)
    where = "project" if request.project else "organization"
    return frame(request, chosen, "user") | {
        "user_id": user_id,
        "ranges": [
            Link(link.key, link.text, f"{link.url}&{urlencode({'id': user_id})}", link.title)
            for link in _ranges(path, chosen)
        ],
        "list_url": address(page_path(request, "users"), chosen),
        "links": {
            "calls": address(page_path(request, "calls"), only),
            "traces": address(page_path(request, "traces"), call_days.bounded(only)),
            "sessions": address(page_path(request, "sessions"), call_days.bounded(only)),
        },
        "may_erase": allows(request.organization_role, Permission.DATA_ERASE),
        "nav_active": f"{where}-users",
    }


def _ranges(path: str, chosen: Filter) -> list[Link]:
    return [Link(name, text, address(path, chosen.with_range(name))) for name, text in _RANGES.items()]


_RANGES: Final = {"7d": "7 d", "30d": "30 d", "90d": "90 d"}


def _one(request: OrgRequest, chosen: Filter, user_id: str, found: users.One) -> Context:
    names = selectors.projects_by_id(organization=request.organization, ids=found.projects)
    only, path = chosen.only(user=user_id), page_path(request, "calls")
    models = [
        (model.model_key, address(path, only.only(model=model.model_key)), sums) for model, sums in found.models.items()
    ]
    projects = [
        (names[pk].name if pk in names else "A deleted project", "", sums) for pk, sums in found.projects.items()
    ]
    return {
        "found": found,
        "chart": user_pages.cost_over_time(found.days, chosen, user_pages.days(chosen)),
        "by_model": figures.breakdown(models, total=found.total, chosen=chosen, show_cost=display.cost),
        "by_project": figures.breakdown(projects, total=found.total, chosen=chosen, show_cost=display.cost),
        "per_call": users.per_call(found.total),
        "compared_with": users.compared_days(chosen),
        "budgets": _budgets(request, chosen, user_id),
    }


def _budgets(request: OrgRequest, chosen: Filter, user_id: str) -> list[BudgetLine]:
    """Budgets of this end user, under whichever form they name the person, for who may see all that was spent."""
    if request.project or chosen.hidden or not allows(request.organization_role, Permission.BUDGETS_READ):
        return []
    reach = Reach.of_person(user=request.user, role=request.organization_role)
    stored = end_users.as_stored(organization=request.organization, user_ids=[user_id])
    found = budget_selectors.budgets(organization=request.organization, reach=reach).filter(user_id__in=stored)
    rows = budget_selectors.rows(
        organization=request.organization, found=found, as_of=chosen.now, zone=request.time_zone
    )
    return [budget_words.line(one) for one in rows]
