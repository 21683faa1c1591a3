"""Every URL of the web process; the edge's are in tokenops.asgi."""

from django.urls import URLPattern, URLResolver, include, path

from dashboards.home import home
from ingestion.pricing import urls as pricing
from ingestion.reprice import urls as reprice
from tokenops.gallery import gallery
from tokenops.health import healthz, readyz

handler400 = "tokenops.errors.bad_request"
handler403 = "tokenops.errors.permission_denied"
handler404 = "tokenops.errors.not_found"
handler500 = "tokenops.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home, name="home"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("dev/gallery/", gallery, name="gallery"),
    path("api/", include("tokenops.api")),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("accounts/sessions/", include("allauth.usersessions.urls")),
    path("", include("tenants.identity_urls")),
    path("", include("tenants.urls")),
    path("", include("tenants.instance_urls")),
    path("", include("tenants.dev_urls")),
    path("", include("ingestion.urls")),
    path("", include(([*pricing.urlpatterns, *reprice.urlpatterns], pricing.app_name))),
    path("", include("rules.alerts.urls")),
    path("", include("rules.urls")),
    path("", include("gateway.urls")),
    path("", include("dashboards.exports.urls")),
    path("", include("dashboards.reports.urls")),
    path("", include("dashboards.boards.urls")),
    path("", include("dashboards.urls")),
]
