"""What the database writes down of calls."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.scope import ScopeError
from core.spreadsheets import plain
from dashboards.exports import columns, pages
from dashboards.exports.pages import Asked
from dashboards.exports.writers.types import Kind, Rendering
from ingestion.api.serializers import call_documents
from ingestion.models import Call
from ingestion.tests.factories import make_call, make_calls
from tenants import services

EVERY = tuple(column.name for column in columns.CALLS)


@pytest.fixture
def noon():
    """A moment of which calls are kept whenever the tests run."""
    return datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)


def asked(project, noon, *, names=("id",), filters=None, **more) -> Asked:
    given = {
        "organization_id": project.organization_id,
        "project_ids": (project.pk,),
        "since": noon - timedelta(days=1),
        "until": noon + timedelta(days=1),
        "as_of": datetime.now(UTC) + timedelta(minutes=1),
        "filters": filters or {},
        "columns": names,
    }
    return Asked(**(given | more))


def read(wanted, rendering=Rendering.CSV, most=pages.PAGE):
    """Every page, one after the other."""
    position, found = pages.start(wanted), []
    while position:
        found.append(pages.page(wanted, position, rendering, most=most))
        position = found[-1].position
    return found


def ids(found):
    return [line for page in found for line in page.text.decode().split()]


def test_pages_go_through_every_call_once_oldest_first(acme, acme_project, scope, noon):
    starts = [noon + timedelta(minutes=minute) for minute in (5, 1, 3, 3, 2)]
    make_calls(acme_project, [{"call_id": f"c{at}", "started_at": start} for at, start in enumerate(starts)])

    with scope(acme):
        found = read(asked(acme_project, noon), most=2)

    assert ids(found) == ["c1", "c4", "c2", "c3", "c0"]
    assert [page.count for page in found] == [2, 2, 1, 0]


def test_a_full_last_page_is_followed_by_an_empty_one(acme, acme_project, scope, noon):
    make_calls(acme_project, [{"call_id": f"c{at}", "started_at": noon} for at in range(4)])

    with scope(acme):
        found = read(asked(acme_project, noon), most=2)

    assert [page.count for page in found] == [2, 2, 0]


def test_calls_far_from_each_other_make_one_page(acme, acme_project, scope, noon):
    """Stretches in which there is nothing are passed over."""
    starts = [noon - timedelta(days=days) for days in (30, 29, 2, 1)]
    make_calls(acme_project, [{"call_id": f"c{at}", "started_at": start} for at, start in enumerate(starts)])

    with scope(acme):
        found = read(asked(acme_project, noon, since=noon - timedelta(days=31)), most=8)

    assert ids(found) == ["c0", "c1", "c2", "c3"]
    assert [page.count for page in found] == [4]


def test_a_page_is_half_full_at_least_unless_it_is_the_last(acme, acme_project, scope, noon):
    starts = [noon + timedelta(minutes=minute) for minute in [*range(0, 40, 10), *range(40, 60), *range(60, 600, 90)]]
    make_calls(acme_project, [{"call_id": f"c{at:02}", "started_at": start} for at, start in enumerate(starts)])

    with scope(acme):
        found = read(asked(acme_project, noon), most=4)

    assert ids(found) == [f"c{at:02}" for at in range(len(starts))]
    assert {page.count for page in found[:-1]} <= {2, 3, 4}


def test_a_burst_shortens_what_is_asked_for_next_and_silence_lengthens_it(acme, acme_project, scope, noon):
    starts = [noon + timedelta(seconds=second) for second in range(6)]
    make_calls(acme_project, [{"call_id": f"c{at}", "started_at": start} for at, start in enumerate(starts)])
    wanted = asked(acme_project, noon, since=noon, until=noon + timedelta(days=60))

    with scope(acme):
        full = pages.page(wanted, pages.start(wanted), Rendering.CSV, most=4)
        rest = pages.page(wanted, full.position, Rendering.CSV, most=4)
        end = pages.page(wanted, rest.position, Rendering.CSV, most=4)

    assert full.position.stretch == timedelta(seconds=2.25)  # four calls in three seconds: so long hold three
    assert (full.count, rest.count, rest.position.stretch) == (4, 2, timedelta(seconds=2.25) * 1.5)
    assert (end.count, end.position) == (0, None)


def test_calls_of_one_instant_are_read_once_however_many(acme, acme_project, scope, noon):
    other = services.create_project(organization=acme, actor=None, name="Api")
    for project in (other, acme_project):
        make_calls(project, [{"call_id": f"{project.slug}{at}", "started_at": noon} for at in range(5)])
    projects = (other.pk, acme_project.pk)

    with scope(acme):
        found = read(asked(acme_project, noon, project_ids=projects), most=2)

    assert ids(found) == [*[f"web{at}" for at in range(5)], *[f"api{at}" for at in range(5)]]


@given(st.lists(st.integers(0, 10_000), max_size=25), st.integers(1, 6), st.integers(1, 10**9))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_call_is_on_one_page_wherever_reading_goes_on(acme, acme_project, scope, noon, moments, most, stretch):
    """Also where the next page is read by somebody who does not know how long the last stretch was."""
    since = noon - timedelta(hours=next(TICKS))
    starts = [since + timedelta(milliseconds=moment) for moment in moments]
    make_calls(acme_project, [{"call_id": f"c{at:02}", "started_at": start} for at, start in enumerate(starts)])
    wanted = asked(acme_project, noon, since=since, until=since + timedelta(minutes=30))

    found, position = [], pages.start(wanted)
    while position:
        position = replace(position, stretch=timedelta(microseconds=stretch))
        with scope(acme):
            found.append(pages.page(wanted, position, Rendering.CSV, most=most))
        position = found[-1].position

    assert ids(found) == [f"c{at:02}" for at, _ in sorted(enumerate(starts), key=lambda one: (one[1], one[0]))]
    assert all(page.count * 2 >= most for page in found[:-1])


def test_calls_of_all_projects_come_oldest_first(acme, acme_project, scope, noon):
    other = services.create_project(organization=acme, actor=None, name="Api")
    make_call(other, call_id="second", started_at=noon)
    make_call(acme_project, call_id="third", started_at=noon + timedelta(hours=1))
    make_call(acme_project, call_id="first", started_at=noon - timedelta(hours=1))

    with scope(acme):
        found = read(asked(acme_project, noon, names=("project", "id"), project_ids=(other.pk, acme_project.pk)))

    assert ids(found) == ["web,first", "api,second", "web,third"]


def test_how_long_a_stretch_holds_about_a_page():
    day = timedelta(days=1)

    assert pages.stretch(rows=7_500, time=day, most=1_000) == day / 10
    assert pages.stretch(rows=0, time=timedelta(0)) == timedelta(microseconds=1)
    assert pages.stretch(rows=0, time=day) == timedelta(days=3650)
    assert pages.stretch(rows=-3, time=day, most=1) == day * 0.75


def test_nothing_is_read_of_no_projects(acme_project, noon):
    assert pages.start(asked(acme_project, noon, project_ids=())) is None


def test_the_period_is_half_open(acme, acme_project, scope, noon):
    make_call(acme_project, call_id="at-start", started_at=noon)
    make_call(acme_project, call_id="at-end", started_at=noon + timedelta(hours=1))

    with scope(acme):
        found = read(asked(acme_project, noon, since=noon, until=noon + timedelta(hours=1)))

    assert ids(found) == ["at-start"]


def test_what_was_received_later_is_not_in_it(acme, acme_project, scope, noon):
    make_call(acme_project, call_id="in-time", started_at=noon, received_at=noon)
    make_call(acme_project, call_id="too-late", started_at=noon, received_at=noon + timedelta(microseconds=1))

    with scope(acme):
        wanted = asked(acme_project, noon, as_of=noon)
        assert ids(read(wanted)) == ["in-time"]
        assert pages.count(wanted, since=wanted.since, until=wanted.until) == 1


def test_filters_are_those_of_the_log(acme, acme_project, scope, noon):
    make_call(acme_project, call_id="wanted", started_at=noon, feature="chat", tags={"team": "ä"})
    make_call(acme_project, call_id="other", started_at=noon, feature="search")

    with scope(acme):
        wanted = asked(acme_project, noon, filters={"feature": ["chat"], "tag": ['{"team": "ä"}']})
        assert ids(read(wanted)) == ["wanted"]
        assert pages.count(wanted, since=wanted.since, until=wanted.until) == 1


def test_counting_stops_where_it_is_told_to(acme, acme_project, scope, noon):
    make_calls(acme_project, [{"call_id": f"c{at}", "started_at": noon} for at in range(5)])

    with scope(acme):
        wanted = asked(acme_project, noon)
        assert pages.count(wanted, since=wanted.since, until=wanted.until, most=3) == 3
        assert pages.count(wanted, since=noon, until=noon) == 0


def test_nobody_reads_calls_of_another_organization(acme, acme_project, globex, scope, noon):
    make_call(acme_project, call_id="secret", started_at=noon)

    with scope(globex):
        assert ids(read(asked(acme_project, noon))) == []
        assert ids(read(asked(acme_project, noon, organization_id=globex.pk))) == []


def test_without_a_scope_nothing_is_read(acme_project, noon):
    with pytest.raises(ScopeError):
        read(asked(acme_project, noon))


# --- What a call looks like ---


def test_a_call_in_csv_is_exact_and_unknown_is_empty(acme, acme_project, scope, noon):
    make_call(
        acme_project,
        call_id="a,b",
        started_at=noon,
        cost_usd=None,
        cost_input_usd=Decimal("0.00250000"),
        reported_cost_usd=Decimal("0.000000000000000000000123"),
        tags={"a": 'x"y'},
        stream=True,
        latency_ms=None,
    )
    names = ("id", "timestamp", "cost_usd", "cost_input_usd", "reported_cost_usd", "tags", "stream", "latency_ms")

    with scope(acme):
        text = read(asked(acme_project, noon, names=names), Rendering.SAFE_CSV)[0].text.decode()

    assert next(csv.reader(io.StringIO(text))) == [
        "a,b",
        noon.strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
        "",
        "0.0025",
        "0.000000000000000000000123",
        '{"a": "x\\"y"}',
        "true",
        "",
    ]


def test_a_call_in_json_is_that_of_the_api(acme, acme_project, scope, noon):
    make_call(acme_project, call_id="c\n\\", started_at=noon, user_id="", tags={"k": "v"}, extra_units={"pages": 2})
    missing = {"api_key", "provider_raw", "rate_card_id"}  # the log of the API is without them

    with scope(acme):
        (line,) = read(asked(acme_project, noon, names=EVERY), Rendering.JSON)[0].text.splitlines()
        (document,) = call_documents(Call.objects.filter(call_id="c\n\\"), slugs={acme_project.pk: "web"})

    found = json.loads(line)
    assert {name: found[name] for name in found if name not in missing} == json.loads(json.dumps(document))
    assert list(found) == list(EVERY)


def test_columns_come_in_the_order_that_was_asked_for(acme, acme_project, scope, noon):
    make_call(acme_project, call_id="x", started_at=noon, status="error")

    with scope(acme):
        assert read(asked(acme_project, noon, names=("status", "id")))[0].text == b"error,x\n"


def test_parquet_gets_amounts_that_fit_and_texts_as_they_are(acme, acme_project, scope, noon):
    amount = Decimal("0.1234567890123456789051")
    make_call(acme_project, call_id="=1+1", started_at=noon, reported_cost_usd=amount)

    with scope(acme):
        text = read(asked(acme_project, noon, names=("id", "reported_cost_usd")))[0].text

    assert text == b"=1+1,0.12345678901234567891\n"


def test_a_key_is_named_by_its_public_part(acme, acme_project, scope, noon):
    from tenants.models import ApiKey
    from tenants.tests.keys import issue_key

    issue_key(acme)
    with scope(acme):
        key = ApiKey.objects.get()
        make_call(acme_project, call_id="c", started_at=noon, api_key_id=key.pk)
        assert read(asked(acme_project, noon, names=("api_key",)))[0].text.decode() == f"{key.prefix}\n"


@given(st.lists(st.text(alphabet="=+-@\t\r'\"a1,;\nä", max_size=8), min_size=1, max_size=5))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_database_makes_formulas_harmless_as_we_do_elsewhere(acme, acme_project, scope, noon, texts):
    started_at = noon + timedelta(microseconds=next(TICKS))
    make_calls(
        acme_project,
        [{"call_id": f"{at}", "started_at": started_at, "feature": text} for at, text in enumerate(texts)],
    )
    wanted = asked(acme_project, noon, names=("endpoint_name",), since=started_at,
                   until=started_at + timedelta(microseconds=1))  # fmt: skip

    with scope(acme):
        text = read(wanted, Rendering.SAFE_CSV)[0].text.decode()

    found = [row[0] if row else "" for row in csv.reader(io.StringIO(text, newline=""))]
    assert found == [plain(text) for text in texts]


TICKS = iter(range(10**9))


# --- The list of columns ---


def test_every_stored_field_can_be_exported():
    stored = {field.column for field in Call._meta.fields if field.column}
    named = {column.stored.removeprefix("c.") for column in columns.CALLS}

    assert stored - named == {"organization_id", "project_id", "api_key_id"}  # the slug and the prefix say more


def test_names_are_unique_and_every_column_says_what_it_is():
    assert len(columns.BY_NAME) == len(columns.CALLS)
    assert all(column.help.endswith(".") or column.help.endswith("…") for column in columns.CALLS)
    assert set(columns.USUAL) <= set(columns.BY_NAME)


def test_money_is_money():
    assert {column.name for column in columns.CALLS if column.kind == Kind.MONEY} == {
        name for name in EVERY if name.endswith("_usd")
    }


def test_there_is_no_such_column():
    with pytest.raises(KeyError):
        columns.chosen(["prompt"])
