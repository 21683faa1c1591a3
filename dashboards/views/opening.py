"""A page that is opened with a saved view: the one its link names, or the reader's default when it is asked nothing."""

from dataclasses import dataclass
from typing import Final

from django.http import QueryDict

from dashboards import saved_views
from dashboards.filters import TIME_NAMES, Opened, is_known
from dashboards.models import SavedView
from tenants import roles
from tenants.access import OrgRequest

GONE: Final = "The saved view of this link was deleted, or is not shared with you. The page is shown without it."
OUTDATED: Final = "The view has a filter that is not known any more; it was left out."
PROJECT_GONE: Final = "A project of the view was deleted, or is not yours to see; the numbers are without that filter."
_LONGEST_ID: Final = 18


@dataclass(frozen=True, slots=True)
class Opening:
    """What the page is asked then, the view that says so, and what was left out of it."""

    query: QueryDict
    view: Opened | None = None
    problems: tuple[str, ...] = ()


def open_view(request: OrgRequest, page: str) -> Opening:
    """What ``page`` is asked: its query string, over what the view keeps that it names.

    Names in the query string win, so a link may open a view over another time range.
    """
    if "view" in request.GET:
        found = _named(request, page, request.GET["view"])
        if found is None:
            return Opening(QueryDict(_without_view(request).urlencode()), problems=(GONE,))
        return _opened(request, found, is_default=False)
    if not request.GET and page in saved_views.PAGES:
        found = saved_views.default_view(
            organization=request.organization, user=request.user, page=page, project=request.project
        )
        if found:
            return _opened(request, found, is_default=True)
    return Opening(request.GET)


def _named(request: OrgRequest, page: str, view_id: str) -> SavedView | None:
    if not (view_id.isascii() and view_id.isdigit() and len(view_id) <= _LONGEST_ID):
        return None
    found = saved_views.views(organization=request.organization, user=request.user)
    return found.filter(pk=int(view_id), page=page, project=request.project).first()


def _opened(request: OrgRequest, view: SavedView, *, is_default: bool) -> Opening:
    query, asked = _without_view(request), {*request.GET}
    if asked & TIME_NAMES:
        asked |= TIME_NAMES
    kept, problems = _usable(request, view)
    for name, value in [*kept, *view.options]:
        if name not in asked:
            query.appendlist(name, value)
    return Opening(QueryDict(query.urlencode()), Opened(view.pk, view.name, is_default), problems)


def _usable(request: OrgRequest, view: SavedView) -> tuple[list[list[str]], tuple[str, ...]]:
    """The filters of a view that still mean something, and sentences about those that do not."""
    problems = []
    known = [pair for pair in view.query if is_known(pair[0])]
    if len(known) < len(view.query):
        problems.append(OUTDATED)
    slugs = {value for name, value in known if name == "project"}
    if slugs:
        visible = roles.visible_projects(user=request.user, role=request.organization_role).filter(slug__in=slugs)
        gone = slugs - set(visible.values_list("slug", flat=True))
        known = [[name, value] for name, value in known if not (name == "project" and value in gone)]
        problems += [PROJECT_GONE] if gone else []
    return known, tuple(problems)


def _without_view(request: OrgRequest) -> QueryDict:
    query = request.GET.copy()
    query.pop("view", None)
    return query
