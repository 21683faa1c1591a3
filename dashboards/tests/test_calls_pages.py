import re
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone

from core.scope import org_scope
from dashboards import cursors
from dashboards.tests.factories import record_calls
from ingestion.models import DailyRollup
from ingestion.models import RateCard as StoredCard
from ingestion.pricing.cards import to_row
from ingestion.tests.pricing.factories import make_card
from tenants import key_services, services
from tenants.models import Project
from tenants.permissions import Scope

HTMX = {"HX-Request": "true"}
NB = "\u00a0"
# Who is asking, their membership, the scope, its zone, navigation; then activity, days, calls in a savepoint, projects.
ORGANIZATION_QUERIES = 17
POLL_QUERIES = 9


@pytest.fixture
def web(acme, acme_project):
    return acme_project


def url(organization, of_project=None, **query):
    slugs = [organization.slug] + ([of_project.slug] if of_project else [])
    path = reverse(f"dashboards:{'project' if of_project else 'organization'}-calls", args=slugs)
    return f"{path}?{urlencode(query, doseq=True)}" if query else path


def call_url(project, call_id, started_at):
    path = reverse("dashboards:project-call", args=[project.organization.slug, project.slug, call_id])
    return f"{path}?at={cursors.encode_moment(started_at)}"


def ago(**delta):
    return timezone.now() - timedelta(**delta)


def record(project, rows):
    with org_scope(project.organization_id):
        return record_calls(project, rows)


def text(response):
    return response.content.decode()


def shown(response):
    return re.findall(r'id="call-\d+-([^"]+)"', text(response))


@pytest.mark.parametrize(
    ("who", "status"),
    [("owner", 200), ("member", 200), ("viewer", 200), ("nobody", 403), ("outsider", 404), ("anonymous", 302)],
)
def test_members_see_the_log_and_strangers_do_not(request, acme, web, who, status):
    record(web, [{"call_id": "secret-call", "started_at": ago(hours=1)}])
    client = request.getfixturevalue(who)

    response = client.get(url(acme))

    assert response.status_code == status
    assert ("secret-call" in text(response)) == (status == 200)


@pytest.mark.parametrize(("who", "status"), [("viewer", 200), ("nobody", 404), ("outsider", 404), ("anonymous", 302)])
def test_members_see_one_call_and_strangers_do_not(request, acme, web, who, status):
    (call,) = record(web, [{"started_at": ago(hours=1)}])

    response = request.getfixturevalue(who).get(call_url(web, call["call_id"], call["started_at"]))

    assert response.status_code == status


def test_a_narrow_screen_keeps_time_model_cost_and_status(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "status": "error", "http_status": 429}])

    page = text(owner.get(url(acme)))

    heads = re.findall(r'<th scope="col" class="([^"]*)">(\w+)</th>', page)
    assert [name for classes, name in heads if "hide-" not in classes] == ["Time", "Model", "Cost", "Status"]
    assert re.search(r'<td>\s*<span class="badge badge-error badge-dot">429</span>', page)


def test_the_log_is_newest_first_with_every_number(owner, acme, web):
    record(
        web,
        [
            {"call_id": "old", "started_at": ago(hours=2)},
            {
                "call_id": "new",
                "started_at": ago(hours=1),
                "model_key": "claude-sonnet-4",
                "provider": "anthropic",
                "feature": "summarization",
                "team": "search",
                "input_tokens": 12_345,
                "cached_input_tokens": 6_789,
                "output_tokens": 432,
                "latency_ms": 1_234.0,
                "cost_usd": Decimal("0.0123"),
            },
        ],
    )

    response = owner.get(url(acme, web))

    page = text(response)
    assert shown(response) == ["new", "old"]
    for expected in ("claude-sonnet-4", "anthropic", "summarization", "search", "12,345", "6,789", "432", "$0.0123"):
        assert expected in page
    assert f"1.23{NB}s" in page


