"""Answers to what no view answered: problem documents below /api/, pages elsewhere."""

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from core.problems import problem_response, whole_request

_API = "/api/"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    title = "The request is not valid."
    return problem_response(400, "invalid", title, errors=whole_request(title))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_api(request):
        return defaults.permission_denied(request, exception)
    return problem_response(403, "forbidden", "You may not do this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_api(request):
        return defaults.page_not_found(request, exception)
    return problem_response(404, "not-found", "There is nothing here.")


def server_error(request: HttpRequest) -> HttpResponse:
    if not _is_api(request):
        return defaults.server_error(request)
    return problem_response(500, "internal", "Something went wrong.", "The log has the details under the request's id.")


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith(_API)
