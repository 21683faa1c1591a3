from django.urls import path

from dashboards.reports.views import reports, schedules

app_name = "reports"

_REPORTS = "o/<slug:organization_slug>/reports/"
_SCHEDULE = _REPORTS + "schedules/<int:schedule_id>/"

urlpatterns = [
    path(_REPORTS, reports.report_list, name="report-list"),
    path(_REPORTS + "new/", reports.report_create, name="report-create"),
    path(_REPORTS + "<int:report_id>/", reports.report_detail, name="report-detail"),
    path(_REPORTS + "<int:report_id>/retry/", reports.report_retry, name="report-retry"),
    path(_REPORTS + "<int:report_id>/as/<slug:form>/", reports.report_file, name="report-file"),
    path(_REPORTS + "schedules/new/", schedules.schedule_create, name="schedule-create"),
    path(_REPORTS + "schedules/preview/", schedules.schedule_preview, name="schedule-preview"),
    path(_SCHEDULE, schedules.schedule_detail, name="schedule-detail"),
    path(_SCHEDULE + "edit/", schedules.schedule_edit, name="schedule-edit"),
    path(_SCHEDULE + "pause/", schedules.schedule_pause, name="schedule-pause"),
    path(_SCHEDULE + "resume/", schedules.schedule_resume, name="schedule-resume"),
    path(_SCHEDULE + "send/", schedules.schedule_send, name="schedule-send"),
    path(_SCHEDULE + "delete/", schedules.schedule_delete, name="schedule-delete"),
]
