from django.urls import path

from dashboards.exports import views
from dashboards.exports.destinations import views as destinations

app_name = "exports"

_EXPORTS = "o/<slug:organization_slug>/exports/"
_DESTINATIONS = _EXPORTS + "destinations/"
_DESTINATION = _DESTINATIONS + "<int:destination_id>/"

urlpatterns = [
    path(_EXPORTS, views.export_list, name="export-list"),
    path(_EXPORTS + "new/", views.export_create, name="export-create"),
    path(_EXPORTS + "<int:export_id>/file/", views.export_file, name="export-file"),
    path(_EXPORTS + "<int:export_id>/cancel/", views.export_cancel, name="export-cancel"),
    path(_EXPORTS + "<int:export_id>/delete/", views.export_delete, name="export-delete"),
    path(_DESTINATIONS, destinations.destination_list, name="destination-list"),
    path(_DESTINATIONS + "new/", destinations.destination_create, name="destination-create"),
    path(_DESTINATION, destinations.destination_detail, name="destination-detail"),
    path(_DESTINATION + "edit/", destinations.destination_edit, name="destination-edit"),
    path(_DESTINATION + "test/", destinations.destination_test, name="destination-test"),
    path(_DESTINATION + "pause/", destinations.destination_pause, name="destination-pause"),
    path(_DESTINATION + "resume/", destinations.destination_resume, name="destination-resume"),
    path(_DESTINATION + "retry/", destinations.destination_retry, name="destination-retry"),
    path(_DESTINATION + "delete/", destinations.destination_delete, name="destination-delete"),
]
