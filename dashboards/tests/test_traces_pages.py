"""Pages of traces and sessions: who sees which, what they say, and what they never say."""

import re
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.db import OperationalError
from django.urls import reverse
from django.utils import timezone

from core.scope import org_scope
from dashboards import traces
from dashboards.tests.factories import make_many_calls, record_calls
from tenants import services
from tenants.models import Project
from tenants.permissions import Role
from tenants.tests.people import join, override, owner_of, signed_in

HTMX = {"HX-Request": "true"}
# Who is asking, their membership, the scope, its zone, navigation; then activity, refusals, calls, sums, projects.
LIST_QUERIES = 18
TRACE_QUERIES = 17
SESSION_QUERIES = 20


@pytest.fixture
def web(acme, acme_project):
    return acme_project


@pytest.fixture
def mobile(acme):
    return services.create_project(organization=acme, actor=owner_of(acme), name="Mobile")


def ago(**delta):
    return timezone.now() - timedelta(**delta)


def record(project, *rows):
    with org_scope(project.organization_id):
        return record_calls(project, rows)


def url(page, project=None, /, **query):
    slugs = ["acme"] + ([project.slug] if project else [])
    path = reverse(f"dashboards:{'project' if project else 'organization'}-{page}", args=slugs)
    return f"{path}?{urlencode(query, doseq=True)}" if query else path


def listed(response):
    return re.findall(r'<a class="call-text" href="[^"]*" title="([^"]*)">', response.text)


def steps(response):
    return re.findall(r'id="call-\d+-([^"]+)"', response.text)


def figures(response):
    labels = re.findall(r'class="figure-label">([^<]+)</span><span class="figure-value">([^<]*)<', response.text)
    return dict(labels)


@pytest.mark.parametrize(
    ("who", "status"),
    [("owner", 200), ("viewer", 200), ("nobody", 403), ("outsider", 404), ("anonymous", 302)],
)
@pytest.mark.parametrize("page", ["traces", "sessions", "trace", "session"])
def test_members_see_traces_and_strangers_do_not(request, acme, web, who, status, page):
    record(web, {"trace_id": "secret-id", "session_id": "secret-id", "model_key": "secret-model"})

    response = request.getfixturevalue(who).get(url(page, id="secret-id"))

    assert response.status_code == status
    assert ("secret-model" in response.text) == (status == 200)


def test_the_list_shows_when_how_long_by_what_and_for_how_much(owner, acme, web):
    start = ago(hours=2)
    record(
        web,
        {"trace_id": "t-1", "started_at": start, "feature": "chat", "user_id": "ada", "cost_usd": Decimal("0.5")},
        {
            "trace_id": "t-1",
            "started_at": start + timedelta(seconds=2),
            "model_key": "gpt-5",
            "latency_ms": 1000.0,
            "cost_usd": Decimal("0.25"),
            "status": "error",
        },
    )

    response = owner.get(url("traces"))

    assert listed(response) == ["t-1"]
    row = re.search(r"<tbody>(.*?)</tbody>", response.text, re.DOTALL)[1]
    for expected in ("2\u00a0h ago", "3.00\u00a0s", "gpt-4o", "gpt-5", "chat", "default", "ada", "Web", "$0.75", ">1<"):
        assert expected in row


def test_lists_are_narrowed_by_the_whole_filter_bar(owner, acme, web):
    record(
        web,
        {"trace_id": "a", "feature": "chat", "user_id": "ada", "status": "error", "tags": {"release": "1"}},
        {"trace_id": "b", "session_id": "s"},
    )

    for query in ({"feature": "chat"}, {"user": "ada"}, {"status": "error"}, {"tag": "release:1"}):
        assert listed(owner.get(url("traces", **query))) == ["a"]
    assert listed(owner.get(url("traces", session="s"))) == ["b"]
    assert listed(owner.get(url("traces", trace="b"))) == ["b"]


def test_pages_of_the_list_follow_each_other(owner, acme, web):
    record(web, *({"trace_id": f"t{n:03}", "started_at": ago(hours=1, seconds=n)} for n in range(60)))

    first = owner.get(url("traces", feature="default"))
    second = owner.get(first.context["older_url"])

    assert listed(first) + listed(second) == [f"t{n:03}" for n in range(60)]
    assert second.context["older_url"] == ""
    assert second.context["newest_url"] == "/o/acme/traces/?feature=default"