def test_times_are_relative_and_say_the_local_moment(owner, acme, web, scope):
    with scope(acme):
        services.set_time_zone(organization=acme, actor=None, time_zone="Asia/Tokyo")
    moment = ago(hours=3).replace(microsecond=0)
    record(web, [{"started_at": moment}])

    page = text(owner.get(url(acme)))

    local = moment + timedelta(hours=9)
    assert f"3{NB}h ago" in page
    assert f'title="{local.day} {local:%b %Y, %H:%M:%S} JST"' in page


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"cost_usd": None, "cost_source": "none"}, "Unpriced"),
        ({"cost_usd": None, "cost_source": "none", "price_match": "no-usage"}, "Nobody said what this call used"),
        ({"cost_source": "reported", "price_match": "no-usage"}, "Reported by the client, who did not say"),
        ({"usage_estimated": True}, "≈"),
        ({"cost_source": "reported"}, ">reported<"),
        ({"status": "error", "http_status": 429}, ">429<"),
        ({"status": "error"}, ">Error<"),
    ],
)
def test_what_is_special_about_a_call_can_be_seen(owner, acme, web, columns, expected):
    record(web, [{"started_at": ago(hours=1), **columns}])

    assert expected in text(owner.get(url(acme)))


def test_an_unpriced_call_costs_no_zero(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "cost_usd": None, "cost_source": "none"}])

    assert "$0" not in text(owner.get(url(acme)))


def test_pages_link_to_older_calls_until_there_are_none(owner, acme, web):
    record(web, [{"call_id": f"c{n:03}", "started_at": ago(hours=1)} for n in range(120)])

    address, seen, pages = url(acme, feature="default"), [], 0
    while address:
        response = owner.get(address)
        seen += shown(response)
        pages += 1
        address = response.context["older_url"]

    assert pages == 3
    assert sorted(seen) == [f"c{n:03}" for n in range(120)]
    assert response.context["newest_url"] == "/o/acme/calls/?feature=default"


@pytest.mark.parametrize("before", ["junk", "!", "MTIz", "é", "x" * 5_000])
def test_a_cursor_that_was_tampered_with_is_the_first_page(owner, acme, web, before):
    record(web, [{"call_id": "a", "started_at": ago(hours=1)}])

    response = owner.get(url(acme, before=before))

    assert (response.status_code, shown(response)) == (200, ["a"])


@pytest.mark.parametrize(
    "query",
    [
        {"range": "x", "status": "x", "tag": "x"},
        {"from": "2026-99-99", "trace": "\0"},
        {"user": "x" * 300, "session": "\u202e"},
        {"project": "'", "key": "'", "model": "%"},
        {"seen": "junk", "peek": "", "shown": "junk"},
    ],
)
def test_bad_parameters_never_break_the_log(owner, acme, web, query):
    record(web, [{"started_at": ago(hours=1)}])

    for address in (url(acme, **query), url(acme, web, **query)):
        assert owner.get(address).status_code == 200
        assert owner.get(address, headers=HTMX).status_code == 200


def test_filters_and_their_aliases_narrow_the_log(owner, acme, web):
    record(web, [{"call_id": "a", "started_at": ago(hours=1), "feature": "chat"}, {"started_at": ago(hours=1)}])

    for query in ({"endpoint_name": "chat"}, {"feature": "chat"}, {"feature": "chat", "range": "24h"}):
        assert shown(owner.get(url(acme, **query))) == ["a"]


def test_searches_say_how_far_they_look(owner, acme, web):
    record(web, [{"call_id": "a", "started_at": ago(hours=1), "trace_id": "t-1"}])

    response = owner.get(url(acme, range="90d", trace="t-1"))

    assert shown(response) == ["a"]
    assert "read at most 31 days" in text(response)


def test_hostile_names_and_ids_are_text(owner, acme, web):
    hostile = '"><script>alert(1)</script>'
    (call,) = record(
        web,
        [
            {
                "started_at": ago(hours=1),
                "call_id": hostile,
                "feature": hostile,
                "model_key": hostile,
                "team": "\u202eevil" * 50,
                "error_type": hostile,
                "status": "error",
                "tags": {hostile: hostile},
                "trace_id": hostile,
            }
        ],
    )

    for address in (url(acme), call_url(web, hostile, call["started_at"]), url(acme, panel="filters", trace=hostile)):
        response = owner.get(address)
        assert response.status_code == 200
        assert "<script>alert" not in text(response)


def test_without_calls_the_log_says_what_to_do(owner, acme, web):
    page = text(owner.get(url(acme, web)))

    assert "No calls yet" in page
    assert reverse("tenants:connect", args=["acme", "web"]) in page
    assert 'hx-trigger="every 2s"' in page


def test_a_log_that_waits_for_its_first_call_fills_itself(owner, acme, web):
    assert 'id="calls"' not in text(owner.get(url(acme, web), headers=HTMX))
    record(web, [{"call_id": "first", "started_at": ago(seconds=1)}])

    assert shown(owner.get(url(acme, web), headers=HTMX)) == ["first"]


