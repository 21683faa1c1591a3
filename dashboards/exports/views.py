"""Pages of exports: ask for one, see how far they are, take the file, stop or delete one."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from dashboards import log
from dashboards.explore import page as explorer
from dashboards.explore.question import Question
from dashboards.exports import about, at_once, columns, downloads, files, numbers, selectors, services
from dashboards.exports.forms import ExportForm, NumbersForm, initial
from dashboards.exports.models import Export
from dashboards.exports.selectors import Viewer
from dashboards.exports.services import Wanted
from dashboards.filters import Filter
from dashboards.views.frame import read_filter
from tenants.access import OrgRequest, org_view
from tenants.forms import status, write_with
from tenants.permissions import Permission, allows

_NAV: Final = {"nav_active": "exports"}
_ROLE: Final = "A file of this size or format is made by a worker. For that you need to be a member, not only a viewer."


@require_GET
@never_cache
@org_view(Permission.EXPORTS_CREATE)
def export_list(request: OrgRequest) -> HttpResponse:
    """An open page asks every two seconds for as long as a file is being made."""
    viewer = _viewer(request)
    hidden = selectors.hidden(viewer=viewer)
    found = list(selectors.exports(organization=request.organization, viewer=viewer)[: selectors.SHOWN])
    context: dict[str, Any] = {
        "rows": [_row(export, hidden) for export in found],
        "is_moving": any(export.is_moving for export in found),
        "sees_all": viewer.sees_all,
        "may_manage_destinations": allows(request.role, Permission.DESTINATIONS_MANAGE),
        "shown": selectors.SHOWN,
    }
    template = "exports/export_list.html#rows" if request.htmx else "exports/export_list.html"
    return render(request, template, context | _NAV)


@require_http_methods(["GET", "POST"])
@org_view(Permission.TELEMETRY_READ)
def export_create(request: OrgRequest) -> HttpResponseBase:
    """The form; a small file is the answer to it, a large one is made by a worker."""
    chosen = read_filter(request)
    question = _question(request)
    form = _form(request, question)
    done = write_with(form, lambda data: _start(request, chosen, question, data))
    if done is not None:
        return done
    context = {
        "form": form,
        "facts": _facts(request, chosen, question),
        "columns": [] if question else columns.CALLS,
        "query": request.GET.urlencode(),
        "back_url": _back_url(request, question),
        "may_wait": allows(request.role, Permission.EXPORTS_CREATE),
        "nav_active": "exports",
    }
    return render(request, "exports/export_create.html", context, status=status(form))


@require_safe
@org_view(Permission.EXPORTS_CREATE)
def export_file(request: OrgRequest, export_id: int) -> HttpResponseBase:
    """The file, or a part of it."""
    export = _export(request, export_id)
    if not selectors.may_read(export=export, viewer=_viewer(request)):
        raise PermissionDenied
    if not export.is_ready:
        raise Http404
    try:
        answer = downloads.of_file(request, export)
    except files.MissingError as error:
        raise Http404 from error
    if request.method == "GET" and downloads.is_beginning(request):
        services.record_download(organization=request.organization, actor=request.user, export=export)
    return answer


@require_http_methods(["GET", "POST"])
@org_view(Permission.EXPORTS_CREATE)
def export_cancel(request: OrgRequest, export_id: int) -> HttpResponse:
    """GET asks whether it is meant."""
    return _decide(
        request,
        export_id,
        "cancel",
        lambda export: services.cancel_export(
            organization=request.organization, actor=request.user, export=export, now=timezone.now()
        ),
    )


@require_http_methods(["GET", "POST"])
@org_view(Permission.EXPORTS_CREATE)
def export_delete(request: OrgRequest, export_id: int) -> HttpResponse:
    """GET asks whether it is meant."""
    return _decide(
        request,
        export_id,
        "delete",
        lambda export: services.delete_export(organization=request.organization, actor=request.user, export=export),
    )


def _decide(request: OrgRequest, export_id: int, decision: str, act: Callable[[Export], None]) -> HttpResponse:
    export = _export(request, export_id)
    if request.method == "GET":
        return render(request, "exports/export_decide.html", {"export": export, "decision": decision} | _NAV)
    try:
        act(export)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("exports:export-list", request.organization.slug)


def _start(request: OrgRequest, chosen: Filter, question: Question | None, data: dict[str, Any]) -> HttpResponseBase:
    """:raises ValidationError: see ``services``; or it would take a worker, and they may not."""
    now = timezone.now()
    wanted = _wanted(request, chosen, question, data)
    draft = services.drafted(organization=request.organization, wanted=wanted, now=now)
    if at_once.is_small(draft):
        services.record_download(organization=request.organization, actor=request.user, export=draft)
        return downloads.written_now(draft)
    if not allows(request.role, Permission.EXPORTS_CREATE):
        raise ValidationError(_ROLE)
    services.create_export(organization=request.organization, actor=request.user, wanted=wanted, now=now)
    return redirect("exports:export-list", request.organization.slug)


def _wanted(request: OrgRequest, chosen: Filter, question: Question | None, data: dict[str, Any]) -> Wanted:
    organization = request.organization
    of_calls = {"columns": data.get("columns", ()), "filters": log.call_filters(organization, chosen)}
    of_numbers = {
        "kind": Export.Kind.NUMBERS,
        "columns": [column.name for column in numbers.columns_of(question)] if question else (),
        "filters": {},
        "question": question.to_json() if question else {},
    }
    return Wanted(
        form=data["format"],
        name=data["name"],
        note=data["note"],
        project_ids=log.project_ids_of(organization, chosen),
        since=chosen.period.start,
        until=chosen.period.end,
        narrowed_by=chosen.narrowed_by,
        **(of_numbers if question else of_calls),
    )


def _question(request: OrgRequest) -> Question | None:
    """What the explorer was asked, where the export is of its numbers."""
    if request.GET.get("of") != Export.Kind.NUMBERS:
        return None
    return Question.parse(dict(request.GET.lists()))[0]


def _form(request: OrgRequest, question: Question | None) -> NumbersForm:
    form = NumbersForm if question else ExportForm
    name = f"{explorer.title(question) if question else 'Calls'} of {request.organization.name}"[:100]
    return form(request.POST if request.method == "POST" else None, initial=initial(name))


def _facts(request: OrgRequest, chosen: Filter, question: Question | None) -> dict[str, Any]:
    """What will be in the file, for who is about to ask for it."""
    draft = Export(
        organization=request.organization,
        kind=Export.Kind.NUMBERS if question else Export.Kind.CALLS,
        since=chosen.period.start,
        until=chosen.period.end,
        as_of=chosen.now,
        narrowed_by=chosen.narrowed_by,
        project_ids=log.project_ids_of(request.organization, chosen),
        filters=log.call_filters(request.organization, chosen),
        question=question.to_json() if question else {},
        columns=["id"],
    )
    return {
        "first_day": chosen.period.first_day,
        "last_day": chosen.period.last_day,
        "chips": about.chips(draft),
        "count": None if question else at_once.count(draft),
        "most": at_once.MOST_ROWS,
        "title": explorer.title(question) if question else "",
        "problems": chosen.problems,
    }


def _back_url(request: OrgRequest, question: Question | None) -> str:
    page = about.PAGES[Export.Kind.NUMBERS if question else Export.Kind.CALLS]
    path = reverse(f"dashboards:{page}", args=[request.organization.slug])
    query = request.GET.copy()
    query.pop("of", None)
    return f"{path}?{query.urlencode()}"


def _row(export: Export, hidden: frozenset[int]) -> dict[str, Any]:
    return {
        "export": export,
        "chips": about.chips(export),
        "page_url": about.page_url(export),
        "may_read": not hidden & set(export.project_ids),
    }


def _viewer(request: OrgRequest) -> Viewer:
    return Viewer(user=request.user, role=request.organization_role)


def _export(request: OrgRequest, export_id: int) -> Export:
    export = selectors.export(organization=request.organization, viewer=_viewer(request), export_id=export_id)
    if export is None:
        raise Http404
    return export
