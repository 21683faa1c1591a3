"""The forms in which the API hands out reports besides JSON. A problem stays JSON, whatever was asked for."""

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer, JSONRenderer


class _FileRenderer(BaseRenderer):
    charset: str | None = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """What the view made, already written."""
        if isinstance(data, bytes):
            return data
        written: bytes = JSONRenderer().render(data, accepted_media_type, renderer_context)
        return written


class PdfRenderer(_FileRenderer):
    media_type, format = "application/pdf", "pdf"


class HtmlRenderer(_FileRenderer):
    media_type, format, charset = "text/html", "html", "utf-8"


class TextRenderer(_FileRenderer):
    media_type, format, charset = "text/plain", "txt", "utf-8"
