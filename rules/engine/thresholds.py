"""One catalogue of every number a rule compares with: defaults, bounds, units and words.

Forms, the API's document and the documentation are generated from it; nothing else repeats a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final, Literal

from rules.engine.names import Rule, Severity

# The upper bounds, excluded, of the sizes in call_sizes_daily: all tokens of a call.
SIZES: Final = (50, 100, 200, 500, 1_000)

Cadence = Literal["minute", "hour"]


class ThresholdError(ValueError):
    """A number that a rule does not take; ``name`` is the threshold's and the message a sentence without the value."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number of a rule: what it is when nobody says otherwise, and what it may be."""

    name: str
    label: str
    default: Decimal
    lowest: Decimal
    highest: Decimal
    unit: str
    explanation: str
    is_whole: bool = True
    choices: tuple[Decimal, ...] = ()

    def check(self, value: Decimal) -> None:
        """Say nothing when ``value`` may be used.

        :raises ThresholdError: it may not.
        """
        if not value.is_finite() or not self.lowest <= value <= self.highest:
            raise ThresholdError(self.name, f"{self.label} must be from {self.lowest} to {self.highest} {self.unit}.")
        if self.choices and value not in self.choices:
            allowed = ", ".join(str(choice) for choice in self.choices)
            raise ThresholdError(self.name, f"{self.label} must be one of {allowed} {self.unit}.")
        if self.is_whole and value != value.to_integral_value():
            raise ThresholdError(self.name, f"{self.label} must be a whole number.")


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """What a rule looks for, in words and numbers. ``per`` are the columns of which each combination is one insight."""

    rule: Rule
    title: str
    explanation: str
    fix: str
    per: tuple[str, ...]
    severity: Severity
    cadence: Cadence
    thresholds: tuple[Threshold, ...] = ()
    severities: str = ""

    def defaults(self) -> dict[str, Decimal]:
        return {threshold.name: threshold.default for threshold in self.thresholds}


@dataclass(frozen=True, slots=True)
class RuleConfig:
    """How one project wants a rule. ``values`` holds what differs from the catalogue; ``severity`` None is its own."""

    enabled: bool = True
    values: Mapping[str, Decimal] = field(default_factory=dict)
    severity: Severity | None = None
    muted_features: frozenset[str] = frozenset()

    def number(self, rule: Rule, name: str) -> Decimal:
        """The threshold ``name`` as it holds here."""
        return self.values.get(name, _DEFAULTS[rule][name])

    def whole(self, rule: Rule, name: str) -> int:
        return int(self.number(rule, name))


type Configs = Mapping[Rule, RuleConfig]

DEFAULT: Final = RuleConfig()


def config_of(configs: Configs, rule: Rule) -> RuleConfig:
    """How ``rule`` is wanted; the catalogue's way where nothing is said."""
    return configs.get(rule, DEFAULT)


def checked(rule: Rule, values: Mapping[str, object]) -> dict[str, Decimal]:
    """The thresholds of ``rule`` that ``values`` gives, as exact numbers.

    :raises ThresholdError: one is unknown, no number, or out of its bounds.
    """
    known = {threshold.name: threshold for threshold in CATALOGUE[rule].thresholds}
    found: dict[str, Decimal] = {}
    for name, value in values.items():
        if name not in known:
            raise ThresholdError("thresholds", f"{rule} has no such threshold; it has {', '.join(known) or 'none'}.")
        found[name] = _number(known[name], value)
        known[name].check(found[name])
    return found


