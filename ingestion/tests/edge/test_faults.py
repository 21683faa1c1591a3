"""The database away, prices changed, shutdown, and what must never leak."""

import asyncio
import logging
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from core.databases import EDGE
from core.scope import org_scope
from ingestion.edge import Limits
from ingestion.models import DailyRollup
from ingestion.models import RateCard as StoredCard
from ingestion.pricing import overrides
from ingestion.pricing.announcement import announce_prices
from ingestion.pricing.overrides import Wanted
from ingestion.tests.edge.client import issue_key, running_edge, stored_calls
from ingestion.tests.edge.conftest import project_of
from ingestion.tests.edge.proxy import passage
from ingestion.tests.edge.test_bad_input import slug
from tenants import key_services
from tenants.models import ApiKey
from tests.resilience.processes import wait_until

EVENT = {"model": "gpt-4o", "input_tokens": 1000}
OWN_MODEL = {"model": "own-model", "input_tokens": 1_000_000}
MARKER = "content-that-must-not-leak"


def test_without_the_database_events_are_503_and_afterwards_stored_once(acme, key):
    event = {**EVENT, "id": "a", "timestamp": datetime.now(UTC).isoformat()}
    with passage() as way, running_edge(conninfo=way.conninfo) as edge:
        edge.post(EVENT, key=key)
        way.close()

        refused = edge.post(event, key=key)
        way.open()
        wait_until(lambda: edge.post(event, key=key).status == 202, "the edge to recover")
        again = edge.post(event, key=key)

    assert (refused.status, slug(refused)) == (503, "unavailable")
    assert refused.headers["retry-after"] == "1"
    assert again.json()["duplicates"] == 1
    assert len(stored_calls(acme)) == 2
    with org_scope(acme.pk):
        assert DailyRollup.objects.get().calls == 2


def test_an_unknown_key_is_503_and_not_401_while_nobody_can_be_asked(acme):
    unseen = issue_key(acme)
    with passage() as way, running_edge(conninfo=way.conninfo) as edge:
        way.close()

        response = edge.post(EVENT, key=unseen)

    assert (response.status, slug(response)) == (503, "unavailable")


def test_an_edge_that_starts_without_the_database_serves_when_it_is_there(acme, key):
    with passage() as way:
        way.close()
        with running_edge(conninfo=way.conninfo) as edge:
            assert edge.post(EVENT, key=key).status == 503
            way.open()

            wait_until(lambda: edge.post(EVENT, key=key).status == 202, "the edge to come up")

    assert len(stored_calls(acme)) == 1


def test_a_key_revoked_unheard_is_refused_once_the_listener_is_back(acme, key):
    with passage() as way, running_edge(conninfo=way.conninfo) as edge:
        edge.post(EVENT, key=key)
        way.close()
        with org_scope(acme.pk):
            stored = ApiKey.objects.get()
        key_services.revoke_key(organization=acme, actor=None, key=stored, now=datetime.now(UTC))
        way.open()

        wait_until(lambda: edge.post(EVENT, key=key).status == 401, "the revocation to be noticed")


def test_new_prices_are_used_once_they_are_announced(edge, acme, key):
    card = StoredCard.objects.get(catalogue_id="gpt-4o-mini")
    prices = card.prices | {"input_tokens": {**card.prices["input_tokens"], "base": "7"}}
    StoredCard.objects.filter(pk=card.pk).update(prices=prices)

    announce_prices()

    def costs_seven():
        edge.post({"model": "gpt-4o-mini", "input_tokens": 1_000_000}, key=key)
        return stored_calls(acme)[-1]["cost_usd"] == Decimal(7)

    wait_until(costs_seven, "the new price to be used")
    StoredCard.objects.filter(pk=card.pk).update(prices=card.prices)
    announce_prices()


def test_an_own_price_is_used_by_a_running_edge_and_by_nobody_elses_calls(edge, acme, globex, key):
    edge.post(OWN_MODEL, key=key)
    with org_scope(acme.pk):
        wanted = [Wanted(model="own-model", prices={"input": Decimal(4), "output": Decimal(8)})]
        cards = overrides.cards_for(organization=acme, wanted=wanted)
        (saved,) = overrides.save_cards(organization=acme, actor=None, cards=cards)

    def is_priced():
        edge.post(OWN_MODEL, key=key)
        return stored_calls(acme)[-1]["rate_card_id"] == saved.id

    wait_until(is_priced, "the own price to be used")
    edge.post(OWN_MODEL, key=issue_key(globex))

    before, *_, after = stored_calls(acme)
    assert (before["cost_usd"], after["cost_usd"], after["cost_source"]) == (None, Decimal(4), "override")
    assert [call["cost_usd"] for call in stored_calls(globex)] == [None]


def test_what_was_accepted_is_stored_before_the_process_ends(committed_module, acme, key):
    with running_edge() as edge:
        answers = edge.together([([EVENT] * 300, key) for _ in range(10)])

    assert {answer.status for answer in answers} == {202}
    assert len(stored_calls(acme)) == 3000


