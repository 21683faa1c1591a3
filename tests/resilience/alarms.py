"""An installation that is told of spikes at four receivers of ours: Slack, a pager, a webhook and a mail server."""

import contextlib
import http.client
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any, Final

import psycopg
from celery import Celery

from core.databases import QUEUE, Database
from core.queue import BROKER_URL, QUEUE_NAME, broker_options
from tests.receivers import MailServer, Receiver, http_receiver, mail_server
from tests.resilience.installation import Installation, run
from tests.resilience.processes import wait_until
from tests.servers import RunningServer, free_port

HISTORY: Final = 3  # days, the fewest that say what is usual
_BATCH: Final = 60
_TABLES: Final = (
    "calls",
    "call_rollups_hourly",
    "call_rollups_daily",
    "project_activity",
    "rule_evaluations",
    "insights",
    "events",
    "alert_deliveries",
    "work_due",
    "pgmq.q_tokenops",
)
_PREPARE: Final = """
import django
django.setup()
import os
from datetime import UTC, datetime, timedelta
from django.db import connections
from core.scope import org_scope
from rules.alerts import channel_services, route_services
from rules.alerts.channel_terms import Given
from rules.alerts.route_services import Wanted
from tenants.models import Organization
with connections["owner"].cursor() as cursor:
    today = datetime.now(UTC).date()
    cursor.execute("select ensure_partitions(%s, %s)", [today - timedelta(days=9), today + timedelta(days=2)])
organization = Organization.objects.get(slug="resilience")
channels = {
    "slack": Given(url=os.environ["SLACK_AT"] + "/services/T0/B0/secret"),
    "pagerduty": Given(routing_key="R" * 32, region="other", url=os.environ["PAGER_AT"]),
    "webhook": Given(url=os.environ["HOOK_AT"] + "/hook"),
    "email": Given(recipients=("oncall@resilience.test",)),
}
for kind, given in channels.items():
    who = {"organization": organization, "actor": None}
    with org_scope(organization.pk):
        channel = channel_services.create_channel(**who, kind=kind, name=kind, given=given)
        route_services.create_route(**who, wanted=Wanted(name=kind, channel=channel, rules=["SPIKE"]))
"""


@dataclass(frozen=True)
class Places:
    """Where the receivers are to be found, whether they are there or not."""

    slack: int
    pager: int
    hook: int
    mail: int

    @classmethod
    def free(cls) -> "Places":
        return cls(free_port(), free_port(), free_port(), free_port())

    def environ(self) -> dict[str, str]:
        """Settings under which an installation may reach them."""
        urls = {"SLACK_AT": self.slack, "PAGER_AT": self.pager, "HOOK_AT": self.hook}
        return {name: f"http://127.0.0.1:{port}" for name, port in urls.items()} | {
            "EMAIL_URL": f"smtp://127.0.0.1:{self.mail}",
            "OUTBOUND_ALLOWED_NETWORKS": "127.0.0.0/8",
        }


@dataclass
class Receivers:
    """Everybody who is told."""

    slack: Receiver
    pager: Receiver
    hook: Receiver
    mails: MailServer

    def counts(self) -> list[int]:
        return [*(len(one.received) for one in (self.slack, self.pager, self.hook)), len(self.mails.mails)]

    def wait_for(self, messages: int) -> None:
        wait_until(lambda: min(self.counts()) >= messages, f"{messages} messages at each receiver: {self.counts()}")


@contextmanager
def receivers(places: Places, *, with_hook: bool = True) -> Iterator[Receivers]:
    with contextlib.ExitStack() as stack:
        slack = stack.enter_context(http_receiver(port=places.slack))
        pager = stack.enter_context(http_receiver(port=places.pager))
        hook = stack.enter_context(http_receiver(port=places.hook)) if with_hook else Receiver("", Event())
        yield Receivers(slack, pager, hook, stack.enter_context(mail_server(port=places.mail)))


def prepare(environ: dict[str, str]) -> None:
    """Days for the history, the channels and their routes; before the edge starts, which looks at the days."""
    run(_PREPARE, environ)