def _number(threshold: Threshold, value: object) -> Decimal:
    """:raises ThresholdError: ``value`` is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ThresholdError(threshold.name, f"{threshold.label} must be a number.")
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ThresholdError(threshold.name, f"{threshold.label} must be a number.") from None


def _whole(  # noqa: PLR0917 - rows of a table, read side by side
    name: str, label: str, default: int, bounds: tuple[int, int], unit: str, explanation: str, *choices: int
) -> Threshold:
    lowest, highest = (Decimal(bound) for bound in bounds)
    return Threshold(
        name,
        label,
        Decimal(default),
        lowest,
        highest,
        unit,
        explanation,
        choices=tuple(Decimal(choice) for choice in choices),
    )


def _exact(  # noqa: PLR0917 - as above
    name: str, label: str, default: str, bounds: tuple[str, str], unit: str, explanation: str
) -> Threshold:
    lowest, highest = (Decimal(bound) for bound in bounds)
    return Threshold(name, label, Decimal(default), lowest, highest, unit, explanation, is_whole=False)


def _window_days(default: int = 7) -> Threshold:
    return _whole(
        "days", "Window", default, (1, 30), "full local days", "How many finished days, in your time zone, are summed."
    )


def _least_calls(default: int, explanation: str) -> Threshold:
    return _whole("calls", "At least", default, (10, 1_000_000), "calls", explanation)


def _baseline_days() -> Threshold:
    return _whole(
        "baseline_days", "Compared with", 7, (3, 30), "days before", "How many days before are what is normal."
    )


_SPECS: Final = (
    RuleSpec(
        Rule.MODEL_MISUSE,
        "Premium model for short answers",
        "A premium model answers with so few tokens that a smaller model would most likely do.",
        "Send these calls to the smaller model of the same family and compare the answers on a sample.",
        ("team", "feature", "provider", "model"),
        Severity.HIGH,
        "hour",
        (
            _window_days(),
            _least_calls(50, "Fewer calls in the window say too little."),
            _whole(
                "output_tokens",
                "Output below",
                100,
                (1, 10_000),
                "tokens a call",
                "Mean output of the window's calls below which a premium model is too much.",
            ),
        ),
    ),
    RuleSpec(
        Rule.MODEL_DOWNGRADE,
        "Flagship model for tiny calls",
        "A flagship model gets many calls that are tiny in all: question and answer together.",
        "Send calls of this size to the smaller model; keep the flagship for the long ones.",
        ("team", "provider", "model"),
        Severity.HIGH,
        "hour",
        (
            _window_days(),
            _whole(
                "size",
                "Input and output below",
                100,
                (SIZES[0], SIZES[-1]),
                "tokens",
                "Which calls are tiny: input and output tokens together. Calls are counted by these sizes only.",
                *SIZES,
            ),
            _whole("calls_a_day", "At least", 100, (1, 1_000_000), "such calls a day", "Mean of the window's days."),
        ),
    ),
    RuleSpec(
        Rule.LONG_PROMPTS,
        "Long prompts",
        "Calls read far more than most need, and every token read is paid for.",
        "Send less: trim history, retrieve fewer passages, or summarize what is repeated.",
        ("team", "feature"),
        Severity.MEDIUM,
        "hour",
        (
            _window_days(),
            _least_calls(50, "Fewer calls in the window say too little."),
            _whole(
                "input_tokens",
                "Input above",
                2_000,
                (100, 10_000_000),
                "tokens a call",
                "Mean input of the window's calls above which prompts are long.",
            ),
        ),
    ),
    RuleSpec(
        Rule.CACHE_WASTE,
        "The same prompt again and again",
        "The very same prompt is sent over and over within a day, and paid for every time.",
        "Keep the answer under its prompt and give it again instead of asking again.",
        ("team", "feature"),
        Severity.MEDIUM,
        "hour",
        (_least_calls(50, "Calls with one prompt within a local day from which on it counts as wasted."),),
    ),
    RuleSpec(
        Rule.SPIKE,
        "Spike in traffic",
        "A team makes far more calls on a day than it usually does.",
        "Look at what changed: a release, a campaign, a loop that calls again and again.",
        ("team",),
        Severity.LOW,
        "minute",
        (
            _least_calls(100, "Days with fewer calls are never a spike."),
            _exact("times", "More than", "3", ("1.1", "100"), "times the mean", "How far above normal a spike begins."),
            _exact(
                "times_high",
                "High from more than",
                "10",
                ("1.1", "1000"),
                "times the mean",
                "How far above normal a spike is of high severity.",
            ),
            _baseline_days(),
            _whole(
                "least_days",
                "At least",
                3,
                (1, 30),
                "days before",
                "With fewer days since the first call nobody knows what is normal.",
            ),
        ),
        severities="low; high above ten times the mean",
    ),
    RuleSpec(
        Rule.RAM_OVER_PROVISION,
        "More memory than it needs",
        "A resource never used more than a small part of the memory it was given and is billed for.",
        "Give it a quarter more than its highest use.",
        ("resource",),
        Severity.LOW,
        "hour",
        (
            _window_days(),
            _whole("samples", "At least", 20, (2, 100_000), "samples", "Fewer samples in the window say too little."),
            _exact(
                "used_percent",
                "Highest use below",
                "40",
                ("1", "95"),
                "% of the memory",
                "Highest share of its memory that any sample used.",
            ),
        ),
    ),
    RuleSpec(
        Rule.PROMPT_CACHE_OPPORTUNITY,
        "Prompt caching is not used",
        "Many calls begin with the same long prompt; the provider would read it from its cache for less.",
        "Put what is the same first and turn on the provider's prompt caching.",
        ("team", "feature", "provider", "model"),
        Severity.MEDIUM,
        "hour",
        (
            _least_calls(50, "Calls that begin with one prompt within a local day."),
            _whole(
                "input_tokens",
                "Mean input of at least",
                1_024,
                (1, 10_000_000),
                "tokens a call",
                "Providers cache prompts from about this length on.",
            ),
            _exact(
                "cached_percent",
                "Cached share below",
                "10",
                ("0.1", "99"),
                "% of the input",
                "Share of these calls' input that was read from the cache.",
            ),
        ),
    ),
    RuleSpec(
        Rule.ERROR_BURST,
        "Burst of errors",
        "Far more calls than usual failed within the last full hour.",
        "Look at the kind of error: a limit, an outage, or a change of yours. Consider a fallback model.",
        ("provider", "model", "feature"),
        Severity.HIGH,
        "minute",
        (
            _least_calls(50, "Hours with fewer calls say too little."),
            _exact("error_percent", "Errors above", "10", ("0.1", "100"), "% of the calls", "Share of failed calls."),
            _exact(
                "times", "More than", "3", ("1", "100"), "times the rate before", "How far above normal it must be."
            ),
            _baseline_days(),
        ),
    ),
    RuleSpec(
        Rule.LATENCY_REGRESSION,
        "Answers take much longer",
        "The slowest answers of the last day take more than twice as long as they did before.",
        "Compare with the provider's status, and with what you changed: longer prompts, another model, more load.",
        ("provider", "model", "feature"),
        Severity.MEDIUM,
        "hour",
        (
            _least_calls(100, "Calls without an error, in the last hours as well as before."),
            _exact("times", "95th percentile above", "2", ("1.1", "100"), "times", "How far above normal it must be."),
            _whole("hours", "Window", 24, (1, 168), "full hours", "The last finished hours that are looked at."),
            _baseline_days(),
        ),
    ),
    RuleSpec(
        Rule.UNPRICED_MODEL,
        "Model without a price",
        "Calls of a model that no price list knows: what they cost is unknown and in no sum.",
        "Give the model a price, or say which model of the catalogue it is.",
        ("provider", "model"),
        Severity.MEDIUM,
        "hour",
        (
            _whole("days", "Window", 7, (1, 30), "local days", "The days looked at; the running one is the last."),
            _whole("calls", "At least", 1, (1, 1_000_000), "calls", "Calls without a price in the window."),
        ),
    ),
    RuleSpec(
        Rule.BUDGET_THRESHOLD,
        "Budget reached",
        "A budget's spend reached one of its thresholds. Each budget has its own.",
        "Look at what was spent on, and raise the budget or spend less.",
        ("budget", "threshold", "period"),
        Severity.HIGH,
        "minute",
        severities="low from 50 %, medium from 80 %, high from 100 %",
    ),
    RuleSpec(
        Rule.BUDGET_FORECAST,
        "Budget will not last",
        "Even at the pace of the quietest of the last days the budget is spent before its period ends.",
        "Spend less for the rest of the period, or raise the budget now.",
        ("budget", "period"),
        Severity.MEDIUM,
        "minute",
    ),
)

CATALOGUE: Final[Mapping[Rule, RuleSpec]] = {spec.rule: spec for spec in _SPECS}
_DEFAULTS: Final = {spec.rule: spec.defaults() for spec in _SPECS}
EVERY_MINUTE: Final = frozenset(spec.rule for spec in _SPECS if spec.cadence == "minute")
OF_BUDGETS: Final = frozenset({Rule.BUDGET_THRESHOLD, Rule.BUDGET_FORECAST})
OF_PROJECTS: Final = frozenset(Rule) - OF_BUDGETS