@pytest.mark.parametrize("before", ["junk", "é", "x" * 5_000])
def test_a_cursor_that_was_tampered_with_is_the_first_page(owner, acme, web, before):
    record(web, {"trace_id": "a"})

    assert listed(owner.get(url("traces", before=before))) == ["a"]


def test_a_long_range_is_cut_to_its_latest_days_and_says_so(owner, acme, web):
    record(web, {"trace_id": "a"})

    response = owner.get(url("traces", range="90d"))

    assert listed(response) == ["a"]
    assert "Single calls are read for at most 31 days: the latest are shown." in response.text


def test_without_calls_without_ids_and_without_a_match_the_list_says_what_to_do(owner, acme, web):
    assert "No calls yet" in owner.get(url("traces", web)).text

    record(web, {"trace_id": ""})
    assert "Send trace_id with your calls" in owner.get(url("traces")).text
    assert "Send session_id with your calls" in owner.get(url("sessions")).text

    record(web, {"trace_id": "a"})
    page = owner.get(url("traces", feature="nobody")).text
    assert "No calls match" in page
    assert "Send trace_id" not in page


def test_one_call_is_a_trace(owner, acme, web):
    record(web, {"trace_id": "only", "call_id": "c", "latency_ms": None, "cost_usd": None, "cost_source": "none"})

    assert listed(owner.get(url("traces"))) == ["only"]
    response = owner.get(url("trace", id="only"))
    assert steps(response) == ["c"]
    assert figures(response)["Cost"] == "Unknown"
    assert "1 call unpriced, not included" in response.text


def test_htmx_gets_the_changing_part(owner, acme, web):
    record(web, {"trace_id": "a"})

    response = owner.get(url("sessions", feature="default"), headers=HTMX | {"HX-Boosted": "true"})

    assert "<html" not in response.text
    assert 'id="filters"' in response.text
    assert response["HX-Push-Url"] == "/o/acme/sessions/?feature=default"


def test_the_filter_panel_belongs_to_the_list(owner, acme, web):
    record(web, {"trace_id": "a", "feature": "chat"})

    panel = owner.get(url("sessions", panel="filters"), headers=HTMX).text

    assert 'action="/o/acme/sessions/"' in panel
    assert "chat" in panel


@pytest.mark.parametrize("page", ["traces", "trace", "session"])
def test_what_takes_too_long_is_an_answer(owner, acme, web, monkeypatch, page):
    record(web, {"trace_id": "a", "session_id": "a"})

    def too_long(*_args, **_more):
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(traces, "page", too_long)
    monkeypatch.setattr(traces, "summaries", too_long)

    response = owner.get(url(page, id="a"))

    assert response.status_code == 503
    assert "That took too long" in response.text


# --- One trace ---


@pytest.fixture
def agent(web):
    """A trace of three calls, of which one was recorded twice and one is not priced."""
    start = ago(hours=1).replace(microsecond=0)
    root = {"call_id": "root", "started_at": start, "span_id": "r", "latency_ms": 4000.0, "cost_usd": Decimal("0.5")}
    child = {"started_at": start + timedelta(seconds=1), "parent_span_id": "r", "latency_ms": 1000.0}
    return record(
        web,
        *(
            {"trace_id": "t", "session_id": "s", "user_id": "ada"} | row
            for row in (
                root,
                child | {"call_id": "one", "cost_usd": Decimal("0.25"), "usage_estimated": True},
                child | {"call_id": "same", "duplicate_of": "one", "cost_usd": Decimal("0.25")},
                child
                | {
                    "call_id": "two",
                    "started_at": start + timedelta(seconds=2),
                    "cost_usd": None,
                    "cost_source": "none",
                    "status": "error",
                    "http_status": 429,
                },
            )
        ),
    )


