"""What is no HTTP gets an answer that says so, from the real server: a test client could not send it."""

import socket

import pytest

from conftest import make_organization
from core.scope import org_scope
from tenants.models import Project
from tenants.permissions import Scope
from tenants.tests.keys import issue_key
from tests.servers import running_server

pytestmark = pytest.mark.resilience


@pytest.fixture
def key(committed_db):
    organization = make_organization("Acme")
    with org_scope(organization.pk):
        project = Project.objects.get()
    return issue_key(organization, project=project, scopes=[Scope.INGEST]).text


def answer_to(port: int, request: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request.encode())
        return connection.recv(65_536)


def test_chunks_nobody_can_count_are_400(key, tmp_path):
    with running_server(tmp_path / "server.log") as server:
        answer = answer_to(
            server.port,
            f"POST /api/v1/ingest HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        )

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"problem+json" in answer
