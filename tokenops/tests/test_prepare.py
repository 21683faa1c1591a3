import fcntl
import json
import re
import stat
from datetime import UTC, datetime, timedelta
from itertools import islice

import psycopg
import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db.models import Count, Q, Sum

from core import keys
from core.databases import OWNER
from core.scope import org_scope
from ingestion.models import Call, DailyRollup, HourlyRollup, RateCard
from ingestion.rebuild import rebuild_rollups
from tenants.models import ApiKey, ApiKeyLookup, AuditEntry, Membership, Organization, Project, User
from tenants.permissions import Role
from tests.plugin import STATE_DIR
from tokenops import prepare
from tokenops.demo import generate, seed

NOW = datetime.now(UTC)
LATER = NOW + timedelta(minutes=10)
BASE_STEPS = ["Database roles", "Migrations", "Queue", "Partitions", "Rate cards"]
DEMO_STEP = "Demo: 90 days of calls"
CALLS = 300
UNPRICED = Q(cost_usd=None)


class KilledError(BaseException):
    """What ends a process in the middle: nothing catches it."""


@pytest.fixture
def demo(committed_db, monkeypatch):
    """An empty database and a demo of 300 calls in three full days and the running one, in batches of 100.

    Every sixth call: three days have 2,000 even when two of them are a weekend and the running one has just begun.
    """
    every_call = generate.demo_calls
    monkeypatch.setattr(generate, "DAYS", 3)
    monkeypatch.setattr(seed, "_BATCH", 100)
    monkeypatch.setattr(seed, "demo_calls", lambda now: islice(every_call(now=now), 0, CALLS * 6, 6))
    return monkeypatch