def test_a_trace_shows_its_calls_in_order_with_start_duration_and_running_total(owner, acme, agent):
    response = owner.get(url("trace", id="t"))

    assert steps(response) == ["root", "one", "same", "two"]
    assert [row.indent for row in response.context["rows"]] == [0, 1, 1, 1]
    assert [(row.left, row.width) for row in response.context["rows"]] == [
        ("0", "1000"),
        ("250", "250"),
        ("250", "250"),
        ("500", "250"),
    ]
    assert [row.offset for row in response.context["rows"]] == [
        "0\u00a0ms",
        "1.00\u00a0s",
        "1.00\u00a0s",
        "2.00\u00a0s",
    ]
    assert [row.total for row in response.context["rows"]] == ["$0.50", "$0.75", "$0.75", "$0.75"]


def test_a_traces_figures_leave_out_second_records_and_say_what_is_unknown(owner, acme, agent):
    response = owner.get(url("trace", id="t"))

    assert figures(response) | {"Cost": ""} == {
        "Cost": "",
        "Calls": "3",
        "Duration": "4.00\u00a0s",
        "Tokens": "4.5\u00a0K",
        "Errors": "1",
    }
    assert figures(response)["Cost"] == "≈ $0.75"
    for expected in ("1 call unpriced, not included", ", 1 recorded twice", "a second record, in no sum", ">429<"):
        assert expected in response.text
    assert response.text.count('<s class="is-uncounted"') == 1


def test_a_list_and_its_page_say_the_same_sums(owner, acme, agent):
    page = owner.get(url("traces", range="24h"))
    (line,) = page.context["lines"]

    assert owner.get(line.url).context["summary"] == line.summary


def test_a_trace_leads_to_its_session_and_calls(owner, acme, agent):
    response = owner.get(url("trace", id="t"))

    ((name, href),) = response.context["session_links"]
    assert name == "s"
    assert steps(owner.get(href)) == ["root", "one", "same", "two"]
    assert sorted(steps(owner.get(response.context["calls_url"]))) == ["one", "root", "same", "two"]


def test_a_session_shows_its_traces_and_calls_by_time(owner, acme, web, agent):
    record(web, {"trace_id": "earlier", "session_id": "s", "call_id": "first", "started_at": ago(hours=3)})

    response = owner.get(url("session", id="s"))

    assert listed(response) == ["earlier", "t"]
    assert steps(response)[0] == "first"
    assert "in 2 traces" in response.text
    assert 'class="timeline' not in response.text


def test_a_trace_crosses_projects_for_those_who_see_them(owner, acme, web, mobile, agent):
    record(mobile, {"trace_id": "t", "call_id": "elsewhere", "cost_usd": Decimal(1)})

    whole = owner.get(url("trace", id="t"))
    part = owner.get(url("trace", web, id="t"))

    assert steps(whole) == ["root", "one", "same", "two", "elsewhere"]
    assert "Mobile" in whole.text
    assert steps(part) == ["root", "one", "same", "two"]
    assert "Other projects have calls of this trace as well" in part.text
    assert steps(owner.get(part.context["whole_url"])) == steps(whole)


def test_calls_of_hidden_projects_are_neither_shown_nor_counted_nor_hinted_at(acme, web, mobile, agent):
    ada = join(acme, "ada@example.test", Role.MEMBER)
    override(mobile, ada, Role.NONE)
    client = signed_in(ada)
    without = client.get(url("trace", id="t"))
    in_project = client.get(url("trace", web, id="t"))
    record(mobile, {"trace_id": "t", "call_id": "elsewhere", "cost_usd": Decimal(1)})

    response = client.get(url("trace", id="t"))

    assert steps(response) == ["root", "one", "same", "two"]
    assert response.context["summary"] == without.context["summary"]
    # Said whether or not there are such calls, so that it tells nothing about them.
    for page in (without, response):
        assert "Calls of projects you may not see are not shown" in page.text
    assert in_project.context["whole_url"] == client.get(url("trace", web, id="t")).context["whole_url"] == ""


def test_a_guest_of_one_project_is_not_sent_to_the_organization(acme, web, mobile, agent):
    record(mobile, {"trace_id": "t"})
    guest = join(acme, "bea@example.test", Role.NONE)
    override(web, guest, Role.VIEWER)

    response = signed_in(guest).get(url("trace", web, id="t"))

    assert steps(response) == ["root", "one", "same", "two"]
    assert response.context["whole_url"] == ""


