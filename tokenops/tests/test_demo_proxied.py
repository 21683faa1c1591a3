"""The demo's gateway: what its page says is what the calls say."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from gateway.models import GatewayProvider, ProviderCredential
from gateway.traffic import COUNTS
from ingestion.writer import LocalTime
from tenants import services
from tokenops.demo.generate import demo_calls
from tokenops.demo.profiles import PROXIED
from tokenops.demo.proxied import Passed
from tokenops.demo.servers import add_servers

NOW = datetime(2026, 7, 14, 10, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def passed():
    noted = Passed(LocalTime("UTC"))
    calls = [item for item in noted.noting(demo_calls(now=NOW)) if item.call.source == "gateway"]
    return noted, calls


def total(noted):
    return sum(noted.counts.values(), Counter())


def test_every_call_of_a_proxied_project_is_counted_once(passed):
    noted, calls = passed

    assert {item.project for item in calls} == PROXIED
    assert {project for _, project, _ in noted.counts} == PROXIED
    assert total(noted)["calls"] == total(noted)["written"] == len(calls)


def test_some_programs_ask_for_the_models_first_which_is_no_call(passed):
    noted, calls = passed
    asked = sum(item.call.call_id.endswith("7f") for item in calls)

    assert total(noted)["requests"] - total(noted)["calls"] == asked > 0


def test_errors_are_counted_by_their_status(passed):
    noted, calls = passed
    statuses = Counter(item.call.http_status for item in calls)

    assert total(noted)["throttled"] == statuses[429] > 0
    assert total(noted)["server_errors"] == sum(number for status, number in statuses.items() if status >= 500) > 0


def test_each_bound_contains_the_one_before(passed):
    noted, _ = passed
    found = total(noted)

    assert 0 < found["within_1_ms"] < found["within_5_ms"] < found["within_25_ms"] == found["within_100_ms"]
    assert found["requests"] == found["within_100_ms"]


def test_hours_and_providers_are_the_page_s(passed):
    noted, _ = passed

    assert {provider for _, _, provider in noted.counts} == {"openai", "mistral", "vllm"}
    assert all(hour.minute == 0 and hour <= NOW for hour, _, _ in noted.counts)
    assert all(name in {"", *COUNTS} for counts in noted.counts.values() for name in counts)


# --- Its own servers ---


def test_the_demo_s_servers_are_those_its_calls_went_to_and_one_that_takes_no_key(acme, globex, scope):
    services.create_project(organization=acme, actor=None, name="Research")

    add_servers(organization=acme, now=NOW)
    add_servers(organization=acme, now=NOW)

    with scope(acme):
        found = list(GatewayProvider.objects.order_by("slug").values_list("slug", "auth"))
        stored = list(ProviderCredential.objects.order_by("name"))
    assert found == [("lab", "none"), ("vllm", "bearer")]
    assert [(one.provider, one.name, one.is_default, one.hint) for one in stored] == [
        ("vllm", "All teams", True, "1731"),
        ("vllm", "Research", True, "1732"),
    ]
    with scope(globex):
        assert not GatewayProvider.objects.exists()


def test_the_demo_leads_to_no_machine_that_there_is(acme, scope):
    """Names below .example belong to nobody."""
    services.create_project(organization=acme, actor=None, name="Research")

    add_servers(organization=acme, now=NOW)

    with scope(acme):
        origins = list(GatewayProvider.objects.values_list("origin", flat=True))
    assert all(origin.endswith(".northwind.example") for origin in origins)
