"""Which of a request's keys is ours, and what it stands for."""

import pytest

from gateway.edge.authentication import Presented, presented
from ingestion.edge.http import Problem

OURS = "tko_AAAAAAAA_secret"
OTHER = "tko_BBBBBBBB_secret"
THEIRS = "sk-their-own"


def shown(query=b"", **headers):
    return presented({name.replace("_", "-").encode(): [value.encode()] for name, value in headers.items()}, query)


@pytest.mark.parametrize("name", ["ts_api_key", "x_tokenops_key"])
def test_a_key_in_a_header_of_ours_leaves_the_providers_key_alone(name):
    assert shown(**{name: OURS, "authorization": f"Bearer {THEIRS}"}) == Presented(OURS, is_exchanged=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("authorization", f"Bearer {OURS}"),
        ("authorization", f"bearer  {OURS} "),
        ("x_api_key", OURS),
        ("api_key", OURS),
        ("x_goog_api_key", OURS),
    ],
)
def test_a_key_in_the_place_of_the_providers_stands_for_it(name, value):
    assert shown(**{name: value}) == Presented(OURS, is_exchanged=True)


def test_googles_query_parameter_is_a_place_too():
    assert shown(b"alt=sse&key=" + OURS.encode()) == Presented(OURS, is_exchanged=True)


def test_the_same_key_twice_is_one():
    assert shown(ts_api_key=OURS, x_tokenops_key=OURS) == Presented(OURS, is_exchanged=False)
    assert shown(authorization=f"Bearer {OURS}", x_api_key=OURS) == Presented(OURS, is_exchanged=True)


def test_a_header_of_ours_comes_first():
    assert shown(ts_api_key=OURS, x_api_key=OTHER) == Presented(OURS, is_exchanged=False)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": f"Bearer {THEIRS}"},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"ts_api_key": " "},
        {"cookie": f"key={OURS}"},
    ],
)
def test_without_a_key_of_ours_nobody_is_let_in(headers):
    with pytest.raises(Problem) as refused:
        shown(**headers)

    assert (refused.value.status, refused.value.slug) == (401, "unauthenticated")
    assert "TS-API-Key" in refused.value.detail


@pytest.mark.parametrize(
    "headers",
    [{"ts_api_key": OURS, "x_tokenops_key": OTHER}, {"authorization": f"Bearer {OURS}", "x_api_key": OTHER}],
)
def test_two_different_keys_are_none(headers):
    with pytest.raises(Problem) as refused:
        shown(**headers)

    assert refused.value.status == 401
    assert "two different" in refused.value.detail
    assert "secret" not in refused.value.detail
