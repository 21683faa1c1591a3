from django.urls import path

from gateway.views import connect, overview

app_name = "gateway"

_ORGANIZATION = "o/<slug:organization_slug>/"
_PROJECT = _ORGANIZATION + "p/<slug:project_slug>/"

urlpatterns = [
    path(_ORGANIZATION + "gateway/", overview.overview, name="organization-overview"),
    path(_PROJECT + "gateway/", overview.overview, name="project-overview"),
    path(_ORGANIZATION + "gateway/connect/", connect.connect, name="connect"),
    path(_ORGANIZATION + "gateway/first-call/", connect.first_call, name="first-call"),
]
