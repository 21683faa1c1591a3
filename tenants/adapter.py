"""What allauth asks us: who may sign up, how an address is written, where the links in mails lead."""

import logging
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from allauth.account import forms as allauth_forms
from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from core import addresses
from core.origin import origin_of
from tenants import invitations, sign_ins
from tenants.models import User

INVITATION: Final = "invitation"  # session key: the digest, in hex, of the invitation that was opened last

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth has no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Only an open instance takes strangers, and one by invitation those who come from the link in its mail."""
        return settings.SIGNUP == "open" or bool(settings.SIGNUP == "invite" and invited_address(request))

    def is_email_verified(self, request: HttpRequest, email: str) -> bool:
        """Who came by an invitation's link has read the mail that was sent to its address."""
        return super().is_email_verified(request, email) or email.lower() == invited_address(request)

    def clean_email(self, email: str) -> str:
        """One person, one spelling: addresses are compared and stored in lower case."""
        return str(super().clean_email(email)).lower()

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that rate limits count and sessions show, seen through ``TRUSTED_PROXIES``."""
        return addresses.valid_or_unknown(origin_of(request).address)

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        """However somebody came in, a new place is news."""
        answer: HttpResponse = super().post_login(request, user, **kwargs)
        sign_ins.record_sign_in(user=user, origin=origin_of(request), now=timezone.now())
        return answer

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send with links to ``BASE_URL``. A mail server that is down is said on the page, the same to everybody."""
        links = {name: public_url(self.request, url) for name, url in context.items() if name.endswith("_url")}
        try:
            super().send_mail(template_prefix, email, context | links)
        except OSError:  # smtplib's errors too
            logger.exception("a mail could not be sent", extra={"template": template_prefix})
            if "user_agent" not in context:  # of a notice nobody waits for
                messages.error(self.request, "The mail could not be sent. Try again later, or ask your administrator.")


class SignupForm(allauth_forms.SignupForm):  # type: ignore[misc] # allauth has no types
    """Creates an account; where invitations are the only way in, for the invited address alone."""

    def clean_email(self) -> str:
        return insist_on_invited(str(super().clean_email()))


def insist_on_invited(email: str) -> str:
    """``email``, where it may get an account.

    :raises ValidationError: accounts need an invitation, and it was sent to another address.
    """
    if settings.SIGNUP == "invite" and email != invited_address(get_adapter().request):
        raise ValidationError("Use the address the invitation was sent to.")
    return email


def invited_address(request: HttpRequest) -> str | None:
    """The address of the pending invitation whose link this browser opened last."""
    stored = request.session.get(INVITATION)
    return invitations.open_address(digest=bytes.fromhex(stored), now=timezone.now()) if stored else None


def public_url(request: HttpRequest, url: str) -> str:
    """``url`` on ``BASE_URL``, whatever host name the request chose to send; on this machine it stays as it is."""
    if addresses.is_this_machine(request):
        return url
    base = urlsplit(settings.BASE_URL)
    return urlunsplit(urlsplit(url)._replace(scheme=base.scheme, netloc=base.netloc))
