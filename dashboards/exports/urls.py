from django.urls import path

from dashboards.exports import views

app_name = "exports"

_EXPORTS = "o/<slug:organization_slug>/exports/"

urlpatterns = [
    path(_EXPORTS, views.export_list, name="export-list"),
    path(_EXPORTS + "new/", views.export_create, name="export-create"),
    path(_EXPORTS + "<int:export_id>/file/", views.export_file, name="export-file"),
    path(_EXPORTS + "<int:export_id>/cancel/", views.export_cancel, name="export-cancel"),
    path(_EXPORTS + "<int:export_id>/delete/", views.export_delete, name="export-delete"),
]