def test_a_trace_of_another_organization_is_as_if_it_were_not_there(owner, acme, web, globex):
    with org_scope(globex.pk):
        foreign = Project.objects.get()
    record(foreign, {"trace_id": "t", "model_key": "foreign-model"})

    there, nowhere = owner.get(url("trace", id="t")), owner.get(url("trace", id="unknown"))

    for page in (there, nowhere):
        assert page.status_code == 200
        assert page.context["summary"] is None
        assert "No calls in these days" in page.text
    assert "foreign-model" not in there.text


@pytest.mark.parametrize("query", [{}, {"id": ""}, {"id": "a\0b"}, {"id": "x" * 256}])
@pytest.mark.parametrize("page", ["trace", "session"])
def test_what_can_be_no_id_is_not_found(owner, acme, web, page, query):
    assert owner.get(url(page, **query)).status_code == 404


@pytest.mark.parametrize(
    "name", ["a/b/../c", "..", "?id=x&y#z", "☃ сессия 漢字", "x" * 255, '"><script>alert(1)</script>']
)
def test_ids_are_whatever_the_client_sent_and_only_text(owner, acme, web, name):
    record(web, {"trace_id": name, "session_id": name, "call_id": "c"})

    for pages, page in (("traces", "trace"), ("sessions", "session")):
        (line,) = owner.get(url(pages)).context["lines"]
        assert steps(owner.get(line.url)) == ["c"]
        assert steps(owner.get(url(page, web, id=name))) == ["c"]
        assert "<script>alert" not in owner.get(line.url).text


def test_older_days_are_one_link_away(owner, acme, web):
    record(web, {"trace_id": "t", "call_id": "old", "started_at": ago(days=40)})

    now = owner.get(url("trace", id="t"))
    before = owner.get(now.context["earlier_url"])

    assert steps(now) == []
    assert "Look at the days before" in now.text
    assert steps(before) == ["old"]
    assert before.context["later_url"]
    assert now.context["later_url"] == ""


@pytest.mark.parametrize("query", [{"since": "junk", "until": "x"}, {"range": "ten years"}, {"from": "1800-01-01"}])
def test_impossible_days_are_a_page_all_the_same(owner, acme, web, query):
    record(web, {"trace_id": "t", "call_id": "c"})

    assert steps(owner.get(url("trace", id="t", **query))) == ["c"]


def test_ten_thousand_calls_are_paged_and_their_sums_exact(owner, acme, web):
    record(web, {"trace_id": ""})
    make_many_calls(web, 10_000, since=ago(hours=5), apart=timedelta(seconds=1), trace_id="t")

    first, last = owner.get(url("trace", id="t")), owner.get(url("trace", id="t", page="50"))

    assert figures(first)["Cost"] == "$10.00"
    assert figures(first)["Calls"] == "10,000"
    assert steps(first) == [f"call-{n:06}" for n in range(200)]
    assert steps(last) == [f"call-{n:06}" for n in range(9_800, 10_000)]
    assert [row.total for row in last.context["rows"]][-1] == "$10.00"
    assert "9,801 to 10,000 of 10,000 calls" in last.text
    assert owner.get(url("trace", id="t", page="junk")).context["page"].number == 1


def test_pages_ask_a_fixed_number_of_questions(owner, acme, web, mobile, django_assert_num_queries):
    noon = ago(days=1).replace(hour=12, minute=0)
    for project in (web, mobile):
        record(
            project,
            *(
                {"trace_id": f"t{n % 4}", "session_id": "s", "started_at": noon + timedelta(seconds=n)}
                for n in range(30)
            ),
        )

    owner.get(url("traces"))  # the session remembers the organization

    with django_assert_num_queries(LIST_QUERIES):
        owner.get(url("traces"))
    with django_assert_num_queries(TRACE_QUERIES):
        owner.get(url("trace", id="t1"))
    with django_assert_num_queries(SESSION_QUERIES):
        owner.get(url("session", id="s"))
