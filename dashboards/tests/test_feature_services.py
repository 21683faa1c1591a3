"""What people say of features: stored, recorded and taken back."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from core.scope import org_scope
from dashboards import feature_selectors, feature_services
from dashboards.feature_services import MOST_LABELS
from dashboards.models import FeatureLabel, FeaturesApart
from tenants.models import AuditEntry, Organization
from tenants.tests.people import owner_of

LONG = "x" * 101


def said(organization: Organization) -> dict[str, tuple[str, str]]:
    with org_scope(organization.pk):
        return {one.feature: (one.label, one.group) for one in FeatureLabel.objects.order_by("feature")}


def entries(organization: Organization) -> list[tuple[str, dict[str, Any]]]:
    with org_scope(organization.pk):
        found = AuditEntry.objects.filter(action__startswith="feature").order_by("pk")
        return [(one.action, one.facts) for one in found]


def label(organization: Organization, feature: str = "chat", label: str = "", group: str = "") -> None:
    feature_services.label_feature(
        organization=organization, actor=owner_of(organization), feature=feature, label=label, group=group
    )


def grouped(organization: Organization, *features: str, group: str = "Chat") -> None:
    feature_services.group_features(
        organization=organization, actor=owner_of(organization), features=features, group=group
    )


def test_a_label_and_a_group_are_kept_and_recorded(acme: Organization) -> None:
    label(acme, label="  The   chat ", group="Talk")

    assert said(acme) == {"chat": ("The chat", "Talk")}
    assert entries(acme) == [("feature.labelled", {"feature": "chat", "label": "The chat", "group": "Talk"})]


def test_saying_the_same_again_is_nothing_new(acme: Organization) -> None:
    label(acme, label="A")
    label(acme, label="A")
    label(acme, feature="other")

    assert said(acme) == {"chat": ("A", "")}
    assert len(entries(acme)) == 1


def test_saying_nothing_takes_the_row_away(acme: Organization) -> None:
    label(acme, label="A")
    label(acme)

    assert said(acme) == {}
    assert entries(acme)[-1] == ("feature.labelled", {"feature": "chat", "label": "", "group": ""})


@pytest.mark.parametrize(
    "wanted",
    [{"label": LONG}, {"group": LONG}, {"label": "a\0b"}, {"feature": ""}, {"feature": "a\0"}, {"feature": "x" * 256}],
)
def test_what_cannot_be_stored_changes_nothing(acme: Organization, wanted: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        label(acme, **{"label": "A"} | wanted)

    assert (said(acme), entries(acme)) == ({}, [])


def test_several_are_shown_as_one_and_keep_their_labels(acme: Organization) -> None:
    label(acme, feature="b", label="Bee")

    grouped(acme, "b", "a", "a")

    assert said(acme) == {"a": ("", "Chat"), "b": ("Bee", "Chat")}
    assert entries(acme)[-1] == ("features.grouped", {"features": ["a", "b"], "group": "Chat"})


def test_a_group_is_taken_apart_again(acme: Organization) -> None:
    label(acme, feature="b", label="Bee")
    grouped(acme, "a", "b")
    grouped(acme, "c", "d", group="Other")

    feature_services.ungroup_features(organization=acme, actor=owner_of(acme), group="Chat")

    assert said(acme) == {"b": ("Bee", ""), "c": ("", "Other"), "d": ("", "Other")}
    assert entries(acme)[-1] == ("features.ungrouped", {"features": ["a", "b"], "group": "Chat"})


@pytest.mark.parametrize("group", ["", "never heard of"])
def test_a_group_that_is_not_there_is_no_error_and_no_entry(acme: Organization, group: str) -> None:
    label(acme, label="A")

    feature_services.ungroup_features(organization=acme, actor=owner_of(acme), group=group)

    assert said(acme) == {"chat": ("A", "")}
    assert len(entries(acme)) == 1


@pytest.mark.parametrize(
    ("features", "group"),
    [((), "Chat"), (("a",), "Chat"), (("a", "a"), "Chat"), (("a", "b"), " "), (("a", "b"), LONG), (("a", ""), "C")],
)
def test_a_group_has_a_name_and_two_features(acme: Organization, features: tuple[str, ...], group: str) -> None:
    with pytest.raises(ValidationError):
        grouped(acme, *features, group=group)

    assert (said(acme), entries(acme)) == ({}, [])


def test_features_that_are_kept_apart_are_so_by_pairs_and_once(acme: Organization) -> None:
    for features in (["c", "a", "b"], ["a", "b"]):
        feature_services.keep_apart(organization=acme, actor=owner_of(acme), features=features)

    with org_scope(acme.pk):
        assert feature_selectors.apart(organization=acme) == {("a", "b"), ("a", "c"), ("b", "c")}
    assert entries(acme)[0] == ("features.kept_apart", {"features": ["a", "b", "c"]})


def test_suggestions_come_again_when_somebody_wants_them(acme: Organization) -> None:
    def again() -> None:
        feature_services.suggest_again(organization=acme, actor=owner_of(acme))

    again()
    feature_services.keep_apart(organization=acme, actor=owner_of(acme), features=["a", "b"])
    again()

    with org_scope(acme.pk):
        assert not FeaturesApart.objects.exists()
    assert [action for action, _ in entries(acme)] == ["features.kept_apart", "features.suggested_again"]


def test_there_is_an_end_to_labels(acme: Organization) -> None:
    with org_scope(acme.pk):
        FeatureLabel.objects.bulk_create(
            [FeatureLabel(organization=acme, feature=f"f{number}", label="x") for number in range(MOST_LABELS)]
        )

    with pytest.raises(ValidationError, match="2,000 features at most"):
        label(acme, feature="one-more", label="A")

    assert "one-more" not in said(acme)


@pytest.mark.parametrize(
    "write",
    [
        lambda acme: label(acme, label="A"),
        lambda acme: grouped(acme, "chat", "b"),
        lambda acme: feature_services.keep_apart(organization=acme, actor=None, features=["chat", "b"]),
    ],
)
def test_another_organization_says_its_own(
    acme: Organization, globex: Organization, write: Callable[[Organization], None]
) -> None:
    write(acme)

    assert (said(globex), entries(globex)) == ({}, [])
    with org_scope(globex.pk):
        assert feature_selectors.apart(organization=globex) == set()


def test_a_search_finds_labels_groups_and_all_of_a_group(acme: Organization) -> None:
    label(acme, feature="a", label="Helpdesk")
    grouped(acme, "b1", "b2", group="Talk")
    label(acme, feature="c", label="Other")

    with org_scope(acme.pk):
        names = feature_selectors.names(organization=acme)

    assert names.with_text("HELP") == ["a"]
    assert names.with_text("talk") == ["b1", "b2"]
    assert names.with_text("b2") == ["b1", "b2"]
    assert names.with_text("") == []
    assert (names.shown("a"), names.shown("zzz")) == ("Helpdesk", "zzz")