def test_without_a_match_the_log_says_what_to_do(owner, acme, web):
    record(web, [{"started_at": ago(hours=1)}])

    page = text(owner.get(url(acme, feature="nobody")))

    assert "No calls match" in page
    assert "Clear the filters" in page


def test_what_is_known_as_a_sum_only_says_so(owner, acme, web):
    record(web, [{"started_at": ago(hours=1)}])

    page = text(owner.get(url(acme, feature="(other)")))

    assert "Known as a sum only" in page
    assert "No calls match" not in page
    assert "Clear the filters" in page


def test_an_open_log_learns_that_nothing_came(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "received_at": ago(hours=1)}])
    live = owner.get(url(acme)).context["live_url"]

    response = owner.get(live, headers=HTMX)

    assert (response.status_code, response.content) == (204, b"")


def test_an_open_log_gets_what_came_and_what_came_late(owner, acme, web):
    record(web, [{"call_id": "a", "started_at": ago(minutes=5), "received_at": ago(minutes=5)}])
    live = owner.get(url(acme)).context["live_url"]
    record(web, [{"call_id": "b", "started_at": ago(minutes=1)}, {"call_id": "late", "started_at": ago(minutes=9)}])

    response = owner.get(live, headers=HTMX)

    page = text(response)
    assert shown(response) == ["b", "a", "late"]
    assert [("is-new" in row) for row in re.findall(r'<tr class="([^"]*)"', page)] == [True, False, True]
    assert "<html" not in page
    assert 'id="freshness" hx-swap-oob="true"' in page


def test_an_open_log_keeps_its_filters(owner, acme, web):
    record(web, [{"call_id": "a", "started_at": ago(minutes=5), "received_at": ago(minutes=5), "feature": "chat"}])
    live = owner.get(url(acme, endpoint_name="chat", range="24h")).context["live_url"]
    record(web, [{"call_id": "other", "started_at": ago(seconds=20)}])

    assert owner.get(live, headers=HTMX).status_code == 204
    record(web, [{"call_id": "b", "started_at": ago(seconds=10), "feature": "chat"}])
    assert shown(owner.get(live, headers=HTMX)) == ["b", "a"]


def test_an_open_log_stays_bounded(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "received_at": ago(hours=1)}])
    live = owner.get(url(acme)).context["live_url"]
    record(web, [{"started_at": ago(seconds=n)} for n in range(80)])

    assert len(shown(owner.get(live, headers=HTMX))) == 50


def test_a_call_that_another_writer_committed_late_is_not_missed(owner, acme, web):
    received = ago(seconds=5)
    record(web, [{"call_id": "a", "started_at": ago(seconds=6), "received_at": received}])
    live = owner.get(url(acme)).context["live_url"]
    record(web, [{"call_id": "b", "started_at": ago(seconds=7), "received_at": received - timedelta(seconds=1)}])

    assert shown(owner.get(live, headers=HTMX)) == ["a", "b"]


def test_while_somebody_reads_only_the_number_comes(owner, acme, web):
    record(web, [{"started_at": ago(minutes=5), "received_at": ago(minutes=5)}])
    live = owner.get(url(acme, team="(none)")).context["live_url"] + "&peek=1"
    record(web, [{"call_id": f"n{n}", "started_at": ago(seconds=n)} for n in range(3)])

    response = owner.get(live, headers=HTMX)

    assert "3 new calls" in text(response)
    assert shown(response) == []
    assert response["HX-Retarget"] == "#new-calls"
    assert 'href="/o/acme/calls/?team=%28none%29"' in text(response)
    assert owner.get(f"{live}&shown=3", headers=HTMX).status_code == 204


def test_an_older_page_counts_what_came_since_it_was_opened(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "received_at": ago(hours=1)} for _ in range(60)])
    older = owner.get(owner.get(url(acme)).context["older_url"])
    live = older.context["live_url"]

    assert "peek=1" in live
    assert owner.get(live, headers=HTMX).status_code == 204
    record(web, [{"started_at": ago(seconds=1)}])
    assert "1 new call<" in text(owner.get(live, headers=HTMX))


def test_more_news_than_a_page_holds_is_a_lower_bound(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "received_at": ago(hours=1)}])
    live = owner.get(url(acme)).context["live_url"] + "&peek=1"
    record(web, [{"started_at": ago(seconds=n)} for n in range(60)])

    assert "50 or more new calls" in text(owner.get(live, headers=HTMX))


