"""Which card an id finds, step by step, and what is never stripped to find one."""

import pytest

from ingestion.pricing import clauses, matching
from ingestion.pricing.book import PriceBook
from ingestion.pricing.cards import RateCard
from ingestion.pricing.matching import CardIndex, clean, infer_provider
from ingestion.pricing.providers import canonical_name, catalogue_id
from ingestion.tests.pricing.factories import NOW, make_call, make_card
from ingestion.wire.types import Usage

A_TOKEN = Usage(input_tokens=1)


@pytest.mark.parametrize(
    ("provider", "model", "step", "key"),
    [
        ("openai", "gpt-4o", "exact", "gpt-4o"),
        ("openai", "GPT-4o", "exact", "gpt-4o"),
        ("openai", "gpt-4o-2024-08-06", "exact", "gpt-4o"),
        ("openai", "gpt-4o-2024-05-13", "exact", "gpt-4o-2024-05-13"),
        ("openai", "ft:gpt-4o-2024-08-06:acme::abc", "exact", "ft:gpt-4o"),
        ("aws.bedrock", "us.amazon.nova-lite-v1:0", "exact", "amazon.nova-lite-v1:0"),
        ("openai", "openai/gpt-4o", "prefix", "gpt-4o"),
        ("gcp.gemini", "models/gemini-2.0-flash", "exact", "gemini-2.0-flash"),
        ("azure.ai.openai", "azure/gpt-4o-mini", "prefix", "gpt-4o-mini"),
        ("openai", "gpt-4o-20240513", "date-dashed", "gpt-4o-2024-05-13"),
        ("openai", "openai/gpt-4o-20240513", "date-dashed", "gpt-4o-2024-05-13"),
        ("openai", "gpt-4o-mini-2031-01-01", "suffix", "gpt-4o-mini"),
    ],
)
def test_the_catalogue_is_asked_step_by_step(book: PriceBook, provider: str, model: str, step: str, key: str) -> None:
    priced = book.price(1, make_call(provider, model, usage=A_TOKEN))

    assert (priced.price_match, priced.model_key) == (step, key)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o:free"),
        ("openai", "gpt-4o:nitro"),
        ("openai", "ft:gpt-4.1-2025-04-14:acme::abc"),
        ("openai", "us.gpt-4o"),
        ("openai", "eu/gpt-4o"),
        ("openai", "anthropic/claude-sonnet-4"),
        ("openai", "claude-sonnet-4"),
        ("anthropic", "gpt-4o"),
        ("openai", "my-openai-proxy/gpt-4o"),
        ("openai", "gpt-4o-2031-01-01"),  # the catalogue prices another date of it apart
        ("openai", "gpt-4o-20240230"),  # no such day
        ("aws.bedrock", "arn:aws:bedrock:eu-west-1:1:application-inference-profile/x"),
    ],
)
def test_what_changes_the_price_is_never_removed(book: PriceBook, provider: str, model: str) -> None:
    priced = book.price(1, make_call(provider, model, usage=A_TOKEN))

    assert (priced.cost_usd, priced.cost_source, priced.price_match) == (None, "none", "")
    assert priced.model_key == model


@pytest.mark.parametrize(
    ("ref", "step"),
    [
        ("base", "exact"),
        ("models/base", "prefix"),
        ("publishers/google/models/base", "prefix"),
        ("accounts/fireworks/models/base", "prefix"),
        ("openai/base", "prefix"),
        ("openai/models/base", "prefix"),
        ("base-2025-12-11", "suffix"),
        ("base-20251211", "suffix"),
        ("base@20251211", "suffix"),
        ("base-v1:0", "suffix"),
        ("base-20251211-v2:0", "suffix"),
        ("openai/base-2025-12-11-v1:0", "suffix"),
    ],
)
def test_each_step_removes_only_its_own(ref: str, step: str) -> None:
    book = PriceBook([make_card({"input_tokens": "1"}, catalogue_id="base")])

    assert book.price(1, make_call("openai", ref, usage=A_TOKEN)).price_match == step


@pytest.mark.parametrize(
    "ref", ["base-2025", "base-12-11", "base-v1", "base-latest", "base-2025-1211", "base:2025-12-11", "x/base", "base/"]
)
def test_other_endings_stay(ref: str) -> None:
    book = PriceBook([make_card({"input_tokens": "1"}, catalogue_id="base")])

    assert book.price(1, make_call("openai", ref, usage=A_TOKEN)).cost_usd is None


