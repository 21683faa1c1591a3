from django.urls import path

from ingestion.reprice import views

_RUNS = "o/<slug:organization_slug>/prices/reprice/"

urlpatterns = [
    path(_RUNS, views.run_list, name="reprice-list"),
    path(_RUNS + "new/", views.run_create, name="reprice-create"),
    path(_RUNS + "<int:run_id>/", views.run_detail, name="reprice-run"),
    path(_RUNS + "<int:run_id>/apply/", views.run_apply, name="reprice-apply"),
    path(_RUNS + "<int:run_id>/cancel/", views.run_cancel, name="reprice-cancel"),
]
