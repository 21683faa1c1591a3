"""The audit log of an organization: who changed what, one entry in full, and the whole as a file."""

import json
from collections.abc import Iterator
from typing import Any, Final

from django.db.models import QuerySet
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from core.fields import instant_text
from core.scope import org_scope
from core.spreadsheets import csv_lines
from tenants import audit_log
from tenants.access import OrgRequest, org_view
from tenants.audit_log import AuditFilter
from tenants.forms import AuditFilterForm, status
from tenants.models import AuditEntry, Organization
from tenants.permissions import Permission

_EXPORT_AT_ONCE: Final = 1_000
COLUMNS: Final = (
    "sequence",
    "created_at",
    "actor_kind",
    "actor_name",
    "actor_user_id",
    "actor_key_id",
    "action",
    "target_kind",
    "target_id",
    "facts",
    "personal",
    "address",
    "user_agent",
    "request_id",
    "hash",
)


@require_GET
@org_view(Permission.AUDIT_READ)
def audit_list(request: OrgRequest) -> HttpResponse:
    """Newest first, a page at a time."""
    form = _form(request)
    chosen = form.chosen(request.time_zone) if form.is_valid() else AuditFilter()
    before = request.GET.get("before", "")
    found = audit_log.entries(
        organization=request.organization, chosen=chosen, before=int(before) if before.isdecimal() else None
    )
    rows = list(found[: audit_log.PAGE_SIZE + 1])
    page = rows[: audit_log.PAGE_SIZE]
    is_last = len(rows) <= audit_log.PAGE_SIZE
    context = {
        "form": form,
        "lines": [(entry, _subject(entry)) for entry in page],
        "is_filtered": form.is_valid() and chosen != AuditFilter(),
        "older_url": "" if is_last else _address(request, before=page[-1].pk),
        "newest_url": _address(request) if before else "",
        "export_query": _query(request),
        "nav_active": "audit",
    }
    template = "tenants/audit_list.html#log" if request.htmx else "tenants/audit_list.html"
    return render(request, template, context, status=status(form))


@require_GET
@org_view(Permission.AUDIT_READ)
def audit_entry(request: OrgRequest, entry_id: int) -> HttpResponse:
    entry = audit_log.entry(organization=request.organization, entry_id=entry_id)
    if entry is None:
        raise Http404
    told = sorted((entry.facts | entry.personal).items(), key=lambda fact: fact[0] != "before")  # then what came after
    facts = [(name.replace("_", " "), _text(value)) for name, value in told]
    context = {"entry": entry, "facts": facts, "digest": bytes(entry.hash or b"").hex(), "nav_active": "audit"}
    return render(request, "tenants/audit_entry.html", context)


@require_GET
@org_view(Permission.AUDIT_READ)
def audit_export(request: OrgRequest, form_of_file: str) -> HttpResponse | StreamingHttpResponse:
    """What the page shows, whole, as ``csv`` or ``ndjson``."""
    form = _form(request)
    if not form.is_valid():
        return render(request, "tenants/audit_list.html", {"form": form, "nav_active": "audit"}, status=422)
    rows = _all_rows(request.organization, form.chosen(request.time_zone))
    lines = csv_lines(_with_head(rows)) if form_of_file == "csv" else (f"{json.dumps(row)}\n" for row in rows)
    media_type = "text/csv; charset=utf-8" if form_of_file == "csv" else "application/x-ndjson"
    response = StreamingHttpResponse(lines, content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="audit-{request.organization.slug}.{form_of_file}"'
    return response


def _subject(entry: AuditEntry) -> str:
    """What the entry is about, as people know it."""
    return str(entry.facts.get("name") or entry.facts.get("after") or entry.target_kind)


def _form(request: OrgRequest) -> AuditFilterForm:
    return AuditFilterForm(request.GET, actions=audit_log.actions(organization=request.organization))


def _query(request: OrgRequest, **more: object) -> str:
    query = request.GET.copy()
    query.pop("before", None)
    for name, value in more.items():
        query[name] = str(value)
    return query.urlencode()


def _address(request: OrgRequest, **more: object) -> str:
    return f"{reverse('tenants:audit-list', args=[request.organization.slug])}?{_query(request, **more)}"


def _all_rows(organization: Organization, chosen: AuditFilter) -> Iterator[dict[str, Any]]:
    """Every entry, newest first; a scope is open for a page of them and none while the client reads."""
    before: int | None = None
    while True:
        with org_scope(organization.pk):
            page = _page(audit_log.entries(organization=organization, chosen=chosen, before=before))
        yield from (_row(entry) for entry in page)
        if len(page) < _EXPORT_AT_ONCE:
            return
        before = page[-1].pk


def _page(entries: QuerySet[AuditEntry]) -> list[AuditEntry]:
    return list(entries[:_EXPORT_AT_ONCE])


def _row(entry: AuditEntry) -> dict[str, Any]:
    row = {name: getattr(entry, name) for name in COLUMNS}
    return row | {"created_at": instant_text(entry.created_at), "hash": bytes(entry.hash or b"").hex()}


def _with_head(rows: Iterator[dict[str, Any]]) -> Iterator[list[str]]:
    yield list(COLUMNS)
    for row in rows:
        yield [_text(value) for value in row.values()]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
