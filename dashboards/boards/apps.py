from django.apps import AppConfig


class BoardsConfig(AppConfig):
    name = "dashboards.boards"
    label = "boards"
