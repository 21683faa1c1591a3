"""The resources of a project and of an organization, and one of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import quote

import pytest

from ingestion.tests.factories import make_sample, make_samples
from tenants import services
from tenants.models import User

ORGANIZATION, PROJECT = "/o/acme/resources/", "/o/acme/p/web/resources/"
ONE = PROJECT + "one/"
NOW = datetime.now(UTC)


@pytest.fixture
def mobile(acme):
    return services.create_project(organization=acme, actor=User.objects.get(email="owner@acme.test"), name="Mobile")


def unused(**fields):
    """Twenty samples of a resource that used at most a quarter of its memory."""
    return [{"sampled_at": NOW - timedelta(minutes=n), **fields} for n in range(20)]


@pytest.mark.parametrize("url", [ORGANIZATION, PROJECT])
def test_without_samples_the_page_shows_how_to_send_one(viewer, acme_project, url):
    page = viewer.get(url)

    assert page.status_code == 200
    for text in ("No samples yet", "/api/v1/cloud-metrics", "allocated_mb", "$TOKENOPS_API_KEY"):
        assert text in page.text
    assert "<table" not in page.text


def test_older_samples_are_found_further_back(viewer, acme_project):
    make_sample(acme_project, sampled_at=NOW - timedelta(days=20))

    page = viewer.get(PROJECT, {"sort": "cost"})

    assert "No samples in this period" in page.text
    assert "range=30d&amp;sort=cost" in page.text


def test_resources_show_what_they_were_given_and_used(viewer, acme_project):
    make_samples(acme_project, unused(cost_usd=Decimal("0.5")))
    make_sample(acme_project, resource="busy", used_mb=1100, cost_usd=None, kind="", team="", sampled_at=NOW)

    page = viewer.get(PROJECT).text.replace("\u00a0", " ")

    for text in ("thumbnailer", "25.0%", "256 MB of 1 GB", "Mostly unused", "$10.00", "busy", "107%", "Over its limit"):
        assert text in page
    assert "unknown" in page
    assert page.index("thumbnailer</bdi>") < page.index("busy</bdi>")


@pytest.mark.parametrize(
    ("sort", "first"),
    [("", "wasteful"), ("nonsense", "wasteful"), ("cost", "dear"), ("resource", "dear"), ("peak", "dear")],
)
def test_the_order_is_asked_for_in_the_address(viewer, acme_project, sort, first):
    make_sample(acme_project, resource="wasteful", used_mb=1, cost_usd=Decimal(2), sampled_at=NOW)
    make_sample(acme_project, resource="dear", used_mb=1000, cost_usd=Decimal(9), sampled_at=NOW)

    page = viewer.get(PROJECT, {"sort": sort}).text

    places = {name: page.index(f"<bdi>{name}</bdi>") for name in ("wasteful", "dear")}
    assert min(places, key=places.get) == first


def test_an_organization_shows_all_its_projects_and_no_other(viewer, acme_project, mobile, globex, scope):
    make_sample(acme_project, resource="of-web", sampled_at=NOW)
    make_sample(mobile, resource="of-mobile", sampled_at=NOW)
    with scope(globex):
        foreign = globex_project(globex)
    make_sample(foreign, resource="of-globex", sampled_at=NOW)

    everything, web = viewer.get(ORGANIZATION).text, viewer.get(PROJECT).text

    assert [name in everything for name in ("of-web", "of-mobile", "of-globex", "Mobile")] == [True, True, False, True]
    assert [name in web for name in ("of-web", "of-mobile", "of-globex")] == [True, False, False]


def globex_project(globex):
    from tenants.models import Project

    return Project.objects.get(organization=globex)


def test_one_resource_has_its_figures_chart_and_table(viewer, acme_project):
    make_samples(acme_project, unused(cost_usd=Decimal("0.5"), invocations=3))

    page = viewer.get(ONE, {"name": "thumbnailer"})
    text = page.text.replace("\u00a0", " ")

    assert page.status_code == 200
    for shown in (
        "It never used more than 25.0% of its memory",
        "320 MB",
        "Memory over time",
        "Peak used",
        "Invocations",
    ):
        assert shown in text
    assert "<dd>60</dd>" in text
    assert "Memory over time, table" in text


def test_a_resource_that_needs_more_is_told_so(viewer, acme_project):
    make_samples(acme_project, [{"sampled_at": NOW, "used_mb": used} for used in (2048, 100)])

    text = viewer.get(ONE, {"name": "thumbnailer"}).text.replace("\u00a0", " ")

    assert "1 of 2 samples used more than was allocated" in text
    assert "Give it 2.5 GB" in text


def test_a_resource_without_samples_in_the_period_says_so(viewer, acme_project):
    make_sample(acme_project, sampled_at=NOW - timedelta(days=20))

    assert "No samples in this period" in viewer.get(ONE, {"name": "thumbnailer"}).text
    assert "Memory over time" in viewer.get(ONE, {"name": "thumbnailer", "range": "30d"}).text


@pytest.mark.parametrize("name", ["", "unknown", "a\0b", "x" * 256, "of-mobile"])
def test_what_is_no_resource_of_the_project_is_404(viewer, acme_project, mobile, name):
    make_sample(mobile, resource="of-mobile", sampled_at=NOW)

    assert viewer.get(ONE, {"name": name}).status_code == 404


@pytest.mark.parametrize("name", ["arn:aws:lambda/x?y=1&z=#2", "<script>alert(1)</script>", "ünïcode/路径", "../.."])
def test_any_name_leads_to_its_page_and_is_escaped(viewer, acme_project, name):
    make_sample(acme_project, resource=name, sampled_at=NOW)

    listed = viewer.get(PROJECT).text
    page = viewer.get(f"{ONE}?name={quote(name, safe='')}")

    assert f"one/?name={quote(name, safe='')}" in listed.replace("+", "%20")
    assert page.status_code == 200
    assert "<script>alert" not in listed + page.text


@pytest.mark.parametrize(("who", "status"), [("anonymous", 302), ("outsider", 404), ("nobody", 404), ("viewer", 200)])
def test_who_may_look(request, acme_project, who, status):
    make_sample(acme_project, sampled_at=NOW)
    client = request.getfixturevalue(who)

    assert client.get(ONE, {"name": "thumbnailer"}).status_code == status
