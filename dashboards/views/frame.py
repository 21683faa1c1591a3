"""What overview and log have in common: the filter, its bar, empty states, and page or partial."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.functional import SimpleLazyObject
from django_htmx.http import trigger_client_event

from core.periods import HOUR, hour_start
from dashboards import refused, selectors
from dashboards.bars import address, filter_bar
from dashboards.filters import DIMENSIONS, Filter, Option
from dashboards.live import UpTo
from dashboards.views.opening import open_view
from ingestion import refusals
from ingestion.refusals import Asked
from ingestion.store import OTHER
from tenants import roles
from tenants.access import OrgRequest
from tenants.models import Project
from tenants.permissions import Permission, allows

type Context = dict[str, Any]
type Options = dict[str, list[Option]]
type Pairs = Sequence[tuple[str, str]]

_LONGEST: Final = 255

# Pages that others lead to with the same filter.
_LINKED: Final = ("overview", "calls")
# Pages that list calls, newest first.
_LOGS: Final = frozenset({"calls", "traces", "sessions"})
# Pages of numbers that show no other period beside the chosen one.
_NOT_COMPARED: Final = frozenset({"explorer"})


def read_filter(request: OrgRequest) -> Filter:
    """The filter of the query string, or of the saved view it names; a project's page is about no other project.

    A page that is opened with a saved view is asked what the view keeps: ``request.GET`` says so from here on.
    """
    opened = open_view(request, page_of(request))
    request.GET = opened.query  # type: ignore[assignment] # immutable, which the type cannot say
    chosen = Filter.parse(dict(request.GET.lists()), now=timezone.now(), zone=request.time_zone)
    chosen = replace(chosen, opened=opened.view, problems=(*opened.problems, *chosen.problems))
    if request.project:
        return chosen.without_all("project")
    return replace(chosen, hidden=roles.hidden_projects(user=request.user, role=request.organization_role))


def kept(request: OrgRequest, *names: str) -> Pairs:
    """What the query string says of the page's own order and search: choosing a filter must not lose it."""
    return [(name, value[:_LONGEST]) for name in names if (value := request.GET.get(name, "").replace("\0", ""))]


def page_of(request: OrgRequest) -> str:
    """What the page is called in ``page_path``."""
    name = request.resolver_match.url_name or "" if request.resolver_match else ""
    return name.partition("-")[2]


def page_path(request: OrgRequest, page: str, project: Project | None = None, **more: int) -> str:
    """The path of a page (``overview``, ``models``) of ``project`` or else of the request's subject.

    Pages of dashboards have two URLs each, ``organization-{page}`` and ``project-{page}``; ``more`` is what else they
    take.
    """
    project = project or request.project
    slugs = {"organization_slug": request.organization.slug} | ({"project_slug": project.slug} if project else {})
    return reverse(f"dashboards:{'project' if project else 'organization'}-{page}", kwargs=slugs | more)


def frame(request: OrgRequest, chosen: Filter, page: str, *, keep: Pairs = ()) -> Context:
    """The context of everything around the numbers of ``page``, which is named as in ``page_path``.

    ``keep`` is what else the page is asked; links of the bar and saved views keep it.
    """
    wants_panel = request.GET.get("panel") == "filters"
    options = filter_options(request, chosen) if wants_panel else None
    paths = {name: page_path(request, name) for name in (*_LINKED, page)}
    views_url = address(page_path(request, "views"), chosen, *keep, ("view_page", page))
    return {
        "chosen": chosen,
        "bar": filter_bar(
            chosen,
            path=paths[page],
            options=options,
            keep=keep,
            views_url=views_url,
            is_log=page in _LOGS,
            is_compared=page not in _NOT_COMPARED,
        ),
        "page_path": paths[page],
        "urls": {name: address(path, chosen, *(keep if name == page else ())) for name, path in paths.items()},
        "nav_active": f"{'project' if request.project else 'organization'}-{page}",
        "up_to": UpTo.of(chosen),
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


def nothing_here(chosen: Filter, path: str, *, keep: Pairs = ()) -> Context:
    """What to do when calls exist, but none that the filter keeps; ``keep`` is what else the page is asked."""
    wider = chosen.widened()
    return {
        "state": "nothing",
        "is_of_rest": any(OTHER in chosen.values(name) for name in DIMENSIONS),
        "wider_url": address(path, wider, *keep) if wider else "",
        "clear_url": address(path, chosen.cleared(), *keep) if chosen.narrowed_by else "",
    }


def answer(request: OrgRequest, page: str, context: Context, *, status: int = 200) -> HttpResponse:
    """The page, or for htmx only its changing part; caches must not take one for the other."""
    is_partial = bool(request.htmx) and not request.htmx.history_restore_request
    template = f"dashboards/{page}.html#update" if is_partial else f"dashboards/{page}.html"
    response = render(request, template, context | {"is_partial": is_partial}, status=status)
    if is_partial and request.htmx.boosted:
        # The form's own address may hold empty and repeated fields; the one to share is canonical.
        is_kept = "before" in request.GET or context["chosen"].opened
        response["HX-Push-Url"] = request.get_full_path() if is_kept else context["urls"][page]
    return marked(response)


def unchanged(chosen: Filter) -> HttpResponse:
    """Nothing to put into an open page that asked again, but that its numbers are whole up to now."""
    return marked(trigger_client_event(HttpResponse(status=204), "numbers-up-to", asdict(UpTo.of(chosen))))


def marked(response: HttpResponse) -> HttpResponse:
    """``response`` with the headers that keep page and partial apart, in caches and in the browser's history."""
    patch_vary_headers(response, ["HX-Request", "HX-History-Restore-Request"])
    patch_cache_control(response, private=True, no_cache=True)
    return response


def _first_project(request: OrgRequest) -> Project | None:
    visible = roles.visible_projects(user=request.user, role=request.organization_role).filter(archived_at=None)
    return visible.order_by("-is_default", "pk").first()
