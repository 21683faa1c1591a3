import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from django.urls import reverse
from django.utils.html import escape

from gateway.providers import PRESETS
from gateway.tests.factories import make_traffic
from gateway.tests.provider_factories import make_provider
from gateway.types import Auth
from ingestion.tests.factories import make_call
from tenants import services
from tenants.permissions import Role
from tenants.tests.people import join, override, owner_of, signed_in

HTMX = {"HX-Request": "true"}
BASE = "https://ops.example"
# Who is asking, their membership, the scope, its zone, navigation; then own providers and the projects to make keys in.
QUERIES = 12
POLL_QUERIES = 11


@pytest.fixture
def web(acme_project):
    return acme_project


@pytest.fixture(autouse=True)
def base_url(settings):
    settings.BASE_URL = BASE


def url(organization, **query):
    return reverse("gateway:connect", args=[organization.slug], query=query)


def first_call(organization, **query):
    return reverse("gateway:first-call", args=[organization.slug], query=query)


def this_hour():
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def text(response):
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_the_page_shows_this_installation_s_address(owner, acme, web):
    page = text(owner.get(url(acme)))

    assert f">{BASE}/v1/proxy/openai</code>" in page
    assert escape(f'base_url="{BASE}/v1/proxy/openai/v1"') in page


def test_every_built_in_provider_can_be_chosen(owner, acme, web):
    offered = re.findall(r'<option value="([\w-]+)"', text(owner.get(url(acme))))

    assert [slug for slug in offered if slug in PRESETS] == sorted(
        PRESETS, key=lambda slug: (not PRESETS[slug].provider.origin, list(PRESETS).index(slug))
    )


@pytest.mark.parametrize("slug", PRESETS)
@pytest.mark.parametrize("mode", ["own", "stored"])
def test_every_provider_has_code_for_either_key(owner, acme, web, slug, mode):
    page = text(owner.get(url(acme, provider=slug, mode=mode)))

    assert f"{BASE}/v1/proxy/{slug}" in page
    assert ("TS-API-Key" in page) == (mode == "own" and PRESETS[slug].provider.auth is not Auth.NONE)
    assert ("has no address yet" in page) == (not PRESETS[slug].provider.origin)


@pytest.mark.parametrize("mode", ["own", "stored", ""])
@pytest.mark.parametrize("slug", ["ollama", "lm-studio", "house"])
def test_a_provider_without_keys_is_connected_with_a_tokenops_key_alone(owner, acme, web, slug, mode):
    make_provider(acme, slug="house", auth="none")

    page = text(owner.get(url(acme, provider=slug, mode=mode)))

    assert "takes no key. A TokenOps key with the scope “Send calls through the gateway”" in page
    assert "None is needed" in page
    for nonsense in (
        "credential",
        "Store one",
        "passes through",
        "TS-API-Key",
        f"{slug.upper().replace('-', '_')}_API",
    ):
        assert nonsense not in page


def test_a_server_that_usually_has_a_key_can_be_added_without(owner, acme, web):
    """vLLM takes one or none, as whoever started it decided."""
    assert "The gateway puts the stored vLLM credential in its place" in text(
        owner.get(url(acme, provider="vllm", mode="stored"))
    )
    make_provider(acme, slug="vllm", name="vLLM", preset="vllm", auth="none")

    page = text(owner.get(url(acme, provider="vllm", mode="stored")))

    assert "vLLM takes no key" in page
    assert "has no address yet" not in page


def test_a_provider_that_is_not_there_is_openai(owner, acme, web):
    assert owner.get(url(acme, provider="nobody", mode="x")).context["chosen"].slug == "openai"


@pytest.mark.parametrize(
    ("who", "links"),
    [
        ("owner", ["For every project", "Web"]),
        ("admin", ["For every project", "Web"]),
        ("member", ["Web"]),
        ("viewer", []),
    ],
)
def test_people_are_led_to_where_they_may_make_a_key(request, acme, web, who, links):
    response = request.getfixturevalue(who).get(url(acme))

    assert [link.text for link in response.context["key_links"]] == links
    assert ("Your role cannot create keys" in text(response)) == (not links)


