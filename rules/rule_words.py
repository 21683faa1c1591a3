"""Every rule's exact condition in words and as a formula, with the numbers that hold: for pages, the API and docs."""

from decimal import Decimal
from typing import Final

from rules.engine.names import Rule
from rules.engine.thresholds import CATALOGUE, DEFAULT, RuleConfig

_SENTENCES: Final = {
    Rule.MODEL_MISUSE: "In the last {days} full local days, a team’s calls of one feature to one premium model were at"
    " least {calls} and answered with fewer than {output_tokens} output tokens on average.",
    Rule.MODEL_DOWNGRADE: "In the last {days} full local days, a team sent one flagship model at least {calls_a_day}"
    " calls a day on average that had fewer than {size} tokens, input and output together.",
    Rule.LONG_PROMPTS: "In the last {days} full local days, a team’s calls of one feature were at least {calls} and"
    " read more than {input_tokens} input tokens on average.",
    Rule.CACHE_WASTE: "Within one local day, a team’s calls of one feature sent some very same prompt at least {calls}"
    " times.",
    Rule.SPIKE: "On a local day, the running one included, a team made at least {calls} calls and more than {times}"
    " times the mean of the {baseline_days} days before. A day without calls counts as none, days before the first call"
    " do not count, and there must be at least {least_days}. Above {times_high} times it is of high severity.",
    Rule.RAM_OVER_PROVISION: "In the last {days} full local days, a resource sent at least {samples} samples and none"
    " used {used_percent} % of its memory or more.",
    Rule.PROMPT_CACHE_OPPORTUNITY: "Within one local day, at least {calls} calls of a team, feature and model began"
    " with the same prompt, read at least {input_tokens} input tokens on average, and less than {cached_percent} % of"
    " them from the cache, though the provider lists a price for that.",
    Rule.ERROR_BURST: "In the last full hour, one model got at least {calls} calls of one feature; more than"
    " {error_percent} % of them failed, and more than {times} times the share of the {baseline_days} days before.",
    Rule.LATENCY_REGRESSION: "In the last {hours} full hours and in the {baseline_days} days before, one model answered"
    " at least {calls} calls of one feature without an error, and the 95th percentile of their latency is more than"
    " {times} × 1.11 times what it was.",
    Rule.UNPRICED_MODEL: "In the last {days} local days, the running one included, a model got at least {calls}"
    " calls that no rate card prices.",
    Rule.BUDGET_THRESHOLD: "A budget’s spend in its period is at or above one of its thresholds.",
    Rule.BUDGET_FORECAST: "The low end of a budget’s forecast for its period is above its limit.",
}
_FORMULAS: Final = {
    Rule.MODEL_MISUSE: "model is premium and calls ≥ {calls} and output tokens ÷ calls < {output_tokens}",
    Rule.MODEL_DOWNGRADE: "model is flagship and calls with input + output < {size} ÷ {days} ≥ {calls_a_day}",
    Rule.LONG_PROMPTS: "calls ≥ {calls} and input tokens ÷ calls > {input_tokens}",
    Rule.CACHE_WASTE: "some prompt hash has calls ≥ {calls}",
    Rule.SPIKE: "calls ≥ {calls} and calls > {times} × mean of the {baseline_days} days before, of which ≥ {least_days}"
    " count; > {times_high} ×: high",
    Rule.RAM_OVER_PROVISION: "samples ≥ {samples} and highest used ÷ allocated < {used_percent} %",
    Rule.PROMPT_CACHE_OPPORTUNITY: "calls of one prefix hash ≥ {calls} and input tokens ÷ calls ≥ {input_tokens} and"
    " cached ÷ input < {cached_percent} % and the provider lists a cached rate",
    Rule.ERROR_BURST: "calls ≥ {calls} and errors ÷ calls > {error_percent} % and > {times} × the rate of the"
    " {baseline_days} days before",
    Rule.LATENCY_REGRESSION: "ok calls ≥ {calls} in both and p95 > {times} × 1.11 × p95 of the {baseline_days} days"
    " before the last {hours} full hours",
    Rule.UNPRICED_MODEL: "calls without a price in {days} days ≥ {calls}",
    Rule.BUDGET_THRESHOLD: "spend ≥ threshold × limit",
    Rule.BUDGET_FORECAST: "low end of the forecast > limit",
}


def condition(rule: Rule, config: RuleConfig = DEFAULT) -> str:
    """When ``rule`` fires, in a sentence."""
    return _SENTENCES[rule].format(**_numbers(rule, config))


def formula(rule: Rule, config: RuleConfig = DEFAULT) -> str:
    """When ``rule`` fires, as a formula."""
    return _FORMULAS[rule].format(**_numbers(rule, config))


def number(value: Decimal) -> str:
    """As people read it: ``2,000``, ``0.5``."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _numbers(rule: Rule, config: RuleConfig) -> dict[str, str]:
    return {one.name: number(config.number(rule, one.name)) for one in CATALOGUE[rule].thresholds}
