"""Insights as the API shows them."""

from typing import Any

from rest_framework import serializers

from core.fields import InstantField, OptionalInstantField, decimal_text, instant_text
from rules import insight_words
from rules.engine import wording
from rules.engine.insights import Figure, evidence_json
from rules.engine.names import Rule, Severity
from rules.models import Insight, InsightChange, InsightComment
from tenants.models import User

_STATUSES = [status.value for status in Insight.Status]
_SEVERITIES = [severity.value for severity in Severity]


class AssigneeSerializer(serializers.Serializer[Any]):
    """A member."""

    id = serializers.IntegerField()
    email = serializers.EmailField()
    name = serializers.CharField()


class ComparedPriceSerializer(serializers.Serializer[Any]):
    """US dollars for a million tokens at the lowest tier; null for what the card does not say."""

    model = serializers.CharField()
    input_usd = serializers.CharField(allow_null=True)
    output_usd = serializers.CharField(allow_null=True)
    cached_input_usd = serializers.CharField(allow_null=True)


class InsightSavingSerializer(serializers.Serializer[Any]):
    """What acting on it would save, as exact decimals, with equal token counts; null where that is not known."""

    window_usd = serializers.CharField(allow_null=True)
    month_usd = serializers.CharField(allow_null=True)
    year_usd = serializers.CharField(allow_null=True)
    is_upper_bound = serializers.BooleanField()
    note = serializers.CharField(help_text="Why it is not known; may be empty.")
    prices = ComparedPriceSerializer(many=True, help_text="The model's and its alternative's.")


class InsightSerializer(serializers.Serializer[Any]):
    """A finding of a rule. Found again it is the same one, with newer numbers."""

    id = serializers.IntegerField()
    rule = serializers.ChoiceField([rule.value for rule in Rule])
    title = serializers.CharField(help_text="What was found, and where.")
    severity = serializers.ChoiceField(_SEVERITIES)
    status = serializers.ChoiceField(_STATUSES)
    project = serializers.CharField(allow_null=True, help_text="Slug; null for the whole organization.")
    team = serializers.CharField()
    feature = serializers.CharField()
    provider = serializers.CharField()
    model = serializers.CharField()
    resource = serializers.CharField()
    budget = serializers.CharField(allow_null=True, help_text="Name of the budget it is about.")
    assignee = AssigneeSerializer(allow_null=True)
    first_seen_at = InstantField()
    last_seen_at = InstantField()
    opened_at = InstantField()
    resolved_at = OptionalInstantField(allow_null=True)
    muted_until = OptionalInstantField(allow_null=True)
    times_reopened = serializers.IntegerField()
    saving = InsightSavingSerializer()


class EvidenceFigureSerializer(serializers.Serializer[Any]):
    """A number of the evidence and, where the rule compares it, what with."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment] # the document's word, not the field's
    value = serializers.CharField(help_text="An exact decimal.")
    unit = serializers.CharField()
    comparison = serializers.ChoiceField(["", "<", ">", "≥"])
    against = serializers.CharField(allow_null=True)


class EvidenceStretchSerializer(serializers.Serializer[Any]):
    """From ``since`` up to, not including, ``until``."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()


class EvidenceWindowSerializer(EvidenceStretchSerializer):
    days = serializers.IntegerField(help_text="Days that a saving in it stands for.")


class EvidenceCallsSerializer(EvidenceStretchSerializer):
    """Which calls add up to the numbers: each filter's values are alternatives."""

    project = serializers.CharField(allow_null=True, help_text="Slug; null for every project.")
    filters = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))


class EvidenceItemSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="The hash of a prompt, or a day.")
    value = serializers.CharField()


class EvidenceSerializer(serializers.Serializer[Any]):
    """The numbers behind it."""

    window = EvidenceWindowSerializer()
    figures = EvidenceFigureSerializer(many=True)
    calls = EvidenceCallsSerializer(allow_null=True, help_text="Null where it is not calls that prove it.")
    items = EvidenceItemSerializer(many=True)
    more_items = serializers.IntegerField()


