"""End users from their daily sums: what each costs, what is searched for, and what no user accounts for."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from core.scope import org_scope
from dashboards import users
from dashboards.numbers import ModelName, Sums
from dashboards.tests.factories import make_rollup
from ingestion import end_users
from ingestion.models import UserRollup
from tenants import services
from tenants.models import Project

TODAY = date(2026, 7, 14)


def count(project, user_id, day=TODAY, **sums):
    """One row of a user's daily sums, and the same in the sums of all calls."""
    named = {"provider": "openai", "model_key": "gpt-4o", "calls": 1} | sums
    with org_scope(project.organization_id):
        UserRollup.objects.create(
            organization_id=project.organization_id,
            project_id=project.pk,
            bucket_date=day,
            user_id=user_id,
            **dict.fromkeys(users.COUNTED, 0) | named,
        )
        make_rollup(project, day, feature=f"of {user_id}", **named)


def nobody(project, day=TODAY, **sums):
    with org_scope(project.organization_id):
        make_rollup(project, day, feature="of nobody", **{"calls": 1} | sums)


@pytest.fixture
def listed(acme, acme_project, chosen):
    def read(query="", *, text="", sort="cost", page=1, project=None):
        asked = users.of_users(chosen(query))
        with org_scope(acme.pk):
            return users.listing(organization=acme, project=project, chosen=asked, text=text, sort=sort, page=page)

    return read


def ids(found):
    return [line.user_id for line in found.lines]


def test_users_are_summed_over_days_models_and_projects_dearest_first(acme, acme_project, listed):
    other = services.create_project(organization=acme, actor=None, name="Other")
    count(acme_project, "ada", cost_usd=Decimal("1e-20"), input_tokens=10, output_tokens=5, errors=1)
    count(acme_project, "ada", TODAY - timedelta(days=3), cost_usd=Decimal(1), calls=2, model_key="b")
    count(other, "ada", cost_usd=Decimal(2), unpriced_calls=1, calls=3)
    count(acme_project, "bob", cost_usd=Decimal(5), estimated_calls=1)

    found = listed()

    assert ids(found) == ["bob", "ada"]
    ada = found.lines[1]
    assert ada.sums == Sums(
        calls=6,
        errors=1,
        unpriced_calls=1,
        input_tokens=10,
        output_tokens=5,
        cost_usd=Decimal("3.00000000000000000001"),
    )
    assert ada.last_day == TODAY
    assert (found.users, found.found) == (2, 2)
    assert found.total.cost_usd == Decimal("8.00000000000000000001")


def test_calls_for_nobody_are_what_users_leave_of_all(acme_project, listed):
    count(acme_project, "ada", cost_usd=Decimal(1))
    nobody(acme_project, calls=4, unpriced_calls=1, cost_usd=Decimal("0.5"), errors=2)

    found = listed()

    assert found.nobodys == Sums(calls=4, unpriced_calls=1, errors=2, cost_usd=Decimal("0.5"))


def test_without_users_all_calls_are_nobodys(acme_project, listed):
    nobody(acme_project, calls=4)

    found = listed()

    assert (found.lines, found.users, found.nobodys.calls) == ([], 0, 4)


def test_nothing_at_all_is_nothing(listed):
    found = listed()

    assert (found.lines, found.users, found.total, found.nobodys) == ([], 0, Sums(), Sums())


def test_changes_are_against_the_period_before_unless_nothing_is_compared(acme_project, listed):
    count(acme_project, "ada", cost_usd=Decimal(3))
    count(acme_project, "ada", TODAY - timedelta(days=8), cost_usd=Decimal(2), calls=5, unpriced_calls=1)
    count(acme_project, "gone", TODAY - timedelta(days=8), cost_usd=Decimal(9))

    compared, alone = listed(), listed("compare=none")

    assert ids(compared) == ["ada"]
    assert compared.lines[0].before == Sums(calls=5, unpriced_calls=1, cost_usd=Decimal(2))
    assert alone.lines[0].before == Sums()
    assert compared.total.cost_usd == alone.total.cost_usd == Decimal(3)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("cost", ["dear", "many", "new", "free"]),
        ("calls", ["many", "free", "dear", "new"]),
        ("tokens", ["free", "many", "dear", "new"]),
        ("errors", ["many", "dear", "free", "new"]),
        ("per-call", ["dear", "new", "many", "free"]),
        ("change", ["new", "free", "many", "dear"]),
        ("last", ["dear", "free", "many", "new"]),
    ],
)
def test_every_order(acme_project, listed, sort, expected):
    old = TODAY - timedelta(days=2)
    count(acme_project, "dear", cost_usd=Decimal(9), calls=2, input_tokens=1, errors=1)
    count(acme_project, "dear", TODAY - timedelta(days=8), cost_usd=Decimal(20))
    count(acme_project, "many", old, cost_usd=Decimal(3), calls=9, input_tokens=5, errors=2)
    count(acme_project, "many", TODAY - timedelta(days=8), cost_usd=Decimal(3))
    count(acme_project, "new", TODAY - timedelta(days=3), cost_usd=Decimal(2), calls=1)
    count(
        acme_project, "free", TODAY - timedelta(days=1), cost_usd=Decimal(0), calls=3, unpriced_calls=3, output_tokens=9
    )

    assert ids(listed(sort=sort)) == expected


