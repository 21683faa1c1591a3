import base64
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from ingestion.api import cursor
from ingestion.call_log import Position
from ingestion.tests.api.conftest import HOUR_AGO, URL
from ingestion.tests.factories import make_call, make_calls

SOMEWHERE = Position(started_at=HOUR_AGO, call_id="a", project_id=1)


def walk(get, **parameters):
    answer = get(URL, **parameters).json()
    pages = [[(call["project"], call["id"]) for call in answer["results"]]]
    while answer["next"]:
        answer = get(answer["next"].removeprefix("http://testserver")).json()
        pages.append([(call["project"], call["id"]) for call in answer["results"]])
    return pages


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 500])
def test_pages_hold_every_call_once_newest_first(get, acme_project, other_project, limit):
    moments = [HOUR_AGO, HOUR_AGO, HOUR_AGO - timedelta(hours=20), HOUR_AGO + timedelta(microseconds=1)]
    for project in (acme_project, other_project):
        make_calls(project, [{"call_id": f"c{n}", "started_at": moment} for n, moment in enumerate(moments)])

    pages = walk(get, limit=limit)

    order = [("mobile", 3), ("web", 3), ("mobile", 1), ("web", 1), ("mobile", 0), ("web", 0), ("mobile", 2), ("web", 2)]
    assert [call for page in pages for call in page] == [(project, f"c{number}") for project, number in order]
    assert all(len(page) == limit for page in pages[:-1])
    assert len(pages) == -(-len(order) // limit)


def test_calls_that_arrive_meanwhile_do_not_move_the_pages(get, acme_project):
    make_calls(acme_project, [{"call_id": f"c{n}", "started_at": HOUR_AGO - timedelta(seconds=n)} for n in range(4)])
    first = get(URL, limit=2).json()

    make_call(acme_project, call_id="newer", started_at=HOUR_AGO + timedelta(seconds=1))
    second = get(first["next"].removeprefix("http://testserver")).json()

    assert [call["id"] for call in second["results"]] == ["c2", "c3"]
    assert second["next"] is None


def test_the_next_link_repeats_the_question_with_its_period_written_out(get, acme_project):
    make_calls(acme_project, [{"call_id": f"c{n}", "started_at": HOUR_AGO, "model": "a b&c"} for n in range(3)])
    before = datetime.now(UTC)

    link = get(URL, limit=1, model="a b&c", organization="acme").json()["next"]

    assert link.startswith("http://testserver/api/v1/calls?")
    query = parse_qs(urlsplit(link).query)
    assert query["model"] == ["a b&c"]
    assert query["limit"] == ["1"]
    assert query["organization"] == ["acme"]
    begin, end = datetime.fromisoformat(query["from"][0]), datetime.fromisoformat(query["to"][0])
    assert end - begin == timedelta(hours=24, minutes=10)
    assert begin + timedelta(hours=24) >= before
    assert cursor.decode(query["cursor"][0]) == Position(started_at=HOUR_AGO, call_id="c2", project_id=acme_project.pk)


def test_fifty_calls_a_page_unless_asked_otherwise(get, acme_project):
    make_calls(acme_project, [{"call_id": f"c{n:02}", "started_at": HOUR_AGO} for n in range(51)])

    assert [len(page) for page in walk(get)] == [50, 1]
    assert [len(page) for page in walk(get, limit=51)] == [51]


def test_no_calls_are_an_empty_page(get):
    assert get(URL).json() == {"results": [], "next": None}


@pytest.mark.parametrize("call_id", ["a", "🙂/?&=%", '"quoted"', "x" * 64])
def test_a_cursor_brings_its_position_back(call_id):
    position = Position(started_at=HOUR_AGO.replace(microsecond=123_456), call_id=call_id, project_id=2**62)

    text = cursor.encode(position)

    assert cursor.decode(text) == position
    assert text.isascii()
    assert not set(text) & set("+/=&?#%")


def forged(*members):
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "\N{SNOWMAN}",
        "a b",
        forged(),
        forged("2026-11-01T00:00:00+00:00", 1),
        forged("2026-11-01T00:00:00", 1, "a"),
        forged("yesterday", 1, "a"),
        forged(5, 1, "a"),
        forged("2026-11-01T00:00:00+00:00", "1", "a"),
        forged("2026-11-01T00:00:00+00:00", True, "a"),
        forged("2026-11-01T00:00:00+00:00", 0, "a"),
        forged("2026-11-01T00:00:00+00:00", 2**63, "a"),
        forged("2026-11-01T00:00:00+00:00", 1, 2),
        forged("2026-11-01T00:00:00+00:00", 1, "a\0b"),
        forged("2026-11-01T00:00:00+00:00", 1, "\ud800"),
        forged("2026-11-01T00:00:00+00:00", 1, "a" * 201),
        base64.urlsafe_b64encode(b"[" * 3000).decode().rstrip("="),
        base64.urlsafe_b64encode(b"\xff\xfe").decode().rstrip("="),
    ],
)
def test_a_text_that_is_no_cursor_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        cursor.decode(text)
