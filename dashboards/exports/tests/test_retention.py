"""Files go when their time is over, or what they hold may not be kept any more."""

from datetime import timedelta

import pytest
from django.conf import settings

from core.models import WorkDue
from dashboards.exports import making, retention, services
from dashboards.exports.models import Export
from dashboards.exports.services import path_of
from dashboards.exports.tests.conftest import make, wanted
from tenants.models import AuditEntry, Project


@pytest.fixture
def made(export, now):
    """An export that is ready."""
    make(export, now=now)
    return export


@pytest.fixture(autouse=True)
def at_once(django_capture_on_commit_callbacks, monkeypatch):
    """What waits for a commit, which a test never sees, happens at the end of the block."""

    def sweep(**given):
        with django_capture_on_commit_callbacks(execute=True):
            return retention.sweep(**given)

    return sweep


def fresh(export, scope, acme):
    with scope(acme):
        return Export.objects.filter(pk=export.pk).first()


def test_a_file_is_kept_for_a_week(made, acme, scope, now, at_once):
    assert at_once(now=now + timedelta(days=7) - timedelta(seconds=1)) == 0
    assert path_of(made).exists()

    assert at_once(now=now + timedelta(days=7)) == 1

    gone = fresh(made, scope, acme)
    assert (gone.state, gone.rows, path_of(made).exists()) == ("expired", 7, False)


def test_the_list_tells_of_it_for_some_months(made, acme, scope, now, at_once):
    at_once(now=now + timedelta(days=8))

    at_once(now=now + timedelta(days=89))
    assert fresh(made, scope, acme)
    at_once(now=now + timedelta(days=91))
    assert fresh(made, scope, acme) is None


def test_what_is_being_made_does_not_expire(export, acme, scope, now, at_once):
    at_once(now=now + timedelta(days=100))

    assert fresh(export, scope, acme).state == "queued"


def test_files_of_nobody_are_removed(made, acme, ada, scope, now, directory, at_once):
    stray = directory / str(acme.pk) / "999999.csv"
    foreign = directory / "999999" / "1.csv"
    foreign.parent.mkdir()
    for file in (stray, foreign, directory / "notes.txt"):
        file.write_text("x")

    assert at_once(now=now) == 2

    assert not stray.exists()
    assert not foreign.exists()
    assert path_of(made).exists()


def test_without_a_directory_there_is_nothing_to_do(acme, now, at_once, directory):
    assert at_once(now=now) == 0
    assert not directory.exists()


def test_a_file_of_a_deleted_project_goes_with_it(made, acme, acme_project, scope, now, at_once):
    with scope(acme):
        Export.objects.filter(pk=made.pk).update(project_ids=[acme_project.pk, acme_project.pk + 1_000_000])

    at_once(now=now)

    gone = fresh(made, scope, acme)
    assert (gone.state, gone.error) == ("expired", "A project whose calls were in it has been deleted.")
    assert not path_of(made).exists()


def test_an_erased_end_user_is_in_no_file(made, acme, scope, now, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        retention.erase_end_user(organization=acme, user_ids=["u1"])

    gone = fresh(made, scope, acme)
    assert (gone.state, gone.error) == ("expired", "An end user was erased since; make it anew.")
    assert not path_of(made).exists()
    with scope(acme):
        assert AuditEntry.objects.get(action="export.expired").facts["reason"] == "end user erased"


@pytest.mark.usefixtures("small_pages")
def test_an_export_that_is_being_made_ends_when_an_end_user_is_erased(export, acme, scope, now):
    mine, _ = make(export, now=now, steps=4)
    assert path_of(export).exists()

    retention.erase_end_user(organization=acme, user_ids=["u1"])
    assert making.advance(mine, now=now) is False

    assert (fresh(export, scope, acme).state, path_of(export).exists()) == ("failed", False)
    assert not WorkDue.objects.filter(task="exports.make").exists()


def test_no_export_remembers_whom_it_was_about_once_they_are_erased(acme, acme_project, ada, noon, now, scope):
    asked = wanted(
        acme_project,
        noon,
        filters={"user_id": ["ada@example.com", "hash", "other"], "feature": ["chat"]},
        narrowed_by=[("user", "ada@example.com"), ("feature", "chat")],
    )
    export = services.create_export(organization=acme, actor=ada, wanted=asked, now=now)

    retention.erase_end_user(organization=acme, user_ids=["ada@example.com", "hash"])

    left = fresh(export, scope, acme)
    assert left.filters == {"user_id": ["other"], "feature": ["chat"]}
    assert left.pairs == [("feature", "chat")]


def test_erasing_is_told_to_exports():
    assert "dashboards.exports.retention.erase_end_user" in settings.ALSO_ERASES


def test_other_organizations_keep_theirs(made, globex, acme, scope, now):
    retention.erase_end_user(organization=globex, user_ids=["u1"])

    assert fresh(made, scope, acme).is_ready
    with scope(globex):
        assert not Project.objects.filter(pk__in=made.project_ids).exists()
