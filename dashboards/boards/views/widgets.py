"""An open dashboard, each of its widgets, and the form of one. Every widget is asked for by itself."""

from typing import Any, Final

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from dashboards import live
from dashboards import selectors as numbers_of_pages
from dashboards.bars import address, filter_bar
from dashboards.boards import numbers, selectors, services
from dashboards.boards.documents import question_for
from dashboards.boards.forms import WidgetForm
from dashboards.boards.models import Board, Widget
from dashboards.boards.numbers import Viewer
from dashboards.boards.services import ChangedMeanwhileError, GoneMeanwhileError
from dashboards.boards.types import Kind, WidgetTerms
from dashboards.boards.views.common import (
    CONFLICT,
    NAV,
    Context,
    conflict,
    facets,
    find_board,
    own_board,
    reach_of,
    read_filter,
    searches,
    seen_version,
    to_board,
)
from dashboards.filters import Filter
from dashboards.views.frame import marked, wants_panel
from tenants.access import OrgRequest, org_view
from tenants.forms import status, write_with
from tenants.permissions import Permission

REFRESH: Final = "board:refresh"
_NEW: Final = WidgetTerms(kind=Kind.TIME_SERIES, question=question_for(Kind.TIME_SERIES, {"top": 10}))
_UNKNOWN: Final = "unknown"


@require_GET
@org_view(Permission.TELEMETRY_READ)
def board_detail(request: OrgRequest, board_id: int) -> HttpResponse:
    """The filter bar and the places of the widgets. An open page asks with what it has ``seen``; the same is 204."""
    board = find_board(request, board_id)
    chosen = read_filter(request, board)
    path = reverse("boards:board-detail", args=[request.organization.slug, board.pk])
    context = _frame(request, board, chosen, path)
    if wants_panel(request):
        return marked(render(request, "dashboards/filter_panel.html", context))
    fresh = numbers_of_pages.freshness(organization=request.organization, project=None)
    version = f"{live.overview_version(chosen, fresh.last_received_at)}.{board.version}"
    if request.htmx and request.GET.get("seen") == version:
        return marked(HttpResponse(status=204))
    context |= {"fresh": fresh, "refresh_url": address(path, chosen, ("seen", version))}
    if request.htmx and "seen" in request.GET:
        return _refreshed(request, context, version, board)
    context |= {"widgets": selectors.widgets(board=board), "may_change": reach_of(request).may_change(board)}
    is_partial = bool(request.htmx) and not request.htmx.history_restore_request
    template = "boards/board_detail.html#update" if is_partial else "boards/board_detail.html"
    response = render(request, template, context | {"is_partial": is_partial})
    if is_partial and request.htmx.boosted:
        response["HX-Push-Url"] = address(path, chosen)
    return marked(response)


@require_GET
@org_view(Permission.TELEMETRY_READ)
def widget_detail(request: OrgRequest, board_id: int, widget_id: int) -> HttpResponse:
    """What one widget shows: for htmx its inside, for everybody else a page of its own."""
    board = find_board(request, board_id)
    widget = selectors.widget(board=board, widget_id=widget_id)
    if widget is None:
        raise Http404
    chosen = read_filter(request, board)
    context = _shown(request, board, chosen, widget) | {"id": f"widget-{widget.pk}-chart", "board": board}
    template = "boards/widget.html" if request.htmx else "boards/widget_page.html"
    return marked(render(request, template, context | {"nav_active": NAV, "chosen": chosen}))


@require_http_methods(["GET", "POST"])
@org_view(Permission.TELEMETRY_READ)
def widget_create(request: OrgRequest, board_id: int) -> HttpResponse:
    """Another widget. With ``preview`` nothing is saved."""
    board = own_board(request, board_id)
    form = _form(request, _NEW)

    def add(_data: dict[str, Any]) -> Widget:
        return services.add_widget(
            organization=request.organization,
            actor=request.user,
            board=board,
            wanted=form.terms(),
            now=timezone.now(),
        )

    if "preview" in request.POST:
        return _preview(request, board, form, None)
    if write_with(form, add):
        return to_board(request, board, "board-edit")
    return _page(request, board, form, {})


