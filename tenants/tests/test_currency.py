"""An organization's currency: chosen, dated rates, what pages then show, and what stays dollars."""

from datetime import date, timedelta
from decimal import Decimal
from http import HTTPStatus

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from core.currencies import IN_DOLLARS, Display
from core.scope import org_scope
from dashboards.tests.factories import make_rollup, record_calls
from tenants import currency, selectors, teams
from tenants.models import AuditEntry, CurrencyRate
from tenants.tests.keys import bearer, issue_key
from tenants.tests.people import owner_of

URL = "/o/acme/settings/currency/"
ADD = URL + "rates/"
DAY = date(2026, 11, 1)


def set_rate(acme, rate="0.92", code="EUR", valid_from=DAY):
    currency.set_rate(organization=acme, actor=owner_of(acme), code=code, rate=Decimal(rate), valid_from=valid_from)


def choose(acme, code="EUR"):
    currency.set_currency(organization=acme, actor=owner_of(acme), code=code)


def shown(acme, day):
    with org_scope(acme.pk):
        return currency.display(selectors.organization_settings(organization=acme), today=day)


def entries(acme, action):
    with org_scope(acme.pk):
        return [entry.facts for entry in AuditEntry.objects.filter(action=action).order_by("pk")]


def stored(acme):
    with org_scope(acme.pk):
        return [(one.currency, one.valid_from, one.rate) for one in currency.rates(organization=acme)]


# --- Which rate ---


def test_the_newest_rate_that_is_valid_converts_everything(acme):
    choose(acme)
    set_rate(acme, "0.90", valid_from=date(2026, 1, 1))
    set_rate(acme, "0.92", valid_from=DAY)
    set_rate(acme, "0.95", valid_from=date(2026, 12, 1))
    set_rate(acme, "150", code="JPY", valid_from=date(2026, 11, 10))

    at = {day: shown(acme, day) for day in (date(2026, 10, 31), DAY, date(2026, 11, 30), date(2026, 12, 1))}

    assert [found.rate for found in at.values()] == [Decimal(rate) for rate in ("0.9", "0.92", "0.92", "0.95")]
    assert at[DAY] == Display(code="EUR", rate=Decimal("0.92"), since=DAY, wanted="EUR")


def test_without_a_valid_rate_costs_stay_dollars_and_remember_what_was_wanted(acme):
    choose(acme)
    set_rate(acme, valid_from=DAY)

    assert shown(acme, DAY - timedelta(days=1)) == Display(wanted="EUR")


def test_dollars_ask_the_database_for_nothing(acme, django_assert_num_queries):
    with org_scope(acme.pk):
        settings = selectors.organization_settings(organization=acme)
        with django_assert_num_queries(0):
            assert currency.display(settings, today=DAY) == IN_DOLLARS


def test_another_organizations_rate_converts_nothing(acme, globex):
    choose(acme)
    set_rate(globex)

    assert shown(acme, DAY) == Display(wanted="EUR")


# --- Writes ---


def test_choosing_a_currency_is_recorded_once(acme):
    choose(acme)
    choose(acme)

    assert entries(acme, "organization.currency_changed") == [{"before": "USD", "after": "EUR"}]


def test_what_is_no_currency_is_refused(acme):
    with pytest.raises(ValidationError):
        choose(acme, "EURO")

    assert entries(acme, "organization.currency_changed") == []


def test_rates_are_kept_as_history_and_a_correction_is_recorded(acme):
    set_rate(acme, "0.90", valid_from=date(2026, 1, 1))
    set_rate(acme, "0.29")
    set_rate(acme, "0.92")
    set_rate(acme, "0.920")

    assert stored(acme) == [("EUR", DAY, Decimal("0.92")), ("EUR", date(2026, 1, 1), Decimal("0.9"))]
    assert entries(acme, "currency_rate.set")[1:] == [
        {"currency": "EUR", "valid_from": "2026-11-01", "before": None, "after": "0.29"},
        {"currency": "EUR", "valid_from": "2026-11-01", "before": "0.29", "after": "0.92"},
    ]


