"""How a project wants its rules: reads and changes settings."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from core.fields import decimal_text
from core.scope import org_scope
from rules.cursors import make_due
from rules.engine.names import Rule, Severity
from rules.engine.thresholds import CATALOGUE, Configs, RuleConfig, ThresholdError, checked
from rules.models import RuleSetting
from tenants import audit
from tenants.audit import Actor
from tenants.models import Organization, Project

MOST_MUTED: Final = 100
_LONGEST_FEATURE: Final = 100


def configs(*, project: Project) -> Configs:
    """Every rule as ``project`` wants it; what is stored and no longer allowed is the catalogue's again."""
    stored = RuleSetting.objects.filter(project=project, rule__in=list(Rule))
    return {Rule(setting.rule): _config(setting) for setting in stored}


def _config(setting: RuleSetting) -> RuleConfig:
    rule = Rule(setting.rule)
    return RuleConfig(
        enabled=setting.enabled,
        values={name: value for one in setting.thresholds.items() for name, value in _allowed(rule, *one).items()},
        severity=Severity(setting.severity) if setting.severity else None,
        muted_features=frozenset(setting.muted_features),
    )


def _allowed(rule: Rule, name: str, value: object) -> Mapping[str, Any]:
    try:
        return checked(rule, {name: value})
    except ThresholdError:
        return {}


@transaction.atomic
def configure(
    *,
    organization: Organization,
    actor: Actor,
    project: Project,
    rule: str,
    enabled: bool,
    thresholds: Mapping[str, object],
    severity: str = "",
    muted_features: Iterable[str] = (),
    now: datetime,
) -> RuleSetting:
    """Have ``rule`` work like this in ``project`` from its next evaluation on, which is due at once.

    :raises ValidationError: by field: an unknown rule, a threshold out of its bounds, an unknown severity, too much.
    """
    spec = CATALOGUE.get(Rule(rule)) if rule in set(Rule) else None
    if spec is None:
        raise ValidationError({"rule": "There is no such rule."})
    values = _checked(spec.rule, thresholds)
    muted = _features(muted_features)
    if severity and severity not in set(Severity):
        raise ValidationError({"severity": "Choose low, medium or high, or nothing for the rule's own."})
    different = {name: decimal_text(value) for name, value in values.items() if value != spec.defaults()[name]}
    with org_scope(organization.pk):
        Project.objects.select_for_update().get(pk=project.pk)
        setting, _ = RuleSetting.objects.update_or_create(
            project=project,
            rule=spec.rule.value,
            defaults={
                "organization": organization,
                "enabled": enabled,
                "thresholds": different,
                "severity": severity,
                "muted_features": muted,
                "updated_at": now,
            },
        )
        audit.record(
            "rule.configured",
            actor=actor,
            target=project,
            rule=spec.rule.value,
            enabled=enabled,
            thresholds=different,
            severity=severity,
            muted_features=muted,
        )
        make_due(organization_id=organization.pk, project_id=project.pk, now=now, is_full=True)
    return setting


def _checked(rule: Rule, thresholds: Mapping[str, object]) -> Mapping[str, Any]:
    """:raises ValidationError: every threshold that may not be so, by its name."""
    problems: dict[str, str] = {}
    found: dict[str, Any] = {}
    for name, value in thresholds.items():
        try:
            found |= checked(rule, {name: value})
        except ThresholdError as error:
            problems[error.name] = str(error)
    if problems:
        raise ValidationError(problems)
    return found


def _features(given: Iterable[str]) -> list[str]:
    """:raises ValidationError: too many, or one that no feature can be called."""
    features = sorted({feature.strip() for feature in given if feature.strip()})
    if len(features) > MOST_MUTED:
        raise ValidationError({"muted_features": f"At most {MOST_MUTED} features can be muted."})
    if any(len(feature) > _LONGEST_FEATURE or "\x00" in feature for feature in features):
        raise ValidationError({"muted_features": f"A feature's name has at most {_LONGEST_FEATURE} characters."})
    return features
