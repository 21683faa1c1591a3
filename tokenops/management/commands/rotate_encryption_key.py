"""``manage.py rotate_encryption_key``: put every stored secret under the current ENCRYPTION_KEY; docs/operations.md."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants import mfa
from tokenops import rotation
from tokenops.management.commands import _rotation

NAME = "ENCRYPTION_KEY"


class Command(BaseCommand):
    help = (
        "Encrypt stored secrets anew with ENCRYPTION_KEY; what ENCRYPTION_KEY_PREVIOUS opens is moved. May be repeated."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        _rotation.add_arguments(parser)

    def handle(self, *, start: bool, finish: bool, **_: Any) -> None:
        if start:
            self.stdout.write(_rotation.start(NAME))
            return
        self._seal_anew()
        if finish:
            self.stdout.write(_rotation.finish(NAME))

    def _seal_anew(self) -> None:
        organizations = renewed = left = 0
        for organizations, done in enumerate(rotation.seal_anew(), start=1):
            renewed, left = renewed + done.renewed, left + done.left
            if organizations % 100 == 0:
                self.stdout.write(f"{organizations} organizations, {renewed} values encrypted anew")
        of_people, left_of_people = mfa.seal_anew()
        renewed, left = renewed + of_people, left + left_of_people
        self.stdout.write(f"{organizations} organizations, {renewed} values encrypted anew, all others were already.")
        if left:
            raise CommandError(f"{left} values open with neither key. Is {NAME}_PREVIOUS the key they were made with?")
