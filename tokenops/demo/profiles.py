"""Who calls which model for what in the demo, chosen so that every rule of the product finds one case and no more."""

from dataclasses import dataclass, field
from typing import Final, Literal

Situation = Literal["", "spike", "error-burst", "latency-regression"]


@dataclass(frozen=True, slots=True)
class Profile:
    """One steady stream of calls. Token counts and latency are medians of a log-normal spread."""

    project: str
    team: str
    feature: str
    provider: str
    model: str
    daily_calls: int
    input_tokens: int
    output_tokens: int
    latency_ms: int
    cached_share: float = 0.0  # of input tokens, where the provider caches
    reasoning_share: float = 0.0  # of output tokens
    error_rate: float = 0.004
    stream: bool = False
    operation: str = "chat"
    distinct_prompts: int = 0  # 0: every prompt is new; else calls share this many prompt hashes a day
    shared_prefix: bool = False
    growth: float = 0.3  # by how much the daily number grew over the ninety days
    weekend: float = 0.45  # share of a weekday's calls
    situation: Situation = ""
    trace_calls: int = 1  # calls of one run of an agent, which are one trace
    first_day: int = 0  # days after the start of the demo on which the feature was launched
    tags: dict[str, str] = field(default_factory=dict)


PROXIED: Final = frozenset({"research"})  # projects whose calls go through the gateway
PROJECTS: Final = {"assistant": "Assistant", "documents": "Documents", "research": "Research"}

# With what else calls may name them. "platform" is left over on purpose: it is one click away from becoming a team.
TEAMS: Final[dict[str, tuple[str, ...]]] = {
    "Support": ("customer-care",),
    "Growth": (),
    "Legal": ("contracts",),
    "Operations": ("ops",),
    "Research": ("r-and-d",),
}

PROFILES: Final = (
    # The product's main feature: healthy, cached, growing.
    Profile("assistant", "support", "chatbot", "openai", "gpt-4o-mini", 210, 1_450, 240, 1_900,
            cached_share=0.45, stream=True, growth=0.6, tags={"channel": "web"}),
    Profile("assistant", "support", "chatbot", "anthropic", "claude-sonnet-4-20250514", 46, 7_400, 640, 6_200,
            cached_share=0.6, stream=True, growth=0.8, trace_calls=3, tags={"channel": "web"}),
    # MODEL_MISUSE: a premium model that answers with one word.
    Profile("assistant", "support", "intent-routing", "openai", "gpt-4o", 95, 1_500, 9, 620),
    # CACHE_WASTE: a few questions asked again and again.
    Profile("assistant", "growth", "faq-answers", "openai", "gpt-4o-mini", 120, 640, 130, 1_250, distinct_prompts=1,
            weekend=0.8),
    # SPIKE: a campaign that started yesterday.
    Profile("assistant", "marketing", "campaign-copy", "openai", "gpt-4.1-mini", 30, 520, 310, 2_300,
            situation="spike"),
    # LONG_PROMPTS and PROMPT_CACHE_OPPORTUNITY: whole contracts behind the same instructions, never cached.
    Profile("documents", "legal", "contract-review", "anthropic", "claude-sonnet-4-20250514", 80, 26_000, 1_900, 19_800,
            shared_prefix=True, weekend=0.85),
    Profile("documents", "legal", "clause-extraction", "anthropic", "claude-3-5-haiku-20241022", 58, 1_700, 260, 2_700,
            weekend=0.15),
    # MODEL_DOWNGRADE: a flagship model for calls of a few dozen tokens.
    Profile("documents", "operations", "label-check", "google", "gemini-2.5-pro", 150, 52, 14, 900, weekend=0.8),
    # … and for long ones too, so that its answers are not short on the whole.
    Profile("documents", "operations", "label-check", "google", "gemini-2.5-pro", 30, 1_400, 1_300, 9_500, weekend=0.8,
            tags={"step": "explain"}),
    Profile("documents", "operations", "invoice-parsing", "google", "gemini-2.0-flash", 110, 9_100, 840, 3_000,
            weekend=0.3, tags={"pipeline": "invoices"}),
    # LATENCY_REGRESSION: twice as slow since yesterday.
    Profile("documents", "operations", "summarization", "openai", "gpt-4o-mini", 160, 1_500, 190, 1_700,
            situation="latency-regression", weekend=0.85),
    Profile("research", "research", "research-agent", "openai", "gpt-5", 34, 68_000, 5_200, 34_000,
            cached_share=0.7, reasoning_share=0.55, growth=1.2, weekend=0.6, first_day=25, trace_calls=6),
    Profile("research", "research", "embeddings", "openai", "text-embedding-3-small", 90, 1_100, 0, 240,
            operation="embedding"),
    # UNPRICED_MODEL: a model of the team's own that no catalogue lists.
    Profile("research", "research", "code-review", "vllm", "northwind-coder-13b", 26, 3_300, 520, 6_100,
            first_day=60, growth=0.1),
    # ERROR_BURST: the provider refuses in the last hours.
    Profile("research", "platform", "translation", "mistral_ai", "mistral-large-latest", 110, 620, 580, 3_900,
            situation="error-burst", stream=True),
)  # fmt: skip
