"""What an organization has told the gateway: its own rows over the built-in ones, its credentials, and what is kept."""

import asyncio

import pytest
from django.conf import settings

from core.databases import EDGE
from core.scope import org_scope
from gateway import credentials
from gateway.edge import directory as module
from gateway.edge.directory import Credential, Gateways, OrganizationGateway
from gateway.models import GatewayProvider, GatewaySettings, ProviderCredential
from gateway.providers import PRESETS
from gateway.types import Auth, Dialect
from ingestion.edge.directory import DirectoryUnavailableError
from ingestion.tests.edge.proxy import passage
from tenants.models import Project

SECRET = "sk-of-the-provider"


def credential(name, *, provider="openai", project_id=None, is_default=True):
    return Credential(provider=provider, name=name, project_id=project_id, is_default=is_default, secret=SECRET)


def gateway(*credentials):
    return OrganizationGateway(offline_seconds=60.0, providers={}, credentials=credentials)


# --- Which credential ---


def test_the_default_of_the_project_comes_before_the_organizations():
    found = gateway(credential("all"), credential("mine", project_id=7), credential("theirs", project_id=8))

    assert found.credential("openai", project_id=7).name == "mine"
    assert found.credential("openai", project_id=9).name == "all"


def test_a_named_one_need_not_be_the_default():
    found = gateway(credential("first"), credential("second", is_default=False))

    assert found.credential("openai", project_id=1).name == "first"
    assert found.credential("openai", project_id=1, named="second").name == "second"
    assert found.credential("openai", project_id=1, named="third") is None


def test_nobody_gets_another_projects_or_another_providers():
    found = gateway(credential("theirs", project_id=8), credential("x", provider="anthropic"))

    assert found.credential("openai", project_id=7) is None
    assert found.credential("openai", project_id=7, named="theirs") is None
    assert SECRET not in repr(found)


def test_a_built_in_provider_is_there_unless_the_organization_has_its_own():
    assert gateway().provider("openai") is PRESETS["openai"].provider
    assert gateway().provider("nobody") is None


# --- Read from the database ---


def tell(organization, **columns):
    with org_scope(organization.pk):
        GatewaySettings.objects.update_or_create(organization=organization, defaults={"offline_minutes": 5})
        GatewayProvider.objects.create(
            organization=organization,
            **{
                "slug": "openai",
                "name": "Ours",
                "preset": "openai",
                "origin": "https://proxy.example",
                "base_path": "/llm",
                "auth": "header",
                "auth_name": "x-key",
                "idle_seconds": 7,
            }
            | columns,
        )
        sealed = credentials.seal(SECRET, organization_id=organization.pk, provider="openai", name="main")
        ProviderCredential.objects.create(
            organization=organization, provider="openai", name="main", sealed=sealed, is_default=True
        )


def rename(organization):
    with org_scope(organization.pk):
        GatewayProvider.objects.update(name="Renamed")


def new_gateways(conninfo=""):
    return Gateways(conninfo or settings.DATABASE.conninfo(EDGE), encryption_key=settings.ENCRYPTION_KEY)


def run(scene):
    async def with_gateways():
        gateways = new_gateways()
        gateways.start_hearing()
        try:
            return await scene(gateways)
        finally:
            await gateways.close()

    return asyncio.run(with_gateways())


@pytest.fixture
def told(committed_db):
    from conftest import make_organization

    organization = make_organization("Acme")
    tell(organization)
    return organization


def test_an_own_row_has_what_its_preset_has_and_it_does_not_say(told):
    found = run(lambda gateways: gateways.of(told.pk))

    provider = found.provider("openai")
    assert (provider.origin, provider.base_path, provider.is_own) == ("https://proxy.example", "/llm", True)
    assert (provider.auth, provider.auth_name, provider.timeouts.idle) == (Auth.HEADER, "x-key", 7.0)
    assert (provider.dialect, provider.canonical) == (Dialect.OPENAI, "openai")
    assert found.offline_seconds == 300.0
    assert found.credential("openai", project_id=1).secret == SECRET


def test_an_organization_that_told_nothing_has_the_defaults(told):
    from conftest import make_organization

    other = make_organization("Globex")

    found = run(lambda gateways: gateways.of(other.pk))

    assert (found.offline_seconds, found.providers, list(found.credentials)) == (3_600.0, {}, [])


def test_it_is_read_again_when_somebody_says_so(told):
    async def scene(gateways):
        names = [(await gateways.of(told.pk)).provider("openai").name]
        await asyncio.to_thread(rename, told)
        names.append((await gateways.of(told.pk)).provider("openai").name)
        gateways.forget(str(told.pk + 1))
        names.append((await gateways.of(told.pk)).provider("openai").name)
        gateways.forget(str(told.pk))
        names.append((await gateways.of(told.pk)).provider("openai").name)
        return names

    assert run(scene) == ["Ours", "Ours", "Ours", "Renamed"]


def test_entries_age_faster_while_nobody_listens(told, monkeypatch):
    monkeypatch.setattr(module, "FRESH_SECONDS_UNHEARD", 0.0)

    async def scene(gateways):
        await gateways.of(told.pk)
        await asyncio.to_thread(rename, told)
        heard = (await gateways.of(told.pk)).provider("openai").name
        gateways.stop_hearing()
        return heard, (await gateways.of(told.pk)).provider("openai").name

    assert run(scene) == ("Ours", "Renamed")


def test_while_the_database_is_away_what_was_read_holds(told):
    async def scene():
        with passage() as way:
            gateways = new_gateways(way.conninfo)
            before = await gateways.of(told.pk)
            gateways.start_hearing()  # everything is old
            way.close()
            during = await gateways.of(told.pk)
            gateways.forget(str(told.pk))
            with pytest.raises(DirectoryUnavailableError):
                await gateways.of(told.pk)  # it changed: what was read is wrong
            with pytest.raises(DirectoryUnavailableError):
                await gateways.of(told.pk + 1)
            await gateways.close()
            return during is before

    assert asyncio.run(scene())


def test_a_credential_that_cannot_be_opened_does_not_stop_the_others(told):
    with org_scope(told.pk):
        ProviderCredential.objects.create(
            organization=told, provider="openai", name="another's", sealed=b"not ours", is_default=False
        )

    found = run(lambda gateways: gateways.of(told.pk))

    assert [one.name for one in found.credentials] == ["main"]


def test_a_project_is_found_by_its_id(told):
    with org_scope(told.pk):
        project = Project.objects.get()
        sealed = credentials.seal("sk-mine", organization_id=told.pk, provider="openai", name="mine")
        ProviderCredential.objects.create(
            organization=told, project=project, provider="openai", name="mine", sealed=sealed, is_default=True
        )

    found = run(lambda gateways: gateways.of(told.pk))

    assert found.credential("openai", project_id=project.pk).secret == "sk-mine"
    assert found.credential("openai", project_id=project.pk + 1).secret == SECRET