@require_http_methods(["GET", "POST"])
@org_view(Permission.TELEMETRY_READ)
def widget_edit(request: OrgRequest, board_id: int, widget_id: int) -> HttpResponse:
    """What a widget shows, how and where. What was deleted meanwhile can be added again from what was typed."""
    board = own_board(request, board_id)
    widget = selectors.widget(board=board, widget_id=widget_id)
    if widget is None and not (request.method == "POST" and seen_version(request, board) < board.version):
        raise Http404
    form = _form(request, widget.terms if widget else _NEW)
    if "preview" in request.POST:
        return _preview(request, board, form, widget)

    def change(_data: dict[str, Any]) -> Widget:
        return services.change_widget(
            organization=request.organization,
            actor=request.user,
            board=board,
            seen=seen_version(request, board),
            widget_id=widget_id,
            wanted=form.terms(),
            now=timezone.now(),
        )

    context: Context = {"widget": widget, "version": board.version}
    try:
        if widget is None:
            raise GoneMeanwhileError
        if write_with(form, change):
            return to_board(request, board, "board-edit")
    except ChangedMeanwhileError as error:
        context |= conflict(error)
    except GoneMeanwhileError:
        context |= {"is_gone": True}
    return _page(request, board, form, context)


@require_http_methods(["GET", "POST"])
@org_view(Permission.TELEMETRY_READ)
def widget_delete(request: OrgRequest, board_id: int, widget_id: int) -> HttpResponse:
    board = own_board(request, board_id)
    widget = selectors.widget(board=board, widget_id=widget_id)
    if widget is None:
        raise Http404
    if request.method == "POST":
        services.delete_widget(
            organization=request.organization, actor=request.user, board=board, widget=widget, now=timezone.now()
        )
        return to_board(request, board, "board-edit")
    title = widget.title or Kind(widget.kind).label
    return render(request, "boards/widget_delete.html", {"nav_active": NAV, "board": board, "title": title})


def _frame(request: OrgRequest, board: Board, chosen: Filter, path: str) -> Context:
    options = None
    if request.GET.get("panel") == "filters":
        options = numbers_of_pages.options(organization=request.organization, project=None, chosen=chosen)
    return {
        "nav_active": NAV,
        "board": board,
        "chosen": chosen,
        "bar": filter_bar(chosen, path=path, options=options),
        "page_path": path,
        "query": address("", chosen),
    }


def _refreshed(request: OrgRequest, context: Context, version: str, board: Board) -> HttpResponse:
    """Tells the widgets of an open page to ask again, and the page itself to load anew when it was rearranged."""
    if request.GET["seen"].rpartition(".")[2] != str(board.version):
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    response = render(request, "boards/board_detail.html#refresh", context)
    response["HX-Trigger"] = REFRESH
    return marked(response)


def _viewer(request: OrgRequest, chosen: Filter) -> Viewer:
    calls = reverse("dashboards:organization-calls", args=[request.organization.slug])
    return Viewer(
        organization=request.organization,
        chosen=chosen,
        link=lambda stored: address(calls, chosen.only(**stored)),
    )


def _shown(request: OrgRequest, board: Board, chosen: Filter, widget: Widget) -> Context:
    if not widget.is_known:
        return {"state": _UNKNOWN, "title": widget.title}
    return numbers.show(viewer=_viewer(request, chosen), board_filters=board.pairs, widget=widget.terms)


def _form(request: OrgRequest, begun: WidgetTerms) -> WidgetForm:
    data = request.POST if request.method == "POST" else None
    return WidgetForm(data, terms=begun, hidden=reach_of(request).hidden_slugs())


def _preview(request: OrgRequest, board: Board, form: WidgetForm, widget: Widget | None) -> HttpResponse:
    """The widget as it would be; for htmx only that, otherwise beside the form with all that was typed."""
    shown: Context = {"state": "incomplete", "title": "Preview"}
    if form.is_valid():
        viewer = _viewer(request, read_filter(request, board))
        shown = numbers.show(viewer=viewer, board_filters=board.pairs, widget=form.terms())
    shown |= {"id": "preview-chart"}
    if request.htmx:
        return marked(render(request, "boards/widget.html", shown))
    return _page(request, board, form, {"widget": widget, "shown": shown, "version": seen_version(request, board)})


def _page(request: OrgRequest, board: Board, form: WidgetForm, context: Context) -> HttpResponse:
    shown: Context = {
        "nav_active": NAV,
        "board": board,
        "form": form,
        "facets": facets(request, form),
        "searches": searches(form),
    }
    code = CONFLICT if "conflict" in context or "is_gone" in context else status(form)
    return render(request, "boards/widget_form.html", shown | context, status=code)