def test_htmx_gets_the_changing_part(owner, acme, web):
    record(web, [{"started_at": ago(hours=1)}])

    response = owner.get(url(acme, endpoint_name="default", status=""), headers=HTMX | {"HX-Boosted": "true"})

    assert "<html" not in text(response)
    assert 'id="calls"' in text(response)
    assert 'id="filters"' in text(response)
    assert response["HX-Push-Url"] == "/o/acme/calls/?feature=default"
    assert "HX-Request" in response["Vary"]


def test_the_filter_panel_of_the_log_can_search(owner, acme, web):
    record(web, [{"started_at": ago(hours=1)}])

    panel = text(owner.get(url(acme, panel="filters", session="s-1"), headers=HTMX))

    assert '<input class="input" id="filter-session" name="session" value="s-1"' in panel
    assert 'placeholder="key:value"' in panel


def test_one_call_shows_what_it_used_and_what_that_cost(owner, acme, web, scope):
    with scope(acme):
        key = key_services.create_key(
            organization=acme, actor=None, name="prod", scopes=[Scope.INGEST], project=web
        ).key
    (call,) = record(
        web,
        [
            {
                "started_at": ago(hours=1),
                "call_id": "otlp:a/b?c#d e",
                "api_key_id": key.pk,
                "input_tokens": 12_000,
                "cached_input_tokens": 8_000,
                "cost_usd": Decimal("0.001500000000001"),
                "cost_input_usd": Decimal("0.001500000000001"),
                "usage_rule": "inclusive",
                "price_match": "catalogue",
                "tags": {"release": "2026.7"},
                "trace_id": "trace-1",
            }
        ],
    )
    address = call_url(web, call["call_id"], call["started_at"])

    page = text(owner.get(address))

    assert address in text(owner.get(url(acme, web))).replace("&amp;", "&")
    for expected in ("otlp:a/b?c#d e", "8,000", "$0.001500000000001", "inclusive", "catalogue", "2026.7", "trace-1"):
        assert expected in page
    assert f"prod ({key.prefix})" in page
    assert "<html" in page


def test_one_call_opens_beside_the_log(owner, acme, web):
    (call,) = record(web, [{"started_at": ago(hours=1)}])

    panel = text(owner.get(call_url(web, call["call_id"], call["started_at"]), headers=HTMX))

    assert "<html" not in panel
    assert call["call_id"] in panel
    assert "data-dialog-close" in panel


@pytest.mark.parametrize(
    ("call_id", "query"),
    [
        ("nobody", "?at=1784024403123456"),
        ("known", ""),
        ("known", "?at=junk"),
        ("known", "?at=1"),
        ("a\0b", "?at=1"),
    ],
)
def test_a_call_that_is_not_there_is_not_found(owner, acme, web, call_id, query):
    record(web, [{"call_id": "known", "started_at": ago(hours=1)}])
    path = reverse("dashboards:project-call", args=["acme", "web", call_id])

    assert owner.get(path + query).status_code == 404


def test_a_call_of_another_project_is_not_found(owner, acme, web, scope):
    with scope(acme):
        mobile = services.create_project(organization=acme, actor=None, name="Mobile")
    (call,) = record(web, [{"started_at": ago(hours=1)}])

    assert owner.get(call_url(mobile, call["call_id"], call["started_at"])).status_code == 404


def test_calls_of_other_organizations_are_never_shown(owner, acme, web, globex, scope):
    with scope(globex):
        foreign = Project.objects.get(slug="web")
    (call,) = record(foreign, [{"started_at": ago(hours=1), "call_id": "foreign", "trace_id": "t"}])
    record(web, [{"call_id": "own", "started_at": ago(hours=1), "trace_id": "t"}])

    assert shown(owner.get(url(acme))) == ["own"]
    assert shown(owner.get(url(acme, trace="t"))) == ["own"]
    assert owner.get(call_url(web, "foreign", call["started_at"])).status_code == 404


def test_calls_of_a_deleted_project_have_no_page(owner, acme, web, scope):
    record(web, [{"call_id": "a", "started_at": ago(hours=1)}])
    with scope(acme):
        Project.objects.filter(pk=web.pk).delete()

    page = text(owner.get(url(acme)))

    assert "deleted" in page
    assert 'class="call-link"' not in page


