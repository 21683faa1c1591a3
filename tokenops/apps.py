from django.apps import AppConfig


class TokenopsConfig(AppConfig):
    name = "tokenops"

    def ready(self) -> None:
        from tokenops import checks  # noqa: F401, PLC0415 - registers the system checks
