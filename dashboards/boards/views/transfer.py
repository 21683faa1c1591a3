"""Dashboards as files: saved here, read elsewhere."""

import json
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods

from dashboards.boards import selectors, services
from dashboards.boards.forms import ImportForm
from dashboards.boards.models import Board
from dashboards.boards.views.common import NAV, find_board, reach_of, to_board
from tenants.access import OrgRequest, org_view
from tenants.forms import status, write_with
from tenants.permissions import Permission


@require_GET
@org_view(Permission.TELEMETRY_READ)
def board_export(request: OrgRequest, board_id: int) -> HttpResponse:
    """The dashboard as a JSON file, for an import elsewhere or a repository."""
    board = find_board(request, board_id)
    document = selectors.document_for(board=board, reach=reach_of(request))
    answer = HttpResponse(json.dumps(document, indent=2, ensure_ascii=False) + "\n", content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="{slugify(board.name) or "dashboard"}.json"'
    return answer


@require_http_methods(["GET", "POST"])
@org_view(Permission.BOARDS_KEEP)
def board_import(request: OrgRequest) -> HttpResponse:
    """A dashboard from a file; it is its importer's own until they share it."""
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()

    def create(data: dict[str, Any]) -> Board:
        return services.create_board(
            organization=request.organization,
            actor=request.user,
            visibility=Board.Visibility.PRIVATE,
            wanted=data["terms"],
            now=timezone.now(),
        )

    board = write_with(form, create)
    if board:
        return to_board(request, board)
    return render(request, "boards/board_import.html", {"nav_active": NAV, "form": form}, status=status(form))
