"""The list of models and the page of one, as people ask for them."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from core.scope import org_scope
from dashboards.groups import selectors
from dashboards.tests.factories import make_rollup, record_calls
from ingestion.pricing.cards import Tier, UnitPrice
from ingestion.tests.pricing.factories import make_card
from ingestion.tests.pricing.scene import GPT_4O, MINI, SONNET, UNKNOWN, import_catalogue, prices, set_price
from tenants import services
from tenants.models import Organization, Project
from tenants.permissions import Role
from tenants.tests.people import join, override, owner_of, signed_in

# Who is asking, their membership, the scope, its zone, navigation; activity, the numbers in a savepoint.
LIST_QUERIES = 15
# …and the price list's signature twice, own prices, and who is used.
ONE_QUERIES = 20
NO_TOKENS = {"input_tokens": 0, "output_tokens": 0}


def url(organization: Organization, project: Project | None = None, page: str = "models", **query: Any) -> str:
    slugs = [organization.slug] + ([project.slug] if project else [])
    path = reverse(f"dashboards:{'project' if project else 'organization'}-{page}", args=slugs)
    return f"{path}?{urlencode(query, doseq=True)}" if query else path


def one_url(organization: Organization, model: str = "gpt-4o", provider: str = "openai", **query: Any) -> str:
    return url(organization, page="model", provider=provider, model=model, **query)


def record(project: Project, *rows: dict[str, Any]) -> None:
    with org_scope(project.organization_id):
        record_calls(project, [{"started_at": timezone.now() - timedelta(minutes=5)} | row for row in rows])


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def rows(response: Any) -> list[list[str]]:
    """The cells of the first table as text."""
    body = response.content.decode().split("<tbody>")[1].split("</tbody>")[0]
    return [[text(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
            for row in body.split("<tr")[1:]]  # fmt: skip


@pytest.fixture
def priced(acme_project: Project) -> Project:
    record(
        acme_project,
        {
            "model_key": "gpt-4o",
            "provider": "openai",
            "input_tokens": 1_000_000,
            "cached_input_tokens": 250_000,
            "output_tokens": 100_000,
            "cost_usd": Decimal("3.5"),
            "latency_ms": 2000,
            "time_to_first_token_ms": 400,
            "feature": "search",
        },
        {"model_key": "gpt-4o", "provider": "openai", "cost_usd": Decimal("0.5"), "status": "error"} | NO_TOKENS,
        {"model_key": "llama", "provider": "vllm", "cost_source": "none", "cost_usd": None} | NO_TOKENS,
    )
    return acme_project


@pytest.mark.parametrize(
    ("who", "status"),
    [("owner", 200), ("viewer", 200), ("nobody", 403), ("outsider", 404), ("anonymous", 302)],
)
@pytest.mark.parametrize("page", ["models", "model"])
def test_members_see_models_and_strangers_do_not(
    request: pytest.FixtureRequest, acme: Organization, priced: Project, who: str, status: int, page: str
) -> None:
    client = request.getfixturevalue(who)

    response = client.get(url(acme, page=page, provider="openai", model="gpt-4o"))

    assert response.status_code == status
    assert ("gpt-4o" in response.content.decode()) == (status == 200)


def test_the_list_says_what_each_model_costs(owner: Client, acme: Organization, priced: Project) -> None:
    response = owner.get(url(acme, compare="none"))

    assert [row[:7] for row in rows(response)] == [
        ["gpt-4o openai", "$4.00", "$2.00", "2", "1.1 M", "25.0%", "50.0%"],
        ["llama vllm", "Unpriced", "–", "1", "0", "–", "0%"],
    ]
    assert "1 call has no price: their cost is unknown, not zero." in text(response.content.decode())


def test_the_change_is_against_the_period_before_where_there_are_numbers_of_it(
    owner: Client, acme: Organization, acme_project: Project
) -> None:
    today = timezone.now().date()
    with org_scope(acme.pk):
        for days, cost in ((9, 3), (20, 9)):
            make_rollup(acme_project, today - timedelta(days=days), cost_usd=Decimal(cost))
    record(acme_project, {"model_key": "gpt-4o", "provider": "openai", "cost_usd": Decimal(1)})

    compared = owner.get(url(acme, range="7d"))
    too_far = owner.get(url(acme, range="30d"))

    assert rows(compared)[0][:3] == ["gpt-4o openai", "$1.00", "−$2.00"]
    assert "Change" not in text(too_far.content.decode().split("<thead>")[1].split("</thead>")[0])


def test_the_order_is_in_the_address(owner: Client, acme: Organization, priced: Project) -> None:
    record(priced, *[{"model_key": "mini", "provider": "openai", "cost_usd": Decimal("0.1")}] * 3)

    by_cost = owner.get(url(acme))
    by_calls = owner.get(url(acme, sort="calls"))

    assert [row[0] for row in rows(by_cost)] == ["gpt-4o openai", "mini openai", "llama vllm"]
    assert [row[0] for row in rows(by_calls)] == ["mini openai", "gpt-4o openai", "llama vllm"]
    assert 'aria-sort="descending"' in by_calls.content.decode()


@pytest.mark.parametrize(
    ("wanted", "found"), [("GPT", ["gpt-4o openai"]), ("vll", ["llama vllm"]), ("%", []), ("gpt_4o", [])]
)
def test_a_search_is_in_names_and_providers_and_no_pattern(
    owner: Client, acme: Organization, priced: Project, wanted: str, found: list[str]
) -> None:
    response = owner.get(url(acme, q=wanted))

    assert response.status_code == 200
    listed = [row[0] for row in rows(response)] if "<tbody>" in response.content.decode() else []
    assert listed == found
    assert ("Nothing has that in its name" in response.content.decode()) == (not found)


def test_three_hundred_models_with_names_of_any_length_and_script(
    owner: Client, acme: Organization, acme_project: Project
) -> None:
    names = [f"{number:03}-" + "模型ж" * 24 for number in range(300)]
    record(acme_project, {"model_key": "<b>bold</b>", "provider": "openai", "cost_usd": Decimal(2)})
    with org_scope(acme.pk):
        for name in names:
            make_rollup(acme_project, timezone.now().date(), model_key=name, cost_usd=Decimal(1))

    first, last = owner.get(url(acme)), owner.get(url(acme) + "?page=4")

    assert [row[0] for row in rows(first)][:2] == ["<b>bold</b> openai", f"{names[0]} openai"]
    assert "&lt;b&gt;bold&lt;/b&gt;" in first.content.decode()
    assert "1 – 100 of 301 models" in first.content.decode()
    assert len(rows(last)) == 1


def test_with_a_status_only_calls_are_shown(owner: Client, acme: Organization, priced: Project) -> None:
    response = owner.get(url(acme, status="error"))

    assert rows(response) == [["gpt-4o openai", "1", "50.0%", "100%"]]
    assert "not kept by status" in response.content.decode()


def test_a_project_knows_only_its_own(owner: Client, acme: Organization, priced: Project) -> None:
    other = services.create_project(organization=acme, actor=owner_of(acme), name="Other")
    record(other, {"model_key": "theirs", "provider": "openai", "cost_usd": Decimal(9)})

    assert "theirs" in owner.get(url(acme)).content.decode()
    assert "theirs" not in owner.get(url(acme, priced)).content.decode()


def test_what_is_hidden_is_in_no_sum(acme: Organization, priced: Project) -> None:
    ada = join(acme, "ada@example.test", Role.MEMBER)
    override(priced, ada, Role.NONE)

    listed = signed_in(ada).get(url(acme))
    one = signed_in(ada).get(one_url(acme))

    assert "gpt-4o" not in text(listed.content.decode())
    assert "No calls" in text(one.content.decode())


@pytest.mark.parametrize("page", ["models", "model"])
def test_before_the_first_call_the_page_says_how_to_send_one(
    owner: Client, acme: Organization, acme_project: Project, page: str
) -> None:
    response = owner.get(url(acme, page=page, provider="openai", model="gpt-4o"))

    assert "No calls yet" in response.content.decode()
    assert "Connect an application" in response.content.decode()


@pytest.mark.parametrize("page", ["models", "model"])
def test_a_period_without_calls_says_what_to_do(
    owner: Client, acme: Organization, acme_project: Project, page: str
) -> None:
    record(acme_project, {"started_at": timezone.now() - timedelta(days=20), "model_key": "gpt-4o"})

    response = owner.get(url(acme, page=page, range="24h", provider="openai", model="gpt-4o"))

    assert response.status_code == 200
    assert "Look further back" in response.content.decode()


@pytest.mark.parametrize(
    "query", [{"from": "2010-01-01", "to": "2026-01-01"}, {"from": "2026-13-45"}, {"range": "century"}]
)
def test_impossible_ranges_are_answered_with_a_sane_one(
    owner: Client, acme: Organization, priced: Project, query: dict[str, Any]
) -> None:
    response = owner.get(url(acme, **query))

    assert response.status_code == 200
    assert 'class="alert alert-warn"' in response.content.decode()


def test_what_takes_too_long_is_said(
    owner: Client, acme: Organization, priced: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(**_: object) -> None:
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(selectors, "models", slow)

    response = owner.get(url(acme))

    assert response.status_code == 503
    assert "That took too long" in response.content.decode()


def test_htmx_gets_what_changes_and_the_bar(owner: Client, acme: Organization, priced: Project) -> None:
    response = owner.get(url(acme), headers={"HX-Request": "true"})

    html = response.content.decode()
    assert "<html" not in html
    assert 'id="content"' in html
    assert 'hx-swap-oob="true"' in html


@pytest.mark.parametrize(("page", "queries"), [("models", LIST_QUERIES), ("model", ONE_QUERIES)])
def test_a_page_costs_few_queries(owner: Client, acme: Organization, priced: Project, page: str, queries: int) -> None:
    address = url(acme, page=page, provider="openai", model="gpt-4o")
    owner.get(address)

    with CaptureQueriesContext(connection) as captured:
        owner.get(address)

    assert len(captured) == queries


# --- One model ---


def test_without_a_model_the_list_is_shown(owner: Client, acme: Organization, priced: Project) -> None:
    response = owner.get(url(acme, page="model", provider="openai", range="30d"))

    assert (response.status_code, response["Location"]) == (302, url(acme, range="30d"))


def test_one_model_has_its_own_figures_and_features(owner: Client, acme: Organization, priced: Project) -> None:
    html = owner.get(one_url(acme)).content.decode()
    shown = text(html)

    for words in ("$4.00", "$2.00", "50.0% with an error", "25.0% of input cached", "p50", "search"):
        assert words in shown
    assert "llama" not in shown
    assert reverse("pricing:model", args=[acme.slug]) + "?provider=openai&amp;model=gpt-4o" in html
    assert 'id="model-cost"' in html


def test_one_model_with_a_status_shows_only_calls(owner: Client, acme: Organization, priced: Project) -> None:
    html = owner.get(one_url(acme, status="ok")).content.decode()

    assert 'id="model-calls"' in html
    assert 'id="model-cost"' not in html
    assert "What would this traffic have cost" not in html


def test_a_name_without_calls_is_no_error(owner: Client, acme: Organization, priced: Project) -> None:
    response = owner.get(one_url(acme, model="never-heard-of"))

    assert response.status_code == 200
    assert "No calls match" in response.content.decode()


# --- Elsewhere ---


def test_the_same_tokens_on_other_models(owner: Client, acme: Organization, priced: Project) -> None:
    import_catalogue()

    response = owner.get(one_url(acme))

    table = rows(response)
    assert [row[:2] for row in table] == [
        ["As it was billed in this period", "$4.00"],
        ["gpt-4o at today’s standard price", "$3.50"],  # 1 M × 2.5 + 0.1 M × 10
        ["gpt-4o-mini openai same family", "$0.21"],  # 1 M × 0.15 + 0.1 M × 0.6
    ]
    assert table[2][2].endswith("−94.8%")
    assert "claude-sonnet-4" not in text(response.content.decode())  # nobody calls Anthropic here


def test_all_providers_are_one_click_away(owner: Client, acme: Organization, priced: Project) -> None:
    import_catalogue()

    table = rows(owner.get(one_url(acme, among="all")))

    assert [row[0] for row in table[2:]] == ["gpt-4o-mini openai same family", "claude-sonnet-4 anthropic"]
    assert table[3][1:3] == ["$4.50", "+12.5%"]


def test_any_model_can_be_looked_for_and_an_unknown_price_is_said(
    owner: Client, acme: Organization, priced: Project
) -> None:
    import_catalogue()

    found = rows(owner.get(one_url(acme, find="router")))
    nothing = owner.get(one_url(acme, find="no such model"))

    assert found[2] == ["router openai", "unknown", "–", "Its price is not known."]
    assert "No model of the price list has that in its name." in nothing.content.decode()


def test_a_price_by_size_is_an_estimate(owner: Client, acme: Organization, priced: Project) -> None:
    tiered: dict[str, Any] = {"input_tokens": UnitPrice(Decimal(1), (Tier(200_000, Decimal(2)),)), "output_tokens": "1"}
    import_catalogue(GPT_4O, make_card(tiered, catalogue_id="tiered", position=5))

    found = rows(owner.get(one_url(acme, find="tiered")))

    assert found[2][1] == "≈ $1.10"
    assert "An estimate: it charges more for calls above 200,000 input tokens" in found[2][3]


def test_ones_own_price_takes_the_place_of_the_list_s(owner: Client, acme: Organization, priced: Project) -> None:
    import_catalogue()
    set_price(acme, "gpt-4o-mini", provider="openai", prices=prices(input="1", output="1"))

    found = rows(owner.get(one_url(acme)))

    assert found[2][:2] == ["gpt-4o-mini openai · your own price same family", "$1.10"]


def test_the_arithmetic_of_one_model_line_by_line(owner: Client, acme: Organization, priced: Project) -> None:
    import_catalogue()

    html = owner.get(one_url(acme, on="anthropic/claude-sonnet-4")).content.decode()

    arithmetic = text(html.split('id="arithmetic"')[1].split("</section>")[0])
    assert "Input 750,000 $3.00 / 1.0 M $2.25" in arithmetic
    assert "Cached input 250,000 $3.00 / 1.0 M $0.75" in arithmetic
    assert "Output 100,000 $15.00 / 1.0 M $1.50" in arithmetic
    assert "Together $4.50" in arithmetic
    assert "Cached input at the price of input." in arithmetic


@pytest.mark.parametrize("key", ["nothing", "openai/never", "/", "a\0b"])
def test_a_model_that_no_list_has_is_not_found(owner: Client, acme: Organization, priced: Project, key: str) -> None:
    import_catalogue()

    assert owner.get(one_url(acme, on=key)).status_code == 404


def test_unpriced_traffic_has_a_price_elsewhere_and_nothing_to_compare(
    owner: Client, acme: Organization, priced: Project
) -> None:
    import_catalogue(GPT_4O, MINI, SONNET, UNKNOWN)

    found = rows(owner.get(one_url(acme, model="llama", provider="vllm", among="all")))

    assert found[0][:2] == ["As it was billed in this period", "unknown"]
    assert {row[2] for row in found} == {"–"}


def test_a_model_of_no_named_provider_leads_to_the_prices_of_all(
    owner: Client, acme: Organization, priced: Project
) -> None:
    html = owner.get(url(acme, page="model", model="gpt-4o")).content.decode()

    assert f'href="{reverse("pricing:price-list", args=[acme.slug])}?q=gpt-4o"' in html
    assert reverse("pricing:model", args=[acme.slug]) not in html
