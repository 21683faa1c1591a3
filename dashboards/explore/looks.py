"""The colours of an answer's chart: a model keeps its own wherever it is shown, and so does a name."""

from collections.abc import Sequence

from dashboards.colors import colors_of, colors_of_names
from dashboards.explore import drawing
from dashboards.explore.answer import Answer, Name
from dashboards.explore.drawing import Looks
from dashboards.numbers import ModelName
from tenants.models import Organization


def looks(*, organization: Organization, answer: Answer, wanted: str = "") -> Looks:
    """The looks of the chart's layers by their label."""
    layers = drawing.layers(answer, wanted)
    if layers and all(_is_model(layer) for layer in layers):
        return _of_models(organization, layers)
    return colors_of_names(drawing.label(layer) for layer in layers)


def _is_model(layer: Sequence[Name]) -> bool:
    return len(layer) == 1 and layer[0].dimension == "model"


def _of_models(organization: Organization, layers: Sequence[Sequence[Name]]) -> Looks:
    models = {ModelName(*layer[0].stored): drawing.label(layer) for layer in layers}
    found = colors_of(organization=organization, models=list(models))
    return {models[model]: look for model, look in found.items()}
