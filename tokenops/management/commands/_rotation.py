"""What the two commands that replace a secret have in common: where the embedded stack's secrets change."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import CommandError

from tokenops import env


def add_arguments(parser: ArgumentParser) -> None:
    step = parser.add_mutually_exclusive_group()
    step.add_argument("--start", action="store_true", help="write a new secret into secrets.env and keep the old one")
    step.add_argument("--finish", action="store_true", help="remove the old secret from secrets.env")


def start(name: str) -> str:
    """:raises CommandError: the secret is set elsewhere, or is being replaced already."""
    try:
        env.start_rotation(settings.STATE_DIR, name)
    except env.ConfigurationError as error:
        raise CommandError(str(error)) from error
    return f"secrets.env has a new {name}, and the old one as {name}_PREVIOUS. Restart TokenOps, then go on."


def finish(name: str) -> str:
    """:raises CommandError: the old secret is set elsewhere, or gone."""
    try:
        env.finish_rotation(settings.STATE_DIR, name)
    except env.ConfigurationError as error:
        raise CommandError(str(error)) from error
    return f"{name}_PREVIOUS is gone from secrets.env. Restart TokenOps; what was made with it opens nothing any more."
