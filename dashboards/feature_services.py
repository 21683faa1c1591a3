"""Writes about what features are called. Calls, filters and the API go on with the names on the wire."""

from collections.abc import Iterable, Sequence
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from core.scope import org_scope
from dashboards import near_names
from dashboards.models import FeatureLabel, FeaturesApart
from tenants import audit
from tenants.audit import Actor
from tenants.models import Organization

LONGEST_FEATURE: Final = 255
LONGEST_NAME: Final = 100
MOST_LABELS: Final = 2_000


@transaction.atomic
def label_feature(*, organization: Organization, actor: Actor, feature: str, label: str, group: str) -> None:
    """Show ``feature`` as ``label`` and within ``group``; both empty is as if nobody had said anything.

    :raises ValidationError: a name is too long or has what cannot be stored, or there are too many labels.
    """
    wanted = _name(label, "label"), _name(group, "group")
    with org_scope(organization.pk):
        before = _said(organization, [_feature(feature)])
        if before.get(feature, ("", "")) == wanted:
            return
        _store(organization, {feature: wanted})
        audit.record(
            "feature.labelled", actor=actor, target=organization, feature=feature, label=wanted[0], group=wanted[1]
        )


@transaction.atomic
def group_features(*, organization: Organization, actor: Actor, features: Sequence[str], group: str) -> None:
    """Show ``features`` as one, called ``group``; their labels stay.

    :raises ValidationError: fewer than two features, no name for the group, or a name that cannot be stored.
    """
    named = _several(features)
    wanted = _name(group, "group")
    if not wanted:
        raise ValidationError({"group": "Give the group a name."})
    with org_scope(organization.pk):
        before = _said(organization, named)
        _store(organization, {one: (before.get(one, ("", ""))[0], wanted) for one in named})
        audit.record("features.grouped", actor=actor, target=organization, features=named, group=wanted)


@transaction.atomic
def ungroup_features(*, organization: Organization, actor: Actor, group: str) -> None:
    """Show the features of ``group`` one by one again. A group that is not there is no error: it is what was wanted."""
    with org_scope(organization.pk):
        members = FeatureLabel.objects.filter(organization=organization, group=group).exclude(group="")
        before = {one.feature: one.label for one in members.order_by("feature")}
        if not before:
            return
        _store(organization, {feature: (label, "") for feature, label in before.items()})
        audit.record("features.ungrouped", actor=actor, target=organization, features=list(before), group=group)


@transaction.atomic
def keep_apart(*, organization: Organization, actor: Actor, features: Sequence[str]) -> None:
    """Never suggest again that two of ``features`` are one.

    :raises ValidationError: fewer than two features, or a name that cannot be stored.
    """
    named = _several(features)
    with org_scope(organization.pk):
        FeaturesApart.objects.bulk_create(
            [
                FeaturesApart(organization=organization, feature=one, other=other)
                for one, other in near_names.pairs(named)
            ],
            ignore_conflicts=True,
        )
        audit.record("features.kept_apart", actor=actor, target=organization, features=named)


@transaction.atomic
def suggest_again(*, organization: Organization, actor: Actor) -> None:
    """Forget every suggestion that was dismissed."""
    with org_scope(organization.pk):
        count, _ = FeaturesApart.objects.filter(organization=organization).delete()
        if count:
            audit.record("features.suggested_again", actor=actor, target=organization, pairs=count)


def _said(organization: Organization, features: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Label and group of the features that have one, locked."""
    found = FeatureLabel.objects.select_for_update().filter(organization=organization, feature__in=list(features))
    return {one.feature: (one.label, one.group) for one in found.order_by("feature")}


def _store(organization: Organization, wanted: dict[str, tuple[str, str]]) -> None:
    """Rows for what is said; none where nothing is.

    :raises ValidationError: there are too many.
    """
    nothing = [feature for feature, said in wanted.items() if said == ("", "")]
    FeatureLabel.objects.filter(organization=organization, feature__in=nothing).delete()
    for feature, (label, group) in sorted(wanted.items()):
        if (label, group) != ("", ""):
            FeatureLabel.objects.update_or_create(
                organization=organization,
                feature=feature,
                defaults={"label": label, "group": group, "updated_at": timezone.now()},
            )
    if FeatureLabel.objects.filter(organization=organization).count() > MOST_LABELS:
        raise ValidationError(f"There can be labels of {MOST_LABELS:,} features at most.")


def _several(features: Sequence[str]) -> list[str]:
    named = sorted({_feature(one) for one in features})
    if not 1 < len(named) <= near_names.MOST_TOGETHER:
        raise ValidationError(f"Choose two to {near_names.MOST_TOGETHER} features.")
    return named


def _feature(name: str) -> str:
    if not name or "\0" in name or len(name) > LONGEST_FEATURE:
        raise ValidationError("That is no name of a feature.")
    return name


def _name(text: str, field: str) -> str:
    """:raises ValidationError: it is too long, or holds what cannot be stored."""
    name = " ".join(text.split())
    if "\0" in name:
        raise ValidationError({field: "Use letters, digits and signs."})
    if len(name) > LONGEST_NAME:
        raise ValidationError({field: f"At most {LONGEST_NAME} characters."})
    return name
