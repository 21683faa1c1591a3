"""The report of the open insights over HTTP."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.response import Response

from core.fields import decimal_text
from core.openapi import problems, shown
from core.parameters import OrganizationParameters
from rules import recommendations
from rules.api.insights import reach
from rules.engine.names import Rule, Severity
from rules.engine.recommendations import Action, Effort, Finding, Report
from rules.engine.totals import Total
from tenants.api_access import ApiRequest, project_api
from tenants.permissions import Permission, Scope

_RULES: Final = [rule.value for rule in Rule]
_SEVERITIES: Final = [severity.value for severity in Severity]


class RecommendationParameters(OrganizationParameters):
    project = serializers.CharField(
        required=False, max_length=50, help_text="Slug of a project. Without it: every one you may see, and budgets."
    )


class SavingsSerializer(serializers.Serializer[Any]):
    """US dollars, as exact decimals."""

    month_usd = serializers.CharField()
    year_usd = serializers.CharField()
    is_upper_bound = serializers.BooleanField(help_text="Whether some of it is saved at most.")


class RootCauseSerializer(serializers.Serializer[Any]):
    """Why an insight is there."""

    insight_id = serializers.IntegerField()
    rule = serializers.ChoiceField(_RULES)
    severity = serializers.ChoiceField(_SEVERITIES)
    title = serializers.CharField()
    cause = serializers.CharField()
    saving_month_usd = serializers.CharField(allow_null=True, help_text="Null where it is not known.")


class ActionSerializer(serializers.Serializer[Any]):
    """A step: one rule's fix, wherever it is needed."""

    rule = serializers.ChoiceField(_RULES)
    severity = serializers.ChoiceField(_SEVERITIES)
    action = serializers.CharField()
    effort = serializers.ChoiceField([effort.value for effort in Effort])
    effort_reason = serializers.CharField()
    insight_ids = serializers.ListField(child=serializers.IntegerField())
    savings = SavingsSerializer(allow_null=True, help_text="Null where they are not known.")


class RecommendationsSerializer(serializers.Serializer[Any]):
    """What to do about the open insights. ``savings`` counts one cost once: the actions' may add up to more."""

    executive_summary = serializers.ListField(child=serializers.CharField(), help_text="Sentences.")
    root_causes = RootCauseSerializer(many=True, help_text="The most pressing first.")
    action_plan = ActionSerializer(many=True, help_text="Most saved for the effort first.")
    savings = SavingsSerializer()


_SAVING: Final = {"month_usd": "10.63", "year_usd": "127.56", "is_upper_bound": False}
_REPORT: Final[dict[str, Any]] = {
    "executive_summary": ["1 insight is open: 1 of high severity."],
    "root_causes": [
        {
            "insight_id": 41,
            "rule": "MODEL_MISUSE",
            "severity": "high",
            "title": "Premium model for short answers: gpt-4o in intent-routing, support",
            "cause": "Output a call: 9.72 tokens a call; the rule fires below 100 tokens a call.",
            "saving_month_usd": "10.63",
        }
    ],
    "action_plan": [
        {
            "rule": "MODEL_MISUSE",
            "severity": "high",
            "action": "Send these calls to the smaller model of the same family.",
            "effort": "medium",
            "effort_reason": "The model is one setting, but answers must be compared on a sample first.",
            "insight_ids": [41],
            "savings": _SAVING,
        }
    ],
    "savings": _SAVING,
}


@extend_schema(
    operation_id="recommendations",
    tags=["Insights"],
    summary="What to do, and what it saves",
    description="Of insights that are open or acknowledged. The same insights give the same report.",
    parameters=[RecommendationParameters],
    responses={200: shown(RecommendationsSerializer, "report", _REPORT)} | problems(400, 403, 404),
)
@api_view(["GET", "HEAD"])
@project_api(Permission.TELEMETRY_READ, Scope.READ)
def recommended(request: ApiRequest) -> Response:
    """The report of what the principal may see."""
    wanted = RecommendationParameters.read(request.query_params)
    named = [wanted["project"]] if "project" in wanted else None
    report = recommendations.report(
        organization=request.organization, project_ids=reach(request, Permission.TELEMETRY_READ, named)
    )
    return Response(_document(report))


def _document(report: Report) -> dict[str, Any]:
    return {
        "executive_summary": list(report.summary),
        "root_causes": [_cause(finding) for finding in report.causes],
        "action_plan": [_action(action) for action in report.plan],
        "savings": _savings(report.saving, is_upper_bound=report.is_upper_bound),
    }


def _cause(finding: Finding) -> dict[str, Any]:
    saving = finding.saving_month_usd
    return {
        "insight_id": finding.insight_id,
        "rule": finding.rule.value,
        "severity": finding.severity.value,
        "title": finding.title,
        "cause": finding.cause,
        "saving_month_usd": None if saving is None else decimal_text(saving),
    }


def _action(action: Action) -> dict[str, Any]:
    saving = action.saving
    return {
        "rule": action.rule.value,
        "severity": action.severity.value,
        "action": action.what,
        "effort": action.work.effort.value,
        "effort_reason": action.work.reason,
        "insight_ids": [finding.insight_id for finding in action.findings],
        "savings": None if saving is None else _savings(saving, is_upper_bound=action.is_upper_bound),
    }


def _savings(saving: Total, *, is_upper_bound: bool) -> dict[str, Any]:
    return {
        "month_usd": decimal_text(saving.month_usd),
        "year_usd": decimal_text(saving.year_usd),
        "is_upper_bound": is_upper_bound,
    }
