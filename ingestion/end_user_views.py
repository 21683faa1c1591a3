"""One end user of the organization's applications: found, handed over, erased.

Ids travel in the body of a request, because addresses end in histories and logs.
"""

import json
from collections.abc import Iterator
from datetime import datetime

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from ingestion import erasure
from ingestion.api.serializers import call_documents
from ingestion.forms import EndUserForm, ErasureForm
from ingestion.models import Erasure
from tenants import audit, selectors
from tenants.access import OrgRequest, org_view
from tenants.forms import status, write_with
from tenants.models import Organization
from tenants.permissions import Permission

_LATEST = 20


@require_http_methods(["GET", "POST"])
@never_cache
@org_view(Permission.DATA_ERASE)
def end_users(request: OrgRequest) -> HttpResponse:
    form = EndUserForm(request.POST if request.method == "POST" else None)
    user_id = form.cleaned_data["user_id"] if form.is_bound and form.is_valid() else ""
    return _page(request, form, user_id)


@require_POST
@never_cache
@org_view(Permission.DATA_ERASE)
def end_user_export(request: OrgRequest) -> HttpResponse | StreamingHttpResponse:
    """Every call as one line of JSON, as the API shows it."""
    form = EndUserForm(request.POST)
    if not form.is_valid():
        return _page(request, form, "")
    organization, now = request.organization, timezone.now()
    user_id = form.cleaned_data["user_id"]
    person = erasure.person(organization=organization, user_id=user_id)
    audit.record("end_user.exported", actor=request.user, target=organization, person=person)
    answer = StreamingHttpResponse(_lines(organization, user_id, now), content_type="application/x-ndjson")
    answer["Content-Disposition"] = f'attachment; filename="end-user-{now:%Y%m%d-%H%M%S}.ndjson"'
    return answer


def _lines(organization: Organization, user_id: str, now: datetime) -> Iterator[bytes]:
    slugs = erasure.project_slugs(organization=organization)
    for page in erasure.export_pages(organization=organization, user_id=user_id, now=now):
        documents = call_documents(page, slugs=slugs)
        yield "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents).encode()


@require_POST
@never_cache
@org_view(Permission.DATA_ERASE)
def end_user_erase(request: OrgRequest) -> HttpResponse:
    form = ErasureForm(request.POST)
    started = write_with(
        form,
        lambda data: erasure.start_erasure(
            organization=request.organization, actor=request.user, now=timezone.now(), **data
        ),
    )
    if started:
        return redirect("ingestion:end-users", request.organization.slug)
    user_id = form.data.get("user_id", "")
    return _page(request, EndUserForm({"user_id": user_id}), user_id, form)


def _page(request: OrgRequest, form: EndUserForm, user_id: str, erase: ErasureForm | None = None) -> HttpResponse:
    organization = request.organization
    projects = list(selectors.projects(organization=organization))
    found = erasure.stored(organization=organization, user_id=user_id, projects=projects) if user_id else []
    context = {
        "form": form,
        "user_id": user_id,
        "found": found,
        "total": sum(one.calls for one in found),
        "erase": erase or ErasureForm(initial={"user_id": user_id}),
        "erasures": Erasure.objects.filter(organization=organization).order_by("-created_at", "-pk")[:_LATEST],
        "nav_active": "organization-settings",
    }
    return render(request, "ingestion/end_users.html", context, status=status(erase or form))
