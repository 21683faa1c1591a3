"""What is asked and sent about insights."""

from rest_framework import serializers

from core.parameters import Body, Choice, Moment, Values
from rules.engine.names import Rule, Severity
from rules.models import Insight
from tenants.api.pages import PageParameters

_MOST_VALUES = 50


def _choices(values: tuple[str, ...], help_text: str) -> Values:
    return Values(child=Choice(values), required=False, max_length=_MOST_VALUES, help_text=help_text)


def _texts(longest: int, help_text: str) -> Values:
    child = serializers.CharField(max_length=longest, allow_blank=True)
    return Values(child=child, required=False, max_length=_MOST_VALUES, help_text=help_text)


class InsightParameters(PageParameters):
    """Filters of the list; each may be repeated, and any of its values will do."""

    status = Values(
        child=Choice(tuple(Insight.Status.values)),
        required=False,
        default=[Insight.Status.OPEN.value, Insight.Status.ACKNOWLEDGED.value],
        max_length=_MOST_VALUES,
        help_text="Without it: open and acknowledged ones.",
    )
    severity = _choices(tuple(Severity), "How bad it is.")
    rule = _choices(tuple(Rule), "The rule that found it.")
    team = _texts(255, "Team; an empty value is none.")
    project = _texts(50, "Slug of a project. Without it: every project you may see, and the whole organization.")
    q = serializers.CharField(
        required=False, max_length=255, help_text="A part of the name of its model, feature, resource or team."
    )


class MuteSerializer(Body):
    until = Moment(help_text="From now on, at most a year ahead.")


class AssignSerializer(Body):
    assignee = serializers.IntegerField(allow_null=True, help_text="Id of a member who may see it; null: nobody.")


class CommentBodySerializer(Body):
    text = serializers.CharField(max_length=2_000)
