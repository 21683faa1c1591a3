"""One insight: the numbers behind it, the calls that prove it, and what people do about it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from urllib.parse import urlencode

from django.forms import Form
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from core import display
from dashboards import insight_calls, insight_history
from dashboards.insight_drawing import chart_of
from dashboards.insight_forms import AssignForm, CommentForm, MuteForm, StepForm, muted_until
from dashboards.views.frame import Context, marked, page_path, read_filter
from dashboards.views.insights import insight_url, list_path, nav, visible_projects
from rules import insight_life, insight_words, selectors
from rules.engine.insights import Evidence
from rules.engine.names import Rule
from rules.models import Insight
from tenants.access import OrgRequest, org_view
from tenants.forms import write_with
from tenants.models import ApiKey, Project, User
from tenants.permissions import Permission, allows

type Act = Callable[[OrgRequest, Insight], HttpResponse]

_STEPS: Final = {
    "acknowledge": insight_life.acknowledge,
    "unmute": insight_life.unmute,
    "resolve": insight_life.resolve,
}


@require_GET
@org_view(Permission.TELEMETRY_READ)
def insight(request: OrgRequest, insight_id: int) -> HttpResponse:
    found = _find(request, insight_id)
    if found.project_id and not request.project:
        return redirect(insight_url(request, found))
    return marked(render(request, "dashboards/insight.html", _context(request, found)))


def _action(act: Act) -> Callable[..., HttpResponseBase]:
    """A POST about one insight by somebody who may act on it where it lies."""

    @require_POST
    @org_view(Permission.INSIGHTS_ACT)
    @wraps(act)
    def view(request: OrgRequest, insight_id: int) -> HttpResponse:
        found = _find(request, insight_id)
        if found.project_id and not request.project:  # its project's roles decide
            raise Http404
        return act(request, found)

    view.permission = Permission.INSIGHTS_ACT  # type: ignore[attr-defined] # read by the permission matrix
    return view


def _step(request: OrgRequest, found: Insight) -> HttpResponse:
    return _write(request, found, "step_form", StepForm(request.POST), lambda data, who: _STEPS[data["step"]](**who))


def _mute(request: OrgRequest, found: Insight) -> HttpResponse:
    def mute(data: dict[str, Any], who: dict[str, Any]) -> None:
        insight_life.mute(**who, until=muted_until(data, now=who["now"], zone=request.time_zone))

    return _write(request, found, "mute_form", MuteForm(request.POST), mute)


def _assign(request: OrgRequest, found: Insight) -> HttpResponse:
    form = AssignForm(request.POST, people=_people(request, found))

    def assign(data: dict[str, Any], who: dict[str, Any]) -> None:
        insight_life.assign(**who, assignee=form.by_id.get(data["assignee"]))

    return _write(request, found, "assign_form", form, assign)


def _comment(request: OrgRequest, found: Insight) -> HttpResponse:
    def comment(data: dict[str, Any], who: dict[str, Any]) -> None:
        insight_life.comment(**who, text=data["text"])

    return _write(request, found, "comment_form", CommentForm(request.POST), comment)


step, mute, assign, comment = (_action(act) for act in (_step, _mute, _assign, _comment))


def _write(
    request: OrgRequest, found: Insight, name: str, form: Form, write: Callable[[dict[str, Any], dict[str, Any]], None]
) -> HttpResponse:
    """Do it and show the insight as it is now; a form that is refused comes back with what was typed, as ``name``."""
    who = {
        "organization": request.organization,
        "actor": request.user,
        "insight": found,
        "now": timezone.now(),
    }

    def done(data: dict[str, Any]) -> bool:
        write(data, who)
        return True

    if not write_with(form, done):
        return _answer(request, found, {name: form}, status=422)
    return _answer(request, _find(request, found.pk)) if request.htmx else redirect(insight_url(request, found))


def _answer(request: OrgRequest, found: Insight, forms: Context | None = None, *, status: int = 200) -> HttpResponse:
    template = "dashboards/insight.html#life" if request.htmx else "dashboards/insight.html"
    return marked(render(request, template, _context(request, found) | (forms or {}), status=status))


def _find(request: OrgRequest, insight_id: int) -> Insight:
    """:raises Http404: there is none, or it lies where the page or the reader does not reach."""
    projects = [request.project.pk] if request.project else [project.pk for project in visible_projects(request)]
    reach = projects if request.project else [*projects, None]
    found = selectors.insight(organization=request.organization, insight_id=insight_id, project_ids=reach)
    if found is None:
        raise Http404
    return found


def _context(request: OrgRequest, found: Insight) -> Context:
    evidence = insight_words.evidence(found)
    people = _people(request, found)
    may_act = allows(request.role, Permission.INSIGHTS_ACT)
    return {
        "insight": found,
        "spec": insight_words.spec(found),
        "place": insight_words.place(found),
        "evidence": evidence,
        "decided": insight_words.decided(evidence, cost=display.cost),
        "readings": insight_words.readings(evidence, cost=display.cost),
        "chart": chart_of(found, evidence, organization=request.organization, chosen=read_filter(request)),
        "calls_url": _calls_url(request, evidence),
        "resource_url": _resource_url(request, found, evidence),
        "prices": insight_words.prices(found),
        "history": insight_history.entries(found, names={person.pk: str(person) for person in people}),
        "url": insight_url(request, found),
        "list_url": list_path(request),
        "nav_active": nav(request),
        "may_act": may_act,
        "mute_form": MuteForm(),
        "assign_form": AssignForm(None, people=people, initial=found.assignee_id),
        "comment_form": CommentForm(),
    }


def _people(request: OrgRequest, found: Insight) -> list[User]:
    return selectors.assignable(organization=request.organization, project=found.project)


def _calls_url(request: OrgRequest, evidence: Evidence) -> str:
    """The log with just the calls that prove it; '' where it is not calls that do, or where their project is gone."""
    calls = evidence.calls
    if calls is None:
        return ""
    project = None
    if calls.project_id is not None:
        project = Project.objects.filter(pk=calls.project_id).first()
    keys = ApiKey.objects.filter(organization=request.organization, pk__in=insight_calls.key_ids(calls))
    prefixes = {str(key.pk): key.prefix for key in keys}
    if project is None:
        path = reverse("dashboards:organization-calls", args=[request.organization.slug])
    else:
        path = page_path(request, "calls", project)
    return f"{path}?{insight_calls.log_query(calls, key_prefixes=prefixes)}"


def _resource_url(request: OrgRequest, found: Insight, evidence: Evidence) -> str:
    """The page of the resource an insight is about, over its window."""
    if found.rule != Rule.RAM_OVER_PROVISION or found.project is None:
        return ""
    path = reverse("dashboards:project-resource", args=[request.organization.slug, found.project.slug])
    window = evidence.window
    pairs = {"name": found.resource, "since": window.since.isoformat(), "until": window.until.isoformat()}
    return f"{path}?{urlencode(pairs)}"
