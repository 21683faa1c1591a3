"""What the edge remembers of keys, for how long, and what makes it forget."""

import asyncio

import pytest
from django.conf import settings

from core import keys
from core.databases import EDGE
from core.scope import org_scope
from ingestion.edge import directory as module
from ingestion.edge.directory import Directory, DirectoryUnavailableError
from ingestion.tests.edge.client import issue_key
from ingestion.tests.edge.conftest import new_organization, project_of
from ingestion.tests.edge.proxy import passage
from tenants.models import ApiKeyLookup, Project


def new_directory(conninfo=""):
    return Directory(conninfo or settings.DATABASE.conninfo(EDGE), encryption_key=settings.ENCRYPTION_KEY)


def run(scene):
    """Run a coroutine function with a directory of its own."""

    async def with_directory():
        directory = new_directory()
        directory.start_hearing()
        try:
            return await scene(directory)
        finally:
            await directory.close()

    return asyncio.run(with_directory())


def rename_project(organization, slug):
    with org_scope(organization.pk):
        Project.objects.filter(is_default=True).update(slug=slug)


def test_a_project_key_knows_its_project_only(acme, key):
    sender = run(lambda directory: directory.find(keys.prefix_of(key)))

    assert (sender.organization_id, sender.is_bound, sender.scopes) == (acme.pk, True, {"ingest"})
    assert list(sender.projects) == ["web"]
    assert sender.home.target.project_id == project_of(acme).pk
    assert sender.home.target.api_key_id == sender.key_id
    assert len(sender.hash_key) == 32


def test_an_organization_key_knows_every_project_and_the_default(acme, globex):
    key = issue_key(acme, project=None)

    sender = run(lambda directory: directory.find(keys.prefix_of(key)))

    assert (sender.is_bound, sorted(sender.projects)) == (False, ["app", "web"])
    assert sender.home.slug == "web"


def test_projects_count_hours_in_the_organizations_zone(somebody):
    organization = new_organization(somebody, "Tokyo", time_zone="Asia/Tokyo")
    key = issue_key(organization)

    sender = run(lambda directory: directory.find(keys.prefix_of(key)))

    assert sender.home.target.local_time is module.local_time("Asia/Tokyo")


def test_secrets_are_not_in_its_text(key):
    sender = run(lambda directory: directory.find(keys.prefix_of(key)))

    assert "digest" not in repr(sender)
    assert "hash_key" not in repr(sender)


def test_an_unknown_prefix_is_remembered_as_unknown(committed_module):
    async def scene(directory):
        found = await directory.find("AAAAAAAA")
        return found, directory._remembered("AAAAAAAA")[1]

    assert run(scene) == (None, None)


def test_what_is_known_is_not_asked_again_until_it_is_forgotten(acme, key):
    prefix = keys.prefix_of(key)

    async def scene(directory):
        slugs = [(await directory.find(prefix)).home.slug]
        await asyncio.to_thread(rename_project, acme, "renamed")
        slugs.append((await directory.find(prefix)).home.slug)
        directory.forget("another")
        slugs.append((await directory.find(prefix)).home.slug)
        directory.forget(prefix)
        slugs.append((await directory.find(prefix)).home.slug)
        return slugs

    assert run(scene) == ["web", "web", "web", "renamed"]


@pytest.mark.parametrize(
    "forget", [lambda directory: directory.forget(""), lambda directory: directory.start_hearing()]
)
def test_everything_is_forgotten_at_once(acme, key, forget):
    prefix = keys.prefix_of(key)

    async def scene(directory):
        await directory.find(prefix)
        forget(directory)
        return directory._remembered(prefix)

    assert run(scene) is None


def test_entries_age_faster_while_nobody_listens(key, monkeypatch):
    prefix = keys.prefix_of(key)
    monkeypatch.setattr(module, "FRESH_SECONDS_UNHEARD", 0.0)

    async def scene(directory):
        await directory.find(prefix)
        heard = directory._remembered(prefix)
        directory.stop_hearing()
        return heard, directory._remembered(prefix)

    heard, unheard = run(scene)
    assert heard is not None
    assert unheard is None


