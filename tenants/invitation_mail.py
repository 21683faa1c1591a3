"""The mail with an invitation's link, which is nowhere else."""

from allauth.core.context import request_context
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse

from tenants import invitations
from tenants.adapter import AccountAdapter
from tenants.invitations import Issued


def send_link(request: HttpRequest, issued: Issued, *, invited_by: str) -> None:
    """Send the mail once the invitation is stored: no mail server is waited for inside a transaction."""
    context = {
        "organization": issued.invitation.organization,
        "role": issued.invitation.get_role_display(),
        "invited_by": invited_by,
        "days": invitations.VALID_FOR.days,
        "invitation_url": request.build_absolute_uri(reverse("tenants:invitation", args=[issued.token])),
    }
    email = issued.invitation.email

    def deliver() -> None:
        with request_context(request):
            AccountAdapter().send_mail("tenants/email/invitation", email, context)

    transaction.on_commit(deliver)
