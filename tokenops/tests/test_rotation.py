"""Replacing secrets while both are valid."""

from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db.models import BinaryField

from core import crypto, keys, vault
from gateway import credentials
from gateway.tests.provider_factories import SECRET, make_credential, stored
from tenants import key_services
from tenants.mfa import MfaAdapter
from tenants.models import ApiKeyLookup, OrganizationSettings, User
from tenants.tests.keys import bearer, issue_key
from tokenops import env, rotation

NOT_SECRET = {
    "auditentry.previous_hash",
    "auditentry.hash",
    "audithead.hash",
    "apikeylookup.digest",
    "ingestanswer.answer",
    "bulletin.file",
}
NEW = "a-new-secret-that-is-long-enough-to-be-one"


def run(command, *arguments):
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


def hash_key(organization, scope):
    with scope(organization):
        return bytes(OrganizationSettings.objects.get().hash_key)


def test_every_binary_column_is_rotated_or_is_no_secret():
    columns = {
        f"{model._meta.model_name}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.fields
        if isinstance(field, BinaryField)
        and model._meta.app_label in {"tenants", "ingestion", "alerts", "core", "exports", "gateway"}
    }
    listed = {f"{column.model._meta.model_name}.{column.field}" for column in rotation.ENCRYPTED}

    assert listed <= columns
    assert {
        column for column in columns - listed - NOT_SECRET if "digest" not in column and "body" not in column
    } == set()


def test_values_move_to_the_new_key_while_both_open_them(acme, globex, settings, scope):
    old, before = settings.ENCRYPTION_KEY, hash_key(acme, scope)
    context = f"hash-key:{acme.pk}"
    plain = vault.unseal(before, context=context)
    settings.ENCRYPTION_KEY, settings.ENCRYPTION_KEY_PREVIOUS = NEW, old
    assert vault.unseal(before, context=context) == plain

    assert run("rotate_encryption_key") == "2 organizations, 2 values encrypted anew, all others were already.\n"
    assert run("rotate_encryption_key") == "2 organizations, 0 values encrypted anew, all others were already.\n"

    settings.ENCRYPTION_KEY_PREVIOUS = ""
    after = hash_key(acme, scope)
    assert vault.unseal(after, context=context) == plain
    with pytest.raises(crypto.DecryptionError):
        crypto.decrypt(after, key=old, context=context)


def test_second_factors_of_people_move_too(acme, settings):
    old, adapter = settings.ENCRYPTION_KEY, MfaAdapter()
    user = User.objects.get()
    app = Authenticator.objects.create(user=user, type="totp", data={"secret": adapter.encrypt("seed")})
    codes = {"seed": adapter.encrypt("code seed"), "used_mask": 3, "migrated_codes": [adapter.encrypt("12345678")]}
    recovery = Authenticator.objects.create(user=user, type="recovery_codes", data=codes)
    passkey = Authenticator.objects.create(user=user, type="webauthn", data={"name": "Key", "credential": {"id": "x"}})
    settings.ENCRYPTION_KEY, settings.ENCRYPTION_KEY_PREVIOUS = NEW, old

    assert run("rotate_encryption_key") == "1 organizations, 3 values encrypted anew, all others were already.\n"
    assert run("rotate_encryption_key") == "1 organizations, 0 values encrypted anew, all others were already.\n"

    settings.ENCRYPTION_KEY_PREVIOUS = ""
    for factor in (app, recovery, passkey):
        factor.refresh_from_db()
    assert adapter.decrypt(app.data["secret"]) == "seed"
    assert adapter.decrypt(recovery.data["seed"]) == "code seed"
    assert [adapter.decrypt(code) for code in recovery.data["migrated_codes"]] == ["12345678"]
    assert recovery.data["used_mask"] == 3
    assert passkey.data == {"name": "Key", "credential": {"id": "x"}}


def test_a_value_that_nobody_can_open_is_said_and_left_alone(acme, settings, scope):
    before = hash_key(acme, scope)
    settings.ENCRYPTION_KEY = NEW

    with pytest.raises(CommandError, match="1 values open with neither key"):
        run("rotate_encryption_key")

    assert hash_key(acme, scope) == before