def test_requests_after_the_end_are_503(committed_module, key):
    with running_edge() as edge:
        pass

    response = asyncio.run(edge.request(EVENT, key=key))

    assert (response.status, slug(response)) == (503, "unavailable")


def test_a_failure_is_logged_without_query_string_key_or_content(edge, acme, key, caplog):
    with caplog.at_level(logging.INFO, logger="ingestion.edge"):
        edge.post({"model": 7, "messages": [MARKER], "prompt": MARKER, MARKER: MARKER}, key=key)
        edge.post(f'{{"model": "{MARKER}'.encode(), key=key)
        edge.post(EVENT, key="tko_" + MARKER)

    records = [record for record in caplog.records if record.name == "ingestion.edge"]
    assert [(record.status, record.problem) for record in records] == [
        (400, "events-rejected"),
        (400, "malformed-body"),
        (401, "unauthenticated"),
    ]
    assert {(record.method, record.path) for record in records} == {("POST", "/api/v1/ingest")}
    assert [record.organization_id for record in records] == [acme.pk, acme.pk, None]
    everything = " ".join(str(vars(record)) for record in caplog.records)
    assert MARKER not in everything
    assert key not in everything
    assert "in-the-query" not in everything


def test_content_is_in_no_table_no_log_and_no_answer(edge, acme, key, caplog, capfd):
    content = {
        "messages": [{"role": "user", "content": MARKER}],
        "prompt": MARKER,
        "input": MARKER,
        "output": MARKER,
        "completion": MARKER,
        "response": {"choices": [{"text": MARKER}]},
        "gen_ai.input.messages": MARKER,
        f"{MARKER} as a name": 1,
        "usage": {"prompt_tokens": 5, "content": MARKER},
    }
    with caplog.at_level(logging.DEBUG):
        answers = [
            edge.post({**EVENT, **content}, key=key),
            edge.post([{**EVENT, **content}, {**content}], key=key),
            edge.post({**EVENT, **content}, key=key, path="/log"),
            edge.post(f'{{"prompt": "{MARKER}"'.encode(), key=key),
        ]

    assert [answer.status for answer in answers] == [202, 202, 202, 400]
    assert len(stored_calls(acme)) == 3
    assert not [answer for answer in answers if MARKER.encode() in answer.body]
    assert MARKER not in caplog.text
    assert MARKER not in "".join(capfd.readouterr())
    dump = dump_of_everything()
    assert key[4:12] in dump  # the key's public part: the dump is not empty
    assert MARKER not in dump


def dump_of_everything():
    """Every row of every table as text, as pg_dump would write it."""
    with psycopg.connect(settings.DATABASE.url) as admin:
        tables = admin.execute(
            "select oid::regclass::text from pg_class where relkind = 'r' and relpersistence <> 't' and relnamespace"
            " not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
        ).fetchall()
        parts = []
        for (table,) in tables:
            with admin.cursor().copy(f"copy {table} to stdout".encode()) as copy:
                parts.extend(bytes(block).decode() for block in copy)
    return "".join(parts)


@pytest.mark.parametrize(
    "statement",
    [
        "select model from calls",
        "select * from calls",
        "select cost_usd from calls",
        "update calls set model = 'x'",
        "delete from calls",
        "select model from calls_{today}",
        "delete from calls_{today}",
        "insert into calls (organization_id) values (1) returning model",
        "delete from call_rollups_hourly",
        "select * from users",
        "select * from audit_entries",
        "select * from api_keys",
        "update api_key_lookup set revoked_at = null",
        "insert into rate_cards select * from rate_cards",
        "select ensure_partitions(current_date, current_date)",
        "create table mine (a int)",
    ],
)
def test_the_edges_role_may_do_nothing_else(committed_module, statement):
    today = datetime.now(UTC).strftime("%Y%m%d")
    with (
        psycopg.connect(settings.DATABASE.conninfo(EDGE)) as database,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        database.execute(statement.format(today=today).encode())


def test_the_applications_role_cannot_pass_by_the_policies_through_a_partition(edge, acme, key):
    edge.post(EVENT, key=key)
    today = datetime.now(UTC).strftime("%Y%m%d")

    with connection.cursor() as cursor, pytest.raises(Exception, match="permission denied"):
        cursor.execute(f"select * from calls_{today}")


def test_calls_of_one_organization_are_not_seen_from_another(edge, acme, globex, key):
    edge.post(EVENT, key=key)

    assert stored_calls(globex) == []
    assert stored_calls(globex, project_id=project_of(acme).pk) == []


def test_large_and_small_requests_share_an_edge(committed_module, acme, key):
    with running_edge(Limits(inline=64)) as edge:
        answers = edge.together([([EVENT] * 5000, key), (EVENT, key), ([EVENT] * 2000, key), (EVENT, key)])

    assert [answer.json()["accepted"] for answer in answers] == [5000, 1, 2000, 1]
    assert len(stored_calls(acme)) == 7002
