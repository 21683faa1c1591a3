"""``manage.py verify_audit``: proves that no audit log was changed, or says where the first break is."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.scope import org_scope
from tenants import audit_log
from tenants.audit_log import Broken
from tenants.models import Organization


class Command(BaseCommand):
    help = "Recompute the hash chain of every organization's audit log, or of one; exit status 1 at the first break."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", default="", help="slug; without it all of them")

    def handle(self, *args: Any, organization: str, **options: Any) -> None:
        found = Organization.objects.order_by("slug")
        if organization:
            found = found.filter(slug=organization)
            if not found.exists():
                raise CommandError("There is no organization with this slug.")
        breaks = [one.slug for one in found if not self._holds(one)]
        if breaks:
            raise CommandError(f"{len(breaks)} of {found.count()} audit logs are broken.")

    def _holds(self, organization: Organization) -> bool:
        with org_scope(organization.pk):
            outcome = audit_log.verify(organization=organization)
        if isinstance(outcome, Broken):
            place = "an entry" if outcome.sequence is None else f"entry {outcome.sequence}"
            self.stderr.write(f"{organization.slug}: broken at {place}: {outcome.reason}")
            return False
        self.stdout.write(f"{organization.slug}: {outcome.entries} entries, unbroken")
        return True
