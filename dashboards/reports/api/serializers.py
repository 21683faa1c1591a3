"""Reports and schedules as the API describes and takes them."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.parameters import Body, Choice, OrganizationParameters
from dashboards.reports.models import LONGEST_NAME, Report, Schedule
from dashboards.reports.numbers import SECTIONS
from dashboards.reports.schedule_services import MOST_CHANNELS
from dashboards.reports.spans import LONGEST_DAYS, ON_DEMAND, SCHEDULED, Span
from dashboards.reports.timing import LAST_DAY
from dashboards.reports.words import WEEKDAYS

_LARGEST_ID: Final = 2**63 - 1
_SPANS: Final = tuple(one.value for one in Span)
FORMATS: Final = ("pdf", "html", "txt")
_MONEY: Final = "US dollars, exact. Null: unknown, which is not zero."


@extend_schema_field({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "example": "08:00"})
class _ClockField(serializers.TimeField):
    """Hours and minutes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%H:%M", input_formats=["%H:%M"], **kwargs)


def _count(help_text: str = "") -> serializers.IntegerField:
    return serializers.IntegerField(help_text=help_text)


def _usd() -> serializers.CharField:
    return serializers.CharField(allow_null=True, help_text=_MONEY)


# --- What a report says ---


class SumsSerializer(serializers.Serializer[Any]):
    """Sums over calls; the cost is of those with a price."""

    calls = _count()
    errors = _count()  # type: ignore[assignment] # the document's word, not the serializer's
    unpriced_calls = _count("Without a price, not in the cost.")
    estimated_calls = _count("Whose usage was estimated, in the cost.")
    input_tokens = _count()
    output_tokens = _count()
    cost_usd = _usd()


class ModelSumsSerializer(SumsSerializer):
    provider = serializers.CharField()
    model = serializers.CharField()


class FeatureSumsSerializer(SumsSerializer):
    feature = serializers.CharField()


class TeamSumsSerializer(SumsSerializer):
    team = serializers.CharField(help_text="Empty: none.")


class DaySumsSerializer(SumsSerializer):
    day = serializers.DateField()


class IssueSerializer(serializers.Serializer[Any]):
    """An open insight."""

    id = serializers.IntegerField()
    severity = Choice(("high", "medium", "low"))
    rule = serializers.CharField()
    team = serializers.CharField()
    project = serializers.CharField(allow_null=True, help_text="Null: of the whole organization.")
    title = serializers.CharField()
    place = serializers.CharField(help_text="Model, feature, resource or budget.")
    evidence = serializers.CharField(help_text="The figure that decided, in words.")
    saving_month_usd = _usd()
    is_upper_bound = serializers.BooleanField()
    text = serializers.CharField(help_text="`[SEVERITY] RULE team evidence`.")


class ReportSavingSerializer(serializers.Serializer[Any]):
    """What acting on insights saves; one cost is saved once."""

    month_usd = serializers.CharField()
    year_usd = serializers.CharField()
    is_upper_bound = serializers.BooleanField()
    insights = _count("How many insights it is of.")


class IssueCountsSerializer(serializers.Serializer[Any]):
    high = _count()
    medium = _count()
    low = _count()


class _RangeSerializer(serializers.Serializer[Any]):
    expected = serializers.CharField(allow_null=True, help_text="Null: there is no forecast.")
    low = serializers.CharField(allow_null=True)
    high = serializers.CharField(allow_null=True)


class ReportBudgetSerializer(_RangeSerializer):
    """A budget in its running period."""

    name = serializers.CharField()
    counts = serializers.CharField(help_text="`cost_usd` or `tokens`.")
    period = serializers.CharField()
    limit = serializers.CharField()
    spent = serializers.CharField()
    unpriced_calls = _count()
    standing = serializers.CharField()


class ReportForecastSerializer(_RangeSerializer):
    """The running calendar month."""

    month = serializers.DateField(help_text="Its first day.")
    spent_usd = _usd()
    unpriced_calls = _count()
    budgets = ReportBudgetSerializer(many=True)


class NumbersSerializer(serializers.Serializer[Any]):
    """Everything that a report says."""

    made_at = serializers.DateTimeField()
    organization = serializers.CharField()
    project = serializers.CharField(allow_null=True, help_text="Null: all that may be seen.")
    time_zone = serializers.CharField()
    to = serializers.DateField(help_text="The last day, itself included.")
    hidden_projects = _count("Left out, because whoever it is made for may not see them.")
    calls = _count()
    cloud_entries = _count("Samples of cloud functions and workers.")
    llm_spend_usd = _usd()
    cloud_spend_usd = _usd()
    unpriced_calls = _count()
    estimated_calls = _count()
    total = SumsSerializer()
    before = SumsSerializer(allow_null=True, help_text="The period before; null where numbers do not reach back.")
    issue_counts = IssueCountsSerializer()
    issues = IssueSerializer(many=True, help_text="By severity, then by what they save; at most 200.")
    savings = ReportSavingSerializer(help_text="Of all open insights.")
    savings_found = ReportSavingSerializer(help_text="Of insights that opened within the period.")
    savings_realised = ReportSavingSerializer(help_text="Of insights that the rule finds no more since.")
    top_models = ModelSumsSerializer(many=True, help_text="At most 50.")
    top_features = FeatureSumsSerializer(many=True, help_text="At most 50.")
    teams = TeamSumsSerializer(many=True, help_text="At most 50.")
    days = DaySumsSerializer(many=True)
    forecast = ReportForecastSerializer(allow_null=True)
    text = serializers.CharField(help_text="The same for terminals.")

    def get_fields(self) -> dict[str, Any]:
        """``from`` is a word of the language."""
        return super().get_fields() | {"from": serializers.DateField(help_text="The first day.")}


