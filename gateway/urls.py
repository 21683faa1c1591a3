from django.urls import path

from gateway.views import connect, credentials, overview, providers

app_name = "gateway"

_ORGANIZATION = "o/<slug:organization_slug>/"
_PROJECT = _ORGANIZATION + "p/<slug:project_slug>/"
_PROVIDERS = _ORGANIZATION + "gateway/providers/"
_PROVIDER = _PROVIDERS + "<int:gateway_provider_id>/"
_CREDENTIAL = _PROVIDERS + "credentials/<int:credential_id>/"

urlpatterns = [
    path(_ORGANIZATION + "gateway/", overview.overview, name="organization-overview"),
    path(_PROJECT + "gateway/", overview.overview, name="project-overview"),
    path(_ORGANIZATION + "gateway/connect/", connect.connect, name="connect"),
    path(_ORGANIZATION + "gateway/first-call/", connect.first_call, name="first-call"),
    path(_PROVIDERS, providers.provider_list, name="provider-list"),
    path(_PROVIDERS + "settings/", providers.settings_change, name="settings-change"),
    path(_PROVIDERS + "new/", providers.provider_create, name="provider-create"),
    path(_PROVIDER + "edit/", providers.provider_edit, name="provider-edit"),
    path(_PROVIDER + "delete/", providers.provider_delete, name="provider-delete"),
    path(_PROVIDERS + "credentials/new/", credentials.credential_create, name="credential-create"),
    path(_CREDENTIAL + "test/", credentials.credential_test, name="credential-test"),
    path(_CREDENTIAL + "default/", credentials.credential_default, name="credential-default"),
    path(_CREDENTIAL + "replace/", credentials.credential_replace, name="credential-replace"),
    path(_CREDENTIAL + "delete/", credentials.credential_delete, name="credential-delete"),
]
