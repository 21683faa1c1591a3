"""``/instance/``: how this installation is and who is on it. Administrators see no tenant data here."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from core import system
from tenants import selectors
from tenants.models import User


@require_GET
@never_cache
@login_required
def overview(request: HttpRequest) -> HttpResponse:
    """The page; while it is open it asks for its changing part every few seconds."""
    if not (isinstance(request.user, User) and request.user.is_staff):
        raise Http404
    context = {"report": system.report(now=timezone.now()), "nav_active": "instance"}
    if request.headers.get("HX-Request"):
        return render(request, "instance/overview.html#system", context)
    context |= {
        "summaries": selectors.organization_summaries(),
        "base_url": settings.BASE_URL,
        "has_mail_server": bool(settings.EMAIL_URL),
    }
    return render(request, "instance/overview.html", context)