@dataclass
class Alarms:
    """The installation with its edge. Clocks are not waited for: what they would do is asked of the worker at once."""

    installation: Installation
    edge: RunningServer
    environ: dict[str, str]

    def empty(self) -> None:
        with self.admin() as admin:
            admin.execute(f"truncate {', '.join(_TABLES)} cascade".encode())
            admin.execute(b"update alert_channels set is_enabled = true, failures = 0")

    @contextmanager
    def admin(self) -> "Iterator[psycopg.Connection[Any]]":
        with psycopg.connect(self.installation.environ["DATABASE_URL"], autocommit=True) as connection:
            yield connection

    def rows(self, question: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self.admin() as admin:
            return admin.execute(question.encode(), parameters or None).fetchall()

    def post(self, *, days_ago: int, calls: int) -> None:
        """Through the edge, as an application would."""
        at = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat()
        headers = {"Content-Type": "application/json", "TS-API-Key": self.installation.key}
        connection = http.client.HTTPConnection("127.0.0.1", self.edge.port, timeout=60)
        with contextlib.closing(connection):
            for start in range(0, calls, _BATCH):
                batch = [
                    {"id": uuid.uuid4().hex, "timestamp": at, "model": "gpt-4o-mini", "input_tokens": 10}
                    for _ in range(min(_BATCH, calls - start))
                ]
                connection.request("POST", "/api/v1/ingest", json.dumps(batch), headers)
                response = connection.getresponse()
                assert response.status == 202, response.read()
                response.read()

    def spike(self, size: int = 1) -> None:
        """Ten calls a day and today twelve times as many."""
        self.usual(10 * size)
        self.post(days_ago=0, calls=120 * size)

    def usual(self, calls: int) -> None:
        for day in range(1, HISTORY + 1):
            self.post(days_ago=day, calls=calls)

    def look(self) -> None:
        """What the clock does every half minute."""
        database = Database(
            url=self.installation.environ["DATABASE_URL"], secret=self.installation.environ["SECRET_KEY"]
        )
        with Celery("clock", broker=BROKER_URL, set_as_current=False) as clock:
            clock.conf.update(
                broker_transport_options=broker_options(database.conninfo(QUEUE)), task_default_queue=QUEUE_NAME
            )
            clock.send_task("rules.sweep")
            clock.send_task("core.dispatch_work")

    def a_minute_later(self) -> None:
        """Have what rests until its time be due now. What somebody works on stays theirs."""
        self._age("rule_evaluations", "evaluated_at = evaluated_at - interval '1 minute', due_at = now()")
        self._age("alert_deliveries", "next_attempt_at = least(next_attempt_at, now())")
        with self.admin() as admin:
            admin.execute(
                b"update work_due set due_at = now() where not (task = 'alerts.deliver' and object_id in"
                b" (select id from alert_deliveries where leased_until > now()))"
            )

    def leases_later(self) -> None:
        """The time after which what a dead worker had is anybody's."""
        for table in ("rule_evaluations", "alert_deliveries"):
            with self.admin() as admin:
                admin.execute(f"update {table} set leased_until = now() where leased_until is not null".encode())
        self.a_minute_later()

    def _age(self, table: str, change: str) -> None:
        with self.admin() as admin:
            admin.execute(f"update {table} set {change} where leased_until is null".encode())

    def rest(self) -> None:
        """Until nobody has anything to do."""
        wait_until(self._rests, "everything to be done")

    def _rests(self) -> bool:
        ((count,),) = self.rows(
            "select (select count(*) from work_due where task like 'alerts.%')"
            " + (select count(*) from rule_evaluations where leased_until is not null)"
            " + (select count(*) from events where routed_at is null)"
            " + (select count(*) from pgmq.q_tokenops where vt <= now())"
        )
        return bool(count == 0)

    def settle(self) -> None:
        """Look twice more, a minute apart: what was to be said is said."""
        for _ in range(2):
            self.rest()
            self.a_minute_later()
            self.look()
        self.rest()

    def told(self) -> list[tuple[str, int]]:
        """The events about spikes: kind and how many."""
        return self.rows("select kind, count(*) from events where rule = 'SPIKE' group by 1 order by 1")

    def deliveries(self) -> dict[str, tuple[str, int, list[str]]]:
        """State, attempts and the outcomes of those that were written down, by kind of channel."""
        found = self.rows(
            "select d.channel_kind, d.state, d.attempts,"
            " coalesce(array_agg(t.outcome::text order by t.number) filter (where t.id is not null), '{}')"
            " from alert_deliveries d left join alert_delivery_attempts t on t.delivery_id = d.id group by d.id"
        )
        return {kind: (state, attempts, outcomes) for kind, state, attempts, outcomes in found}


@contextmanager
def lock_on(alarms: Alarms, table: str) -> Iterator[None]:
    """Nobody gets past ``table`` until the end."""
    with alarms.admin() as admin, admin.transaction():
        admin.execute(f"lock table {table} in access exclusive mode".encode())
        yield


def stuck(alarms: Alarms, table: str) -> list[int]:
    """The connections that wait for ``table``."""
    found = alarms.rows("select pid from pg_locks where not granted and relation = %s::regclass", table)
    return [pid for (pid,) in found]


def wait_until_gone(alarms: Alarms, pids: list[int]) -> None:
    """Until Postgres has noticed that nobody is at the other end."""
    question = "select count(*) from pg_stat_activity where pid = any(%s)"
    wait_until(lambda: alarms.rows(question, pids) == [(0,)], "a dead worker's connections to end")


def log_of(directory: Path, name: str) -> Path:
    return directory / f"{name}-{uuid.uuid4().hex[:6]}.log"
