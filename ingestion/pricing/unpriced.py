"""Models whose calls have no price: how many, since when, why, and what could be done about it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final, Literal

import msgspec
from django.db import connection

from ingestion.pricing import own, selectors, suggestions
from ingestion.pricing.book import PriceBook
from ingestion.pricing.cards import ALIAS, RateCard
from ingestion.pricing.matching import NO_USAGE
from ingestion.pricing.suggestions import Suggestion
from ingestion.wire.types import Call, Usage
from ingestion.wire.usage import UNSTATED
from tenants.models import Organization

PERIODS: Final = (7, 30, 90)
DEFAULT_DAYS: Final = 30
MOST_MODELS: Final = 200

Reason = Literal["no-match", "unknown-price", "empty-alias", "no-usage"]
REASONS: Final[Mapping[Reason, str]] = {
    "no-match": "No rate card matches this id",
    "unknown-price": "A rate card matches, but does not say what these calls cost",
    "empty-alias": "The alias names a model that has no price then",
    "no-usage": "Nobody said what these calls used",
}

# One index holds exactly these calls (migration price_overrides).
_QUERY: Final = """
    select c.provider, c.model, c.response_model, c.price_match, count(*) as calls,
           sum(c.input_tokens)::bigint as input_tokens, sum(c.output_tokens)::bigint as output_tokens,
           array_agg(distinct c.model_key) as model_keys,
           min(c.started_at) as first_seen, max(c.started_at) as last_seen,
           count(c.reported_cost_usd) filter (where c.cost_source = 'reported') as reported_calls,
           sum(c.reported_cost_usd) filter (where c.cost_source = 'reported') as reported_usd
    from calls c join projects p on p.id = c.project_id
    where c.organization_id = %(organization)s and p.organization_id = %(organization)s
      and c.project_id <> all(%(hidden)s) and c.started_at >= %(since)s and c.cost_source in ('none', 'reported') {only}
    group by c.provider, c.model, c.response_model, c.price_match
    order by calls desc, c.provider, c.model, c.response_model, c.price_match
    limit %(most)s"""


class UnpricedModel(msgspec.Struct, frozen=True, kw_only=True):
    """Calls without a price that were sent alike. ``model`` is the id to price: what answered, else what was asked;
    the log knows them by ``model_keys``.

    ``now_priced``: a card would price them today; they keep having no price until they are priced again. Where nobody
    said what they used, that takes a card which charges nothing or the same for every call, and none is suggested.
    """

    provider: str
    model: str
    asked_model: str
    model_keys: list[str]
    calls: int
    input_tokens: int
    output_tokens: int
    first_seen: datetime
    last_seen: datetime
    reason: Reason
    reported_calls: int
    reported_usd: Decimal | None
    suggestion: Suggestion | None
    now_priced: bool

    @property
    def wants_price(self) -> bool:
        """Whether a price is what these calls lack."""
        return self.reason != "no-usage"

    @property
    def why(self) -> str:
        return REASONS[self.reason]


def unpriced_models(
    *,
    organization: Organization,
    days: int,
    now: datetime,
    project_ids: Sequence[int] | None = None,
    hidden: Sequence[int] = (),
) -> list[UnpricedModel]:
    """The largest first, at most ``MOST_MODELS``; ``project_ids`` narrows them to some projects but ``hidden`` ones.

    :raises OperationalError: there are too many such calls to be counted in time.
    """
    parameters: dict[str, Any] = {
        "organization": organization.pk,
        "since": now - timedelta(days=days),
        "most": MOST_MODELS,
        "projects": list(project_ids or ()),
        "hidden": list(hidden),
    }
    only = "" if project_ids is None else "and c.project_id = any(%(projects)s)"
    with connection.cursor() as cursor:
        cursor.execute(_QUERY.format(only=only), parameters)
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if not rows:
        return []
    mine, book = selectors.own_cards(), selectors.load_book()
    return [_model(organization, row, mine, book, now) for row in rows]


def _model(
    organization: Organization, row: Mapping[str, Any], mine: Iterable[RateCard], book: PriceBook, now: datetime
) -> UnpricedModel:
    model = row["response_model"] or row["model"]
    names = ("provider", "model_keys", "calls", "input_tokens", "output_tokens", "first_seen", "last_seen")
    is_priced, reason = _is_priced(organization, row, book), _reason(row, mine)
    find = partial(_find, book, now)
    is_asked_for = not is_priced and reason != "no-usage"
    return UnpricedModel(
        **{name: row[name] for name in (*names, "reported_calls", "reported_usd")},
        model=model,
        asked_model=row["model"],
        reason=reason,
        suggestion=suggestions.suggest(row["provider"], model, find) if is_asked_for else None,
        now_priced=is_priced,
    )


def _find(book: PriceBook, now: datetime, provider: str, model: str) -> RateCard | None:
    return book.catalogue_card(provider, model, now)


def _is_priced(organization: Organization, row: Mapping[str, Any], book: PriceBook) -> bool:
    """Whether a plain call like the last one would have a price by now; one without counts, where those have none."""
    has_no_counts = row["price_match"] and not (row["input_tokens"] or row["output_tokens"])
    call = Call(
        call_id="",
        started_at=row["last_seen"],
        usage=Usage(rule=UNSTATED) if has_no_counts else Usage(input_tokens=1, output_tokens=1),
        **{name: row[name] for name in ("provider", "model", "response_model")},
    )
    return book.price(organization.pk, call).cost_usd is not None


def _reason(row: Mapping[str, Any], mine: Iterable[RateCard]) -> Reason:
    if row["price_match"] == NO_USAGE:
        return "no-usage"
    if row["price_match"]:
        return "unknown-price"
    sent = {row["model"].lower(), row["response_model"].lower()}
    aliased = any(
        card.source == ALIAS and own.raw_model(card).lower() in sent and card.is_valid(row["last_seen"], 0)
        for card in mine
    )
    return "empty-alias" if aliased else "no-match"
