"""Every URL of the web process; the edge's are in tokenops.asgi."""

from django.urls import URLPattern, URLResolver, include, path

from dashboards.home import home

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home, name="home"),
    path("accounts/", include("allauth.account.urls")),
    path("", include("tenants.urls")),
    path("", include("tenants.instance_urls")),
    path("", include("tenants.dev_urls")),
    path("", include("ingestion.urls")),
]