def test_the_log_asks_a_fixed_number_of_questions(owner, acme, web, django_assert_num_queries):
    noon = ago(days=1).replace(hour=12, minute=0)  # one day, whatever the time is now
    moments = [noon - timedelta(minutes=n) for n in range(1, 60)]
    record(web, [{"started_at": moment, "received_at": moment} for moment in moments])
    live = owner.get(url(acme)).context["live_url"]

    with django_assert_num_queries(ORGANIZATION_QUERIES):
        owner.get(url(acme, range="90d"))
    with django_assert_num_queries(POLL_QUERIES):
        owner.get(live, headers=HTMX)


@pytest.fixture
def recorded_twice(web):
    """Two records of one provider call, and one that is itself."""
    first, second = ago(hours=1), ago(hours=1) + timedelta(seconds=2)
    same = {"response_id": "chatcmpl-1"}
    return record(
        web,
        [
            {"call_id": "counts", "started_at": first} | same,
            {"call_id": "second", "started_at": second, "duplicate_of": "counts", "duplicate_of_started_at": first}
            | same,
            {"call_id": "alone", "started_at": ago(minutes=50)},
        ],
    )


def test_the_log_shows_a_second_record_with_the_call_it_is_counted_with(viewer, acme, web, recorded_twice):
    counts, _, _ = recorded_twice

    response = viewer.get(url(acme, web))

    assert shown(response) == ["alone", "second", "counts"]
    rows = {call_id: text(response).split(f'id="call-{web.pk}-{call_id}"')[1].split("</tr>")[0] for call_id in SHOWN}
    link = call_url(web, "counts", counts["started_at"])
    assert f'<a class="counted-with" href="{link}"' in rows["second"]
    assert '<s class="is-uncounted"' in rows["second"]
    assert f"$0.0075{NB}" in rows["second"].replace("</s>", NB)
    for call_id in ("counts", "alone"):
        assert "counted-with" not in rows[call_id]
        assert "is-uncounted" not in rows[call_id]


SHOWN = ("alone", "second", "counts")


def test_a_second_record_is_in_no_sum(acme, web, recorded_twice):
    with org_scope(acme.pk):
        sums = DailyRollup.objects.aggregate(calls=Sum("calls"), cost_usd=Sum("cost_usd"))

    assert sums == {"calls": 2, "cost_usd": Decimal("0.015")}


def test_a_second_records_page_leads_to_the_call_that_counts_and_back(viewer, acme, web, recorded_twice):
    counts, second, _ = recorded_twice
    urls = {call["call_id"]: call_url(web, call["call_id"], call["started_at"]) for call in (counts, second)}

    pages = {call_id: text(viewer.get(address)) for call_id, address in urls.items()}

    assert "A second record of one provider call" in pages["second"]
    assert f'href="{urls["counts"]}"' in pages["second"]
    assert "Recorded more than once, counted once" in pages["counts"]
    assert f'href="{urls["second"]}"' in pages["counts"]


def test_a_call_recorded_once_says_nothing_about_records(viewer, acme, web, recorded_twice):
    alone = recorded_twice[2]

    page = text(viewer.get(call_url(web, "alone", alone["started_at"])))

    assert "provider call" not in page
    assert "counted once" not in page


def test_a_call_recorded_very_often_names_ten_of_its_records(viewer, acme, web):
    first = ago(hours=1)
    rows = [{"call_id": "counts", "started_at": first, "response_id": "r"}]
    rows += [
        {
            "call_id": f"again-{n:02}",
            "started_at": first + timedelta(seconds=n),
            "response_id": "r",
            "duplicate_of": "counts",
            "duplicate_of_started_at": first,
        }
        for n in range(11)
    ]
    record(web, rows)

    page = text(viewer.get(call_url(web, "counts", first)))

    assert page.count("again-") == 2 * 10  # address and name
    assert "again-10" not in page
    assert "and more." in page


def test_records_of_other_calls_are_not_taken_for_this_ones(viewer, acme, web, globex):
    with org_scope(globex.pk):
        foreign = services.create_project(organization=globex, actor=None, name="Other")
    first = ago(hours=1)
    duplicate = {"response_id": "r", "duplicate_of": "counts", "duplicate_of_started_at": first}
    moved = {"duplicate_of_started_at": first + timedelta(microseconds=1)}
    record(web, [{"call_id": "counts", "started_at": first, "response_id": "r"}])
    record(web, [{"call_id": "of-another-moment", "started_at": first} | duplicate | moved])
    record(foreign, [{"call_id": "foreign", "started_at": first} | duplicate])

    page = text(viewer.get(call_url(web, "counts", first)))

    assert "of-another-moment" not in page
    assert "foreign" not in page


