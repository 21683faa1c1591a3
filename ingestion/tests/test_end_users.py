import pytest

from ingestion import end_users
from ingestion.wire.identity import stored_user_id


@pytest.fixture
def as_stored(acme, scope):
    def ask(*user_ids):
        with scope(acme):
            return end_users.as_stored(organization=acme, user_ids=user_ids)

    return ask


def test_ids_that_say_nothing_about_a_person_stay(as_stored):
    assert as_stored("u-1", "anonymous") == ["u-1", "anonymous"]
    assert as_stored() == []


@pytest.mark.parametrize("personal", ["ada@example.com", "+49 170 1234567"])
def test_personal_ids_are_looked_for_as_sent_and_hashed(as_stored, personal):
    plain, other, hashed = as_stored(personal, "u-1")

    assert (plain, other) == (personal, "u-1")
    assert hashed == as_stored(personal)[1]
    assert hashed.startswith("user:")
    assert personal not in hashed


def test_organizations_hash_differently(acme, globex, scope):
    found = []
    for organization in (acme, globex):
        with scope(organization):
            found.append(end_users.as_stored(organization=organization, user_ids=["ada@example.com"])[1])

    assert len(set(found)) == 2


def test_the_hash_is_under_the_organization_s_own_key(as_stored):
    assert as_stored("ada@example.com")[1] != stored_user_id("ada@example.com", b"\0" * 32)