@pytest.fixture
def roles_to_ourselves(committed_db):
    """Roles belong to the whole server, so workers change them one at a time; further partitions go again."""
    with (STATE_DIR / "worker.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    with psycopg.connect(settings.DATABASE.conninfo(OWNER)) as owner:
        owner.execute("select drop_partitions(%s)", [(NOW - timedelta(days=40)).date()])


def create(now=NOW):
    steps: list[str] = []
    return seed.demo_organization(progress=steps.append, now=now), steps


def northwind():
    return Organization.objects.get(slug="northwind")


def state():
    """How many calls there are, their tokens and their dollars; both rollups must agree."""
    sums = {name: Sum(name, default=0) for name in ("input_tokens", "output_tokens", "cost_usd")}
    with org_scope(northwind().pk):
        calls = Call.objects.aggregate(calls=Count("call_id"), unpriced=Count("call_id", filter=UNPRICED), **sums)
        sums |= {"calls": Sum("calls", default=0), "unpriced": Sum("unpriced_calls", default=0)}
        assert [table.objects.aggregate(**sums) for table in (HourlyRollup, DailyRollup)] == [calls, calls]
    return calls


def demo_keys(name):
    with org_scope(northwind().pk):
        return list(ApiKey.objects.filter(name=name).order_by("pk"))


# --- The demo ---


def test_the_demo_has_an_owner_who_can_log_in_three_projects_and_calls(demo):
    login, steps = create()

    assert (login.email, login.organization, login.project) == ("demo@northwind.example", "northwind", "assistant")
    assert re.fullmatch("[0-9a-f]{16}", login.password or "")
    assert login.password not in repr(login)
    assert steps == [DEMO_STEP.replace("90", str(seed.DAYS))]
    membership = Membership.objects.get()
    assert (membership.role, membership.user.email) == (Role.OWNER, login.email)
    assert membership.user.check_password(login.password)
    assert (membership.user.is_staff, membership.user.is_active) == (False, True)
    assert EmailAddress.objects.get().verified
    with org_scope(northwind().pk):
        projects = Project.objects.order_by("pk").values_list("slug", "is_default")
        assert list(projects) == [("assistant", True), ("documents", False), ("research", False)]
        assert {call.project.slug for call in Call.objects.select_related("project")} == {
            "assistant",
            "documents",
            "research",
        }
    assert state()["calls"] == CALLS


def test_the_key_of_the_demo_traffic_works_nowhere_once_it_is_written(demo):
    create()

    (key,) = demo_keys(seed.DEMO_KEY)
    assert (key.revoked_at, key.scopes, key.project_id) == (NOW, ["ingest"], None)
    assert ApiKeyLookup.objects.get().revoked_at == NOW


def test_a_second_start_writes_nothing(demo):
    first, _steps = create()
    before = state()
    with org_scope(northwind().pk):
        entries = AuditEntry.objects.count()

    second, steps = create(now=LATER)

    assert second == first
    assert steps == []
    assert state() == before
    with org_scope(northwind().pk):
        assert AuditEntry.objects.count() == entries
    assert (User.objects.count(), Organization.objects.count()) == (1, 1)


@pytest.mark.parametrize(("killed_after", "stored"), [(0, 0), (100, 100), (199, 100), (299, 200)])
def test_an_interrupted_demo_is_completed_without_doubling(demo, killed_after, stored):
    whole = seed.demo_calls

    def interrupted(now):
        yield from islice(whole(now=now), killed_after)
        raise KilledError

    demo.setattr(seed, "demo_calls", interrupted)
    with pytest.raises(KilledError):
        create()
    assert state()["calls"] == stored
    assert [key.revoked_at for key in demo_keys(seed.DEMO_KEY)] == [None]

    demo.setattr(seed, "demo_calls", whole)
    _login, steps = create()

    assert len(steps) == 1
    before = state()
    assert before["calls"] == CALLS
    assert [key.revoked_at for key in demo_keys(seed.DEMO_KEY)] == [NOW]
    days = {"first_date": NOW.date() - timedelta(days=5), "end_date": NOW.date() + timedelta(days=2)}
    assert rebuild_rollups(organization=northwind(), **days) == CALLS
    assert state() == before
    assert (User.objects.count(), Organization.objects.count()) == (1, 1)


def test_a_changed_password_is_not_told(demo):
    create()
    owner = User.objects.get()
    owner.set_password("now it is mine")
    owner.save()

    login, _steps = create(now=LATER)

    assert (login.email, login.password) == ("demo@northwind.example", None)
    owner.refresh_from_db()
    assert owner.check_password("now it is mine")


def test_a_second_owner_does_not_stop_the_next_start(demo):
    first, _steps = create()
    friend = User.objects.create_user(email="friend@northwind.example", password="something else")
    Membership.objects.create(user=friend, organization=northwind(), role=Role.OWNER)

    assert create(now=LATER)[0] == first


def test_the_password_follows_the_secret_key(settings):
    first = seed.demo_password()

    assert seed.demo_password() == first
    settings.SECRET_KEY = "another-secret-of-another-installation-altogether"
    assert seed.demo_password() != first


def test_every_start_has_a_new_key_and_ends_the_old_one(demo):
    create()

    old = seed.renew_run_key(now=NOW)
    new = seed.renew_run_key(now=LATER)

    assert old != new
    assert [key.revoked_at for key in demo_keys(seed.RUN_KEY)] == [LATER, None]
    with org_scope(northwind().pk):
        default = Project.objects.get(is_default=True)
    found = {text: ApiKeyLookup.objects.get(prefix=keys.prefix_of(text)) for text in (old, new)}
    assert {text: row.revoked_at for text, row in found.items()} == {old: LATER, new: None}
    assert keys.matches(new, bytes(found[new].digest), pepper=settings.KEY_PEPPER)
    assert (found[new].scopes, found[new].project_id) == (["ingest", "read"], default.pk)


def test_keys_that_people_made_are_left_alone(demo):
    create()
    first = seed.renew_run_key(now=NOW)
    with org_scope(northwind().pk):
        ApiKey.objects.filter(prefix=keys.prefix_of(first)).update(name="mine now")

    seed.renew_run_key(now=LATER)

    assert [key.revoked_at for key in demo_keys("mine now")] == [None]


# --- The whole preparation ---


def test_without_the_demo_there_is_a_database_and_nobody_in_it(roles_to_ourselves):
    steps: list[str] = []

    report = prepare.prepare(demo=False, run_key=True, progress=steps.append, now=NOW)

    assert report == prepare.Report(email=None, password=None, organization=None, project=None, api_key=None)
    assert steps == BASE_STEPS
    assert not User.objects.exists()
    assert not Organization.objects.exists()
    assert not ApiKeyLookup.objects.exists()
    assert RateCard.objects.count() > 1_000


def test_the_report_is_private_and_a_second_run_keeps_all_but_the_key(demo, roles_to_ourselves, tmp_path, capsys):
    path = tmp_path / "prepared.json"
    arguments = ["--demo", "--run-key", "--report", str(path)]

    codes, reports, states = [], [], []
    for _ in range(2):
        codes.append(prepare.main(arguments))
        reports.append(json.loads(path.read_text()))
        states.append(state())

    first, second = reports
    assert codes == [0, 0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first == {
        "email": "demo@northwind.example",
        "password": seed.demo_password(),
        "organization": "northwind",
        "project": "assistant",
        "api_key": first["api_key"],
    }
    assert second == first | {"api_key": second["api_key"]}
    assert [key.revoked_at is None for key in demo_keys(seed.RUN_KEY)] == [False, True]
    assert [keys.prefix_of(report["api_key"]) for report in reports] == [key.prefix for key in demo_keys(seed.RUN_KEY)]
    assert states[0] == states[1]
    assert states[0]["calls"] == CALLS
    assert states[0]["cost_usd"] > 0  # the prices were there before the calls
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [*BASE_STEPS, f"Demo: {seed.DAYS} days of calls", *BASE_STEPS]
    for secret in (first["api_key"], second["api_key"], first["password"]):
        assert secret not in printed.out + printed.err


def test_an_unknown_option_prepares_nothing(committed_db, capsys):
    with pytest.raises(SystemExit) as ended:
        prepare.main(["--demos-please"])

    assert ended.value.code == 2
    assert "unrecognized arguments: --demos-please" in capsys.readouterr().err
    assert not Organization.objects.exists()


def test_a_report_is_private_before_it_says_anything(tmp_path):
    path = tmp_path / "report.json"

    prepare._write_private(path, "a longer first text")
    prepare._write_private(path, "short")

    assert path.read_text() == "short"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
