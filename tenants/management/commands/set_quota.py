"""``manage.py set_quota acme 1000000``: how many events a month an organization may send; ``none`` for no limit."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from tenants import services
from tenants.models import Organization


class Command(BaseCommand):
    help = "Set how many events a calendar month an organization may send. Running edges hear of it at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the organization's slug, as in its address /o/<slug>/")
        parser.add_argument("events", type=_events, help="a whole number, or none for no limit")

    def handle(self, *, slug: str, events: int | None, **_: Any) -> None:
        organization = Organization.objects.filter(slug=slug).first()
        if organization is None:
            raise CommandError(f"There is no organization with the slug {slug}.")
        try:
            services.set_quota(organization=organization, actor=None, events=events)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        limit = "as many events as it likes" if events is None else f"{events:,} events a month"
        self.stdout.write(f"{slug} may send {limit}.")


def _events(text: str) -> int | None:
    if text.lower() == "none":
        return None
    digits = text.replace("_", "").replace(",", "")
    if not digits.isascii() or not digits.isdigit():
        raise ArgumentTypeError("write a whole number, or none for no limit")
    return int(digits)
