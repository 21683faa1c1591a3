"""``GET /api/v1/gateway/traffic``: the overview page's numbers, for scripts."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from core.cursors import encode
from core.models import Heartbeat
from core.scope import org_scope
from gateway.tests.factories import make_traffic
from gateway.tests.provider_factories import make_provider
from ingestion.writer.refusals import NO_PROJECT
from tenants import services
from tenants.models import OrganizationSettings, Project
from tenants.permissions import Role, Scope
from tenants.tests.keys import bearer, issue_key
from tenants.tests.people import join, override, owner_of, signed_in

URL = "/api/v1/gateway/traffic"
NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK = {"from": "2026-11-02", "to": "2026-11-09"}


@pytest.fixture
def web(acme_project):
    return acme_project


@pytest.fixture
def app(acme):
    return services.create_project(organization=acme, actor=owner_of(acme), name="App")


@pytest.fixture
def get(anonymous, acme):
    """Asks with a key of acme that may read; other ``headers`` replace it."""
    own = bearer(issue_key(acme))

    def ask(*, headers=None, **parameters):
        return anonymous.get(URL, query_params=parameters, headers=headers or own)

    return ask


@pytest.fixture
def rows(get):
    def listed(**parameters):
        answer = get(**WEEK | parameters)
        assert answer.status_code == 200, answer.content
        return answer.json()["results"]

    return listed


def requests(answer):
    assert answer.status_code == 200, answer.content
    return sum(row["requests"] for row in answer.json()["results"])


# --- Numbers ---


def test_a_period_is_one_row_with_every_number_of_the_page(get, web):
    ended = {"client_errors": 10, "throttled": 20, "server_errors": 30, "unreachable": 1, "timeouts": 2, "broken": 3}
    within = {"within_1_ms": 600, "within_5_ms": 900, "within_25_ms": 1100, "within_100_ms": 1188}
    counts = ended | within | {"client_left": 4, "interrupted": 5}
    make_traffic(web, hour=NOON, requests=1000, calls=900, written=890, added_us=2_000_000, **counts)
    make_traffic(web, hour=NOON, provider="mistral", requests=200, added_us=400_100, **dict.fromkeys(within, 200))

    answer = get(**WEEK)

    assert answer.status_code == 200
    assert answer.json() == {
        "from": "2026-11-02T00:00:00.000000Z",
        "to": "2026-11-09T00:00:00.000000Z",
        "time_zone": "UTC",
        "interval": "none",
        "waiting_seconds": None,
        "results": [
            {
                "requests": 1200,
                "other_requests": 100,
                "calls": 1100,
                "written": 1090,
                "unwritten": 10,
                "answered": 1125,
                "upstream_errors": 66,
                **ended,
                "client_left": 4,
                "interrupted": 5,
                "added_ms": 2.0,
                **{name: count + 200 for name, count in within.items()},
            }
        ],
        "next": None,
    }


def test_every_request_is_in_one_way_of_ending(rows, web):
    failed = {"client_errors": 1, "throttled": 2, "server_errors": 3, "unreachable": 1, "timeouts": 1, "broken": 2}
    make_traffic(web, hour=NOON, requests=30, client_left=5, interrupted=6, **failed)

    (row,) = rows()

    assert row["upstream_errors"] == sum(failed.values()) == 10
    assert row["answered"] + row["upstream_errors"] + row["client_left"] + row["interrupted"] == 30


def test_the_numbers_are_those_of_the_page(owner, get, acme, web, app):
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    make_traffic(web, hour=hour, requests=3, written=2, throttled=1)
    make_traffic(app, hour=hour - DAY, requests=5, provider="anthropic")
    make_traffic(web, hour=hour, requests=7, provider="groq", project_id=NO_PROJECT)

    page = owner.get(reverse("gateway:organization-overview", args=[acme.slug], query={"range": "7d"}))
    answer = get(group_by="provider")

    shown = {row.slug: row.traffic for row in page.context["page"].rows}
    told = {row.pop("provider"): row for row in answer.json()["results"]}
    assert set(shown) == set(told) == {"openai", "anthropic", "groq"}
    for slug, row in told.items():
        assert row == {name: getattr(shown[slug], name) for name in row}


def test_without_requests_there_is_no_row(rows, web):
    make_traffic(web, hour=NOON + 7 * DAY)

    assert rows() == []
    assert rows(group_by="provider", interval="hour") == []


def test_added_time_is_told_to_the_microsecond(rows, web):
    make_traffic(web, hour=NOON, requests=3, added_us=2_000)

    assert rows()[0]["added_ms"] == 0.667


# --- By provider, hour and day ---


def test_providers_are_apart_when_asked_for_and_one_that_is_gone_stays(rows, web):
    make_traffic(web, hour=NOON, requests=1)
    make_traffic(web, hour=NOON + DAY, requests=2)
    make_traffic(web, hour=NOON, requests=4, provider="was-ours")

    found = rows(group_by="provider")

    assert [(row["provider"], row["requests"]) for row in found] == [("openai", 3), ("was-ours", 4)]
    assert "bucket" not in found[0]


def test_hours_have_their_local_names_and_those_without_requests_are_absent(get, acme, web):
    with org_scope(acme.pk):
        OrganizationSettings.objects.filter(organization=acme).update(time_zone="Asia/Kolkata")
    make_traffic(web, hour=NOON + HOUR / 2, requests=1)
    make_traffic(web, hour=NOON + HOUR * 2.5, requests=2)

    answer = get(**WEEK, interval="hour").json()

    assert (answer["time_zone"], answer["from"]) == ("Asia/Kolkata", "2026-11-01T18:30:00.000000Z")
    assert [(row["bucket"], row["requests"]) for row in answer["results"]] == [
        ("2026-11-03T18:00:00+05:30", 1),
        ("2026-11-03T20:00:00+05:30", 2),
    ]
    assert "provider" not in answer["results"][0]


def test_days_are_the_organizations(get, acme, web):
    with org_scope(acme.pk):
        OrganizationSettings.objects.filter(organization=acme).update(time_zone="America/New_York")
    make_traffic(web, hour=datetime(2026, 11, 4, 4, tzinfo=UTC), requests=1)  # 23:00 of the 3rd
    make_traffic(web, hour=datetime(2026, 11, 4, 5, tzinfo=UTC), requests=2)
    make_traffic(web, hour=datetime(2026, 11, 4, 6, tzinfo=UTC), requests=4, provider="groq")

    answer = get(**WEEK, interval="day", group_by="provider").json()

    assert [(row["bucket"], row["provider"], row["requests"]) for row in answer["results"]] == [
        ("2026-11-03", "openai", 1),
        ("2026-11-04", "groq", 4),
        ("2026-11-04", "openai", 2),
    ]


def test_a_repeated_hour_of_the_autumn_is_two_rows(get, acme, web):
    with org_scope(acme.pk):
        OrganizationSettings.objects.filter(organization=acme).update(time_zone="Europe/Berlin")
    for hour in (0, 1):
        make_traffic(web, hour=datetime(2026, 10, 25, hour, tzinfo=UTC), requests=1 + hour)

    found = get(**{"from": "2026-10-25", "to": "2026-10-26"}, interval="hour").json()["results"]

    assert [(row["bucket"], row["requests"]) for row in found] == [
        ("2026-10-25T02:00:00+02:00", 1),
        ("2026-10-25T02:00:00+01:00", 2),
    ]


def test_a_period_begins_at_its_start_and_ends_before_its_end(get, web):
    for ago in range(3):
        make_traffic(web, hour=NOON - ago * HOUR, requests=10**ago)

    period = {"from": "2026-11-03T11:00:00Z", "to": "2026-11-03T12:00:00Z"}
    assert requests(get(**period)) == 10
    assert requests(get(**period | {"to": "2026-11-03T13:00:00 00:00"})) == 11  # a plus sign that was lost


def test_without_a_period_it_is_the_last_thirty_days_and_the_hour_that_runs(get, web):
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    make_traffic(web, hour=hour, requests=1)
    make_traffic(web, hour=hour - 30 * DAY, requests=2)
    make_traffic(web, hour=hour - 32 * DAY, requests=4)

    assert requests(get()) == 3


# --- Pages ---


def test_pages_follow_each_other_without_loss_and_keep_the_period(get, anonymous, acme, web):
    own = bearer(issue_key(acme))
    for ago in range(3):
        for provider in ("groq", "mistral", "openai"):
            make_traffic(web, hour=NOON - ago * HOUR, provider=provider, requests=1)
    whole = get(**WEEK, interval="hour", group_by="provider").json()["results"]

    answer = get(**WEEK, interval="hour", group_by="provider", limit=2).json()
    walked = answer["results"]
    while answer["next"]:
        query = parse_qs(urlsplit(answer["next"]).query)
        assert (query["from"], query["to"]) == (["2026-11-02T00:00:00.000000Z"], ["2026-11-09T00:00:00.000000Z"])
        answer = anonymous.get(answer["next"], headers=own).json()
        assert len(answer["results"]) <= 2
        walked += answer["results"]

    assert walked == whole
    assert len(whole) == 9


@pytest.mark.parametrize("query", [{"interval": "day"}, {"group_by": "provider"}])
def test_pages_of_one_dimension_follow_each_other(get, rows, web, query):
    for ago, provider in enumerate(("groq", "mistral", "openai")):
        make_traffic(web, hour=NOON + ago * DAY, provider=provider, requests=1)

    first = get(**WEEK, **query, limit=2).json()
    cursor = parse_qs(urlsplit(first["next"]).query)["cursor"][0]
    second = get(**WEEK, **query, limit=2, cursor=cursor).json()

    assert (len(first["results"]), len(second["results"]), second["next"]) == (2, 1, None)
    assert first["results"] + second["results"] == rows(**query)


# --- Filters ---


def test_a_provider_is_asked_for_by_its_slug_and_several_by_repeating_it(rows, web):
    for number, provider in enumerate(("groq", "mistral", "openai")):
        make_traffic(web, hour=NOON, provider=provider, requests=10**number)

    assert rows(provider="mistral")[0]["requests"] == 10
    assert rows(provider=["mistral", "openai", "openai"])[0]["requests"] == 110
    assert rows(provider="anthropic") == []


def test_own_providers_and_those_that_are_gone_can_be_asked_for(rows, acme, web):
    make_provider(acme, slug="house")
    make_traffic(web, hour=NOON, provider="house", requests=2)
    make_traffic(web, hour=NOON, provider="was-ours", requests=3)

    assert rows(provider="house")[0]["requests"] == 2
    assert rows(provider="was-ours")[0]["requests"] == 3


def test_an_unknown_provider_is_refused_without_being_repeated(get, web):
    answer = get(**WEEK, provider=["openai", "no-such-provider"])

    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "provider", "message": "There is no such provider."}]
    assert "no-such" not in answer.content.decode()


def test_a_provider_that_only_somebody_else_has_is_unknown(get, acme, web, app, globex, scope):
    with scope(globex):
        theirs = Project.objects.get()
    make_provider(globex, slug="their-own")
    make_traffic(theirs, hour=NOON, provider="their-old")
    make_traffic(app, hour=NOON, provider="of-the-app")
    of_web = bearer(issue_key(acme, project=web))

    assert get(**WEEK, provider="their-own").status_code == 400
    assert get(**WEEK, provider="their-old").status_code == 400
    assert get(**WEEK, provider="of-the-app").status_code == 200
    assert get(**WEEK, provider="of-the-app", headers=of_web).status_code == 400


def test_a_project_is_asked_for_by_its_slug(rows, web, app):
    make_traffic(web, hour=NOON, requests=1)
    make_traffic(app, hour=NOON, requests=10)
    make_traffic(web, hour=NOON, requests=100, project_id=NO_PROJECT)

    assert rows(project="web")[0]["requests"] == 1
    assert rows(project=["web", "app"])[0]["requests"] == 11
    assert rows()[0]["requests"] == 111


def test_a_foreign_project_is_not_there(get, globex, web):
    services.create_project(organization=globex, actor=owner_of(globex), name="Secret")

    assert get(project="secret").status_code == 404
    assert get(project=["web", "secret"]).status_code == 404
    assert get(project="nowhere").status_code == 404


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ({"group_by": "model"}, "group_by", "Must be one of: provider."),
        ({"group_by": "provider,provider"}, "group_by", "Give each once."),
        ({"interval": "month"}, "interval", "Must be one of: none, hour, day."),
        ({"from": "yesterday"}, "from", "This must be a date"),
        ({"from": "2026-02-30"}, "from", "This must be a date"),
        ({"from": "0001-01-01"}, "from", "not a moment"),
        ({"from": "2026-11-03T10:30:00Z"}, "from", "start of an hour in UTC"),
        ({"to": "2026-11-03T10:00:01Z"}, "to", "start of an hour in UTC"),
        ({"from": "2026-11-09"}, "from", "before the end"),
        ({"to": "2026-11-01"}, "from", "before the end"),
        ({"from": "2020-01-01"}, "from", "at most 800 days"),
        ({"from": "2026-09-01", "interval": "hour"}, "from", "at most 31 days"),
        ({"limit": "0"}, "limit", "greater than or equal to 1"),
        ({"limit": "2001"}, "limit", "less than or equal to 2000"),
        ({"provider": "p" * 51}, "provider", "no more than 50"),
        ({"provider": "p\0"}, "provider", "Null characters"),
        ({"provider": ""}, "provider", "may not be blank"),
        ({"project": ["web"] * 51}, "project", "no more than 50 elements"),
        ({"cursor": "x"}, "cursor", "Use the cursor"),
        ({"cursor": encode(("2026-11-03",))}, "cursor", "Use the cursor"),
        ({"cursor": encode(("", "openai"))}, "cursor", "Use the cursor"),
        ({"range": "7d"}, "range", "There is no such parameter."),
        ({"since": "2026-11-02"}, "since", "There is no such parameter."),
    ],
)
def test_bad_parameters_are_named(get, web, query, field, says):
    answer = get(**WEEK | query)

    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert says in error["message"]


@pytest.mark.parametrize("place", [("1 or 1=1", "'; drop table calls"), ("zzz", "\u2028")])
def test_a_made_up_place_is_no_statement(get, web, place):
    make_traffic(web, hour=NOON)

    assert get(**WEEK, interval="hour", group_by="provider", cursor=encode(place)).status_code == 200


# --- Who may ask ---


def test_who_may_ask(anonymous, outsider, nobody, viewer, member, acme):
    ingest_only = bearer(issue_key(acme, scopes=[Scope.INGEST, Scope.GATEWAY]))
    asked = f"{URL}?organization=acme"

    codes = [one.get(asked).status_code for one in (anonymous, outsider, nobody, viewer, member)]

    assert codes == [401, 404, 403, 200, 200]
    assert anonymous.get(URL, headers=ingest_only).status_code == 403
    assert viewer.get(URL).status_code == 400  # a person names the organization
    assert viewer.post(asked).status_code == 405


def test_a_key_sees_its_own_project_or_organization_only(get, acme, web, app, globex, scope):
    with scope(globex):
        theirs = Project.objects.get()
    make_traffic(web, hour=NOON, requests=1)
    make_traffic(app, hour=NOON, requests=10)
    make_traffic(web, hour=NOON, requests=100, project_id=NO_PROJECT)
    make_traffic(theirs, hour=NOON, requests=1000)
    of_web = bearer(issue_key(acme, project=web))

    assert requests(get(**WEEK)) == 111
    assert requests(get(**WEEK, headers=of_web)) == 1
    assert get(**WEEK, headers=of_web, project="app").status_code == 404
    assert requests(get(**WEEK, headers=bearer(issue_key(globex)))) == 1000


def test_a_hidden_project_is_in_no_number(acme, web, app):
    ada = join(acme, "ada@example.test", Role.MEMBER)
    override(app, ada, Role.NONE)
    make_traffic(web, hour=NOON, requests=1)
    make_traffic(app, hour=NOON, requests=10, provider="of-the-app")
    make_traffic(web, hour=NOON, requests=100, project_id=NO_PROJECT)
    ask = {"organization": acme.slug} | WEEK
    client = signed_in(ada)

    assert requests(client.get(URL, query_params=ask)) == 101
    assert client.get(URL, query_params=ask | {"project": "app"}).status_code == 404
    assert client.get(URL, query_params=ask | {"provider": "of-the-app"}).status_code == 400


def test_who_reads_one_project_only_gets_that_and_nothing_of_the_organization(acme, web, app):
    """As the page: the project's is theirs, the organization's is not."""
    ada = join(acme, "ada@example.test", Role.NONE)
    override(web, ada, Role.VIEWER)
    make_traffic(web, hour=NOON, requests=1)
    make_traffic(app, hour=NOON, requests=10)
    make_traffic(web, hour=NOON, requests=100, project_id=NO_PROJECT)

    answer = signed_in(ada).get(URL, query_params={"organization": acme.slug} | WEEK)

    assert requests(answer) == 1
    assert signed_in(ada).get(reverse("gateway:project-overview", args=[acme.slug, "web"])).status_code == 200


def test_without_a_gateway_there_is_nothing(get, settings):
    settings.GATEWAY_ENABLED = False

    assert get().status_code == 404


# --- What is not counted yet ---


@pytest.mark.parametrize(("oldest", "told"), [(75.4, 75), (9.9, None), ("x", None)])
def test_calls_that_wait_long_are_said_to(get, web, oldest, told):
    Heartbeat.objects.create(name="gateway", seen_at=timezone.now(), facts={"oldest_seconds": oldest})

    assert get().json()["waiting_seconds"] == told


def test_the_number_of_questions_does_not_grow(get, acme, web):
    own = [f"own-{ago}" for ago in range(10)]
    for ago, provider in enumerate(own):
        make_traffic(web, hour=NOON - ago * HOUR, provider=provider)
    get(provider=own)  # the key is known from here on

    with CaptureQueriesContext(connection) as few:
        get(**WEEK, group_by="provider", provider=own[:1])
    with CaptureQueriesContext(connection) as many:
        answer = get(**WEEK, group_by="provider", interval="hour", provider=own)

    assert len(answer.json()["results"]) == 10
    assert len(many) == len(few)
