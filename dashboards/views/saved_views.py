"""Saved views of an organization's pages, and of a project's: to open, to keep, to share, to start with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from dashboards import saved_views
from dashboards.bars import address
from dashboards.filters import Filter, is_known
from dashboards.models import SavedView
from dashboards.saved_views import PAGES, Wanted
from dashboards.view_forms import OWN_FIELDS, SaveForm, StepForm
from dashboards.views.frame import Context, marked, page_path
from tenants.access import OrgRequest, org_view
from tenants.forms import status, write_with
from tenants.permissions import Permission, allows


@dataclass(frozen=True, slots=True)
class Line:
    """A view on the list: where it leads, whose it is, and what the reader may do to it."""

    view: SavedView
    page: str
    url: str
    step_url: str
    delete_url: str
    whose: str
    is_default: bool
    may_change: bool
    may_take: bool  # the filters shown before are of its page


@dataclass(frozen=True, slots=True)
class Asked:
    """The page somebody came from and what it showed."""

    page: str
    chosen: Filter
    options: list[tuple[str, str]]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [*self.chosen.pairs, *self.options, *([("view_page", self.page)] if self.page else [])]


@require_http_methods(["GET", "HEAD", "POST"])
@org_view(Permission.TELEMETRY_READ)
def view_list(request: OrgRequest) -> HttpResponse:
    """The views of the organization's pages, or of one project's; htmx gets the menu of one page."""
    if request.method == "POST":
        return _save(request)
    asked = _asked(request, request.GET)
    if request.htmx:
        lines = [line for line in _lines(request, asked) if line.view.page == asked.page]
        return marked(render(request, "dashboards/saved_views.html#menu", _context(request, asked, lines)))
    return render(request, "dashboards/saved_views.html", _context(request, asked, _lines(request, asked)))


@require_POST
@org_view(Permission.TELEMETRY_READ)
def view_step(request: OrgRequest, view_id: int) -> HttpResponse:
    """One change of one view; the address carries the filters that the list was opened with."""
    view, asked = _find(request, view_id), _asked(request, request.GET)
    form = StepForm(request.POST)

    def change(data: dict[str, Any]) -> bool:
        with _beside_fields():
            _change(request, view, asked, data)
        return True

    if not write_with(form, change):
        context = _context(request, asked, _lines(request, asked)) | {"refused": form, "refused_view": view}
        return render(request, "dashboards/saved_views.html", context, status=status(form))
    return redirect(_list_url(request, asked))


@require_http_methods(["GET", "HEAD", "POST"])
@org_view(Permission.TELEMETRY_READ)
def view_delete(request: OrgRequest, view_id: int) -> HttpResponse:
    view = _find(request, view_id)
    _require_change(request, view)
    if request.method == "POST":
        saved_views.delete_view(organization=request.organization, actor=request.user, view=view)
        return redirect(page_path(request, "views"))
    context = {"view": view, "list_url": page_path(request, "views"), "url": request.path} | _nav(request, "")
    return render(request, "dashboards/saved_view_delete.html", context)


def _save(request: OrgRequest) -> HttpResponse:
    asked = _asked(request, request.POST)
    form = SaveForm(request.POST, may_share=_may_share(request))

    def save(data: dict[str, Any]) -> SavedView:
        wanted = Wanted(
            name=data["view_name"],
            page=data["view_page"],
            project=request.project,
            query=asked.chosen.pairs,
            options=asked.options,
            is_shared=data.get("view_shared", False),
        )
        with _beside_fields():
            return saved_views.create_view(
                organization=request.organization, actor=request.user, wanted=wanted, now=timezone.now()
            )

    view = write_with(form, save)
    if view:
        return redirect(_url(request, view) or page_path(request, "views"))
    context = _context(request, asked, _lines(request, asked)) | {"form": form}
    return render(request, "dashboards/saved_views.html", context, status=status(form))


def _change(request: OrgRequest, view: SavedView, asked: Asked, data: dict[str, Any]) -> None:
    step = data["view_step"]
    if step in _DEFAULTS:
        _DEFAULTS[step](organization=request.organization, user=request.user, view=view)
        return
    _require_change(request, view)
    changes: dict[str, Any] = {
        "rename": {"name": data["view_name"]},
        "overwrite": {"query": asked.chosen.pairs, "options": asked.options},
        "share": {"is_shared": True},
        "unshare": {"is_shared": False},
    }[step]
    if step == "share" and not _may_share(request):
        raise PermissionDenied
    saved_views.change_view(
        organization=request.organization, actor=request.user, view=view, now=timezone.now(), **changes
    )


@contextmanager
def _beside_fields() -> Iterator[None]:
    """A service's refusals by the names of the form's fields, which leave those of filters alone."""
    try:
        yield
    except ValidationError as error:
        if not hasattr(error, "error_dict"):
            raise
        raise ValidationError({f"view_{name}": messages for name, messages in error.message_dict.items()}) from error


_DEFAULTS: Final[dict[str, Callable[..., None]]] = {
    "default": saved_views.set_default,
    "no-default": saved_views.clear_default,
}


def _find(request: OrgRequest, view_id: int) -> SavedView:
    """:raises Http404: there is none, it is somebody else's, or it belongs to another project."""
    found = saved_views.views(organization=request.organization, user=request.user).select_related("owner")
    view = found.filter(pk=view_id, project=request.project).first()
    if view is None:
        raise Http404
    return view


