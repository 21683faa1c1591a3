"""``/instance/``: how this installation is and who is on it. Administrators see no tenant data here."""

import platform

import django
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from core import health
from tenants import selectors
from tenants.models import User


@require_GET
@login_required
def overview(request: HttpRequest) -> HttpResponse:
    if not (isinstance(request.user, User) and request.user.is_staff):
        raise Http404
    context = {
        "components": health.components(now=timezone.now()),
        "summaries": selectors.organization_summaries(),
        "versions": {"TokenOps": settings.VERSION, "Django": django.get_version(), "Python": platform.python_version()},
        "base_url": settings.BASE_URL,
        "has_mail_server": bool(settings.EMAIL_URL),
        "nav_active": "instance",
    }
    return render(request, "instance/overview.html", context)