def test_the_key_s_form_has_the_scope_ticked(owner, acme, web):
    link = owner.get(url(acme)).context["key_links"][1]

    ticked = re.findall(r'value="(\w+)"[^>]*checked', text(owner.get(link.url)))

    assert ticked == ["gateway"]


@pytest.mark.parametrize("wanted", ["", "nonsense", "manage"])
def test_a_scope_that_cannot_be_granted_is_not_ticked(member, acme, web, wanted):
    path = reverse("tenants:key-create", args=[acme.slug, "web"])

    assert re.findall(r'value="(\w+)"[^>]*checked', text(member.get(f"{path}?scope={wanted}"))) == ["ingest"]


def test_nothing_has_arrived_yet(owner, acme, web):
    make_call(web, source="sdk", started_at=this_hour())

    assert owner.get(first_call(acme), headers=HTMX).status_code == 204
    assert "Nothing has arrived yet" in text(owner.get(first_call(acme)))


def test_requests_that_are_not_stored_have_not_arrived(owner, acme, web):
    make_traffic(web, hour=this_hour(), written=0)

    assert owner.get(first_call(acme), headers=HTMX).status_code == 204


def test_a_call_turns_the_page_into_a_link_to_the_live_log(owner, acme, web):
    make_traffic(web, hour=this_hour())
    make_call(web, source="sdk", started_at=this_hour() + timedelta(minutes=2), model_key="sent")
    make_call(web, source="gateway", started_at=this_hour(), model_key="older", call_id="a")
    make_call(web, source="gateway", started_at=this_hour() + timedelta(minutes=1), model_key="proxied", call_id="b")

    page = text(owner.get(first_call(acme), headers=HTMX))

    assert page.startswith('<div class="waiting waiting-done" id="first-call">')
    assert "<strong>Received.</strong> proxied, " in page
    log = reverse("dashboards:organization-calls", args=[acme.slug])
    assert f'href="{log}?source=gateway&amp;provider={quote("openai")}"' in page


def test_a_call_that_failed_has_arrived_and_says_so(owner, acme, web):
    make_traffic(web, hour=this_hour(), requests=1, client_errors=1)
    make_call(web, source="gateway", started_at=this_hour(), model_key="gpt-4o", status="error", http_status=401)

    page = text(owner.get(first_call(acme), headers=HTMX))

    assert "<strong>Received.</strong> A call of gpt-4o failed with 401 <time" in page
    assert "tokens" not in page


def test_the_page_waits_for_the_chosen_provider(owner, acme, web):
    make_traffic(web, hour=this_hour(), provider="anthropic")
    make_call(web, source="gateway", started_at=this_hour(), provider="anthropic")

    assert owner.get(first_call(acme, provider="openai"), headers=HTMX).status_code == 204
    assert "Received" in text(owner.get(first_call(acme, provider="anthropic"), headers=HTMX))


def test_a_call_that_is_not_kept_any_more_has_arrived_all_the_same(owner, acme, web):
    make_traffic(web, hour=this_hour() - timedelta(days=300))

    assert "The last call came" in text(owner.get(first_call(acme), headers=HTMX))


def test_calls_of_other_people_s_projects_do_not_arrive(acme, web, globex, outsider):
    hidden = services.create_project(organization=acme, actor=owner_of(acme), name="Secret")
    ada = join(acme, "ada@example.test", Role.MEMBER)
    override(hidden, ada, Role.NONE)
    make_traffic(hidden, hour=this_hour())
    make_call(hidden, source="gateway", started_at=this_hour())

    assert signed_in(ada).get(first_call(acme), headers=HTMX).status_code == 204
    assert outsider.get(first_call(globex), headers=HTMX).status_code == 204


def test_a_page_costs_a_fixed_number_of_questions(owner, acme, web, django_assert_num_queries):
    owner.get(url(acme))  # the session remembers the organization
    for number in range(5):
        services.create_project(organization=acme, actor=owner_of(acme), name=f"Project {number}")

    with django_assert_num_queries(QUERIES):
        owner.get(url(acme))
    with django_assert_num_queries(POLL_QUERIES):
        owner.get(first_call(acme), headers=HTMX)