class InsightChangeSerializer(serializers.Serializer[Any]):
    """A step in its life."""

    kind = serializers.CharField(
        help_text="opened, reopened, resolved, severity, acknowledged, muted, unmuted, assigned or commented."
    )
    actor = serializers.CharField(allow_null=True, help_text="A member's address or a key's name; null for TokenOps.")
    at = InstantField()


class InsightCommentSerializer(serializers.Serializer[Any]):
    author = serializers.CharField(allow_null=True, help_text="A member's address or a key's name.")
    text = serializers.CharField()
    created_at = InstantField()


class InsightDetailSerializer(InsightSerializer):
    """The same with its evidence and history, oldest first."""

    explanation = serializers.CharField(help_text="What the rule looks for.")
    fix = serializers.CharField(help_text="What to do.")
    evidence = EvidenceSerializer()
    history = InsightChangeSerializer(many=True)
    comments = InsightCommentSerializer(many=True)


class InsightPageSerializer(serializers.Serializer[Any]):
    results = InsightSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page, older ones; null on the last.")


def document(insight: Insight) -> dict[str, Any]:
    plain = ("id", "rule", "severity", "status", "team", "feature", "provider", "model", "resource", "times_reopened")
    instants = ("first_seen_at", "last_seen_at", "opened_at", "resolved_at", "muted_until")
    return {
        **{name: getattr(insight, name) for name in plain},
        **{name: _instant(getattr(insight, name)) for name in instants},
        "title": insight_words.title(insight),
        "project": insight.project.slug if insight.project else None,
        "budget": insight.budget.name if insight.budget else None,
        "assignee": _person(insight.assignee),
        "saving": _saving(insight),
    }


def detail(insight: Insight, *, slug: str | None) -> dict[str, Any]:
    """``slug`` is that of the project that the evidence's calls are in; the history was read with the insight."""
    spec = insight_words.spec(insight)
    return document(insight) | {
        "explanation": spec.explanation,
        "fix": spec.fix,
        "evidence": _evidence(insight, slug),
        "history": [
            {"kind": change.kind, "actor": _actor(change), "at": instant_text(change.created_at)}
            for change in insight.changes.all()
        ],
        "comments": [
            {"author": _author(comment), "text": comment.text, "created_at": instant_text(comment.created_at)}
            for comment in insight.comments.all()
        ],
    }


def _evidence(insight: Insight, slug: str | None) -> dict[str, Any]:
    found = insight_words.evidence(insight)
    written = evidence_json(found)
    calls = written["calls"]
    if calls is not None:
        calls = {name: value for name, value in calls.items() if name != "project_id"} | {"project": slug}
    return written | {
        "figures": [_figure(figure) for figure in found.figures],
        "calls": calls,
        "items": [{"name": item.name, "value": _exact(item.value)} for item in found.items],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "label": wording.label(figure),
        "value": _exact(figure.value),
        "unit": figure.unit,
        "comparison": figure.comparison,
        "against": None if figure.against is None else _exact(figure.against),
    }


def _exact(value: Any) -> str:
    return f"{value:f}" if not isinstance(value, int) else str(value)


def _saving(insight: Insight) -> dict[str, Any]:
    amounts = ("window_usd", "month_usd", "year_usd")
    known = {name: getattr(insight, f"saving_{name}") for name in amounts}
    return {
        **{name: None if value is None else decimal_text(value) for name, value in known.items()},
        "is_upper_bound": insight.saving_is_upper_bound,
        "note": insight.saving_note,
        "prices": insight.saving_prices,
    }


def _person(user: User | None) -> dict[str, Any] | None:
    return None if user is None else {"id": user.pk, "email": user.email, "name": user.name}


def _actor(change: InsightChange) -> str | None:
    return change.actor.email if change.actor else change.key_name or None


def _author(comment: InsightComment) -> str | None:
    return comment.author.email if comment.author else comment.key_name or None


def _instant(moment: Any) -> str | None:
    return None if moment is None else instant_text(moment)
