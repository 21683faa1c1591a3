"""The twelve rules and the three severities, by the names that pages, the API and messages use."""

from enum import StrEnum


class Rule(StrEnum):
    MODEL_MISUSE = "MODEL_MISUSE"
    MODEL_DOWNGRADE = "MODEL_DOWNGRADE"
    LONG_PROMPTS = "LONG_PROMPTS"
    CACHE_WASTE = "CACHE_WASTE"
    SPIKE = "SPIKE"
    RAM_OVER_PROVISION = "RAM_OVER_PROVISION"
    PROMPT_CACHE_OPPORTUNITY = "PROMPT_CACHE_OPPORTUNITY"
    ERROR_BURST = "ERROR_BURST"
    LATENCY_REGRESSION = "LATENCY_REGRESSION"
    UNPRICED_MODEL = "UNPRICED_MODEL"
    BUDGET_THRESHOLD = "BUDGET_THRESHOLD"
    BUDGET_FORECAST = "BUDGET_FORECAST"


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
