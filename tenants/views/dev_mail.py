"""``/dev/mail/``: the mails of an instance without a mail server, shown to this machine only."""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from core import addresses
from tenants import dev_mail


def _this_machine_only[**P](view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        request = args[0]
        if not (settings.DEV_MAIL and isinstance(request, HttpRequest) and addresses.is_this_machine(request)):
            raise Http404
        return view(*args, **kwargs)

    return guarded


@require_GET
@never_cache
@_this_machine_only
def mail_list(request: HttpRequest) -> HttpResponse:
    return render(request, "dev/mail_list.html", {"mails": dev_mail.mails(settings.MAIL_DIR)})


@require_GET
@never_cache
@_this_machine_only
def mail_detail(request: HttpRequest, mail_id: str) -> HttpResponse:
    mail = dev_mail.find_mail(settings.MAIL_DIR, mail_id)
    if mail is None:
        raise Http404
    return render(request, "dev/mail_detail.html", {"mail": mail})
