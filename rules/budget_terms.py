"""What a budget may say. Refusals name the field and never repeat what was given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.core.exceptions import ValidationError

from ingestion.wire.identity import looks_personal
from rules.engine.budgets import DEFAULT_THRESHOLDS
from rules.models import Budget
from tenants.models import ApiKey, Project

LONGEST_NAME: Final = 100
LONGEST_FEATURE: Final = 100
LONGEST_USER: Final = 255
MOST_THRESHOLDS: Final = 10
LOWEST_THRESHOLD, HIGHEST_THRESHOLD = 1, 1_000
MOST_USD: Final = Decimal(10) ** 12
MOST_TOKENS: Final = Decimal(10) ** 18
USD_PLACES: Final = 12
_NO_FEATURES: Final = frozenset({"(other)"})  # what rollups call everything beyond the values they keep apart

Scope, Metric = Budget.Scope, Budget.Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A budget to be. What its scope does not ask for must be empty."""

    name: str
    scope: str
    period: str
    limit: object
    metric: str = Metric.COST_USD
    thresholds: Sequence[object] = DEFAULT_THRESHOLDS
    project: Project | None = None
    team: str = ""
    feature: str = ""
    user_id: str = ""
    api_key: ApiKey | None = None


# What each scope needs to be said beside it.
NEEDED: Final[dict[str, tuple[str, ...]]] = {
    Scope.ORGANIZATION: (),
    Scope.TEAM: ("team",),
    Scope.PROJECT: ("project",),
    Scope.FEATURE: ("project", "feature"),
    Scope.USER: ("user_id",),
    Scope.KEY: ("api_key",),
}
_ASKED: Final = {
    "team": "Choose a team.",
    "project": "Choose a project.",
    "feature": "Name the feature.",
    "user_id": "Name the end user.",
    "api_key": "Choose an API key.",
}


def checked(wanted: Wanted) -> dict[str, Any]:
    """The columns of a budget as ``wanted``, without those that the database must be asked about.

    :raises ValidationError: everything that cannot be so, by field.
    """
    problems: dict[str, list[str]] = {}
    columns: dict[str, Any] = {
        "name": _try("name", lambda: name(wanted.name), problems),
        "scope": _try("scope", lambda: _one_of(wanted.scope, Budget.Scope.values), problems),
        "metric": _try("metric", lambda: _one_of(wanted.metric, Budget.Metric.values), problems),
        "period": _try("period", lambda: _one_of(wanted.period, Budget.Period.values), problems),
        "limit": _try("limit", lambda: limit(wanted.limit, wanted.metric), problems),
        "thresholds": _try("thresholds", lambda: thresholds(wanted.thresholds), problems),
    }
    for field, message in _scope_problems(wanted).items():
        problems.setdefault(field, []).append(message)
    if problems:
        raise ValidationError(problems)
    return columns | {field: getattr(wanted, field) for field in _ASKED}


def _try[T](field: str, read: Callable[[], T], problems: dict[str, list[str]]) -> T | None:
    try:
        return read()
    except ValidationError as error:
        problems.setdefault(field, []).extend(error.messages)
        return None


def _scope_problems(wanted: Wanted) -> dict[str, str]:
    """What the scope needs and has not, and what it has and does not need."""
    if wanted.scope not in NEEDED:
        return {}
    needed = NEEDED[wanted.scope]
    missing = {field: sentence for field, sentence in _ASKED.items() if field in needed and not getattr(wanted, field)}
    needless = {
        field: "A budget of this scope has none." for field in _ASKED if field not in needed and getattr(wanted, field)
    }
    return missing | needless | _text_problems(wanted)


def _text_problems(wanted: Wanted) -> dict[str, str]:
    problems = {}
    if not wanted.feature.isprintable() or len(wanted.feature) > LONGEST_FEATURE or wanted.feature in _NO_FEATURES:
        problems["feature"] = f"Use 1 to {LONGEST_FEATURE} visible characters."
    if not wanted.user_id.isprintable() or len(wanted.user_id) > LONGEST_USER:
        problems["user_id"] = f"Use 1 to {LONGEST_USER} visible characters."
    return problems


def name(given: str) -> str:
    """:raises ValidationError: it is empty, too long, or has characters that cannot be seen."""
    stripped = given.strip()
    if not stripped or len(stripped) > LONGEST_NAME or not stripped.isprintable():
        raise ValidationError(f"Use 1 to {LONGEST_NAME} visible characters.")
    return stripped


def limit(given: object, metric: str) -> Decimal:
    """A limit of US dollars or tokens as an exact number.

    :raises ValidationError: it is none, not above zero, too large or too fine.
    """
    number = _number(given)
    if number <= 0:
        raise ValidationError("The limit must be above zero. To stop watching, pause or delete the budget.")
    if metric == Metric.TOKENS:
        return _tokens(number)
    if number > MOST_USD:
        raise ValidationError(f"The limit can be {MOST_USD:,f} USD at most.")
    if number != number.quantize(Decimal(1).scaleb(-USD_PLACES)):
        raise ValidationError(f"Use {USD_PLACES} decimals at most.")
    return number


def _tokens(number: Decimal) -> Decimal:
    if number > MOST_TOKENS:
        raise ValidationError(f"The limit can be {MOST_TOKENS:,f} tokens at most.")
    if number != number.to_integral_value():
        raise ValidationError("Tokens are whole numbers.")
    return number.to_integral_value()


def _number(given: object) -> Decimal:
    if isinstance(given, bool) or not isinstance(given, str | int | float | Decimal):
        raise ValidationError("Give a number.")
    try:
        number = Decimal(str(given).strip().replace(",", "").removeprefix("$"))
    except InvalidOperation:
        raise ValidationError("Give a number.") from None
    if not number.is_finite() or abs(number.adjusted()) > 40:  # noqa: PLR2004 - beyond every bound, and cheap to refuse
        raise ValidationError("Give a number.")
    return number


def thresholds(given: Sequence[object]) -> list[int]:
    """Percentages of the limit, from the lowest to the highest.

    :raises ValidationError: none, too many, no whole numbers, out of bounds, twice the same, or not in order.
    """
    if not 0 < len(given) <= MOST_THRESHOLDS:
        raise ValidationError(f"Give 1 to {MOST_THRESHOLDS} thresholds.")
    numbers = [_whole(one) for one in given]
    if any(not LOWEST_THRESHOLD <= one <= HIGHEST_THRESHOLD for one in numbers):
        raise ValidationError(f"Thresholds are from {LOWEST_THRESHOLD} to {HIGHEST_THRESHOLD:,} % of the limit.")
    if len(set(numbers)) < len(numbers):
        raise ValidationError("A threshold is there twice.")
    if numbers != sorted(numbers):
        raise ValidationError("List thresholds from the lowest to the highest.")
    return numbers


def _whole(given: object) -> int:
    """:raises ValidationError: it is no whole number."""
    text = str(given).strip().removesuffix("%").strip()
    if isinstance(given, bool | float) or not text.lstrip("-").isdecimal() or len(text) > 10:  # noqa: PLR2004
        raise ValidationError("Thresholds are whole numbers of percent, such as 50, 80, 100.")
    return int(text)


def _one_of(given: str, allowed: Sequence[str]) -> str:
    if given not in allowed:
        raise ValidationError(f"Must be one of: {', '.join(allowed)}.")
    return given


def is_personal(user_id: str) -> bool:
    """Whether calls are stored with a keyed hash in its place, unless their project says otherwise."""
    return looks_personal(user_id)
