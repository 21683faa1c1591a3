"""Identity providers as the environment names them: all of one, or a sentence about what is missing."""

import pytest

from tokenops.env import ConfigurationError
from tokenops.settings.identity import identity_providers

OIDC = {"OIDC_ISSUER": "https://id.acme.test", "OIDC_CLIENT_ID": "tokenops", "OIDC_CLIENT_SECRET": "s"}
GOOGLE = {"GOOGLE_CLIENT_ID": "g", "GOOGLE_CLIENT_SECRET": "s"}
GITHUB = {"GITHUB_CLIENT_ID": "h", "GITHUB_CLIENT_SECRET": "s"}
MICROSOFT = {"MICROSOFT_CLIENT_ID": "m", "MICROSOFT_CLIENT_SECRET": "s", "MICROSOFT_TENANT": "acme.test"}
NEEDS_TLS = "must be an https URL; http is for this machine only."


def apps(**environ):
    return {app["provider_id"]: app for kind in identity_providers(environ).values() for app in kind["APPS"]}


def test_nobody_is_configured_by_default():
    assert identity_providers({}) == {}


def test_an_issuer_has_its_name_its_credentials_and_pkce():
    assert identity_providers(OIDC | {"OIDC_NAME": "Acme ID"}) == {
        "openid_connect": {
            "APPS": [
                {
                    "provider_id": "oidc",
                    "name": "Acme ID",
                    "client_id": "tokenops",
                    "secret": "s",
                    "settings": {
                        "oauth_pkce_enabled": True,
                        "server_url": "https://id.acme.test",
                        "uid_field": "identity",
                        "email_authentication": False,
                    },
                }
            ]
        }
    }


def test_the_secret_may_come_from_a_file(tmp_path):
    file = tmp_path / "secret"
    file.write_text("from a file\n")
    environ = {"OIDC_ISSUER": "https://id.acme.test", "OIDC_CLIENT_ID": "tokenops"}

    found = apps(**environ, OIDC_CLIENT_SECRET_FILE=str(file))

    assert found["oidc"]["secret"] == "from a file"


def test_known_providers_need_credentials_only():
    found = apps(**OIDC, **GOOGLE, **GITHUB, **MICROSOFT, GITLAB_CLIENT_ID="l", GITLAB_CLIENT_SECRET="s")

    assert list(found) == ["oidc", "google", "gitlab", "microsoft", "github"]
    assert {name: app["settings"].get("server_url") for name, app in found.items()} == {
        "oidc": "https://id.acme.test",
        "google": "https://accounts.google.com",
        "gitlab": "https://gitlab.com",
        "microsoft": "https://login.microsoftonline.com/acme.test/v2.0",
        "github": None,
    }
    assert [app["name"] for app in found.values()] == ["single sign-on", "Google", "GitLab", "Microsoft", "GitHub"]
    assert all(app["settings"]["oauth_pkce_enabled"] for app in found.values())


@pytest.mark.parametrize(
    ("environ", "web", "api"),
    [
        ({}, "https://github.com", "https://api.github.com"),
        ({"GITHUB_URL": "https://git.acme.test/"}, "https://git.acme.test", "https://git.acme.test/api/v3"),
    ],
)
def test_github_may_be_a_server_of_ones_own(environ, web, api):
    found = apps(**GITHUB, **environ)["github"]["settings"]

    assert (found["web_url"], found["api_url"]) == (web, api)


def test_only_those_named_are_trusted_about_addresses():
    found = apps(**OIDC, **GOOGLE, **GITHUB, TRUSTED_IDENTITY_PROVIDERS="oidc, github")

    trusted = {name: app["settings"]["email_authentication"] for name, app in found.items()}
    assert trusted == {"oidc": True, "google": False, "github": True}


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:9000", "http://localhost:9000/realms/x", "http://[::1]:9000"])
def test_without_tls_an_issuer_is_on_this_machine(issuer):
    assert apps(**OIDC | {"OIDC_ISSUER": issuer})["oidc"]["settings"]["server_url"] == issuer


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        (OIDC | {"OIDC_CLIENT_SECRET": ""}, "OIDC_CLIENT_SECRET is missing beside OIDC_ISSUER."),
        ({"OIDC_CLIENT_SECRET": "x"}, "OIDC_ISSUER is missing beside OIDC_CLIENT_SECRET."),
        ({"OIDC_CLIENT_ID": "x", "OIDC_CLIENT_SECRET": "x"}, "OIDC_ISSUER is missing beside OIDC_CLIENT_ID."),
        ({"OIDC_ISSUER": "https://id.acme.test"}, "OIDC_CLIENT_ID is missing beside OIDC_ISSUER."),
        (OIDC | {"OIDC_ISSUER": "http://id.acme.test"}, f"OIDC_ISSUER {NEEDS_TLS}"),
        (OIDC | {"OIDC_ISSUER": "id.acme.test"}, f"OIDC_ISSUER {NEEDS_TLS}"),
        (OIDC | {"OIDC_ISSUER": "https://id.acme.test?a=b"}, f"OIDC_ISSUER {NEEDS_TLS}"),
        (OIDC | {"OIDC_ISSUER": "https://"}, f"OIDC_ISSUER {NEEDS_TLS}"),
        ({"GOOGLE_CLIENT_ID": "x"}, "GOOGLE_CLIENT_SECRET is missing beside GOOGLE_CLIENT_ID."),
        ({"GITHUB_CLIENT_SECRET": "x"}, "GITHUB_CLIENT_ID is missing beside GITHUB_CLIENT_SECRET."),
        ({"GITHUB_URL": "https://git.acme.test"}, "GITHUB_CLIENT_ID is missing beside GITHUB_URL."),
        (GITHUB | {"GITHUB_URL": "http://git.acme.test"}, f"GITHUB_URL {NEEDS_TLS}"),
        (MICROSOFT | {"MICROSOFT_TENANT": ""}, "MICROSOFT_TENANT is missing beside MICROSOFT_CLIENT_ID."),
        (
            MICROSOFT | {"MICROSOFT_TENANT": "common"},
            "MICROSOFT_TENANT must name one tenant: all others would be let in.",
        ),
        (
            OIDC | {"TRUSTED_IDENTITY_PROVIDERS": "oidc,google"},
            "TRUSTED_IDENTITY_PROVIDERS must name providers that are configured, such as oidc.",
        ),
    ],
)  # fmt: skip
def test_half_a_configuration_is_one_sentence(environ, sentence):
    with pytest.raises(ConfigurationError) as refused:
        identity_providers(environ)

    assert str(refused.value) == sentence
