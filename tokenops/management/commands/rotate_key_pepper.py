"""``manage.py rotate_key_pepper``: how many API keys still need KEY_PEPPER_PREVIOUS; docs/operations.md."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tokenops import rotation
from tokenops.management.commands import _rotation

NAME = "KEY_PEPPER"


class Command(BaseCommand):
    help = (
        "Say how many API keys have not been used since KEY_PEPPER was replaced: each gets its new digest when it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        _rotation.add_arguments(parser)
        parser.add_argument("--force", action="store_true", help="finish although keys will stop working")

    def handle(self, *, start: bool, finish: bool, force: bool, **_: Any) -> None:
        if start:
            self.stdout.write(_rotation.start(NAME))
            return
        left = rotation.keys_under_old_pepper()
        self.stdout.write(f"{left} API keys still need the old pepper." if left else "No API key needs the old pepper.")
        if finish:
            if left and not force:
                raise CommandError("They would stop working. Wait until they are used, replace them, or add --force.")
            self.stdout.write(_rotation.finish(NAME))
