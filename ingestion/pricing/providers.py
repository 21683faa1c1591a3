"""Names of providers: between telemetry's canonical ones, the catalogue's ids and what a raw model id gives away."""

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache

from ingestion.pricing import clauses
from ingestion.pricing.catalogue import provider_clauses
from ingestion.pricing.clauses import Predicate
from ingestion.wire.providers import canonical_provider

# The canonical names (otel-dialects.md §2) that differ from the catalogue's id. The first one listed for an id is the
# one we give to a provider inferred from a model id.
CATALOGUE_IDS: Mapping[str, str] = {
    "aws.bedrock": "aws",
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "gcp.gen_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
    "fireworks_ai": "fireworks",
    "together_ai": "together",
}
NAMES_OF_THEIR_OWN = frozenset({"fireworks", "together"})  # no canonical name: the plain one is kept
VERTEX_PATH = re.compile(r"(^|/)publishers/[^/]+/models/")
BEDROCK_ID = re.compile(
    r"^(arn:aws[\w-]*:bedrock:"
    r"|((us|us-gov|eu|apac|au|ca|jp|sa|global)\.)?"
    r"(ai21|amazon|anthropic|cohere|deepseek|meta|minimax|mistral|moonshot|moonshotai|openai|qwen|stability|zai)\.\w)"
)
# Model names that one provider alone uses and that the catalogue's rules leave out.
MORE_MODELS: tuple[tuple[str, dict[str, str]], ...] = (
    ("openai", {"regex": "^(text-embedding-(3|ada)-|dall-e-|omni-moderation|chatgpt-|codex-|sora-)"}),
    ("cohere", {"regex": "^(embed|rerank)-(english|multilingual|v)"}),
    ("perplexity", {"regex": "^sonar(-|$)"}),
)

InferProvider = Callable[[str], str]  # what the wire decoders are given: raw model id → canonical name or ''


@lru_cache(maxsize=4096)
def exact_catalogue_id(name: str) -> str:
    """The catalogue's id of a provider called exactly ``name`` (any known spelling), or ''."""
    canonical = canonical_provider(name)
    ids = {provider.id for provider in provider_clauses()}
    return CATALOGUE_IDS.get(canonical) or (canonical if canonical in ids else "")


def catalogue_id(name: str) -> str:
    """The catalogue's id of a provider, by name or by the catalogue's own clause; '' when it has no such provider."""
    return exact_catalogue_id(name) or _first(_provider_predicates(), name.strip().lower())


def canonical_name(provider_id: str) -> str:
    """OpenTelemetry's name of a catalogue provider; its own id where there is none."""
    if provider_id in NAMES_OF_THEIR_OWN:
        return provider_id
    return next((name for name, known in CATALOGUE_IDS.items() if known == provider_id), provider_id)


@lru_cache(maxsize=4096)
def infer_provider(model: str) -> str:
    """The canonical provider a raw model id gives away, or '' where it could be anybody's.

    The most telling sign first: the form of a Bedrock or Vertex id, a leading ``provider/``, then the catalogue's own
    rules on model names. A fine-tune (``ft:``) belongs to the provider of its base.
    """
    ref = model.strip().lower().removeprefix("ft:")
    head, slash, _ = ref.partition("/")
    if BEDROCK_ID.match(ref):
        return "aws.bedrock"
    if VERTEX_PATH.search(ref) or (slash and canonical_provider(head) == "gcp.vertex_ai"):
        return "gcp.vertex_ai"
    named = exact_catalogue_id(head) if slash else ""
    return canonical_name(named or _first(_model_predicates(), ref.removeprefix("models/")))


@cache
def _provider_predicates() -> tuple[tuple[str, Predicate], ...]:
    known = ((provider.id, provider.provider_match) for provider in provider_clauses())
    return tuple((name, clauses.predicate(clause)) for name, clause in known if clause is not None)


@cache
def _model_predicates() -> tuple[tuple[str, Predicate], ...]:
    known = [(provider.id, provider.model_match) for provider in provider_clauses()]
    return tuple((name, clauses.predicate(clause)) for name, clause in (*known, *MORE_MODELS) if clause is not None)


def _first(predicates: tuple[tuple[str, Predicate], ...], text: str) -> str:
    if not text:
        return ""
    return next((name for name, matches in predicates if matches(text)), "")
