"""Writes the demo through the same services and the same writer as real telemetry."""

import hashlib
import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched

import psycopg
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction

from core.databases import EDGE
from core.scope import org_scope
from gateway.models import GatewayTraffic
from ingestion import services as ingestion
from ingestion.models import RejectedEvents
from ingestion.writer import LocalTime
from ingestion.writer.refusals import NO_PROJECT, Key, Tallies
from tenants import environments, key_services, selectors, services, teams
from tenants.models import ApiKey, Organization, Project, User
from tenants.permissions import Role, Scope
from tokenops.demo import proxied
from tokenops.demo.findings import show_rules
from tokenops.demo.generate import DAYS, DemoCall, demo_calls
from tokenops.demo.profiles import PROJECTS, TEAMS
from tokenops.demo.proxied import Passed
from tokenops.demo.refusals import demo_refusals
from tokenops.demo.resources import DemoSample, demo_samples
from tokenops.demo.servers import add_servers
from tokenops.demo.telling import tell_by_mail

SLUG, NAME, EMAIL = "northwind", "Northwind", "demo@northwind.example"
RUN_KEY, DEMO_KEY = "make run", "demo traffic"
_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """``password`` is None once somebody has changed it: then it is theirs."""

    email: str
    password: str | None = field(repr=False)
    organization: str
    project: str


def demo_organization(*, progress: Callable[[str], None], now: datetime) -> DemoLogin:
    """The demo organization, created with its ninety days of calls if it is missing or was interrupted half-way."""
    organization = Organization.objects.filter(slug=SLUG).first() or _people_and_projects()
    with org_scope(organization.pk):
        unfinished = ApiKey.objects.filter(name=DEMO_KEY, revoked_at=None).first()
    if unfinished is not None:
        progress(f"Demo: {DAYS} days of calls")
        passed = _passed(organization)
        _write_calls(organization, key=unfinished, calls=passed.noting(demo_calls(now=now)), now=now)
        _write_traffic(organization, passed)
        _write_refusals(organization, now=now)
        _write_samples(organization, key=unfinished, samples=demo_samples(now=now), now=now)
        add_servers(organization=organization, now=now)
        tell_by_mail(organization=organization, email=EMAIL)
        show_rules(organization=organization, now=now)
        # The revoked key is the mark that everything is written.
        key_services.revoke_key(organization=organization, actor=None, key=unfinished, now=now)
    # The first owner: people may have made others since.
    user = organization.memberships.filter(role=Role.OWNER).earliest("pk").user
    password = demo_password()
    return DemoLogin(
        email=user.email,
        password=password if user.check_password(password) else None,
        organization=organization.slug,
        project=next(iter(PROJECTS)),
    )


def renew_run_key(*, now: datetime) -> str:
    """Revoke the key of the last start and issue a new one for the demo's default project."""
    organization = Organization.objects.get(slug=SLUG)
    with org_scope(organization.pk):
        old = list(ApiKey.objects.filter(name=RUN_KEY, revoked_at=None))
        project = Project.objects.get(is_default=True)
    for key in old:
        key_services.revoke_key(organization=organization, actor=None, key=key, now=now)
    scopes = [Scope.INGEST.value, Scope.READ.value]
    issued = key_services.create_key(
        organization=organization, actor=None, name=RUN_KEY, scopes=scopes, project=project
    )
    return issued.text


def demo_password() -> str:
    """The demo login's first password: another one on every installation, the same at every start of one."""
    return hmac.new(settings.SECRET_KEY.encode(), b"demo-password", hashlib.sha256).hexdigest()[:16]


@transaction.atomic
def _people_and_projects() -> Organization:
    user = User.objects.create_user(email=EMAIL, password=demo_password(), name="Demo")
    EmailAddress.objects.create(user=user, email=EMAIL, verified=True, primary=True)
    organization = services.create_organization(actor=user, name=NAME)
    for name, aliases in TEAMS.items():
        teams.create_team(organization=organization, actor=user, name=name, aliases=aliases)
    for name in PROJECTS.values():
        project = services.create_project(organization=organization, actor=user, name=name)
        environments.declare(
            organization=organization, actor=user, project=project, name="production", is_production=True
        )
    key_services.create_key(
        organization=organization, actor=None, name=DEMO_KEY, scopes=[Scope.INGEST.value], project=None
    )
    return organization


def _write_calls(organization: Organization, *, key: ApiKey, calls: Iterable[DemoCall], now: datetime) -> None:
    with org_scope(organization.pk):
        projects = dict(Project.objects.values_list("slug", "pk"))
    for batch in batched(calls, _BATCH, strict=False):
        ingestion.store_calls(
            organization=organization,
            api_key_id=key.pk,
            calls=[(projects[item.project], item.call) for item in batch],
            now=now,
        )


def _passed(organization: Organization) -> Passed:
    with org_scope(organization.pk):
        return Passed(LocalTime(selectors.time_zone(organization=organization).key))


def _write_traffic(organization: Organization, passed: Passed) -> None:
    """Once, as refusals are."""
    with org_scope(organization.pk):
        if GatewayTraffic.objects.exists():
            return
        projects = dict(Project.objects.values_list("slug", "pk"))
    with psycopg.connect(settings.DATABASE.conninfo(EDGE)) as database:
        proxied.store(database, passed, organization_id=organization.pk, projects=projects)


def _write_refusals(organization: Organization, *, now: datetime) -> None:
    """Once: unlike calls, counts have no identity and would be added again."""
    with org_scope(organization.pk):
        if RejectedEvents.objects.exists():
            return
        projects = dict(Project.objects.values_list("slug", "pk"))
        local_time = LocalTime(selectors.time_zone(organization=organization).key)
    tallies: Tallies = {}
    for item in demo_refusals(now=now):
        trouble = item.trouble
        hour, _ = local_time.buckets(item.tally.first_at)
        project_id = projects.get(trouble.project, NO_PROJECT)
        key = Key(organization.pk, hour, project_id, trouble.endpoint, trouble.kind, *trouble.reason)
        if key in tallies:  # hours of a zone that is half an hour off
            tallies[key].add(item.tally)
        else:
            tallies[key] = item.tally
    ingestion.store_refusals(tallies)


def _write_samples(organization: Organization, *, key: ApiKey, samples: Iterable[DemoSample], now: datetime) -> None:
    with org_scope(organization.pk):
        projects = dict(Project.objects.values_list("slug", "pk"))
    for batch in batched(samples, _BATCH, strict=False):
        ingestion.store_samples(
            organization=organization,
            api_key_id=key.pk,
            samples=[(projects[item.project], item.sample) for item in batch],
            now=now,
        )
