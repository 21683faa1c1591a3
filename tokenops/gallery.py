"""``/dev/gallery/``: every component in every state, for whoever works on the pages. Only with DEBUG."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from core import gallery as components


@require_GET
def gallery(request: HttpRequest) -> HttpResponse:
    if not settings.DEBUG:
        raise Http404
    return render(request, "gallery.html", components.context(now=timezone.now()))
