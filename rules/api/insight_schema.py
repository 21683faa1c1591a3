"""How the API's document describes insights."""

from collections.abc import Callable
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.response import Response

from core.openapi import problems, shown
from core.parameters import Body, OrganizationParameters
from rules.api.insight_bodies import AssignSerializer, CommentBodySerializer, InsightParameters, MuteSerializer
from rules.api.insight_documents import InsightDetailSerializer, InsightPageSerializer

_ID: Final = OpenApiParameter("insight_id", int, OpenApiParameter.PATH, description="Id of the insight.")
_INSIGHT: Final[dict[str, Any]] = {
    "id": 41,
    "rule": "MODEL_MISUSE",
    "title": "Premium model for short answers: gpt-4o in intent-routing, support",
    "severity": "high",
    "status": "open",
    "project": "assistant",
    "team": "support",
    "feature": "intent-routing",
    "provider": "openai",
    "model": "gpt-4o",
    "resource": "",
    "budget": None,
    "assignee": None,
    "first_seen_at": "2026-11-22T10:15:00.000000Z",
    "last_seen_at": "2026-11-23T10:15:00.000000Z",
    "opened_at": "2026-11-22T10:15:00.000000Z",
    "resolved_at": None,
    "muted_until": None,
    "times_reopened": 0,
    "saving": {
        "window_usd": "2.48",
        "month_usd": "10.628571428571",
        "year_usd": "127.542857142852",
        "is_upper_bound": False,
        "note": "",
        "prices": [
            {"model": "gpt-4o", "input_usd": "2.5", "output_usd": "10", "cached_input_usd": "1.25"},
            {"model": "gpt-4o-mini", "input_usd": "0.15", "output_usd": "0.6", "cached_input_usd": "0.075"},
        ],
    },
}
_DETAIL: Final[dict[str, Any]] = _INSIGHT | {
    "explanation": "A premium model answers with so few tokens that a smaller model would most likely do.",
    "fix": "Send these calls to the smaller model of the same family and compare the answers on a sample.",
    "evidence": {
        "window": {"since": "2026-11-15T00:00:00+00:00", "until": "2026-11-22T00:00:00+00:00", "days": 7},
        "figures": [
            {
                "name": "output_tokens_a_call",
                "label": "Output a call",
                "value": "9.72",
                "unit": "tokens a call",
                "comparison": "<",
                "against": "100",
            }
        ],
        "calls": {
            "since": "2026-11-15T00:00:00+00:00",
            "until": "2026-11-22T00:00:00+00:00",
            "project": "assistant",
            "filters": {"team": ["support"], "feature": ["intent-routing"], "counted": ["true"]},
        },
        "items": [],
        "more_items": 0,
    },
    "history": [{"kind": "opened", "actor": None, "at": "2026-11-22T10:15:00.000000Z"}],
    "comments": [],
}
_WHO: Final = " Takes a member, or a key with the scope `manage`."

insight_list = extend_schema(
    operation_id="insight_list",
    tags=["Insights"],
    summary="What rules found",
    description="Newest first. Insights of projects that you may not see are left out.",
    parameters=[InsightParameters],
    responses={200: shown(InsightPageSerializer, "insights", {"results": [_INSIGHT], "next": None})}
    | problems(400, 403, 404),
)
insight_detail = extend_schema(
    operation_id="insight_detail",
    tags=["Insights"],
    summary="One insight with its evidence",
    parameters=[OrganizationParameters, _ID],
    responses={200: shown(InsightDetailSerializer, "insight", _DETAIL)} | problems(400, 403, 404),
)


type Described = Callable[[Callable[..., Response]], Callable[..., Response]]


def _action(name: str, summary: str, description: str, *, body: type[Body] | None = None, **example: Any) -> Described:
    changed = _DETAIL | example.pop("changed", {})
    described: Described = extend_schema(
        operation_id=f"insight_{name}",
        tags=["Insights"],
        summary=summary,
        description=description + _WHO,
        parameters=[OrganizationParameters, _ID],
        request=body,
        examples=[OpenApiExample(name, value=example, request_only=True)] if body else [],
        responses={200: shown(InsightDetailSerializer, "changed", changed)}
        | problems(400, 403, 404, 409, *([415] if body else [])),
    )
    return described


insight_acknowledge = _action(
    "acknowledge",
    "Acknowledge an insight",
    "Somebody looks after it: nobody is reminded any more.",
    changed={"status": "acknowledged"},
)
insight_mute = _action(
    "mute",
    "Mute an insight",
    "Nobody is told of it until then, also when it ends and comes again.",
    body=MuteSerializer,
    until="2027-01-31T09:00:00Z",
    changed={"status": "muted", "muted_until": "2027-01-31T09:00:00.000000Z"},
)
insight_unmute = _action("unmute", "Unmute an insight", "What is not muted stays as it is.")
insight_resolve = _action(
    "resolve",
    "Resolve an insight",
    "It opens again when it comes back.",
    changed={"status": "resolved", "resolved_at": "2026-11-23T11:00:00.000000Z"},
)
insight_assign = _action(
    "assign",
    "Assign an insight",
    "To a member who may see it, or to nobody.",
    body=AssignSerializer,
    assignee=None,
)
insight_comment = _action(
    "comment",
    "Comment on an insight",
    "What is said stays in its history.",
    body=CommentBodySerializer,
    text="A new release asks twice; fixed tomorrow.",
)
