"""The API's document: what Django serves, completed with the edge's telemetry endpoints."""

from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from ingestion.api import edge_schema, otlp_schema
from tenants.api.schema import KEY_SCHEMES


def add_edge_endpoints(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A drf-spectacular hook: adds the edge's paths and the schemas they use."""
    security: list[dict[str, list[str]]] = [{scheme: []} for scheme in KEY_SCHEMES]
    paths = dict(result["paths"])
    for path, item in (edge_schema.paths(security=security) | otlp_schema.paths(security=security)).items():
        paths[path] = paths.get(path, {}) | item  # a path may be Django's for one method and the edge's for another
    schemas = result["components"]["schemas"] | edge_schema.schemas() | otlp_schema.schemas()
    schemas = {name: _any_of(schema) for name, schema in schemas.items()}
    result["paths"] = dict(sorted(paths.items()))
    result["components"]["schemas"] = dict(sorted(schemas.items()))
    return result


def _any_of(schema: dict[str, Any]) -> dict[str, Any]:
    """The package only knows ``oneOf``, but an empty page of one kind is one of the other kind too."""
    if "oneOf" not in schema or "discriminator" in schema:
        return schema
    return {"anyOf" if name == "oneOf" else name: value for name, value in schema.items()}


class Document(SchemaGenerator):
    """The document, made once a process: it is the same for everybody, and making it takes a good part of a second."""

    def get_schema(self, request: object = None, public: bool = False) -> Any:
        return _document()


@cache
def _document() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]


class SchemaView(SpectacularAPIView):
    """JSON unless YAML is asked for; rendering YAML is slow."""

    generator_class = Document
    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer]


class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI from our own server, without the inline style and script of the package's page."""

    url_name = "api:schema"
    template_name = "api/docs.html"