def test_a_user_without_any_price_costs_nothing_that_is_known(acme_project, listed):
    count(acme_project, "ada", calls=2, unpriced_calls=2)

    (line,) = listed().lines

    assert (line.sums.known_cost_usd, line.per_call_usd) == (None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("ADA", ["ada-1", "Ada-2"]), ("-2", ["Ada-2"]), ("%", ["100%"]), ("_", []), ("'", []), ("漢", ["漢字"])],
)
def test_ids_are_found_by_a_part_in_any_case_and_nothing_is_a_wildcard(acme_project, listed, text, expected):
    for cost, name in ((4, "ada-1"), (3, "Ada-2"), (2, "100%"), (1, "漢字")):
        count(acme_project, name, cost_usd=Decimal(cost))

    found = listed(text=text)

    assert ids(found) == expected
    assert (found.found, found.users) == (len(expected), 4)


def test_an_address_finds_the_hash_it_is_kept_as(acme, acme_project, listed):
    with org_scope(acme.pk):
        _, stored = end_users.as_stored(organization=acme, user_ids=["ada@example.test"])
    count(acme_project, stored, cost_usd=Decimal(1))
    count(acme_project, "bob", cost_usd=Decimal(2))

    assert ids(listed(text="ada@example.test")) == [stored]
    assert ids(listed("user=ada@example.test")) == [stored]


def test_pages_hold_fifty_and_none_is_on_two(acme_project, listed):
    for number in range(120):
        count(acme_project, f"u{number:03}", cost_usd=Decimal(1))

    pages = [ids(listed(page=page)) for page in (1, 2, 3, 4)]

    assert [len(page) for page in pages] == [50, 50, 20, 0]
    assert [one for page in pages for one in page] == [f"u{number:03}" for number in range(120)]


def test_a_page_behind_the_last_still_knows_the_totals(acme_project, listed):
    count(acme_project, "ada", cost_usd=Decimal(1))

    found = listed(page=9)

    assert (found.lines, found.users, found.total.cost_usd) == ([], 1, Decimal(1))


def test_what_many_users_are_counted_as_is_told(acme_project, listed):
    count(acme_project, "ada")
    assert not listed().has_other

    count(acme_project, "(other)", calls=7)
    assert listed().has_other


def test_filters_keep_what_the_sums_know(acme, acme_project, listed):
    other = services.create_project(organization=acme, actor=None, name="Other")
    count(acme_project, "ada", model_key="a")
    count(acme_project, "bob", model_key="b", provider="anthropic")
    count(other, "cem", model_key="a")

    assert ids(listed("model=a")) == ["ada", "cem"]
    assert ids(listed("provider=anthropic")) == ["bob"]
    assert ids(listed("project=other")) == ["cem"]
    assert sorted(ids(listed(project=acme_project))) == ["ada", "bob"]
    assert sorted(ids(listed("feature=x&team=y&status=error"))) == ["ada", "bob", "cem"]


def test_other_filters_and_hours_are_left_out_and_the_page_says_so(chosen):
    found = users.of_users(chosen("range=24h&feature=x&model=a"))

    assert found.narrowed_by == (("model", "a"),)
    assert (found.period.first_day, found.period.last_day) == (date(2026, 7, 13), TODAY)
    assert found.problems == (
        "End users are counted by whole days.",
        "End users are counted by project, provider and model; other filters were left out.",
    )
    assert users.of_users(chosen("model=a")).problems == ()


def test_another_organizations_users_are_not_listed(acme, acme_project, globex, listed):
    with org_scope(globex.pk):
        foreign = Project.objects.get()
    count(foreign, "foreign")
    count(acme_project, "own")

    assert ids(listed()) == ["own"]


def test_whole_days_are_compared_with_whole_days(chosen):
    assert users.compared_days(users.of_users(chosen())) == "1 – 7 Jul"
    assert users.compared_days(users.of_users(chosen("range=24h"))) == "11 – 12 Jul"
    assert users.compared_days(chosen("compare=none")) == ""


# --- One ---


@pytest.fixture
def read(acme, chosen):
    def read(user_id, query="", project=None):
        asked = users.of_users(chosen(query))
        with org_scope(acme.pk):
            return users.one(organization=acme, project=project, chosen=asked, user_id=user_id)

    return read


def test_one_user_by_day_model_and_project(acme, acme_project, read):
    other = services.create_project(organization=acme, actor=None, name="Other")
    yesterday = TODAY - timedelta(days=1)
    count(acme_project, "ada", cost_usd=Decimal(1), model_key="a")
    count(acme_project, "ada", yesterday, cost_usd=Decimal(2), model_key="b")
    count(other, "ada", yesterday, cost_usd=Decimal(4), model_key="b")
    count(acme_project, "ada", TODAY - timedelta(days=8), cost_usd=Decimal(8))
    count(acme_project, "bob", cost_usd=Decimal(16))

    found = read("ada")

    assert found.total == Sums(calls=3, cost_usd=Decimal(7))
    assert found.before == Sums(calls=1, cost_usd=Decimal(8))
    assert {day: sums.cost_usd for day, sums in found.days.items()} == {"2026-07-14": 1, "2026-07-13": 6}
    assert [(model, sums.cost_usd) for model, sums in found.models.items()] == [
        (ModelName("openai", "b"), 6),
        (ModelName("openai", "a"), 1),
    ]
    assert {pk: sums.cost_usd for pk, sums in found.projects.items()} == {acme_project.pk: 3, other.pk: 4}
    assert found.last_day == TODAY
    assert read("ada", project=other).total.cost_usd == Decimal(4)


def test_a_user_who_never_called_is_nothing(acme_project, read):
    count(acme_project, "ada")

    found = read("bob")

    assert (found.total, found.days, found.models, found.projects, found.last_day) == (Sums(), {}, {}, {}, None)
