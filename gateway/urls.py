from django.urls import path

from gateway.views import credentials, providers

app_name = "gateway"

_PROVIDERS = "o/<slug:organization_slug>/gateway/providers/"
_PROVIDER = _PROVIDERS + "<int:gateway_provider_id>/"
_CREDENTIAL = _PROVIDERS + "credentials/<int:credential_id>/"

urlpatterns = [
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
