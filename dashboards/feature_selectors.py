"""Reads what features are called, and which are kept apart."""

from dashboards.feature_rows import Names
from dashboards.models import FeatureLabel, FeaturesApart
from dashboards.near_names import Pair
from tenants.models import Organization


def names(*, organization: Organization) -> Names:
    found = list(FeatureLabel.objects.filter(organization=organization).order_by("feature"))
    return Names(
        labels={one.feature: one.label for one in found if one.label},
        groups={one.feature: one.group for one in found if one.group},
    )


def apart(*, organization: Organization) -> set[Pair]:
    """Pairs that somebody said are not one feature."""
    found = FeaturesApart.objects.filter(organization=organization)
    return set(found.values_list("feature", "other"))
