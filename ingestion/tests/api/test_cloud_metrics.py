"""``GET /api/v1/cloud-metrics``."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core.fields import instant_text
from ingestion.tests.api.conftest import HOUR_AGO
from ingestion.tests.factories import make_sample, make_samples
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key

URL = "/api/v1/cloud-metrics"


def test_a_sample_is_shown_exactly(get, acme_project):
    make_sample(
        acme_project,
        sampled_at=HOUR_AGO,
        sample_id="a",
        received_at=HOUR_AGO,
        used_mb=Decimal("212.4"),
        cost_usd=Decimal("0.000000000000000152"),
        team="",
    )

    answer = get(URL)

    assert answer.status_code == 200
    assert answer.json() == {
        "results": [
            {
                "id": "a",
                "timestamp": instant_text(HOUR_AGO),
                "received_at": instant_text(HOUR_AGO),
                "project": "web",
                "resource": "thumbnailer",
                "kind": "function",
                "team": None,
                "environment": "default",
                "allocated_mb": 1024.0,
                "used_mb": 212.4,
                "invocations": 10,
                "duration_ms": 1500.0,
                "cost_usd": "0.000000000000000152",
            }
        ],
        "next": None,
    }


def test_pages_are_followed_to_the_end(get, acme_project, anonymous, acme):
    make_samples(acme_project, [{"sampled_at": HOUR_AGO - timedelta(minutes=n), "sample_id": f"{n}"} for n in range(5)])
    headers = bearer(issue_key(acme))
    url, seen = f"{URL}?limit=2", []

    while url:
        page = anonymous.get(url, headers=headers).json()
        seen.append([sample["id"] for sample in page["results"]])
        url = page["next"]

    assert seen == [["0", "1"], ["2", "3"], ["4"]]


def test_grouped_by_resource_sums_are_shown(get, acme_project):
    make_samples(
        acme_project,
        [
            {"sampled_at": HOUR_AGO, "used_mb": 512, "cost_usd": Decimal("0.02")},
            {"sampled_at": HOUR_AGO - timedelta(minutes=1), "used_mb": 256},
            {"sampled_at": HOUR_AGO, "resource": "other", "cost_usd": None, "kind": ""},
        ],
    )

    first, second = get(URL, group_by="resource").json()["results"]

    assert first == {
        "project": "web",
        "resource": "thumbnailer",
        "kind": "function",
        "team": "media",
        "samples": 2,
        "last_sampled_at": instant_text(HOUR_AGO),
        "allocated_mb": 1024.0,
        "max_allocated_mb": 1024.0,
        "peak_used_mb": 512.0,
        "mean_used_mb": 384.0,
        "peak_share": 0.5,
        "samples_over_allocated": 0,
        "invocations": 20,
        "duration_ms": 3000.0,
        "cost_usd": "0.03",
        "samples_without_cost": 0,
    }
    assert (second["resource"], second["cost_usd"], second["kind"]) == ("other", None, None)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, ["a", "b"]),
        ({"resource": "r2"}, ["b"]),
        ({"kind": "worker"}, ["b"]),
        ({"team": ["media", "other"]}, ["a", "b"]),
        ({"environment": "staging"}, []),
        ({"project": "web"}, ["a", "b"]),
        ({"from": instant_text(HOUR_AGO)}, ["a"]),
        ({"to": instant_text(HOUR_AGO)}, ["b"]),
    ],
)
def test_filters(get, acme_project, query, ids):
    make_sample(acme_project, sampled_at=HOUR_AGO, sample_id="a", resource="r1")
    make_sample(acme_project, sampled_at=HOUR_AGO - timedelta(hours=2), sample_id="b", resource="r2", kind="worker")
    make_sample(acme_project, sampled_at=HOUR_AGO - timedelta(days=40), sample_id="old")

    assert [sample["id"] for sample in get(URL, **query).json()["results"]] == ids


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"nonsense": "1"}, "nonsense"),
        ({"limit": "0"}, "limit"),
        ({"cursor": "abc"}, "cursor"),
        ({"group_by": "team"}, "group_by"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "from"),
        ({"resource": "r" * 256}, "resource"),
        ({"kind": "k\0"}, "kind"),
    ],
)
def test_bad_parameters_are_named(get, query, field):
    answer = get(URL, **query)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_cursor_has_no_meaning_for_groups(get, acme_project):
    make_samples(acme_project, [{"sampled_at": HOUR_AGO}] * 2)
    next_page = get(URL, limit="1").json()["next"]

    answer = get(f"{next_page}&group_by=resource")

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["cursor"]


def test_who_may_ask(anonymous, outsider, nobody, viewer, acme, acme_project):
    ingest_only = bearer(issue_key(acme, scopes=[Scope.INGEST]))
    asked = f"{URL}?organization=acme"

    assert [one.get(asked).status_code for one in (anonymous, outsider, nobody, viewer)] == [401, 404, 403, 200]
    assert anonymous.get(URL, headers=ingest_only).status_code == 403


def test_keys_see_their_own_project_and_organization_only(anonymous, acme, acme_project, other_project, globex):
    make_sample(acme_project, sample_id="mine", sampled_at=HOUR_AGO)
    make_sample(other_project, sample_id="other", sampled_at=HOUR_AGO)

    def seen(key, query=""):
        answer = anonymous.get(URL + query, headers=bearer(key))
        return (
            [sample["id"] for sample in answer.json()["results"]] if answer.status_code == 200 else answer.status_code
        )

    bound = issue_key(acme, project=acme_project)
    assert sorted(seen(issue_key(acme))) == ["mine", "other"]
    assert seen(bound) == ["mine"]
    assert seen(bound, "?project=mobile") == 404
    assert seen(issue_key(globex)) == []
    assert seen(issue_key(globex), "?organization=acme") == 404


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_this_side_of_the_path_only_reads(owner, method):
    answer = getattr(owner, method)(f"{URL}?organization=acme")

    assert answer.status_code in {403, 405}
