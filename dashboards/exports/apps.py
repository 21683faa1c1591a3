from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "dashboards.exports"
    label = "exports"
