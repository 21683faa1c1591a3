"""What overview and log have in common: the filter, its bar, empty states, and page or partial."""

from dataclasses import replace
from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.functional import SimpleLazyObject

from dashboards import refused, selectors
from dashboards.bars import address, filter_bar
from dashboards.filters import Filter, Option
from dashboards.periods import HOUR, hour_start
from ingestion import refusals
from ingestion.refusals import Asked
from tenants import roles
from tenants.access import OrgRequest
from tenants.models import Project
from tenants.permissions import Permission, allows

type Context = dict[str, Any]
type Options = dict[str, list[Option]]

# Pages that others lead to with the same filter.
_LINKED: Final = ("overview", "calls")


def read_filter(request: OrgRequest) -> Filter:
    """The filter of the query string; a project's page is about no other project."""
    chosen = Filter.parse(dict(request.GET.lists()), now=timezone.now(), zone=request.time_zone)
    if request.project:
        return chosen.without_all("project")
    return replace(chosen, hidden=roles.hidden_projects(user=request.user, role=request.organization_role))


def page_path(request: OrgRequest, page: str, project: Project | None = None) -> str:
    """The path of a page (``overview``, ``models``) of ``project`` or else of the request's subject.

    Pages of dashboards have two URLs each, ``organization-{page}`` and ``project-{page}``.
    """
    project = project or request.project
    slugs = [request.organization.slug] + ([project.slug] if project else [])
    return reverse(f"dashboards:{'project' if project else 'organization'}-{page}", args=slugs)


def frame(request: OrgRequest, chosen: Filter, page: str) -> Context:
    """The context of everything around the numbers of ``page``, which is named as in ``page_path``."""
    wants_panel = request.GET.get("panel") == "filters"
    options = filter_options(request, chosen) if wants_panel else None
    paths = {name: page_path(request, name) for name in (*_LINKED, page)}
    return {
        "chosen": chosen,
        "bar": filter_bar(chosen, path=paths[page], options=options),
        "page_path": paths[page],
        "urls": {name: address(path, chosen) for name, path in paths.items()},
        "nav_active": f"{'project' if request.project else 'organization'}-{page}",
        "state": "",
        "refused": SimpleLazyObject(lambda: refused_lately(request, chosen)),
    }


def refused_lately(request: OrgRequest, chosen: Filter) -> Context:
    """What to say about refusals of the last hour, and where they are explained; an empty text when there were none."""
    since = chosen.now - HOUR
    hour = hour_start(since, chosen.zone)
    asked = Asked(request.organization, request.project, hour, chosen.now, hidden=chosen.hidden)
    found = refusals.recent(asked, since=since)
    text = refused.notice(found, since=hour.astimezone(chosen.zone))
    return {"text": text, "url": f"{page_path(request, 'rejected')}?range=24h"}


def filter_options(request: OrgRequest, chosen: Filter) -> Options:
    """What the page can be narrowed to."""
    options = selectors.options(organization=request.organization, project=request.project, chosen=chosen)
    if request.project:
        del options["project"]
    return options


def wants_panel(request: OrgRequest) -> bool:
    """Whether only the filter panel is asked for."""
    return bool(request.htmx) and request.GET.get("panel") == "filters"


def nothing_yet(request: OrgRequest) -> Context:
    """Why there is nothing to show, and what to do next."""
    project = request.project or _first_project(request)
    if project is None:
        may_create = allows(request.organization_role, Permission.PROJECT_CREATE)
        return {"state": "no-project", "may_create": may_create}
    return {
        "state": "no-calls",
        "connect_url": reverse("tenants:connect", args=[request.organization.slug, project.slug]),
    }


def nothing_here(chosen: Filter, path: str) -> Context:
    """What to do when calls exist, but none that the filter keeps."""
    wider = chosen.widened()
    return {
        "state": "nothing",
        "wider_url": address(path, wider) if wider else "",
        "clear_url": address(path, chosen.cleared()) if chosen.narrowed_by else "",
    }


def answer(request: OrgRequest, page: str, context: Context, *, status: int = 200) -> HttpResponse:
    """The page, or for htmx only its changing part; caches must not take one for the other."""
    is_partial = bool(request.htmx) and not request.htmx.history_restore_request
    template = f"dashboards/{page}.html#update" if is_partial else f"dashboards/{page}.html"
    response = render(request, template, context | {"is_partial": is_partial}, status=status)
    if is_partial and request.htmx.boosted:
        # The form's own address may hold empty and repeated fields; the one to share is canonical.
        response["HX-Push-Url"] = request.get_full_path() if "before" in request.GET else context["urls"][page]
    return marked(response)


def marked(response: HttpResponse) -> HttpResponse:
    """``response`` with the headers that keep page and partial apart, in caches and in the browser's history."""
    patch_vary_headers(response, ["HX-Request", "HX-History-Restore-Request"])
    patch_cache_control(response, private=True, no_cache=True)
    return response


def _first_project(request: OrgRequest) -> Project | None:
    visible = roles.visible_projects(user=request.user, role=request.organization_role).filter(archived_at=None)
    return visible.order_by("-is_default", "pk").first()
