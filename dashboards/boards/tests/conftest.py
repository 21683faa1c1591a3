"""People of acme who keep dashboards, and calls to show on them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from conftest import make_user
from dashboards.tests.factories import count_calls
from tenants.models import Membership, Organization, Project, User
from tenants.permissions import Role

type Join = Callable[[str, Role], User]


@pytest.fixture
def join(acme: Organization) -> Join:
    """``join("ana", Role.MEMBER)``: somebody new in acme."""

    def make(name: str, role: Role) -> User:
        user = make_user(f"{name}@acme.test")
        Membership.objects.create(user=user, organization=acme, role=role)
        return user

    return make


@pytest.fixture
def ana(join: Join) -> User:
    return join("ana", Role.MEMBER)


@pytest.fixture
def ben(join: Join) -> User:
    return join("ben", Role.ADMIN)


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    def sign_in(user: User) -> Client:
        client = Client(headers={"host": "127.0.0.1"})
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def calls(acme_project: Project) -> list[dict[str, Any]]:
    """Calls of today and yesterday, whatever day it is: (model, feature, dollars, error)."""
    now = datetime.now(UTC)
    rows = [
        ("gpt-4o", "chat", "1.5", 0, now),
        ("gpt-4o", "chat", "0.25", 1, now),
        ("gpt-4o", "search", "2", 0, now - timedelta(days=1)),
        ("claude", "search", "4", 0, now - timedelta(days=1)),
        ("claude", "chat", "0.5", 0, now),
    ]
    made = [
        {
            "started_at": started_at,
            "model_key": model,
            "feature": feature,
            "cost_usd": Decimal(dollars),
            "errors": errors,
            "input_tokens": 100,
            "cached_input_tokens": 40,
            "output_tokens": 10,
        }
        for model, feature, dollars, errors, started_at in rows
    ]
    count_calls(acme_project, made)
    return made