def test_keys_move_to_the_new_pepper_when_they_are_used(anonymous, acme, settings):
    used, unused = issue_key(acme), issue_key(acme)
    settings.KEY_PEPPER, settings.KEY_PEPPER_PREVIOUS = NEW, settings.KEY_PEPPER
    assert run("rotate_key_pepper") == "2 API keys still need the old pepper.\n"

    assert anonymous.get("/api/v1/me", headers=bearer(used)).status_code == 200

    assert run("rotate_key_pepper") == "1 API keys still need the old pepper.\n"
    row = ApiKeyLookup.objects.get(key_id=used.key.pk)
    assert keys.matches(used.text, bytes(row.digest), pepper=NEW)
    settings.KEY_PEPPER_PREVIOUS = ""
    assert anonymous.get("/api/v1/me", headers=bearer(used)).status_code == 200
    assert anonymous.get("/api/v1/me", headers=bearer(unused)).status_code == 401


def test_finishing_stops_no_key_that_works(acme, settings, tmp_path):
    issued = issue_key(acme)
    settings.STATE_DIR = tmp_path
    env.ensure_secrets(tmp_path)
    assert "Restart TokenOps" in run("rotate_key_pepper", "--start")
    settings.KEY_PEPPER = NEW

    with pytest.raises(CommandError, match="They would stop working"):
        run("rotate_key_pepper", "--finish")
    assert "KEY_PEPPER_PREVIOUS" in env.read_secrets(tmp_path)

    key_services.revoke_key(organization=acme, actor=None, key=issued.key, now=issued.key.created_at)
    assert "is gone from secrets.env" in run("rotate_key_pepper", "--finish")
    assert "KEY_PEPPER_PREVIOUS" not in env.read_secrets(tmp_path)


def test_the_stacks_secrets_are_replaced_in_order(tmp_path):
    first = env.ensure_secrets(tmp_path)

    env.start_rotation(tmp_path, "ENCRYPTION_KEY")
    second = env.read_secrets(tmp_path)
    assert second["ENCRYPTION_KEY_PREVIOUS"] == first["ENCRYPTION_KEY"] != second["ENCRYPTION_KEY"]
    assert env.previous_secret("ENCRYPTION_KEY_PREVIOUS", state_dir=tmp_path) == first["ENCRYPTION_KEY"]
    assert env.ensure_secrets(tmp_path) == second
    assert (tmp_path / "secrets.env").stat().st_mode & 0o777 == 0o600
    with pytest.raises(env.ConfigurationError, match="finish that first"):
        env.start_rotation(tmp_path, "ENCRYPTION_KEY")

    env.finish_rotation(tmp_path, "ENCRYPTION_KEY")
    assert env.previous_secret("ENCRYPTION_KEY_PREVIOUS", state_dir=tmp_path) == ""
    with pytest.raises(env.ConfigurationError, match=r"is not in secrets\.env"):
        env.finish_rotation(tmp_path, "ENCRYPTION_KEY")


def test_a_secret_that_is_set_elsewhere_is_replaced_there(tmp_path, settings):
    settings.STATE_DIR = tmp_path

    with pytest.raises(CommandError, match="set the new one where you set it now"):
        run("rotate_encryption_key", "--start")
    assert not (tmp_path / "secrets.env").exists()


def test_a_previous_secret_that_is_none_of_ours_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("KEY_PEPPER_PREVIOUS", "short")

    with pytest.raises(env.ConfigurationError, match="KEY_PEPPER_PREVIOUS must have at least 32 characters"):
        env.previous_secret("KEY_PEPPER_PREVIOUS", state_dir=tmp_path)


def test_credentials_of_providers_move_too(acme, settings, scope):
    old, credential = settings.ENCRYPTION_KEY, make_credential(acme)
    settings.ENCRYPTION_KEY, settings.ENCRYPTION_KEY_PREVIOUS = NEW, old

    assert run("rotate_encryption_key") == "1 organizations, 2 values encrypted anew, all others were already.\n"

    settings.ENCRYPTION_KEY_PREVIOUS = ""
    row = stored(acme, credential)
    opened = credentials.unseal(row.sealed, organization_id=acme.pk, provider="openai", name="Production")
    assert opened == SECRET
