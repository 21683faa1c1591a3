"""``manage.py rebuild_rollups --organization SLUG --from DATE --to DATE [--check]``: sums anew from the calls."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from ingestion import rebuild
from tenants.models import Organization

_PATIENCE_MS: Final = 600_000  # a day of a very large organization


class Command(BaseCommand):
    help = "Recompute an organization's rollups from its calls, or prove with --check that they are equal."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--from", required=True, type=_day, dest="first", help="first local day, YYYY-MM-DD")
        parser.add_argument("--to", required=True, type=_day, dest="end", help="the first local day that is left out")
        parser.add_argument("--check", action="store_true", help="report differences and write nothing")

    def handle(self, *, organization: str, first: date, end: date, check: bool, **_: Any) -> None:
        found = Organization.objects.filter(slug=organization).first()
        if found is None:
            raise CommandError("There is no organization with this slug.")
        if not first < end:
            raise CommandError("--to must be after --from.")
        with connection.cursor() as cursor:
            cursor.execute(f"set statement_timeout = {_PATIENCE_MS}")
        if check:
            self._check(found, first, end)
        else:
            calls = rebuild.rebuild_rollups(organization=found, first_date=first, end_date=end)
            self.stdout.write(f"{(end - first).days} days rebuilt from {calls} calls.")

    def _check(self, organization: Organization, first: date, end: date) -> None:
        days = 0
        reports = rebuild.differences(organization=organization, first_date=first, end_date=end, now=timezone.now())
        for _day_checked, found in reports:
            days += bool(found)
            for one in found:
                self.stdout.write(
                    f"{one.day} {one.table}: {one.missing} missing, {one.unexpected} unexpected,"
                    f" {one.different} different"
                )
        if days:
            raise CommandError(f"{days} of {(end - first).days} days differ.")
        self.stdout.write(f"{(end - first).days} days are equal.")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError("write a day as YYYY-MM-DD") from error
