"""A call that was proxied and is not stored: the overview counts it, and its link leads to where the reason stands."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from core.scope import org_scope
from gateway.models import GatewayTraffic
from ingestion.models import RejectedEvents
from ingestion.writer.refusals import NO_PROJECT
from tenants import services
from tenants.archive import archive_project
from tenants.permissions import Scope
from tenants.tests.keys import issue_key
from tenants.tests.people import owner_of, signed_in
from tests.gateway.scene import CHAT, chat
from tests.provider_faults import paced
from tests.resilience.processes import wait_until

pytestmark = pytest.mark.resilience

NOT_STORED = re.compile(r'<dt>Not stored</dt><dd><strong>1</strong>.*?<a href="([^"]+)">Rejected events</a>')


def counted(organization):
    with org_scope(organization.pk):
        return list(GatewayTraffic.objects.values_list("project_id", "provider", "requests", "calls", "written"))


def refused(organization):
    with org_scope(organization.pk):
        return list(RejectedEvents.objects.values_list("project_id", "endpoint", "kind", "field", "count"))


@pytest.fixture
def lost(gateway, feature):
    """A streamed call whose project is archived before its last piece."""
    organization = gateway.organization
    project = services.create_project(organization=organization, actor=None, name="Short-lived")
    key = issue_key(organization, project=project, scopes=[Scope.GATEWAY]).text
    gateway.provider.usually = paced
    connection = gateway.connect()
    headers = {"Authorization": f"Bearer {key}", "X-TokenOps-Feature": feature}
    connection.request("POST", CHAT, chat(stream=True), headers)
    response = connection.getresponse()
    assert response.status == 200
    archive_project(organization=organization, actor=None, project=project, now=timezone.now())
    wait_until(lambda: gateway.ask(chat(stream=True), key=key).status == 403, "the edge to hear that it is archived")
    gateway.provider.go.set()
    assert response.read().endswith(b"data: [DONE]\n\n")  # the client has its answer all the same
    connection.close()
    wait_until(lambda: bool(counted(organization)), "the call to be counted")
    wait_until(lambda: bool(refused(organization)), "its refusal to be counted")
    return feature


def test_a_call_that_is_not_stored_is_counted_and_the_page_leads_to_the_reason(gateway, lost):
    organization = gateway.organization
    assert gateway.calls(feature=lost) == []
    assert counted(organization) == [(NO_PROJECT, "openai", 1, 1, 0)]
    assert refused(organization) == [(NO_PROJECT, "/v1/proxy", "event", "project", 1)]
    owner = signed_in(owner_of(organization))

    for days in ("24h", "30d"):
        page = owner.get(reverse("gateway:organization-overview", args=[organization.slug], query={"range": days}))
        found = NOT_STORED.search(" ".join(page.content.decode().split()))
        assert found
        led = owner.get(found[1].replace("&amp;", "&"))
        assert led.status_code == 200
        assert led.context["chosen"].range == days
        (reason,) = led.context["page"].reasons
        assert (reason.line.field, reason.line.count, reason.line.endpoints) == ("project", 1, ["/v1/proxy"])
        assert "One that is archived or about to be deleted takes nothing." in led.content.decode()

    told = owner.get("/api/v1/gateway/traffic", query_params={"organization": organization.slug}).json()["results"][0]
    assert (told["calls"], told["written"], told["unwritten"]) == (1, 0, 1)