@pytest.mark.parametrize("sibling", ["base-2024-05-13", "base-20240513", "base-20240513-v1:0"])
def test_a_date_is_not_removed_where_another_date_is_a_model_of_its_own(sibling: str) -> None:
    base = make_card({"input_tokens": "1"}, catalogue_id="base")
    dated = make_card({"input_tokens": "2"}, catalogue_id=sibling, position=1)
    call = make_call("openai", "base-2025-12-11", usage=A_TOKEN)

    assert PriceBook([base]).price(1, call).price_match == "suffix"
    assert PriceBook([base, dated]).price(1, call).cost_usd is None


def test_another_date_at_the_price_of_the_base_is_no_sibling() -> None:
    clause = {"or": [{"equals": "base"}, {"equals": "base-2024-05-13"}]}
    base = make_card({"input_tokens": "1"}, catalogue_id="base", match=clause)

    priced = PriceBook([base]).price(1, make_call("openai", "base-2025-12-11", usage=A_TOKEN))

    assert priced.price_match == "suffix"


def test_the_response_model_goes_through_all_steps_before_the_model() -> None:
    asked = make_card({"input_tokens": "1"}, catalogue_id="asked")
    answered = make_card({"input_tokens": "2"}, catalogue_id="answered", position=1)
    book = PriceBook([asked, answered])

    def matched(response_model: str) -> tuple[str, str]:
        priced = book.price(1, make_call("openai", "asked", response_model=response_model, usage=A_TOKEN))
        return priced.model_key, priced.price_match

    assert matched("answered-2025-12-11") == ("answered", "suffix")
    assert matched("unheard-of") == ("asked", "exact")
    assert matched("") == ("asked", "exact")


def test_the_catalogues_order_decides_among_several_hits() -> None:
    first = make_card({"input_tokens": "1"}, catalogue_id="first", match={"contains": "x"}, position=0)
    second = make_card({"input_tokens": "2"}, catalogue_id="second", match={"equals": "x"}, position=1)

    assert [card.catalogue_id for card in CardIndex([second, first]).hits("X")] == ["first", "second"]


def test_the_first_model_with_a_fitting_card_decides_and_then_the_closest_context() -> None:
    only_batch = make_card({}, catalogue_id="a", context={"processing": "batch"})
    usual = make_card({}, catalogue_id="b", position=1)
    priority = make_card({}, catalogue_id="b", position=1, context={"service_tier": "priority"})
    hits = [only_batch, usual, priority]

    def chosen(context: dict[str, str]) -> RateCard | None:
        return matching.select(hits, at=NOW, second=0, context=context)

    assert chosen({"processing": "batch"}) is only_batch
    assert chosen({}) is usual
    assert chosen({"service_tier": "priority"}) is priority
    assert chosen({"service_tier": "flex"}) is usual


@pytest.mark.parametrize(
    ("ref", "provider", "cleaned"),
    [
        ("gpt-4o", "openai", "gpt-4o"),
        (" gpt-4o ", "openai", "gpt-4o"),
        ("OpenAI/gpt-4o", "openai", "gpt-4o"),
        ("openai/gpt-4o", "openrouter", "openai/gpt-4o"),
        ("openrouter/openai/gpt-4o", "openrouter", "openai/gpt-4o"),
        ("vertex_ai/gemini-2.5-pro", "gcp.vertex_ai", "gemini-2.5-pro"),
        ("bedrock/anthropic.claude-v2", "aws.bedrock", "anthropic.claude-v2"),
        ("fireworks_ai/accounts/fireworks/models/x", "fireworks", "x"),
        ("vllm/llama", "vllm", "llama"),
        ("openai/", "openai", "openai/"),
        ("models/", "gcp.gemini", "models/"),
        ("ft:gpt-4o:acme", "openai", "ft:gpt-4o:acme"),
    ],
)
def test_a_cleaned_name_has_lost_its_transport_prefix_and_nothing_else(ref: str, provider: str, cleaned: str) -> None:
    assert clean(ref, provider) == cleaned


# Clauses


@pytest.mark.parametrize(
    ("clause", "matching_text", "other_text"),
    [
        ({"equals": "Gpt"}, "gpt", "gpt-4"),
        ({"starts_with": "GPT-"}, "gpt-4", "my-gpt-4"),
        ({"ends_with": "-Mini"}, "gpt-mini", "gpt-mini-2"),
        ({"contains": "Claude"}, "us.claude-3", "gpt"),
        ({"regex": r"^o[134]"}, "o3-mini", "o2"),
        ({"or": [{"equals": "a"}, {"and": [{"starts_with": "b"}, {"ends_with": "c"}]}]}, "b-c", "b-d"),
    ],
)
def test_clauses_match_lower_cased_ids(clause: dict[str, object], matching_text: str, other_text: str) -> None:
    matches = clauses.predicate(clause)

    assert matches(matching_text)
    assert not matches(other_text)