def test_an_answer_overtaken_by_a_notification_is_used_once_and_not_kept(key, monkeypatch):
    prefix = keys.prefix_of(key)

    async def scene(directory):
        asked = directory._reader.rows

        async def overtaken(*arguments):
            rows = await asked(*arguments)
            directory.forget(prefix)
            return rows

        monkeypatch.setattr(directory._reader, "rows", overtaken)
        return await directory.find(prefix), directory._remembered(prefix)

    found, kept = run(scene)
    assert found is not None
    assert kept is None


def test_memory_is_bounded(committed_module, monkeypatch):
    monkeypatch.setattr(module, "_MOST_ENTRIES", 3)

    async def scene(directory):
        for number in range(10):
            await directory.find(f"{number:08}")
        return list(directory._entries)

    assert run(scene) == ["00000007", "00000008", "00000009"]


def test_many_requests_with_a_new_key_ask_once(key, monkeypatch):
    prefix = keys.prefix_of(key)

    async def scene(directory):
        asked = []
        original = directory._reader.rows

        async def counted(*arguments):
            asked.append(arguments)
            return await original(*arguments)

        monkeypatch.setattr(directory._reader, "rows", counted)
        await asyncio.gather(*(directory.find(prefix) for _ in range(20)))
        return len(asked)

    assert run(scene) == 1


def test_a_connection_that_died_is_replaced_and_a_dead_database_is_said(key):
    prefix = keys.prefix_of(key)

    async def scene(way):
        directory = new_directory(way.conninfo)
        before = await directory.find(prefix)
        way.close()
        way.open()
        directory.forget("")
        after = await directory.find(prefix)
        way.close()
        directory.forget("")
        with pytest.raises(DirectoryUnavailableError):
            await directory.find(prefix)
        with pytest.raises(DirectoryUnavailableError):  # at once, without trying
            await directory.find(prefix)
        await directory.close()
        return before.key_id, after.key_id

    with passage() as way:
        before, after = asyncio.run(scene(way))
    assert before == after == ApiKeyLookup.objects.get(prefix=prefix).key_id


# --- Who may go on while the database is away ---


def test_a_key_is_known_for_a_while_after_it_was_read(key, monkeypatch):
    prefix = keys.prefix_of(key)

    async def scene(directory):
        before = directory.last_known(prefix, within=3_600)
        sender = await directory.find(prefix)
        directory.start_hearing()  # the connection was lost and is back: nothing was said of this key
        return before, sender, directory.last_known(prefix, within=3_600), directory.last_known(prefix, within=0)

    before, sender, known, too_late = run(scene)
    assert (before, too_late) == (None, None)
    assert known is sender


def test_a_key_we_were_told_of_is_not_known_any_more(key):
    prefix = keys.prefix_of(key)

    async def scene(directory):
        await directory.find(prefix)
        directory.forget(prefix)
        return directory.last_known(prefix, within=3_600)

    assert run(scene) is None


def test_a_key_that_was_deleted_is_not_known_any_more(key):
    prefix = keys.prefix_of(key)

    async def scene(directory):
        await directory.find(prefix)
        await asyncio.to_thread(ApiKeyLookup.objects.filter(prefix=prefix).delete)
        directory.start_hearing()
        await directory.find(prefix)
        return directory.last_known(prefix, within=3_600)

    assert run(scene) is None


def test_the_database_is_away_until_it_was_asked_again(committed_module):
    async def scene():
        with passage() as way:
            directory = new_directory(way.conninfo)
            seen = [directory.is_away]
            way.close()
            with pytest.raises(DirectoryUnavailableError):
                await directory.find("AAAAAAAA")
            seen.append(directory.is_away)
            await directory.look_again()
            seen.append(directory.is_away)
            way.open()
            directory._reader._failed_at = float("-inf")  # the moment's rest is over
            await directory.look_again()
            seen.append(directory.is_away)
            await directory.close()
            return seen

    assert asyncio.run(scene()) == [False, True, True, False]
