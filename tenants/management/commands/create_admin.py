"""``manage.py create_admin --email you@example.com``: an administrator of the instance, who sees no tenant data."""

import sys
from argparse import ArgumentParser
from getpass import getpass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from tenants import accounts
from tenants.models import User


class Command(BaseCommand):
    help = "Create an instance administrator, or make an existing account one. Safe to run again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the password from standard input instead of asking"
        )

    def handle(self, *, email: str, password_stdin: bool, **_: Any) -> None:
        password = sys.stdin.readline().rstrip("\r\n") if password_stdin else _ask(email)
        try:
            is_new = accounts.make_instance_admin(email=email, password=password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"{email} {'was created as' if is_new else 'is'} an instance administrator.")


def _ask(email: str) -> str | None:
    """A password typed twice; None for an account that exists, which keeps its own."""
    if User.objects.filter(email__iexact=email.strip()).exists():
        return None
    password = getpass("Password: ")
    if password != getpass("The same again: "):
        raise CommandError("The two passwords differ.")
    return password
