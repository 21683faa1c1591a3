"""What is asked and sent about insights."""

from typing import Any

from rest_framework import serializers

from core.parameters import Body, Choice, Moment, Values
from rules.engine.names import Rule, Severity
from rules.insight_life import LONGEST_COMMENT
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


class Text(serializers.CharField):
    """A text that was sent as one: a number is a mistake."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Id(serializers.IntegerField):
    """A number that was sent as one."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data


class MuteSerializer(Body):
    until = Moment(help_text="From now on, at most a year ahead.")


class AssignSerializer(Body):
    assignee = Id(allow_null=True, help_text="Id of a member who may see it; null: nobody.")


class CommentBodySerializer(Body):
    text = Text(max_length=LONGEST_COMMENT)