# --- Reports ---


class ReportSerializer(serializers.Serializer[Any]):
    """A report, without what it says."""

    id = serializers.IntegerField()
    state = Choice(tuple(Report.State.values))
    error = serializers.CharField(help_text="Why it failed.")
    project = serializers.CharField(allow_null=True, help_text="Slug. Null: all projects.")
    schedule = serializers.IntegerField(allow_null=True)
    period = Choice(_SPANS)
    to = serializers.DateField()
    sections = serializers.ListField(child=Choice(tuple(SECTIONS)))
    made_for = serializers.CharField(help_text="Whose rights it was made with; empty: somebody who left.")
    pdf_bytes = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    made_at = serializers.DateTimeField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        """``from`` is a word of the language."""
        return super().get_fields() | {"from": serializers.DateField()}


class WholeReportSerializer(ReportSerializer):
    """A report with what it says, once it is ready."""

    report = NumbersSerializer(allow_null=True)


class ReportListSerializer(serializers.Serializer[Any]):
    results = ReportSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last one.")


class ReportListParameters(OrganizationParameters):
    before = serializers.IntegerField(
        required=False, min_value=1, max_value=_LARGEST_ID, help_text="Older than the report of this id; see `next`."
    )
    limit = serializers.IntegerField(required=False, min_value=1, max_value=200, default=50)


class FileParameters(OrganizationParameters):
    format = Choice(FORMATS, required=False, help_text="Instead of `Accept`; without either it is the PDF.")


class TerminalParameters(OrganizationParameters):
    days = serializers.IntegerField(
        required=False, min_value=1, max_value=LONGEST_DAYS, default=30, help_text="Today and the days before it."
    )
    project = serializers.CharField(required=False, max_length=50, help_text="Slug. Without it: all you may see.")
    format = Choice(("json", "txt"), required=False, help_text="Instead of `Accept`; without either it is JSON.")


class NewReportSerializer(Body):
    """A report to be made."""

    period = Choice(tuple(one.value for one in ON_DEMAND), default=Span.LAST_7_DAYS.value)
    to = serializers.DateField(required=False, help_text="The last day of period `custom`; without it, today.")
    project = serializers.CharField(required=False, max_length=50, help_text="Slug. Without it: all projects.")
    sections = serializers.ListField(
        child=Choice(tuple(SECTIONS)), required=False, max_length=20, help_text="Without them: all."
    )

    def get_fields(self) -> dict[str, Any]:
        """``from`` is a word of the language."""
        first = serializers.DateField(required=False, help_text="The first day of period `custom`.")
        return super().get_fields() | {"from": first}


# --- Schedules ---


class ScheduleSerializer(serializers.Serializer[Any]):
    """A report that comes by itself."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    cadence = Choice(tuple(Schedule.Cadence.values))
    weekday = serializers.IntegerField(allow_null=True, help_text="Of a weekly one: 0 is Monday.")
    month_day = serializers.IntegerField(allow_null=True, help_text="Of a monthly one; a shorter month’s last day.")
    at = _ClockField(help_text="On the organization’s clock.")
    period = Choice(tuple(one.value for one in SCHEDULED))
    project = serializers.CharField(allow_null=True, help_text="Slug. Null: all projects.")
    sections = serializers.ListField(child=Choice(tuple(SECTIONS)))
    channels = serializers.ListField(child=serializers.IntegerField(), help_text="Ids of channels.")
    attach_pdf = serializers.BooleanField(help_text="To mails.")
    active = serializers.BooleanField()
    paused_reason = serializers.CharField(help_text="Why TokenOps paused it; else empty.")
    next_at = serializers.DateTimeField(allow_null=True, help_text="Null while it is paused.")
    made_for = serializers.CharField(help_text="Whose rights its reports are made with.")
    created_at = serializers.DateTimeField()


class ScheduleListSerializer(serializers.Serializer[Any]):
    results = ScheduleSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null: the list has one page.")


class ScheduleChangeSerializer(Body):
    """What is to change; what is left out stays."""

    name = serializers.CharField(max_length=LONGEST_NAME, required=False)
    cadence = Choice(tuple(Schedule.Cadence.values), required=False)
    weekday = serializers.IntegerField(min_value=0, max_value=len(WEEKDAYS) - 1, required=False)
    month_day = serializers.IntegerField(min_value=1, max_value=LAST_DAY, required=False)
    at = _ClockField(required=False)
    period = Choice(tuple(one.value for one in SCHEDULED), required=False)
    project = serializers.CharField(max_length=50, required=False, allow_null=True, help_text="Slug. Null: all.")
    sections = serializers.ListField(child=Choice(tuple(SECTIONS)), required=False, max_length=20)
    channels = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=_LARGEST_ID), required=False, max_length=MOST_CHANNELS
    )
    attach_pdf = serializers.BooleanField(required=False)
    active = serializers.BooleanField(required=False, help_text="False pauses it.")


class NewScheduleSerializer(ScheduleChangeSerializer):
    """A schedule to be."""

    name = serializers.CharField(max_length=LONGEST_NAME)
    cadence = Choice(tuple(Schedule.Cadence.values))
    at = _ClockField()
    channels = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=_LARGEST_ID), max_length=MOST_CHANNELS
    )
