"""A real S3 server on loopback that checks accounts and signatures, and a destination in one of its buckets."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer

from core.scope import org_scope
from dashboards.exports.destinations import running, services
from dashboards.exports.destinations.models import Destination, DestinationRun
from dashboards.exports.destinations.terms import Wanted
from tenants.models import User

_EVERYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","iam:*"],"Resource":"*"}]}'
_WRITING_ONLY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}'


@dataclass(frozen=True)
class Account:
    key_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Server:
    """``writer`` may put objects and do nothing else."""

    url: str
    owner: Account
    writer: Account

    def client(self, service: str = "s3") -> Any:
        return _client(self.url, service, self.owner)


@dataclass(frozen=True)
class Store:
    """A bucket of its own for each test."""

    server: Server
    name: str

    def keys(self) -> list[str]:
        found = self.server.client().list_objects_v2(Bucket=self.name)
        return sorted(one["Key"] for one in found.get("Contents", []))

    def read(self, key: str) -> bytes:
        return bytes(self.server.client().get_object(Bucket=self.name, Key=key)["Body"].read())

    def put(self, key: str, body: bytes) -> None:
        self.server.client().put_object(Bucket=self.name, Key=key, Body=body)

    def remove(self) -> None:
        client = self.server.client()
        for key in self.keys():
            client.delete_object(Bucket=self.name, Key=key)
        client.delete_bucket(Bucket=self.name)


def _client(url: str, service: str, account: Account) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=account.key_id,
        aws_secret_access_key=account.secret,
    )


def _account(iam: Any, name: str, policy: str) -> Account:
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Account(key["AccessKeyId"], key["SecretAccessKey"])


@pytest.fixture(scope="session")
def s3() -> Iterator[Server]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running_server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running_server.start()
    host, port = running_server.get_host_and_port()
    url = f"http://{host}:{port}"
    iam = _client(url, "iam", Account("nobody", "nothing"))
    owner, writer = _account(iam, "owner", _EVERYTHING), _account(iam, "writer", _WRITING_ONLY)
    # From here on it looks at signatures and rights.
    headers = {"Content-Type": "text/plain"}
    urlopen(Request(f"{url}/moto-api/reset-auth", data=b"0", method="POST", headers=headers)).read()
    yield Server(url, owner, writer)
    running_server.stop()


@pytest.fixture
def store(s3: Server) -> Store:
    name = f"telemetry-{uuid4().hex[:12]}"
    s3.client().create_bucket(Bucket=name)
    return Store(s3, name)


@pytest.fixture(autouse=True)
def loopback_is_allowed(settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def hour(now: datetime) -> datetime:
    """An hour of which calls are kept whenever the tests run: that of noon, three days ago."""
    return now.replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)


@pytest.fixture
def ada(acme: Any) -> User:
    return User.objects.get(email="owner@acme.test")


def wanted(store: Store, **given: Any) -> Wanted:
    known: dict[str, Any] = {
        "name": "Data lake",
        "endpoint": store.server.url,
        "region": "us-east-1",
        "bucket": store.name,
        "prefix": "lake/calls",
        "key_id": store.server.owner.key_id,
        "secret": store.server.owner.secret,
        "cadence": "hourly",
    }
    return Wanted(**known | given)


@pytest.fixture
def destination(acme: Any, ada: User, store: Store, hour: datetime) -> Destination:
    """Hourly, of the whole organization, from ``hour`` on."""
    return services.create_destination(
        organization=acme, actor=ada, wanted=wanted(store), is_conditional=True, now=hour + timedelta(minutes=20)
    )


def fill(destination: Destination, *, now: datetime, steps: int = 100) -> bool:
    """Do as a worker does for one slot, for so many steps; whether there was more to do."""
    mine = running.claim(organization_id=destination.organization_id, destination_id=destination.pk, now=now)
    more = mine is not None
    while more and steps:
        more, steps = running.advance(mine, now=now), steps - 1  # type: ignore[arg-type]
    return more


def stored(destination: Destination) -> Destination:
    with org_scope(destination.organization_id):
        return Destination.objects.get(pk=destination.pk)


def runs(destination: Destination) -> list[DestinationRun]:
    with org_scope(destination.organization_id):
        return list(DestinationRun.objects.filter(destination=destination).order_by("slot_from"))