def _require_change(request: OrgRequest, view: SavedView) -> None:
    if not saved_views.may_change(view, user=request.user, role=request.role):
        raise PermissionDenied


def _may_share(request: OrgRequest) -> bool:
    return allows(request.role, Permission.VIEWS_SHARE)


def _asked(request: OrgRequest, query: QueryDict) -> Asked:
    lists = dict(query.lists())
    chosen = Filter.parse(lists, now=timezone.now(), zone=request.time_zone)
    options = [
        (name, value)
        for name, values in lists.items()
        if name not in OWN_FIELDS and not is_known(name)
        for value in values
    ]
    page = query.get("view_page", "")
    return Asked(page if page in PAGES else "", chosen, options[: saved_views.MOST_OPTIONS])


def _lines(request: OrgRequest, asked: Asked) -> list[Line]:
    found = saved_views.views(organization=request.organization, user=request.user).select_related("owner")
    defaults = saved_views.default_ids(organization=request.organization, user=request.user)
    back = _query(asked)
    return [
        Line(
            view=view,
            page=PAGES.get(view.page, view.page),
            url=_url(request, view),
            step_url=f"{page_path(request, 'view', view_id=view.pk)}{back}",
            delete_url=page_path(request, "view-delete", view_id=view.pk),
            whose=_whose(view, request),
            is_default=view.pk in defaults,
            may_change=saved_views.may_change(view, user=request.user, role=request.role),
            may_take=view.page == asked.page,
        )
        for view in found.filter(project=request.project)
    ]


def _whose(view: SavedView, request: OrgRequest) -> str:
    if not view.is_shared:
        return "Only you"
    if view.shared_by is None:
        return "Shared"
    return "Shared by you" if view.shared_by.user_id == request.user.pk else f"Shared by {view.shared_by.user.email}"


def _url(request: OrgRequest, view: SavedView) -> str:
    """Where the view is opened; a page that is not there any more has no address."""
    try:
        return f"{page_path(request, view.page)}?view={view.pk}"
    except NoReverseMatch:
        return ""


def _list_url(request: OrgRequest, asked: Asked) -> str:
    return page_path(request, "views") + _query(asked)


def _query(asked: Asked) -> str:
    if not asked.page:
        return ""
    return address("", asked.chosen, *asked.options, ("view_page", asked.page))


def _context(request: OrgRequest, asked: Asked, lines: list[Line]) -> Context:
    may_share = _may_share(request)
    return {
        "asked": asked,
        "asked_page": PAGES.get(asked.page, ""),
        "lines": lines,
        "form": SaveForm(initial={"view_page": asked.page}, may_share=may_share),
        "list_path": page_path(request, "views"),
        "manage_url": _list_url(request, asked),
        "may_share": may_share,
    } | _nav(request, asked.page)


def _nav(request: OrgRequest, page: str) -> Context:
    return {"nav_active": f"{'project' if request.project else 'organization'}-{page or 'overview'}"}
