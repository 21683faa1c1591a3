"""The colour of whatever a chart splits by: a model keeps its own wherever it is shown."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from zlib import crc32

from django.db import connection, transaction

from core.charts import HUES, OTHER, PATTERNS, Look
from dashboards.models import ModelColor
from dashboards.numbers import ModelName
from ingestion import store
from tenants.models import Organization

_HUES: Final = range(1, HUES + 1)


def colors_of(*, organization: Organization, models: Sequence[ModelName]) -> dict[ModelName, Look]:
    """The look of each of these models. Those never shown before get theirs now, in the order given.

    Pass the models that a chart names, largest first, and not all there are: only ten can have a hue to themselves.
    """
    wanted = [model for model in dict.fromkeys(models) if model.model_key != store.OTHER]
    known = _known(organization, wanted)
    if len(known) < len(wanted):
        known = _assign(organization, wanted)
    return apart({model: known.get(model, Look(OTHER)) for model in models})


def next_looks(taken: Iterable[int], count: int) -> list[Look]:
    """``count`` further looks: each the least used hue, with the pattern that its uses so far leave."""
    uses = Counter(taken)
    looks = []
    for _ in range(count):
        hue = min(_HUES, key=lambda index: (uses[index], index))
        looks.append(Look(hue, uses[hue] % PATTERNS))
        uses[hue] += 1
    return looks


def colors_of_names(names: Iterable[str]) -> dict[str, Look]:
    """Looks of teams, features, providers and the like: a name's hue is its own in every chart.

    Names of one hue in one chart are told apart by patterns, in the order given.
    """
    return apart({name: Look(crc32(name.encode()) % HUES + 1) for name in names})


def apart[K](looks: Mapping[K, Look]) -> dict[K, Look]:
    """The same looks, with another pattern for what would look like something before it in the same chart."""
    taken: set[Look] = set()
    found: dict[K, Look] = {}
    for key, look in looks.items():
        found[key] = _free(look, taken) if look.color_index != OTHER else look
        taken.add(found[key])
    return found


def _free(look: Look, taken: set[Look]) -> Look:
    """``look`` with the next pattern nothing has; when all are used up it repeats itself."""
    others = (Look(look.color_index, (look.pattern + step) % PATTERNS) for step in range(PATTERNS))
    return next((other for other in others if other not in taken), look)


def _known(organization: Organization, models: Sequence[ModelName]) -> dict[ModelName, Look]:
    keys = {model.model_key for model in models}
    rows = ModelColor.objects.filter(organization=organization, model_key__in=keys)
    wanted = set(models)
    looks = {
        ModelName(provider, key): Look(color, pattern)
        for provider, key, color, pattern in rows.values_list("provider", "model_key", "color_index", "pattern")
    }
    return {model: look for model, look in looks.items() if model in wanted}


@transaction.atomic
def _assign(organization: Organization, models: Sequence[ModelName]) -> dict[ModelName, Look]:
    """Looks for those that have none. One request at a time, so that two do not give one hue to two models."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended('model_colors', %s))", [organization.pk])
    known = _known(organization, models)
    missing = [model for model in models if model not in known]
    taken = ModelColor.objects.filter(organization=organization).values_list("color_index", flat=True)
    looks = dict(zip(missing, next_looks(taken, len(missing)), strict=True))
    ModelColor.objects.bulk_create(
        [
            ModelColor(
                organization=organization,
                provider=model.provider,
                model_key=model.model_key,
                color_index=look.color_index,
                pattern=look.pattern,
            )
            for model, look in looks.items()
        ],
        ignore_conflicts=True,
    )
    return known | looks
