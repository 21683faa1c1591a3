"""Calls that begin with the same long prompt, which the provider would read from its cache for less."""

from collections.abc import Iterator
from decimal import Decimal

from rules.engine import savings
from rules.engine.building import counted_calls, falls_below, of_model, subject
from rules.engine.checks.repeats import Prompt, Repeats, repeats
from rules.engine.days import one_day
from rules.engine.insights import Evidence, Figure, Insight
from rules.engine.names import Rule, Severity
from rules.engine.savings import Part, Price, Saving
from rules.engine.snapshot import HashRow, Model, Snapshot, Where
from rules.engine.thresholds import RuleConfig

RULE = Rule.PROMPT_CACHE_OPPORTUNITY


def find(snapshot: Snapshot, config: RuleConfig) -> Iterator[Insight]:
    for where, found in repeats(snapshot, "prefix", _where, lambda prompt: _fires(prompt, config)):
        price = _price(snapshot, where.model)
        if price.cached_input_usd is not None:
            yield _insight(snapshot, config, where, found)


def _where(row: HashRow) -> Where:
    return row.where


def _price(snapshot: Snapshot, model: Model) -> Price:
    return savings.price_of(model.key, snapshot.priced(model).card)


def _fires(prompt: Prompt, config: RuleConfig) -> bool:
    is_long = prompt.input_tokens >= config.number(RULE, "input_tokens") * prompt.calls
    cached = falls_below(prompt.cached_input_tokens * 100, prompt.input_tokens, config.number(RULE, "cached_percent"))
    return prompt.calls >= config.number(RULE, "calls") and is_long and cached


def _insight(snapshot: Snapshot, config: RuleConfig, where: Where, found: Repeats) -> Insight:
    window = one_day(found.day, snapshot.zone)
    columns = {"team": where.team, "feature": where.feature}
    return Insight(
        rule=RULE,
        project_id=snapshot.project_id,
        subject=subject(**columns, provider=where.model.provider, model=where.model.key),
        severity=Severity.MEDIUM,
        team=where.team,
        evidence=Evidence(
            window=window,
            figures=_figures(config, found),
            calls=counted_calls(snapshot, window, **columns, **of_model(where.model), prompt_prefix_hash=found.named),
            items=found.items(),
            more_items=found.more,
        ),
        saving=_saving(where, found, _price(snapshot, where.model)),
    )


def _figures(config: RuleConfig, found: Repeats) -> tuple[Figure, ...]:
    read = sum(prompt.input_tokens for prompt in found.prompts)
    cached = savings.ratio(sum(prompt.cached_input_tokens for prompt in found.prompts) * 100, read)
    mean = savings.ratio(read, found.calls)
    most = max(prompt.calls for prompt in found.prompts)
    return (
        Figure("calls_with_one_beginning", most, "calls a day", "≥", config.number(RULE, "calls")),
        Figure("input_tokens_a_call", mean, "tokens a call", "≥", config.number(RULE, "input_tokens")),
        Figure("cached_percent", cached, "% of the input", "<", config.number(RULE, "cached_percent")),
        Figure("prompts", len(found.prompts), "prompts"),
        Figure("calls", found.calls, "calls"),
        Figure("input_tokens", read, "tokens"),
    )


def _saving(where: Where, found: Repeats, price: Price) -> Saving:
    """Input of every call but each prompt's first × (input − cached price); what was cached already is no saving."""
    if price.input_usd is None or price.cached_input_usd is None:
        return savings.unknown(savings.NOT_ESTIMATED, prices=(price,))
    repeated = savings.exact_sum(
        savings.share(Decimal(prompt.input_tokens - prompt.cached_input_tokens), prompt.calls - 1, prompt.calls)
        for prompt in found.prompts
    )
    part = Part(where, savings.at_price(repeated, price.input_usd - price.cached_input_usd))
    return savings.saving([part], days=1, prices=(price,), is_upper_bound=True)