# --- How a cost was computed ---


def card(prices, **fields):
    return StoredCard.objects.create(**to_row(make_card(prices, **fields))).pk


def call_page(owner, web, **columns):
    started_at = ago(hours=1)
    record(web, [{"call_id": "c", "started_at": started_at, "input_tokens": 1000, "output_tokens": 500} | columns])
    return text(owner.get(call_url(web, "c", started_at)))


def test_one_call_shows_the_arithmetic_of_its_cost(owner, web):
    priced_by = card(
        {"input_tokens": "2.5", "output_tokens": "10"}, source="genai-prices", context={"processing": "batch"}
    )

    page = call_page(owner, web, rate_card_id=priced_by, cost_usd=Decimal("0.0075"), cost_source="rate_card")

    lines = re.search(
        r'<table class="table table-compact">\s*<thead><tr><th scope="col">Billed.*?</table>', page, re.DOTALL
    )
    cells = re.findall(r"<t[hd](?: [^>]*)?>([^<]*)", lines[0])
    assert cells[4:8] == ["input tokens", "1,000", "$2.5 / 1M", "$0.0025"]
    assert cells[8:12] == ["output tokens", "500", "$10 / 1M", "$0.005"]
    assert cells[12:] == ["Total", "$0.0075"]
    assert "processing batch" in page


def test_a_cost_that_is_not_what_its_card_says_is_shown_as_such(owner, web):
    priced_by = card({"input_tokens": "2.5", "output_tokens": "10"})

    page = call_page(owner, web, rate_card_id=priced_by, cost_usd=Decimal("0.008"), cost_source="rate_card")

    assert "The stored cost differs from the arithmetic, which gives $0.0075." in page


def test_a_reported_cost_has_no_lines_and_a_sentence(owner, web):
    page = call_page(owner, web, cost_usd=Decimal("0.5"), cost_source="reported", rate_card_id=None)

    assert "The cost is what the client reported, so there is nothing to compute." in page
    assert ">Billed<" not in page


def test_the_calls_of_a_finding_are_added_up_once_the_page_asks(acme, acme_project, viewer):
    hour = (timezone.now() - timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    record_calls(acme_project, [{"started_at": hour, "input_tokens": 1_200, "cost_usd": Decimal("0.5")}])
    query = {"since": hour.isoformat(), "until": (hour + timedelta(hours=1)).isoformat(), "counted": "true"}

    page = viewer.get("/o/acme/p/web/calls/", query)
    part = viewer.get("/o/acme/p/web/calls/", query | {"sums": "1"}, headers={"HX-Request": "true"})
    plain = viewer.get("/o/acme/p/web/calls/", query | {"sums": "1"})

    assert page.context["sums_url"].endswith("&sums=1")
    assert "<strong>1</strong> calls" in part.text
    assert "<strong>$0.50</strong> cost" in part.text
    assert "<html" not in part.text
    assert "<strong>1,200</strong> input tokens" in plain.text


def test_other_logs_are_not_added_up(acme, acme_project, viewer):
    record_calls(acme_project, [{"started_at": timezone.now()}])

    assert 'id="log-sums"' not in viewer.get("/o/acme/p/web/calls/?sums=1").text


def test_the_log_shows_only_what_came_one_way(owner, acme, web):
    record(web, [{"call_id": "proxied", "source": "gateway", "started_at": ago(hours=1)}])
    record(web, [{"call_id": "sent", "source": "sdk", "started_at": ago(hours=2)}])

    page = owner.get(url(acme, source="gateway"))

    assert shown(page) == ["proxied"]
    assert '<strong title="Gateway"><bdi>Gateway</bdi></strong>' in text(page)


def test_the_filter_panel_offers_every_way_a_call_can_come(owner, acme, web):
    record(web, [{"started_at": ago(hours=1)}])

    panel = text(owner.get(url(acme, source="otlp", panel="filters"), headers=HTMX))

    assert re.findall(r'name="source" value="(\w*)"( checked)?', panel) == [
        ("", ""),
        ("sdk", ""),
        ("rest", ""),
        ("otlp", " checked"),
        ("gateway", ""),
        ("import", ""),
    ]