@pytest.mark.parametrize(
    ("code", "rate", "valid_from"),
    [
        ("USD", "1", DAY),
        ("XYZ", "1", DAY),
        ("EUR", "0", DAY),
        ("EUR", "-0.92", DAY),
        ("EUR", "10000000000", DAY),
        ("EUR", "0.00000000001", DAY),
        ("EUR", "0.92", date(1999, 12, 31)),
        ("EUR", "0.92", date(2200, 1, 1)),
    ],
)
def test_rates_that_convert_nothing_are_refused(acme, code, rate, valid_from):
    with pytest.raises(ValidationError):
        set_rate(acme, rate, code=code, valid_from=valid_from)

    assert stored(acme) == []
    assert entries(acme, "currency_rate.set") == []


def test_there_is_a_most_of_rates(acme, monkeypatch):
    monkeypatch.setattr(currency, "MOST_RATES", 1)
    set_rate(acme)

    with pytest.raises(ValidationError, match="1 rates at most"):
        set_rate(acme, valid_from=date(2026, 12, 1))
    set_rate(acme, "0.93")

    assert stored(acme) == [("EUR", DAY, Decimal("0.93"))]


def test_removing_a_rate_is_recorded_with_what_it_was(acme):
    set_rate(acme)
    with org_scope(acme.pk):
        pk = CurrencyRate.objects.get().pk

    for _ in range(2):
        currency.remove_rate(organization=acme, actor=owner_of(acme), rate_id=pk)

    assert stored(acme) == []
    assert entries(acme, "currency_rate.removed") == [{"currency": "EUR", "valid_from": "2026-11-01", "rate": "0.92"}]


# --- The settings page ---


def test_an_admin_chooses_a_currency_and_adds_its_rate(admin, acme):
    assert admin.post(URL, {"currency": "EUR"}).url == URL
    assert "until there is a rate for EUR" in admin.get(URL).text

    answer = admin.post(ADD, {"code": "EUR", "rate": "0.92", "valid_from": "2020-11-01"})

    assert answer.url == URL
    page = admin.get(URL).text
    assert "Pages show costs in EUR: 1 USD = 0.92 EUR since 1 November 2020." in page
    assert "1.08696 USD" in page
    assert "owner@" not in page
    assert "admin@acme.test" in page


def test_a_rate_of_a_day_to_come_is_marked(admin, acme):
    later = timezone.localdate() + timedelta(days=40)
    admin.post(ADD, {"code": "EUR", "rate": "0.92", "valid_from": later.isoformat()})

    page = admin.get(URL).text

    assert "to come" in page
    assert "badge-ok" not in page


def test_the_inverse_asks_whether_it_is_meant_and_keeps_what_was_typed(admin, acme):
    given = {"code": "EUR", "rate": "1.087", "valid_from": "2026-11-01"}

    asked = admin.post(ADD, given)

    assert asked.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "This looks like the inverse." in asked.text
    assert 'value="1.087"' in asked.text
    assert 'type="checkbox"' in asked.text
    assert stored(acme) == []

    admin.post(ADD, given | {"confirm": "on"})

    assert stored(acme) == [("EUR", DAY, Decimal("1.087"))]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rate": "0"}, "a number above 0"),
        ({"rate": "-1"}, "a number above 0"),
        ({"rate": "NaN"}, "Type a number such as 0.92."),
        ({"rate": "1e400"}, ""),
        ({"rate": ""}, "This field is required."),
        ({"code": "USD"}, "Choose a currency from the list."),
        ({"code": "EURO"}, "Choose a currency from the list."),
        ({"valid_from": "1.11."}, "Enter a valid date."),
        ({"valid_from": "0001-01-01"}, "Choose a day from 2000 to 2199."),
    ],
)
def test_a_bad_rate_comes_back_with_the_reason(admin, acme, changed, message):
    given = {"code": "EUR", "rate": "0.92", "valid_from": "2026-11-01", "confirm": "on"}

    for posted in (given | changed, {name: value for name, value in (given | changed).items() if name != "confirm"}):
        answer = admin.post(ADD, posted)

        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert message in answer.text
    assert stored(acme) == []


def test_a_currency_that_is_not_on_the_list_comes_back(admin, acme):
    answer = admin.post(URL, {"currency": "EURO"})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Choose a currency from the list." in answer.text


