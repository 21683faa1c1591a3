"""Files as HTTP answers: the whole or a part, so that what was cut off goes on where it ended."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from dashboards.exports import about, at_once, files, ranges
from dashboards.exports.models import Export
from dashboards.exports.services import path_of

MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}


def of_file(request: HttpRequest, export: Export) -> HttpResponseBase:
    """The file that was made, or the part that the request asks for.

    :raises files.MissingError: it is not on this machine's disk.
    """
    path = path_of(export)
    if files.size(path) != export.bytes:
        raise files.MissingError
    etag = f'"{export.pk}-{export.bytes}-{export.as_of:%Y%m%d%H%M%S%f}"'
    asked, if_range = request.headers.get("Range", ""), request.headers.get("If-Range", "")
    try:
        part = ranges.part(asked, size=export.bytes, etag=etag, if_range=if_range)
    except ranges.UnsatisfiableError:
        refusal = HttpResponse(status=416, headers={"Content-Range": f"bytes */{export.bytes}"})
        return _described(refusal, export, etag)
    start, end = (part.start, part.end) if part else (0, export.bytes)
    body = iter(()) if request.method == "HEAD" else files.chunks(path, start, end)
    answer = StreamingHttpResponse(body, status=206 if part else 200, content_type=MEDIA_TYPES[export.format])
    answer["Content-Length"] = str(end - start)
    if part:
        answer["Content-Range"] = part.header
    return _described(answer, export, etag)


def is_beginning(request: HttpRequest) -> bool:
    """Whether the request begins a download, rather than going on with one."""
    return not request.headers.get("Range") or request.headers["Range"].replace(" ", "").startswith("bytes=0-")


def written_now(export: Export) -> StreamingHttpResponse:
    """A small file, written while it is read."""
    body: Iterator[bytes] = at_once.stream(export)
    answer = StreamingHttpResponse(body, content_type=MEDIA_TYPES[export.format])
    return _named(answer, export)


def _described[R: HttpResponseBase](answer: R, export: Export, etag: str) -> R:
    answer["ETag"], answer["Accept-Ranges"] = etag, "bytes"
    answer["Cache-Control"] = "private, no-store"
    return _named(answer, export)


def _named[R: HttpResponseBase](answer: R, export: Export) -> R:
    """What it is called, and what it was made of: CSV and NDJSON have no place for that."""
    answer["Content-Disposition"] = f'attachment; filename="{export.file_name}"'
    answer["X-TokenOps-Filter"] = about.query_of(export)
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
