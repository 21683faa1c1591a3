"""How the API's document describes exports."""

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.openapi import problems, shown
from core.parameters import OrganizationParameters
from dashboards.exports import columns
from dashboards.exports.api_serializers import ExportListSerializer, ExportSerializer, NewExportSerializer

_EXPORT: Final[dict[str, Any]] = {
    "from": "2026-11-01T00:00:00.000000Z",
    "id": 12,
    "name": "November",
    "kind": "calls",
    "format": "parquet",
    "state": "done",
    "progress": 1.0,
    "rows": 182_400,
    "rows_counted": 182_400,
    "rows_gone": 0,
    "bytes": 9_120_431,
    "columns": ["timestamp", "project", "id", "model_key", "endpoint_name", "cost_usd"],
    "filter": "Feature: summarization",
    "to": "2026-12-01T00:00:00.000000Z",
    "as_of": "2026-12-01T08:00:00.000000Z",
    "error": None,
    "created_at": "2026-12-01T08:00:00.000000Z",
    "created_by": "ada@example.com",
    "finished_at": "2026-12-01T08:00:19.120000Z",
    "expires_at": "2026-12-08T08:00:19.120000Z",
    "file_name": "november-20261201-080000.parquet",
}
_QUEUED: Final = _EXPORT | {
    "state": "queued",
    "progress": 0.0,
    "rows": 0,
    "rows_counted": None,
    "bytes": 0,
    "finished_at": None,
    "expires_at": None,
}
_CALLS: Final = {
    "name": "November",
    "format": "parquet",
    "from": "2026-11-01T00:00:00Z",
    "to": "2026-12-01T00:00:00Z",
    "filter": {"endpoint_name": ["summarization"]},
    "columns": ["timestamp", "project", "id", "model_key", "endpoint_name", "cost_usd"],
}
_NUMBERS: Final = {
    "name": "Cost by model",
    "format": "csv",
    "from": "2026-11-01T00:00:00Z",
    "to": "2026-12-01T00:00:00Z",
    "question": {"metric": "cost", "by": ["model"], "shape": "ranking"},
}
_ID: Final = OpenApiParameter("export_id", int, OpenApiParameter.PATH, description="The export's id.")
_RANGE: Final = OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="`bytes=1048576-`: from there on.")
_IF_RANGE: Final = OpenApiParameter(
    "If-Range",
    str,
    OpenApiParameter.HEADER,
    description="The `ETag` of what is there already; another file is sent whole.",
)
_WHOSE: Final = (
    " People see their own, admins everybody's; a key sees those that it asked for. People need the permission to have"
    " exports made, keys the scope `read`."
)
_COLUMNS: Final = "\n".join(f"- `{column.name}`: {column.help}" for column in columns.CALLS)

export_list = extend_schema(
    methods=["GET"],
    operation_id="export_list",
    tags=["Exports"],
    summary="Exports",
    description="The newest hundred." + _WHOSE,
    parameters=[OrganizationParameters],
    responses={200: shown(ExportListSerializer, "exports", {"results": [_EXPORT], "next": None})}
    | problems(400, 403, 404),
)
export_create = extend_schema(
    methods=["POST"],
    operation_id="export_create",
    tags=["Exports"],
    summary="Export calls or numbers",
    description="A worker makes the file; ask for the export until its `state` is `done`, then for its file. Calls come"
    " oldest first; those received after the request are not among them. Unknown costs are empty or"
    " null, never 0; texts that a spreadsheet would run begin with `'` in CSV and Excel files. An amount in a Parquet"
    " file has 20 decimals.\n\nColumns of calls:\n\n" + _COLUMNS,
    parameters=[OrganizationParameters],
    request=NewExportSerializer,
    examples=[
        OpenApiExample("calls", value=_CALLS, request_only=True),
        OpenApiExample("numbers", value=_NUMBERS, request_only=True),
    ],
    responses={201: shown(ExportSerializer, "queued", _QUEUED)} | problems(400, 403, 404, 415),
)
export_detail = extend_schema(
    methods=["GET"],
    operation_id="export_detail",
    tags=["Exports"],
    summary="One export",
    description="Ask again until `state` is `done`, `failed`, `cancelled` or `expired`.",
    parameters=[OrganizationParameters, _ID],
    responses={200: shown(ExportSerializer, "export", _EXPORT)} | problems(400, 403, 404),
)
export_delete = extend_schema(
    methods=["DELETE"],
    operation_id="export_delete",
    tags=["Exports"],
    summary="Delete an export",
    description="Its file goes with it; calls stay.",
    parameters=[OrganizationParameters, _ID],
    responses={204: None} | problems(400, 403, 404),
)
export_cancel = extend_schema(
    operation_id="export_cancel",
    tags=["Exports"],
    summary="Stop making a file",
    description="What there is of it is removed.",
    parameters=[OrganizationParameters, _ID],
    request=None,
    responses={200: shown(ExportSerializer, "cancelled", _QUEUED | {"state": "cancelled"})}
    | problems(400, 403, 404, 409),
)
_BYTES: Final = OpenApiResponse(OpenApiTypes.BINARY, description="The file.")
_PART: Final = OpenApiResponse(OpenApiTypes.BINARY, description="The part that `Range` asks for; see `Content-Range`.")
export_file = extend_schema(
    operation_id="export_file",
    tags=["Exports"],
    summary="The file of an export",
    description="A download that was cut off goes on with `Range` and `If-Range`. `X-TokenOps-Filter` says what the"
    " file was made of.",
    parameters=[OrganizationParameters, _ID, _RANGE, _IF_RANGE],
    responses={
        (200, "application/octet-stream"): _BYTES,
        (206, "application/octet-stream"): _PART,
        416: OpenApiResponse(description="The file is shorter; `Content-Range` says how long it is."),
    }
    | problems(400, 403, 404, 409),
)
