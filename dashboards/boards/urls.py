from django.urls import path

from dashboards.boards.views import boards, layout, transfer, widgets

app_name = "boards"

_BOARDS = "o/<slug:organization_slug>/dashboards/"
_BOARD = _BOARDS + "<int:board_id>/"
_WIDGET = _BOARD + "widgets/<int:widget_id>/"

urlpatterns = [
    path(_BOARDS, boards.board_list, name="board-list"),
    path(_BOARDS + "new/", boards.board_create, name="board-create"),
    path(_BOARDS + "import/", transfer.board_import, name="board-import"),
    path(_BOARD, widgets.board_detail, name="board-detail"),
    path(_BOARD + "edit/", layout.board_edit, name="board-edit"),
    path(_BOARD + "settings/", boards.board_settings, name="board-settings"),
    path(_BOARD + "duplicate/", boards.board_duplicate, name="board-duplicate"),
    path(_BOARD + "delete/", boards.board_delete, name="board-delete"),
    path(_BOARD + "export/", transfer.board_export, name="board-export"),
    path(_BOARD + "widgets/new/", widgets.widget_create, name="widget-create"),
    path(_WIDGET, widgets.widget_detail, name="widget-detail"),
    path(_WIDGET + "edit/", widgets.widget_edit, name="widget-edit"),
    path(_WIDGET + "delete/", widgets.widget_delete, name="widget-delete"),
]
