from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "dashboards.reports"
    label = "reports"
