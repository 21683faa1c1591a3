from django.urls import path

from ingestion import views

app_name = "ingestion"

_ORGANIZATION = "o/<slug:organization_slug>/"

urlpatterns = [
    path(_ORGANIZATION + "settings/time-zone/", views.time_zone_change, name="time-zone"),
    path(_ORGANIZATION + "settings/usage/", views.usage_overview, name="usage"),
    path(_ORGANIZATION + "p/<slug:project_slug>/connect/first-call/", views.first_call, name="first-call"),
]
