"""How the API's document describes reports."""

from collections.abc import Callable
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.openapi import problems, shown
from core.parameters import OrganizationParameters
from dashboards.reports.api.serializers import (
    FileParameters,
    NewReportSerializer,
    NewScheduleSerializer,
    NumbersSerializer,
    ReportListParameters,
    ReportListSerializer,
    ReportSerializer,
    ScheduleChangeSerializer,
    ScheduleListSerializer,
    ScheduleSerializer,
    TerminalParameters,
    WholeReportSerializer,
)

TAG: Final = "Reports"
_WHO: Final = " Takes a key of the whole organization with the scope `manage`, or a member."
_AT: Final = "2026-12-01T08:00:00.000000Z"
_SUMS: Final[dict[str, Any]] = {
    "calls": 1200,
    "errors": 3,
    "unpriced_calls": 0,
    "estimated_calls": 2,
    "input_tokens": 1080000,
    "output_tokens": 120000,
    "cost_usd": "84.2",
}
_SAVING: Final = {"month_usd": "12.5", "year_usd": "150", "is_upper_bound": False, "insights": 1}
_ISSUE: Final[dict[str, Any]] = {
    "id": 41,
    "severity": "high",
    "rule": "MODEL_MISUSE",
    "team": "search",
    "project": "Web",
    "title": "Premium model for short answers",
    "place": "gpt-4o in titles",
    "evidence": "Output a call: 9.50 tokens a call, fires below 100 tokens a call",
    "saving_month_usd": "12.5",
    "is_upper_bound": False,
    "text": "[HIGH] MODEL_MISUSE search gpt-4o in titles; Output a call: 9.50 tokens a call, fires below 100 tokens a"
    " call; saves $12.50 a month",
}
_NUMBERS: Final[dict[str, Any]] = {
    "made_at": _AT,
    "organization": "Acme",
    "project": None,
    "time_zone": "Europe/Berlin",
    "from": "2026-11-02",
    "to": "2026-12-01",
    "hidden_projects": 0,
    "calls": 1200,
    "cloud_entries": 0,
    "llm_spend_usd": "84.2",
    "cloud_spend_usd": None,
    "unpriced_calls": 0,
    "estimated_calls": 2,
    "total": _SUMS,
    "before": None,
    "issue_counts": {"high": 1, "medium": 0, "low": 0},
    "issues": [_ISSUE],
    "savings": _SAVING,
    "savings_found": _SAVING,
    "savings_realised": _SAVING | {"month_usd": "0", "year_usd": "0", "insights": 0},
    "top_models": [{"provider": "openai", "model": "gpt-4o"} | _SUMS],
    "top_features": [{"feature": "titles"} | _SUMS],
    "teams": [{"team": "Search"} | _SUMS],
    "days": [{"day": "2026-12-01"} | _SUMS],
    "forecast": None,
    "text": "TOKENOPS COST OPTIMIZATION REPORT\n…\n",
}
_REPORT: Final[dict[str, Any]] = {
    "id": 7,
    "state": "ready",
    "error": "",
    "project": None,
    "schedule": None,
    "period": "last_30_days",
    "from": "2026-11-02",
    "to": "2026-12-01",
    "sections": ["spend", "models", "insights"],
    "made_for": "Mia",
    "pdf_bytes": 141279,
    "created_at": _AT,
    "made_at": _AT,
}
_QUEUED: Final = _REPORT | {"state": "queued", "pdf_bytes": None, "made_at": None}
_SCHEDULE: Final[dict[str, Any]] = {
    "id": 4,
    "name": "Weekly costs",
    "cadence": "weekly",
    "weekday": 0,
    "month_day": None,
    "at": "08:00",
    "period": "week_before",
    "project": None,
    "sections": ["spend", "models", "insights"],
    "channels": [3],
    "attach_pdf": True,
    "active": True,
    "paused_reason": "",
    "next_at": "2026-12-07T07:00:00.000000Z",
    "made_for": "Mia",
    "created_at": _AT,
}
_NEW_SCHEDULE: Final = {"name": "Weekly costs", "cadence": "weekly", "weekday": 0, "at": "08:00", "channels": [3]}


def _sent(name: str, value: Any) -> list[OpenApiExample]:
    return [OpenApiExample(name, value=value, request_only=True)]


def _page(value: Any) -> dict[str, Any]:
    return {"results": [value], "next": None}


def _id(name: str) -> OpenApiParameter:
    return OpenApiParameter(f"{name}_id", int, OpenApiParameter.PATH, description=f"Id of the {name}.")


