"""Rate cards over the API: who may read and change them, and what is answered."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.cursors import encode
from core.scope import org_scope
from ingestion.pricing import selectors
from ingestion.tests.pricing import scene
from ingestion.tests.pricing.scene import hours_ago, import_catalogue, record, set_price
from tenants.models import AuditEntry, Project
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key

URL = "/api/v1/rate-cards"
NEW = {"model": "coder", "provider": "vllm", "prices": {"input": "0.30", "output": "0.60"}}


@pytest.fixture(autouse=True)
def catalogue_imported(db):
    import_catalogue()


@pytest.fixture
def ask(anonymous, acme):
    """Asks the API with a key of acme that may read and manage; other ``headers`` replace it."""
    own = bearer(issue_key(acme, scopes=[Scope.READ, Scope.MANAGE]))

    def send(method, path, body=None, *, headers=None, **parameters):
        options = {} if body is None else {"data": body, "content_type": "application/json"}
        return getattr(anonymous, method)(path, query_params=parameters, headers=headers or own, **options)

    return send


def own_cards(organization):
    with org_scope(organization.pk):
        return selectors.own_cards()


def errors(answer):
    return {(error["field"], error["message"]) for error in answer.json()["errors"]}


# --- Reading ---


def test_a_card_says_what_a_unit_costs_and_when(ask, acme):
    card = set_price(acme, "gpt-4o", provider="openai", valid_from=datetime(2026, 11, 1, tzinfo=UTC))

    document = ask("get", f"{URL}/{card.id}").json()

    assert document == {
        "id": card.id,
        "source": "override",
        "provider": "openai",
        "model": "gpt-4o",
        "target": None,
        "valid_from": "2026-11-01T00:00:00.000000Z",
        "valid_to": None,
        "window": None,
        "context": {},
        "prices": {
            "input_tokens": {"usd": "1", "per": 1_000_000, "tiers": []},
            "output_tokens": {"usd": "2", "per": 1_000_000, "tiers": []},
        },
        "used_calls": None,
    }


def test_an_alias_names_its_target_and_an_unknown_price_is_null(ask, acme):
    set_price(acme, "prod-chat", target=("openai", "gpt-4o"))

    (alias,) = ask("get", URL, source="alias").json()["results"]
    (router,) = ask("get", URL, model="router").json()["results"]

    assert (alias["provider"], alias["model"], alias["prices"]) == (None, "prod-chat", {})
    assert alias["target"] == {"provider": "openai", "model": "gpt-4o"}
    assert router["prices"]["input_tokens"]["usd"] is None


@pytest.mark.parametrize(
    ("parameters", "models"),
    [
        ({}, ["claude-sonnet-4", "gpt-4o", "gpt-4o", "gpt-4o-mini", "router", "coder"]),
        ({"provider": "anthropic"}, ["claude-sonnet-4"]),
        ({"model": "gpt-4o-mini"}, ["gpt-4o-mini"]),
        ({"source": "override"}, ["coder"]),
        ({"source": "catalogue", "provider": "openai"}, ["gpt-4o", "gpt-4o", "gpt-4o-mini", "router"]),
        ({"at": "2025-06-01T00:00:00Z", "source": "override"}, []),
    ],
)
def test_the_list_is_narrowed(ask, acme, parameters, models):
    set_price(acme, "coder", provider="vllm", valid_from=datetime(2026, 1, 1, tzinfo=UTC))

    assert [card["model"] for card in ask("get", URL, **parameters).json()["results"]] == models


def test_the_history_has_cards_of_every_period(ask, acme):
    set_price(acme, "coder", valid_from=datetime(2026, 1, 1, tzinfo=UTC))
    set_price(acme, "coder", valid_from=datetime(2026, 2, 1, tzinfo=UTC))

    def found(**parameters):
        return [card["valid_to"] for card in ask("get", URL, source="override", **parameters).json()["results"]]

    assert found() == [None]
    assert found(history="true") == ["2026-02-01T00:00:00.000000Z", None]


def test_pages_follow_each_other_without_a_gap(ask):
    url, models = f"{URL}?limit=2", []
    while url:
        page = ask("get", url).json()
        models += [(card["provider"], card["model"], card["id"]) for card in page["results"]]
        url = page["next"]

    assert len(models) == len(set(models)) == 5
    assert models[0][1] == "claude-sonnet-4"


def test_models_in_use_say_how_much(ask, acme_project):
    record(acme_project, {}, {})

    assert {card["used_calls"] for card in ask("get", URL, model="gpt-4o").json()["results"]} == {2}
    assert ask("get", URL, model="gpt-4o-mini").json()["results"][0]["used_calls"] is None


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"source": "mine"}, "source"),
        ({"at": "yesterday"}, "at"),
        ({"limit": "0"}, "limit"),
        ({"limit": "501"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"nonsense": "1"}, "nonsense"),
        ({"model": "m" * 256}, "model"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(ask, parameters, field):
    answer = ask("get", URL, **parameters)

    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == {field}


def test_another_organizations_cards_do_not_exist(ask, globex):
    foreign = set_price(globex, "their-model")

    assert "their-model" not in ask("get", URL, history="true").content.decode()
    for method, path, body in (
        ("get", f"{URL}/{foreign.id}", None),
        ("delete", f"{URL}/{foreign.id}", None),
        ("post", f"{URL}/{foreign.id}/end", {}),
    ):
        assert ask(method, path, body).status_code == 404
    assert own_cards(globex)[0].valid_to is None


def test_a_card_of_the_catalogue_is_read_and_never_changed(ask):
    number = selectors.catalogue()[0].id

    assert ask("get", f"{URL}/{number}").json()["source"] == "catalogue"
    assert ask("delete", f"{URL}/{number}").status_code == 404
    assert ask("post", f"{URL}/{number}/end", {}).status_code == 404
    assert ask("get", f"{URL}/{2**62}").status_code == 404


# --- Setting ---


def test_a_price_is_set_and_the_key_is_in_the_audit_log(ask, acme):
    answer = ask("post", URL, NEW | {"valid_from": "2026-11-01T00:00:00Z"})

    assert answer.status_code == 201
    (card,) = own_cards(acme)
    assert (answer.json()["id"], answer.json()["prices"]["input_tokens"]["usd"]) == (card.id, "0.3")
    assert (card.valid_from, card.provider) == (datetime(2026, 11, 1, tzinfo=UTC), "vllm")
    with org_scope(acme.pk):
        entry = AuditEntry.objects.get(action="price.set")
    assert (entry.actor_kind, entry.actor_name) == ("key", "Test")
    assert entry.actor_key_id > 0
    assert "key_id" not in entry.facts


def test_a_person_sets_a_price_by_session(admin, acme):
    answer = admin.post(f"{URL}?organization=acme", NEW, content_type="application/json")

    assert answer.status_code == 201
    with org_scope(acme.pk):
        assert AuditEntry.objects.get(action="price.set").actor_name == "admin@acme.test"


def test_an_alias_is_set(ask, acme):
    answer = ask("post", URL, {"model": "prod-chat", "target": {"provider": "openai", "model": "gpt-4o"}})

    assert (answer.status_code, answer.json()["source"]) == (201, "alias")
    assert own_cards(acme)[0].catalogue_id == "gpt-4o"


@pytest.mark.parametrize("prices", [{"input_tokens": "1", "output_tokens": "2"}, {"input": 1, "output": 2.0}])
def test_units_have_two_names_and_amounts_two_forms(ask, acme, prices):
    assert ask("post", URL, NEW | {"prices": prices}).status_code == 201
    assert {unit: price.base for unit, price in own_cards(acme)[0].prices.items()} == {
        "input_tokens": 1,
        "output_tokens": 2,
    }


def test_a_price_that_looks_like_a_slip_is_422_until_it_is_confirmed(ask, acme):
    slip = {"model": "gpt-4o", "provider": "openai", "prices": {"input": "0.0000025", "output": "10"}}

    refused = ask("post", URL, slip)
    assert own_cards(acme) == []
    confirmed = ask("post", URL, slip | {"confirm": True})

    assert (refused.status_code, confirmed.status_code) == (422, 201)
    assert refused["Content-Type"] == "application/problem+json"
    assert refused.json()["type"].endswith("/unusual-price")
    assert errors(refused) == {("prices.input", "That is $0.0000025 per million tokens; did you mean $2.50?")}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"model": ""}, "model"),
        ({"model": "m" * 256}, "model"),
        ({"prices": {"input": "1"}}, "prices.output"),
        ({"prices": {"input": "x", "output": "1"}}, "prices.input"),
        ({"prices": {"input": True, "output": "1"}}, "prices.input"),
        ({"prices": {"input": "-1", "output": "1"}}, "prices.input"),
        ({"prices": {"input": "1", "output": "1", "discount": "1"}}, "prices"),
        ({"prices": {"input": "1", "input_tokens": "1", "output": "1"}}, "prices"),
        ({"prices": "1"}, "prices"),
        ({"valid_from": "soon"}, "valid_from"),
        ({"valid_from": "1999-01-01T00:00:00Z"}, "valid_from"),
        ({"target": {"provider": "openai", "model": "gpt-4o"}}, ""),
        ({"discount": 1}, "discount"),
        ({"provider": "p" * 101}, "provider"),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_by_name_and_stores_nothing(ask, acme, change, field):
    answer = ask("post", URL, NEW | change)

    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == {field}
    assert own_cards(acme) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"model": "m"}, ""),
        ({"model": "m", "target": {"provider": "openai", "model": "nothing"}}, "target"),
        ({"model": "m", "target": {"provider": "openai"}}, "target.model"),
        ({"model": "m", "provider": "p", "target": {"provider": "openai", "model": "gpt-4o"}}, "provider"),
        ([], ""),
    ],
)
def test_an_alias_that_cannot_be_used_is_refused(ask, acme, body, field):
    answer = ask("post", URL, body)

    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == {field}
    assert own_cards(acme) == []


def test_no_refusal_repeats_what_was_sent(ask):
    body = NEW | {"model": "m" * 300, "prices": {"input": "hunter2", "output": "hunter2"}, "valid_from": "hunter2"}

    assert "hunter2" not in ask("post", URL, body).content.decode()


def test_a_body_that_is_no_json_is_refused(ask, anonymous, acme):
    headers = bearer(issue_key(acme, scopes=[Scope.MANAGE]))

    broken = anonymous.post(URL, "{", content_type="application/json", headers=headers)
    form = anonymous.post(URL, NEW["prices"], headers=headers)

    assert (broken.status_code, form.status_code) == (400, 415)


# --- Who may ---


def test_a_key_that_may_only_read_changes_nothing(ask, acme):
    card = set_price(acme, "coder")
    reader = bearer(issue_key(acme, scopes=[Scope.READ, Scope.INGEST]))

    answers = [
        ask("post", URL, NEW, headers=reader),
        ask("delete", f"{URL}/{card.id}", headers=reader),
        ask("post", f"{URL}/{card.id}/end", {}, headers=reader),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert {answer.json()["type"].rsplit("/", 1)[1] for answer in answers} == {"missing-scope"}
    assert answers[0].json()["title"] == "This API key may not change what an admin may change."
    assert answers[0].json()["detail"] == "It needs the scope manage."
    assert len(own_cards(acme)) == 1


def test_a_key_that_may_manage_and_not_read_reads_nothing(ask, acme):
    manager = bearer(issue_key(acme, scopes=[Scope.MANAGE]))

    assert ask("get", URL, headers=manager).status_code == 403
    assert ask("get", "/api/v1/unpriced-models", headers=manager).status_code == 403
    assert ask("post", URL, NEW, headers=manager).status_code == 201


def test_a_key_of_a_project_reads_prices_and_changes_none(ask, acme, acme_project):
    card = set_price(acme, "coder")
    bound = bearer(issue_key(acme, project=acme_project, scopes=[Scope.READ, Scope.MANAGE]))

    answers = [
        ask("post", URL, NEW, headers=bound),
        ask("delete", f"{URL}/{card.id}", headers=bound),
        ask("post", f"{URL}/{card.id}/end", {}, headers=bound),
    ]

    assert ask("get", URL, headers=bound).status_code == 200
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert "one project" in answers[0].json()["detail"]
    assert [(own.id, own.valid_to) for own in own_cards(acme)] == [(card.id, None)]


@pytest.mark.parametrize(("who", "status"), [("owner", 201), ("admin", 201), ("member", 403), ("viewer", 403)])
def test_people_who_may_manage_prices_are_owners_and_admins(request, acme, who, status):
    client = request.getfixturevalue(who)

    answer = client.post(f"{URL}?organization=acme", NEW, content_type="application/json")

    assert answer.status_code == status
    assert len(own_cards(acme)) == (status == 201)


# --- Ending and deleting ---


def test_a_card_is_ended_now_or_at_a_moment(ask, acme):
    first, second = set_price(acme, "a"), set_price(acme, "b")

    now = ask("post", f"{URL}/{first.id}/end", {})
    later = ask("post", f"{URL}/{second.id}/end", {"ends_at": "2030-01-01T00:00:00Z"})

    assert (now.status_code, later.json()["valid_to"]) == (200, "2030-01-01T00:00:00.000000Z")
    ended = {card.id: card.valid_to for card in own_cards(acme)}
    assert datetime.now(UTC) - ended[first.id] < timedelta(minutes=5)


@pytest.mark.parametrize(
    "body",
    [
        {"ends_at": "2025-01-01T00:00:00Z"},
        {"ends_at": "x"},
        {"ends_at": []},
        {"ends_at": {}},
        {"ends_at": True},
        {"at": "2030-01-01T00:00:00Z"},
    ],
)
def test_an_end_that_cannot_be_is_refused(ask, acme, body):
    card = set_price(acme, "a", valid_from=datetime(2026, 1, 1, tzinfo=UTC))

    assert ask("post", f"{URL}/{card.id}/end", body).status_code == 400
    assert own_cards(acme)[0].valid_to is None


def test_a_card_that_priced_nothing_is_deleted(ask, acme):
    card = set_price(acme, "coder")

    answer = ask("delete", f"{URL}/{card.id}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert own_cards(acme) == []


def test_a_card_that_priced_calls_is_409(ask, acme, acme_project):
    card = set_price(acme, "coder", provider="vllm")
    record(acme_project, scene.unpriced(cost_source="override", rate_card_id=card.id, cost_usd=Decimal(1)))

    answer = ask("delete", f"{URL}/{card.id}")

    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (409, "card-in-use")
    assert len(own_cards(acme)) == 1


# --- Unpriced models ---


def test_unpriced_models_are_listed_with_a_suggestion(ask, acme_project):
    at = hours_ago(2)
    record(acme_project, scene.unpriced(provider="openai", model="gpt-4o:free", started_at=at))

    answer = ask("get", "/api/v1/unpriced-models").json()

    moment = at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert answer == {
        "results": [
            {
                "provider": "openai",
                "model": "gpt-4o:free",
                "asked_model": "gpt-4o:free",
                "calls": 1,
                "input_tokens": 1000,
                "output_tokens": 500,
                "first_seen": moment,
                "last_seen": moment,
                "reason": "no-match",
                "now_priced": False,
                "reported_calls": 0,
                "reported_cost_usd": None,
                "suggestion": {"provider": "openai", "model": "gpt-4o", "why": "without its variant"},
            }
        ],
        "next": None,
    }


def test_unpriced_models_of_a_period_and_of_a_keys_project(ask, acme, acme_project, globex, scope):
    with scope(globex):
        foreign = Project.objects.get()
    record(foreign, scene.unpriced(model="theirs"))
    record(acme_project, scene.unpriced(started_at=hours_ago(24 * 3)), scene.unpriced(model="", provider=""))
    bound = bearer(issue_key(acme, project=acme_project))

    def models(**options):
        return [
            (one["provider"], one["model"])
            for one in ask("get", "/api/v1/unpriced-models", **options).json()["results"]
        ]

    assert models() == [(None, ""), ("vllm", "coder")]
    assert models(days="1") == [(None, "")]
    assert models(headers=bound) == models()


@pytest.mark.parametrize("days", ["0", "91", "x"])
def test_a_period_that_is_not_offered_is_refused(ask, days):
    assert ask("get", "/api/v1/unpriced-models", days=days).status_code == 400


# --- The cursor ---


@pytest.mark.parametrize(
    "place",
    [
        (),
        ("openai", "gpt-4o", "catalogue"),
        ("openai", "gpt-4o", "catalogue", "7"),
        ("openai", "gpt-4o\0", "catalogue", 7),
        ("openai", "\ud800", "catalogue", 7),
        ("openai", "gpt-4o", "catalogue", 2**63),
        (1, 2, 3, 4),
    ],
)
def test_a_place_that_no_card_can_have_is_refused(ask, place):
    answer = ask("get", "/api/v1/rate-cards", cursor=encode(place))

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["cursor"]


def test_unknown_usage_is_a_reason_of_its_own(ask, acme_project):
    nothing = {"price_match": "no-usage", "usage_rule": "unstated", "input_tokens": 0, "output_tokens": 0}
    record(acme_project, scene.unpriced(provider="openai", model="gpt-4o:free", **nothing))

    (found,) = ask("get", "/api/v1/unpriced-models").json()["results"]

    assert (found["reason"], found["calls"], found["now_priced"], found["suggestion"]) == ("no-usage", 1, False, None)
