from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "rules.alerts"
    label = "alerts"
