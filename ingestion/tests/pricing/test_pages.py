"""The pages about prices: what they show, what they save, and what they ask before."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import OperationalError
from django.urls import reverse
from django.utils.html import escape

from core.scope import org_scope
from ingestion.pricing import differences, overrides, preview, selectors, services, unpriced
from ingestion.pricing.views import links
from ingestion.tests.pricing import scene
from ingestion.tests.pricing.factories import make_card
from ingestion.tests.pricing.scene import GPT_4O, hours_ago, import_catalogue, record, set_price
from tenants.models import AuditEntry, OrganizationSettings, Project

PRICE = {"model": "coder", "provider": "vllm", "input": "0.30", "output": "0.60"}


@pytest.fixture(autouse=True)
def catalogue_imported(db):
    import_catalogue()


def path(name, *arguments):
    return reverse(f"pricing:{name}", args=["acme", *arguments])


def text(response):
    return " ".join(response.content.decode().split())


def own_cards(organization):
    with org_scope(organization.pk):
        return selectors.own_cards()


# --- The list and a model ---


def test_the_list_shows_what_is_used_and_everything_when_nothing_is(viewer, acme_project):
    everything = text(viewer.get(path("price-list")))
    record(acme_project, {})
    used = text(viewer.get(path("price-list")))

    assert "claude-sonnet-4" in everything
    assert "claude-sonnet-4" not in used
    assert "gpt-4o" in used
    assert "$2.50" in used


def test_the_list_is_searched_and_paged(viewer, acme, monkeypatch):
    monkeypatch.setattr("ingestion.pricing.views.cards.PAGE", 1)

    found = text(viewer.get(path("price-list"), {"q": "gpt"}))
    second = text(viewer.get(path("price-list"), {"q": "gpt", "page": "2"}))
    nothing = text(viewer.get(path("price-list"), {"q": "<none>"}))

    assert "2 models" in found
    assert 'href="?q=gpt&amp;page=2"' in found
    assert "gpt-4o-mini" in second
    assert "No price found" in nothing
    assert "&lt;none&gt;" in nothing


@pytest.mark.parametrize("query", [{"show": "nonsense"}, {"page": "x"}, {"q": "x" * 999}, {"provider": "\0"}])
def test_a_query_that_makes_no_sense_is_no_error(viewer, query):
    assert viewer.get(path("price-list"), query).status_code == 200


def test_own_prices_have_a_list_and_who_has_none_is_told_what_to_do(admin, viewer, acme):
    assert "Set one where you pay something else" in text(admin.get(path("price-list"), {"show": "own"}))
    assert "An owner or admin can set one." in text(viewer.get(path("price-list"), {"show": "own"}))

    set_price(acme, "coder")

    assert "your price" in text(viewer.get(path("price-list"), {"show": "own"}))


def test_only_who_may_manage_prices_sees_the_buttons(admin, member, viewer, acme):
    set_price(acme, "coder")
    query = {"model": "coder"}

    for client, is_offered in ((admin, True), (member, False), (viewer, False)):
        assert (path("price-create") in text(client.get(path("price-list")))) is is_offered
        assert (">End</a>" in text(client.get(path("model"), query))) is is_offered


def test_a_model_has_its_history(viewer, acme):
    set_price(acme, "gpt-4o", provider="openai", valid_from=hours_ago(24))

    page = text(viewer.get(path("model"), {"provider": "openai", "model": "gpt-4o"}))

    assert "input <strong>$2.50</strong>" in page
    assert "input <strong>$1.00</strong>" in page
    assert '<span class="badge">batch</span>' in page
    assert "not used in the last 30 days" in page


def test_a_model_without_a_price_has_an_unknown_cost_and_never_zero(viewer, acme, acme_project):
    record(acme_project, scene.unpriced())
    set_price(acme, "coder", provider="vllm")

    page = text(viewer.get(path("model"), {"provider": "vllm", "model": "coder"}))

    assert "1 call in the last 30 days, cost unknown" in page
    assert "$0.00" not in page


def test_a_model_nobody_knows_is_404_with_a_way_on(viewer):
    response = viewer.get(path("model"), {"provider": "x\0", "model": "<y>"})

    assert response.status_code == 404
    assert "No price is known of this model" in text(response)
    assert "&lt;y&gt;" in text(response)


def test_another_organizations_prices_are_on_no_page(viewer, globex):
    foreign = set_price(globex, "their-secret-model")

    assert "their-secret-model" not in text(viewer.get(path("price-list"), {"show": "all"}))
    assert viewer.get(path("model"), {"model": "their-secret-model"}).status_code == 404
    assert viewer.get(path("model"), {"model": "gpt-4o", "saved": str(foreign.id)}).status_code == 404


# --- Setting a price ---


def test_checking_shows_what_would_change_and_saves_nothing(admin, acme, acme_project):
    record(acme_project, scene.unpriced(), scene.unpriced())

    response = admin.post(path("price-create"), PRICE | {"action": "check"})

    assert response.status_code == 200
    page = text(response)
    assert "2 calls would cost something else" in page
    assert "Computed from all calls of this model." in page
    assert "$0.0012" in page
    assert own_cards(acme) == []
    with org_scope(acme.pk):
        assert not AuditEntry.objects.filter(action="price.set").exists()


def test_saving_leads_to_the_model_and_says_how_many_calls_keep_their_price(admin, acme, acme_project):
    record(acme_project, scene.unpriced(), scene.unpriced(started_at=hours_ago(24 * 20)))
    day = (hours_ago(24 * 10)).date()

    response = admin.post(path("price-create"), PRICE | {"valid_from": day.isoformat(), "action": "save"}, follow=True)

    (card,) = own_cards(acme)
    assert response.redirect_chain == [(f"{path('model')}?provider=vllm&model=coder&saved={card.id}", 302)]
    assert card.valid_from == datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert {unit: str(price.base) for unit, price in card.prices.items()} == {
        "input_tokens": "0.30",
        "output_tokens": "0.60",
    }
    assert "1 call since" in text(response)
    assert "keeps its old price" in text(response)
    with org_scope(acme.pk):
        assert AuditEntry.objects.get(action="price.set").actor_name == "admin@acme.test"


def test_a_day_begins_at_midnight_in_the_organizations_time_zone(admin, acme):
    with org_scope(acme.pk):
        OrganizationSettings.objects.update(time_zone="America/New_York")

    admin.post(path("price-create"), PRICE | {"valid_from": "2026-07-01", "action": "save"})

    assert own_cards(acme)[0].valid_from == datetime(2026, 7, 1, 4, tzinfo=UTC)


def test_a_price_that_looks_like_a_slip_is_asked_about_and_saved_when_meant(admin, acme):
    slip = PRICE | {"input": "0.0000003"}

    checked = admin.post(path("price-create"), slip | {"action": "check"})
    refused = admin.post(path("price-create"), slip | {"action": "save"})
    assert own_cards(acme) == []
    saved = admin.post(path("price-create"), slip | {"action": "save", "confirm": "on"})

    question = "That is $0.0000003 per million tokens; did you mean $0.30?"
    assert (checked.status_code, refused.status_code, saved.status_code) == (200, 422, 302)
    assert question in text(checked)
    assert question in text(refused)
    assert "tick the box if they are meant" in text(refused)
    assert 'value="0.0000003"' in text(refused)
    assert len(own_cards(acme)) == 1


def test_a_price_without_doubt_needs_no_box(admin):
    assert "Yes, the prices are meant like this" not in text(
        admin.post(path("price-create"), PRICE | {"action": "check"})
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input": ""}, "This field is required."),
        ({"output": "2,5"}, "The price is not a number"),
        ({"reasoning": "-1"}, "The price must be 0 or more."),
        ({"model": ""}, "This field is required."),
        ({"valid_from": "soon"}, "Enter a valid date."),
        ({"valid_from": "1999-12-31"}, "Choose a date from 2000 to 2099"),
    ],
)
def test_what_cannot_be_saved_is_said_beside_its_field_and_kept(admin, acme, change, message):
    response = admin.post(path("price-create"), PRICE | change | {"action": "save"})

    assert response.status_code == 422
    assert message in text(response)
    assert 'value="vllm"' in text(response)
    assert own_cards(acme) == []


def test_a_link_fills_the_form_in(admin):
    page = text(admin.get(path("price-create"), {"model": "coder", "provider": "vllm", "from": "2026-11-01"}))

    assert 'value="coder"' in page
    assert 'value="vllm"' in page
    assert 'value="2026-11-01"' in page


def test_folded_prices_are_open_when_they_hold_something(admin):
    closed = text(admin.get(path("price-create")))
    opened = text(admin.post(path("price-create"), PRICE | {"reasoning": "x"}))

    assert '<details class="price-more">' in closed
    assert '<details class="price-more" open>' in opened


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (preview.Preview(lines=[], looked_at=0), "No call of the last 30 days is of this model"),
        (preview.Preview(lines=[], looked_at=7), "No call of the last 30 days would cost anything else (7 looked at)."),
        (preview.Preview(lines=[], looked_at=0, is_known=False), "too many calls of these models"),
        (
            preview.Preview(
                lines=[
                    preview.Line(provider="p", model="m", calls=3, old_usd=Decimal(1), old_unpriced=1, new_unpriced=3)
                ],
                looked_at=20_000,
                is_complete=False,
            ),
            "Computed from the newest 20,000 calls; there are more.",
        ),
    ],
)
def test_the_preview_says_what_it_is_computed_from(admin, monkeypatch, made, expected):
    monkeypatch.setattr(preview, "preview", lambda **_: made)

    assert expected in text(admin.post(path("price-create"), PRICE | {"action": "check"}))


# --- Aliases ---


def test_an_alias_is_checked_and_saved(admin, acme, acme_project):
    record(acme_project, scene.unpriced(model="prod-chat"))
    form = {"model": "prod-chat", "target_provider": "openai", "target": "gpt-4o"}

    checked = admin.post(path("alias-create"), form | {"action": "check"})
    saved = admin.post(path("alias-create"), form | {"action": "save"}, follow=True)

    assert "$0.0075" in text(checked)
    (card,) = own_cards(acme)
    assert (card.source, card.catalogue_id) == ("alias", "gpt-4o")
    assert "alias of" in text(saved)
    assert "1 call" in text(saved)


def test_an_alias_of_nothing_is_refused_with_near_names(admin, acme):
    form = {"model": "m", "target_provider": "openai", "target": "gpt-4", "action": "save"}

    response = admin.post(path("alias-create"), form)

    assert response.status_code == 422
    assert "The catalogue has no such model of this provider. Near it: gpt-4o" in text(response)
    assert own_cards(acme) == []


# --- Many at once ---


def test_pasted_lines_are_checked_and_saved_together(admin, acme, acme_project):
    record(acme_project, {}, scene.unpriced())
    lines = {"lines": "openai,gpt-4o,1,,,2\nvllm,coder,1,,,2\n", "valid_from": "2026-01-01"}

    checked = admin.post(path("bulk-create"), lines | {"action": "check"})
    assert own_cards(acme) == []
    saved = admin.post(path("bulk-create"), lines | {"action": "save"})

    assert "Computed from all calls of these models." in text(checked)
    assert saved["Location"] == f"{path('price-list')}?show=own"
    assert [card.model_name for card in own_cards(acme)] == ["gpt-4o", "coder"]


def test_one_wrong_line_saves_nothing_and_is_named(admin, acme):
    response = admin.post(path("bulk-create"), {"lines": "openai,gpt-4o,1,,,2\nvllm,coder,?,,,2", "action": "save"})

    assert response.status_code == 422
    assert "Line 2: The price of input is not a number" in text(response)
    assert "openai,gpt-4o,1,,,2" in text(response)
    assert own_cards(acme) == []


def test_two_spellings_of_one_provider_are_one_model(admin, acme):
    response = admin.post(path("bulk-create"), {"lines": "azure,m,1,,,2\nazure_openai,m,1,,,2", "action": "save"})

    assert "Lines 1, 2: these are spellings of the same provider and model." in text(response)
    assert own_cards(acme) == []


def test_slips_in_pasted_lines_are_asked_about_by_model(admin, acme):
    lines = {"lines": "openai,gpt-4o,0.0000025,,,10\nopenai,gpt-4o-mini,0.15,,,0.6", "action": "save"}

    refused = admin.post(path("bulk-create"), lines)
    saved = admin.post(path("bulk-create"), lines | {"confirm": "on"})

    assert (refused.status_code, saved.status_code) == (422, 302)
    assert "gpt-4o, input: That is $0.0000025 per million tokens; did you mean $2.50?" in text(refused)


# --- Ending and deleting ---


def test_a_price_is_ended_today_or_on_a_day(admin, acme):
    now, later = (
        set_price(acme, "a", provider="vllm"),
        set_price(acme, "b", valid_from=datetime(2026, 1, 1, tzinfo=UTC)),
    )

    assert "From then on the catalogue" in text(admin.get(path("card-end", now.id)))
    response = admin.post(path("card-end", now.id), {"ends_on": ""})
    admin.post(path("card-end", later.id), {"ends_on": "2026-06-01"})

    assert response["Location"] == f"{path('model')}?provider=vllm&model=a"
    ended = {card.id: card.valid_to for card in own_cards(acme)}
    assert datetime.now(UTC) - ended[now.id] < timedelta(minutes=5)
    assert ended[later.id] == datetime(2026, 6, 1, tzinfo=UTC)


def test_a_price_cannot_end_before_it_began(admin, acme):
    card = set_price(acme, "a", valid_from=datetime(2026, 6, 1, tzinfo=UTC))

    response = admin.post(path("card-end", card.id), {"ends_on": "2026-06-01"})

    assert response.status_code == 422
    assert "Choose a moment after the one it begins at." in text(response)
    assert own_cards(acme)[0].valid_to is None


def test_a_price_that_priced_calls_can_only_be_ended(admin, acme, acme_project):
    card = set_price(acme, "coder", provider="vllm")
    record(acme_project, scene.unpriced(cost_source="override", rate_card_id=card.id, cost_usd=Decimal(1)))

    asked = admin.get(path("card-delete", card.id))
    refused = admin.post(path("card-delete", card.id))

    assert "Only a card that never priced a call can be deleted" in text(asked)
    assert refused.status_code == 422
    assert "Calls were priced by this card, so it stays." in text(refused)
    assert path("card-end", card.id) in text(refused)
    assert len(own_cards(acme)) == 1


def test_a_price_that_priced_nothing_is_deleted(admin, acme):
    card = set_price(acme, "coder")

    assert admin.post(path("card-delete", card.id))["Location"] == f"{path('price-list')}?show=own"
    assert own_cards(acme) == []


@pytest.mark.parametrize("name", ["card-end", "card-delete"])
def test_another_organizations_card_does_not_exist(admin, globex, name):
    foreign = set_price(globex, "coder")

    assert (admin.get(path(name, foreign.id)).status_code, admin.post(path(name, foreign.id)).status_code) == (404, 404)
    assert own_cards(globex)[0].valid_to is None


# --- Unpriced models ---


def test_unpriced_models_offer_a_price_and_a_near_model(admin, viewer, acme_project):
    record(acme_project, scene.unpriced(provider="openai", model="gpt-4o:free"))

    page, read_only = text(admin.get(path("unpriced"))), text(viewer.get(path("unpriced")))

    assert "gpt-4o:free" in page
    assert "Suggestion: <bdi>openai gpt-4o</bdi>, without its variant." in page
    day = hours_ago(1).date()
    assert f"{path('price-create')}?provider=openai&amp;model=gpt-4o%3Afree&amp;from={day}" in page
    assert (
        f"{path('alias-create')}?model=gpt-4o%3Afree&amp;from={day}&amp;target_provider=openai&amp;target=gpt-4o"
        in page
    )
    assert path("price-create") not in read_only


def test_unknown_usage_is_listed_and_asks_for_no_price(admin, acme, acme_project):
    nothing = {"price_match": "no-usage", "usage_rule": "unstated", "input_tokens": 0, "output_tokens": 0}
    record(acme_project, scene.unpriced(provider="openai", model="gpt-4o:free", **nothing))
    record(acme_project, scene.unpriced(provider="openai", model="other"))

    page = text(admin.get(path("unpriced")))

    assert "Nobody said what these calls used" in page
    assert "Suggestion" not in page
    assert f"{path('price-create')}?provider=openai&amp;model=gpt-4o" not in page
    assert f"{path('alias-create')}?model=gpt-4o" not in page
    assert ">unknown<" in page
    calls = reverse("dashboards:organization-calls", args=["acme"])
    unknown_calls = f"{calls}?range=30d&provider=openai&model=gpt-4o%3Afree&usage_known=false"
    assert f'href="{escape(unknown_calls)}"' in page
    log = admin.get(unknown_calls)
    assert log.context["chosen"].problems == ()
    assert [line.call.model for line in log.context["lines"]] == ["gpt-4o:free"]
    assert [line.call.model for line in admin.get(f"{calls}?provider=openai&model=other").context["lines"]] == ["other"]
    assert f'href="{calls}?range=30d&amp;provider=openai&amp;model=other"' in page

    set_price(acme, "gpt-4o:free", prices=scene.prices(input="0", output="0"))

    assert "has a price by now" in text(admin.get(path("unpriced")))


def test_a_model_that_has_a_price_by_now_offers_to_price_its_calls_again(admin, acme, acme_project):
    record(acme_project, scene.unpriced())
    before = text(admin.get(path("unpriced")))

    set_price(acme, "coder")

    after = text(admin.get(path("unpriced")))
    assert "Price again" not in before
    assert "has a price by now" in after
    assert f'href="{path("reprice-create")}?provider=vllm&amp;model=coder' in after


def test_every_call_priced_is_said(viewer):
    assert "Every call has a price" in text(viewer.get(path("unpriced")))


@pytest.mark.parametrize(("name", "module", "read"), [
    ("unpriced", unpriced, "unpriced_models"),
    ("difference-list", differences, "differences"),
])  # fmt: skip
def test_a_period_that_takes_too_long_asks_for_a_shorter_one(viewer, monkeypatch, name, module, read):
    def slow(**_):
        raise OperationalError

    monkeypatch.setattr(module, read, slow)

    response = viewer.get(path(name))

    assert response.status_code == 503
    assert "Choose a shorter period." in text(response)


def test_the_period_is_one_of_those_offered(viewer, acme_project):
    record(acme_project, scene.unpriced(started_at=hours_ago(24 * 10)))

    assert "coder" not in text(viewer.get(path("unpriced"), {"days": "7"}))
    for days in ("30", "90", "1000000000000", "x", ""):
        assert "coder" in text(viewer.get(path("unpriced"), {"days": days}))


def test_the_overview_leads_to_the_unpriced_models(viewer, acme_project):
    record(acme_project, scene.unpriced())

    page = text(viewer.get(reverse("dashboards:organization-overview", args=["acme"])))

    assert path("unpriced") in page


# --- Changes and differences ---


def test_changes_are_readable_and_marked(viewer, acme_project):
    record(acme_project, {})
    now = datetime.now(UTC)
    services.import_catalogue(
        now=now,
        cards=[make_card({"input_tokens": "2", "output_tokens": "10"}, catalogue_id="gpt-4o", match=GPT_4O.match)],
    )

    page = text(viewer.get(path("change-list")))
    used = text(viewer.get(path("change-list"), {"used": "1", "provider": "openai"}))

    assert f"input went from $2.50 to $2.00 per million from {now:%Y-%m-%d}" in page
    assert "may need re-pricing" in page
    assert "you use it" in page
    assert "no longer listed" in page
    assert "claude-sonnet-4" not in used


@pytest.mark.parametrize("query", [{}, {"before": "x"}, {"before": "9" * 30}, {"provider": "\0"}, {"before": "1"}])
def test_no_changes_are_no_error(viewer, query):
    response = viewer.get(path("change-list"), query)

    assert response.status_code == 200
    assert "The catalogue is compared once a day" in text(response)


def test_pages_of_changes_keep_their_filter(viewer, monkeypatch):
    services.import_catalogue(now=datetime.now(UTC), cards=[GPT_4O])
    monkeypatch.setattr("ingestion.pricing.changes.PAGE", 1)

    assert "?provider=openai&amp;before=" in text(viewer.get(path("change-list"), {"provider": "openai"}))


def test_differences_lead_to_the_call_that_differs_most(viewer, acme_project):
    (call,) = record(acme_project, {"reported_cost_usd": Decimal("0.015"), "call_id": "odd/one"})

    page = text(viewer.get(path("difference-list")))

    assert "$0.015" in page
    assert "100%" in page
    link = reverse("dashboards:project-call", args=["acme", "web", "odd/one"])
    micros = int(call["started_at"].timestamp() * 1_000_000)
    assert f"{link}?at={micros}" in page
    assert viewer.get(link, {"at": str(micros)}).status_code == 200


def test_no_differences_are_said(viewer):
    assert "No differences" in text(viewer.get(path("difference-list")))


def test_another_organizations_calls_are_on_no_page(viewer, globex, scope):
    with scope(globex):
        project = Project.objects.get()
    record(project, scene.unpriced(model="theirs"), {"reported_cost_usd": Decimal(9), "feature": "theirs"})

    assert "theirs" not in text(viewer.get(path("unpriced")))
    assert "theirs" not in text(viewer.get(path("difference-list")))


# --- Links ---


def test_the_link_to_pricing_again_names_what_and_when(acme):
    since = datetime(2026, 11, 1, tzinfo=UTC)

    url = links.reprice_url(acme, provider="vllm", model="a/b", since=since, until=None)

    assert url == f"{path('reprice-create')}?provider=vllm&model=a%2Fb&from=2026-11-01T00%3A00%3A00.000000Z"


@pytest.mark.parametrize("number", ["", "x", "9" * 30, "-1", "²"])
def test_a_number_of_a_saved_card_that_makes_no_sense_is_passed_over(viewer, number):
    response = viewer.get(path("model"), {"provider": "openai", "model": "gpt-4o", "saved": number})

    assert response.status_code == 200
    assert "Saved." not in text(response)


def test_a_saved_card_offers_to_price_old_calls_again(admin, acme, acme_project):
    record(acme_project, scene.unpriced())
    card = set_price(acme, "coder", provider="vllm")

    page = text(admin.get(path("model"), {"provider": "vllm", "model": "coder", "saved": card.id}))

    assert f'href="{path("reprice-create")}?provider=vllm&amp;model=coder' in page
    assert overrides.IN_USE not in page