def _describe(
    method: str,
    operation_id: str,
    summary: str,
    answer: dict[Any, Any],
    *,
    parameters: tuple[Any, ...] = (OrganizationParameters,),
    more: tuple[int, ...] = (),
    text: str = "",
    request: Any = None,
    examples: list[OpenApiExample] | None = None,
) -> Callable[[Any], Any]:
    return extend_schema(
        methods=[method],
        operation_id=operation_id,
        tags=[TAG],
        summary=summary,
        description=text + (_WHO if method != "GET" else "") or None,
        parameters=list(parameters),
        request=request,
        examples=examples or [],
        responses=answer | problems(400, 403, 404, *((415,) if request else ()), *more),
    )


_ONE_REPORT: Final = (OrganizationParameters, _id("report"))
_ONE_SCHEDULE: Final = (OrganizationParameters, _id("schedule"))
_BYTES: Final = {"type": "string", "format": "binary"}
_TEXT: Final = {"type": "string"}


def _as(schema: dict[str, str], media_type: str, value: str, description: str) -> OpenApiResponse:
    """An answer in another form than JSON."""
    example = OpenApiExample(media_type, value=value, media_type=media_type, response_only=True)
    return OpenApiResponse(schema, description=description, examples=[example])


report_list = _describe(
    "GET",
    "report_list",
    "Reports",
    {200: shown(ReportListSerializer, "reports", _page(_REPORT))},
    parameters=(ReportListParameters,),
    text="Newest first, kept for 90 days unless the installation says otherwise. Those that say more than you may see"
    " are not there.",
)
report_create = _describe(
    "POST",
    "report_create",
    "Have a report made",
    {202: shown(ReportSerializer, "queued", _QUEUED)},
    text="Read it until its state is `ready` or `failed`; that takes a few seconds. It shows what you may see.",
    request=NewReportSerializer,
    examples=_sent("a month", {"period": "last_month"}),
)
report_detail = _describe(
    "GET",
    "report_detail",
    "One report",
    {200: shown(WholeReportSerializer, "report", _REPORT | {"report": _NUMBERS})},
    parameters=_ONE_REPORT,
)
report_file = _describe(
    "GET",
    "report_file",
    "A report as PDF, HTML or text",
    {
        (200, "application/pdf"): _as(_BYTES, "application/pdf", "%PDF-1.7 …", "For paper."),
        (200, "text/html"): _as(_TEXT, "text/html", "<!DOCTYPE html>…", "One file, style and font included."),
        (200, "text/plain"): _as(_TEXT, "text/plain", _NUMBERS["text"], "For terminals and chats."),
    },
    parameters=(FileParameters, _id("report")),
    more=(409,),
)
report_retry = _describe(
    "POST",
    "report_retry",
    "Try a failed report again",
    {202: shown(ReportSerializer, "queued", _QUEUED)},
    parameters=_ONE_REPORT,
    more=(409,),
)
report_terminal = _describe(
    "GET",
    "report_terminal",
    "The cost optimization report",
    {
        (200, "application/json"): shown(NumbersSerializer, "report", _NUMBERS),
        (200, "text/plain"): _as(_TEXT, "text/plain", _NUMBERS["text"], "For build logs and stand-ups."),
    },
    parameters=(TerminalParameters,),
    text="Read at once, and kept nowhere. What `tokenops report` prints. A key of a project reads its project’s.",
)
schedule_list = _describe(
    "GET", "report_schedule_list", "Schedules", {200: shown(ScheduleListSerializer, "schedules", _page(_SCHEDULE))}
)
schedule_create = _describe(
    "POST",
    "report_schedule_create",
    "Schedule a report",
    {201: shown(ScheduleSerializer, "created", _SCHEDULE)},
    text="Its reports are made with your rights. They go to e-mail, Slack and webhooks. Without a period it is about"
    " what its cadence says: the day, the week or the month before.",
    request=NewScheduleSerializer,
    examples=_sent("every Monday", _NEW_SCHEDULE),
)
schedule_detail = _describe(
    "GET",
    "report_schedule_detail",
    "One schedule",
    {200: shown(ScheduleSerializer, "schedule", _SCHEDULE)},
    parameters=_ONE_SCHEDULE,
)
schedule_change = _describe(
    "PATCH",
    "report_schedule_change",
    "Change, pause or resume a schedule",
    {200: shown(ScheduleSerializer, "changed", _SCHEDULE)},
    parameters=_ONE_SCHEDULE,
    text="From then on its reports are made with your rights.",
    request=ScheduleChangeSerializer,
    examples=_sent("pause", {"active": False}),
)
schedule_delete = _describe(
    "DELETE",
    "report_schedule_delete",
    "Delete a schedule",
    {204: None},
    parameters=_ONE_SCHEDULE,
    text="Reports that were made stay.",
)
schedule_send = _describe(
    "POST",
    "report_schedule_send",
    "Send a schedule’s report now",
    {202: shown(ReportSerializer, "queued", _QUEUED | {"schedule": 4, "period": "week_before"})},
    parameters=_ONE_SCHEDULE,
    text="Besides those of its slots.",
)