def test_a_rate_of_another_organization_is_not_found(admin, acme, globex):
    set_rate(globex)
    with org_scope(globex.pk):
        pk = CurrencyRate.objects.get().pk

    assert admin.post(f"{ADD}{pk}/remove/").status_code == HTTPStatus.NOT_FOUND
    assert len(stored(globex)) == 1


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("viewer", 403), ("outsider", 404), ("anonymous", 302)])
def test_others_change_nothing(request, acme, who, status):
    client = request.getfixturevalue(who)

    assert client.post(URL, {"currency": "EUR"}).status_code == status
    assert client.post(ADD, {"code": "EUR", "rate": "0.92", "valid_from": "2026-11-01"}).status_code == status
    assert shown(acme, DAY) == IN_DOLLARS
    assert stored(acme) == []


# --- What pages show ---


@pytest.fixture
def spent(acme, acme_project):
    """Ten dollars today, of a team and of a call."""
    teams.create_team(organization=acme, actor=None, name="Search")
    with org_scope(acme.pk):
        (row,) = record_calls(
            acme_project,
            [{"started_at": timezone.now(), "team": "search", "cost_usd": Decimal(10), "cost_input_usd": Decimal(10)}],
        )
    return row


@pytest.fixture
def in_euros(acme):
    choose(acme)
    set_rate(acme, valid_from=date(2020, 1, 1))


PAGES = ["/o/acme/", "/o/acme/p/web/", "/o/acme/calls/", "/o/acme/teams/"]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_shows_costs_in_the_currency_and_names_the_rate(viewer, spent, in_euros, path, acme_project):
    text = viewer.get(path.replace("web", acme_project.slug)).text

    assert "€9.20" in text
    assert 'title="$10.00, at 1 USD = 0.92 EUR of 1 Jan 2020"' in text
    assert "shown in EUR at 1 USD = 0.92 EUR of 1 Jan 2020" in text


@pytest.mark.parametrize("path", PAGES)
def test_without_a_rate_every_page_says_why_it_shows_dollars(viewer, acme, spent, path, acme_project):
    choose(acme)

    text = viewer.get(path.replace("web", acme_project.slug)).text

    assert "$10.00" in text
    assert "there is no rate for EUR that is valid today" in text


@pytest.mark.parametrize("path", PAGES)
def test_dollars_need_no_word(viewer, spent, path, acme_project):
    text = viewer.get(path.replace("web", acme_project.slug)).text

    assert "$10.00" in text
    assert "US dollars, shown in" not in text
    assert "no rate for" not in text


def test_parts_that_are_asked_for_later_are_converted_as_well(viewer, spent, in_euros):
    text = viewer.get("/o/acme/", headers={"HX-Request": "true"}).text

    assert "€9.20" in text
    assert "<html" not in text


def test_the_chart_is_in_the_currency(viewer, spent, in_euros):
    text = viewer.get("/o/acme/").text

    assert '"money": {"code": "EUR", "sign": "\\u20ac", "digits": 2}' in text
    assert "Euro by model" in text


def test_a_calls_arithmetic_stays_dollars(viewer, spent, in_euros, acme_project):
    log = viewer.get("/o/acme/calls/").text
    url = log.split('class="call-link"')[1].split('href="')[1].split('"')[0].replace("&amp;", "&")

    text = viewer.get(url).text

    assert "€9.20" in text
    assert "in US dollars, exactly as stored" in text
    assert "$10" in text


def test_pages_about_prices_stay_dollars_and_say_so(viewer, acme, acme_project, in_euros):
    with org_scope(acme.pk):
        make_rollup(acme_project, timezone.now().date(), model_key="own-model", cost_usd=Decimal(10))

    text = viewer.get("/o/acme/prices/").text

    assert "Prices are US dollars" in text
    assert "€" not in text


def test_the_api_names_currency_and_rate_and_answers_in_dollars(anonymous, acme, spent, in_euros):
    headers = bearer(issue_key(acme))

    found = anonymous.get("/api/v1/organizations/acme", headers=headers).json()
    day = timezone.now().date()
    period = {"from": day.isoformat(), "to": (day + timedelta(days=1)).isoformat()}
    usage = anonymous.get("/api/v1/usage", period | {"metrics": "cost_usd"}, headers=headers).text

    assert found["display_currency"] == "EUR"
    assert found["currency_rate"] == {"rate": "0.92", "valid_from": "2020-01-01"}
    assert "9.2" not in usage
    assert '"10' in usage


def test_the_api_of_an_organization_in_dollars_has_no_rate(anonymous, acme):
    found = anonymous.get("/api/v1/organizations/acme", headers=bearer(issue_key(acme))).json()

    assert (found["display_currency"], found["currency_rate"]) == ("USD", None)
