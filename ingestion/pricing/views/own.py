"""Setting, ending and deleting an organization's own prices and aliases."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from ingestion.pricing import overrides, own, preview
from ingestion.pricing.cards import RateCard
from ingestion.pricing.forms import AliasForm, BulkForm, EndForm, PriceForm
from ingestion.pricing.overrides import Wanted
from ingestion.pricing.paste import PasteError
from ingestion.pricing.views.cards import frame, hidden_from
from ingestion.pricing.views.links import model_url
from tenants.access import OrgRequest, org_view
from tenants.forms import write_with
from tenants.permissions import Permission

type Context = dict[str, Any]

EXAMPLE: Final = """\
openai, gpt-4o, 2.25, 1.125, , 9
, northwind-coder-13b, 0.30, , , 0.60
"""


@require_http_methods(["GET", "POST"])
@org_view(Permission.PRICES_MANAGE)
def price_create(request: OrgRequest) -> HttpResponse:
    """Prices of one model. "Check" shows what they change, "Save" keeps them."""
    form = PriceForm(_posted(request), initial=_initial(request))
    cards = write_with(form, lambda _: [_card(request, form.wanted(request.time_zone))]) if form.is_bound else None
    return _answer(request, form, cards or [], "pricing/price_form.html")


@require_http_methods(["GET", "POST"])
@org_view(Permission.PRICES_MANAGE)
def alias_create(request: OrgRequest) -> HttpResponse:
    """A model id that is a model of the catalogue."""
    form = AliasForm(_posted(request), initial=_initial(request))
    cards = write_with(form, lambda _: [_card(request, form.wanted(request.time_zone))]) if form.is_bound else None
    return _answer(request, form, cards or [], "pricing/alias_form.html")


@require_http_methods(["GET", "POST"])
@org_view(Permission.PRICES_MANAGE)
def bulk_create(request: OrgRequest) -> HttpResponse:
    """Prices of many models, pasted: all lines or none."""
    form = BulkForm(_posted(request))
    cards = write_with(form, lambda _: _cards_of_lines(request, form)) if form.is_bound else None
    return _answer(request, form, cards or [], "pricing/bulk_form.html", {"example": EXAMPLE})


def _posted(request: OrgRequest) -> QueryDict | None:
    """What was typed; an empty form is one with errors."""
    return request.POST if request.method == "POST" else None


def _initial(request: OrgRequest) -> dict[str, str]:
    """The form as a link fills it in: ``from`` is a day; what cannot be used is left out."""
    given = {name: request.GET.get(name, "")[:255] for name in ("model", "provider", "target_provider", "target")}
    return {name: text for name, text in given.items() if text} | {"valid_from": request.GET.get("from", "")[:10]}


def _card(request: OrgRequest, wanted: Wanted) -> RateCard:
    return overrides.cards_for(organization=request.organization, wanted=[wanted])[0]


def _cards_of_lines(request: OrgRequest, form: BulkForm) -> list[RateCard]:
    """:raises ValidationError: the lines that cannot be used, each named by its number."""
    try:
        wanted = form.wanted(request.time_zone)
    except PasteError as error:
        raise ValidationError({"lines": [f"Line {bad.line}: {bad.message}" for bad in error.bad]}) from error
    cards = overrides.cards_for(organization=request.organization, wanted=[one for _, one in wanted])
    subjects = [own.subject(card) for card in cards]
    twice = [line for (line, _), subject in zip(wanted, subjects, strict=True) if subjects.count(subject) > 1]
    if twice:
        named = ", ".join(map(str, twice))
        raise ValidationError({"lines": f"Lines {named}: these are spellings of the same provider and model."})
    return cards


def _answer(
    request: OrgRequest, form: forms.Form, cards: Sequence[RateCard], template: str, more: Context | None = None
) -> HttpResponse:
    """Save, show what saving would change, or show the form and what is wrong with it."""
    context = dict(more or {})
    if not cards:
        return _page(request, form, template, context)
    questions = _doubts(cards)
    is_confirmed = not questions or form.cleaned_data.get("confirm")
    if request.POST.get("action") == "save" and is_confirmed:
        saved = write_with(form, lambda _: _save(request, cards))
        return _saved(request, saved) if saved else _page(request, form, template, context)
    context |= {"questions": questions, "preview": _preview(request, cards)}
    if request.POST.get("action") == "save":
        form.add_error(None, "Look at the prices again, and tick the box if they are meant.")
    return _page(request, form, template, context)


def _save(request: OrgRequest, cards: Sequence[RateCard]) -> list[RateCard]:
    return overrides.save_cards(organization=request.organization, actor=request.user, cards=cards)


def _saved(request: OrgRequest, saved: Sequence[RateCard]) -> HttpResponse:
    card = saved[0]
    if len(saved) > 1:
        return redirect(f"{_list_path(request)}?show=own")
    return redirect(model_url(request.organization, provider=card.provider, model=own.raw_model(card), saved=card.id))


def _list_path(request: OrgRequest) -> str:
    return reverse("pricing:price-list", args=[request.organization.slug])


def _doubts(cards: Sequence[RateCard]) -> list[str]:
    """Questions about prices that look like slips; with several models each names its own."""
    asked = overrides.doubts(cards=cards)
    named = [(f"{own.raw_model(card)}, " if len(cards) > 1 else "", doubt) for card, doubt in asked]
    return [f"{name}{doubt.field.replace('_', ' ')}: {doubt.message}" for name, doubt in named]


def _preview(request: OrgRequest, cards: Sequence[RateCard]) -> preview.Preview:
    plans = overrides.plans(organization=request.organization, cards=cards)
    hidden = hidden_from(request)
    return preview.preview(organization=request.organization, plans=plans, now=timezone.now(), hidden=hidden)


def _page(request: OrgRequest, form: forms.Form, template: str, more: Context) -> HttpResponse:
    status = 422 if form.is_bound and form.errors else 200
    return render(request, template, {"form": form, **frame(request, "list"), **more}, status=status)


@require_http_methods(["GET", "POST"])
@org_view(Permission.PRICES_MANAGE)
def card_end(request: OrgRequest, card_id: int) -> HttpResponse:
    """Let a price or alias hold no longer than until a day."""
    card = overrides.own_card(card_id=card_id)
    now = timezone.now()
    form = EndForm(_posted(request))

    def end(_: Context) -> RateCard:
        ends_at = form.ends_at(request.time_zone, now)
        return _shown_on_form(
            lambda: overrides.end_card(
                organization=request.organization, actor=request.user, card_id=card_id, ends_at=ends_at
            )
        )

    if write_with(form, end):
        return redirect(model_url(request.organization, provider=card.provider, model=own.raw_model(card)))
    return _page(request, form, "pricing/card_end.html", {"card": card, "raw_model": own.raw_model(card)})


def _shown_on_form(write: Callable[[], RateCard]) -> RateCard:
    """The service speaks of the moment, the form of the day."""
    try:
        return write()
    except ValidationError as error:
        raise ValidationError({"ends_on": error.messages}) from error


@require_http_methods(["GET", "POST"])
@org_view(Permission.PRICES_MANAGE)
def card_delete(request: OrgRequest, card_id: int) -> HttpResponse:
    """GET asks whether it is meant; a card that priced calls can only be ended."""
    card = overrides.own_card(card_id=card_id)
    form = forms.Form(_posted(request))

    def delete(_: Context) -> bool:
        overrides.delete_card(organization=request.organization, actor=request.user, card_id=card_id)
        return True

    if request.method == "POST" and write_with(form, delete):
        return redirect(f"{_list_path(request)}?show=own")
    return _page(request, form, "pricing/card_delete.html", {"card": card, "raw_model": own.raw_model(card)})