@pytest.mark.parametrize("clause", [{}, {"like": "x"}, {"equals": "a", "contains": "b"}])
def test_a_clause_outside_the_language_is_refused(clause: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="match clause"):
        clauses.predicate(clause)


def test_looking_up_literals_and_the_rest_is_the_same_as_the_clause(catalogue: list[RateCard]) -> None:
    for card in catalogue:
        known = clauses.literals(card.match)
        rest = clauses.without_literals(card.match)
        whole = clauses.predicate(card.match)

        assert all(whole(literal) for literal in known)
        for text in ("gpt-4o", "claude-3-5-sonnet", "us.amazon.nova-lite-v1:0", card.catalogue_id.lower()):
            split = text in known or (rest is not None and clauses.predicate(rest)(text))
            assert split == whole(text)


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ({"equals": "x"}, False),
        ({"regex": "x"}, True),
        ({"or": [{"equals": "x"}, {"and": [{"regex": "x"}]}]}, True),
    ],
)
def test_a_regular_expression_is_found_at_any_depth(clause: dict[str, object], expected: bool) -> None:
    assert clauses.has_regex(clause) is expected


# Providers


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o", "openai"),
        ("GPT-4o", "openai"),
        ("o3-mini", "openai"),
        ("text-embedding-3-small", "openai"),
        ("ft:gpt-4o-mini:acme::x", "openai"),
        ("openai/gpt-4o", "openai"),
        ("claude-sonnet-4", "anthropic"),
        ("gemini-2.5-pro", "gcp.gemini"),
        ("models/gemini-2.0-flash", "gcp.gemini"),
        ("publishers/google/models/gemini-2.5-pro", "gcp.vertex_ai"),
        ("vertex_ai/claude-sonnet-4@20250514", "gcp.vertex_ai"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock"),
        ("meta.llama3-70b-instruct-v1:0", "aws.bedrock"),
        ("arn:aws:bedrock:eu-west-1:1:application-inference-profile/x", "aws.bedrock"),
        ("bedrock/anthropic.claude-v2", "aws.bedrock"),
        ("azure/our-deployment", "azure.ai.openai"),
        ("mistral-large-latest", "mistral_ai"),
        ("grok-4", "x_ai"),
        ("kimi-k2", "moonshot_ai"),
        ("deepseek-chat", "deepseek"),
        ("command-r-plus", "cohere"),
        ("sonar-pro", "perplexity"),
        ("accounts/fireworks/models/llama", "fireworks"),
        ("llama3", ""),
        ("meta-llama/llama-3", ""),
        ("our-own", ""),
        ("", ""),
        ("/", ""),
    ],
)
def test_a_model_id_gives_its_provider_away_or_not(model: str, provider: str) -> None:
    assert infer_provider(model) == provider


@pytest.mark.parametrize(
    ("canonical", "expected"),
    [
        ("openai", "openai"),
        ("anthropic", "anthropic"),
        ("aws.bedrock", "aws"),
        ("azure.ai.openai", "azure"),
        ("azure.ai.inference", "azure"),
        ("gcp.gemini", "google"),
        ("gcp.vertex_ai", "google"),
        ("gcp.gen_ai", "google"),
        ("x_ai", "x-ai"),
        ("mistral_ai", "mistral"),
        ("moonshot_ai", "moonshotai"),
        ("cohere", "cohere"),
        ("groq", "groq"),
        ("deepseek", "deepseek"),
        ("perplexity", "perplexity"),
        ("openrouter", "openrouter"),
        ("together_ai", "together"),
        ("fireworks", "fireworks"),
        ("cloudflare-workers-ai", "cloudflare"),  # by the catalogue's own clause
        ("ibm.watsonx.ai", ""),
        ("ollama", ""),
        ("vllm", ""),
        ("litellm", ""),
        ("", ""),
    ],
)
def test_every_canonical_provider_has_its_place_in_the_catalogue(canonical: str, expected: str) -> None:
    assert catalogue_id(canonical) == expected


def test_an_inferred_provider_leads_back_to_its_cards(catalogue: list[RateCard]) -> None:
    for provider in {card.provider for card in catalogue}:
        assert catalogue_id(canonical_name(provider)) == provider


def test_every_literal_id_of_the_catalogue_is_found_as_it_is(book: PriceBook, catalogue: list[RateCard]) -> None:
    ids = {(card.provider, literal) for card in catalogue for literal in clauses.literals(card.match)}

    steps = {book.price(1, make_call(provider, model)).price_match for provider, model in ids}

    assert steps == {"exact"}
