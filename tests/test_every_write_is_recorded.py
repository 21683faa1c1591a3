"""Whoever writes a service that changes a tenant's data records it in the audit log, or says here why not."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("tenants", "ingestion", "dashboards", "gateway", "rules")
# What changes rows: Django's own verbs and ours for work that a task goes on with.
WRITES = {
    "save", "create", "update", "delete", "bulk_create", "bulk_update", "get_or_create", "update_or_create", "set"
}  # fmt: skip

# module.function → why nobody needs to know who did it.
EXEMPT: dict[str, str] = {
    "tenants.services.new_hash_key": "makes a value, writes nothing",
    "tenants.services.appoint_default": "a part of deleting or archiving the old default, which record",
    "ingestion.services.store_calls": "telemetry, whose record is the calls themselves",
    "ingestion.reprice.services.advance": "a slice of a run whose start and end are recorded",
    "ingestion.reprice.services.fail": "records, in the name of nobody",
    "ingestion.reprice.services.note_failure": "counts attempts; the last one is recorded by fail",
    "ingestion.pricing.services.import_catalogue": "no tenant's data; catalogue_changes tells every difference",
    "dashboards.exports.services.drafted": "makes a value, writes nothing",
    "dashboards.reports.services.check_sections": "checks, writes nothing",
    "dashboards.reports.schedule_services.new_report": "a part of sending by hand, which records, or of a slot",
    "dashboards.reports.schedule_services.stop": "a part of pausing, which records, by hand or for want of rights",
    "rules.budget_services.erase_end_user": "a part of an erasure, which names its actor; records",
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the product that may hold a service, by dotted name."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if not {"tests", "migrations"} & set(path.parts):
                yield name, ast.parse(path.read_text(encoding="utf-8"))


def called(function: ast.FunctionDef) -> set[str]:
    """The names of what a function calls: ``save``, ``audit.record``, ``_helper``."""
    names = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Attribute(value=ast.Name(id=owner), attr=attribute):
                    names |= {attribute, f"{owner}.{attribute}"}
                case ast.Attribute(attr=attribute):
                    names.add(attribute)
                case ast.Name(id=name):
                    names.add(name)
    return names


def services(tree: ast.Module) -> dict[str, set[str]]:
    """What each public function with an ``actor`` calls, by itself and through helpers of its module."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}

    def everything(name: str, seen: frozenset[str] = frozenset()) -> set[str]:
        direct = called(functions[name])
        helpers = {helper for helper in direct & set(functions) if helper not in seen}
        return direct.union(*(everything(helper, seen | {name}) for helper in helpers))

    return {
        name: everything(name)
        for name, node in functions.items()
        if not name.startswith("_") and "actor" in {argument.arg for argument in node.args.kwonlyargs}
    }


FOUND = {f"{module}.{name}": calls for module, tree in modules() for name, calls in services(tree).items()}
RECORDERS = {".".join(name.split(".")[-2:]) for name, calls in FOUND.items() if "audit.record" in calls}
"""Services that record, as others call them: ``services.set_time_zone``."""
WRITERS = {name for name, calls in FOUND.items() if calls & WRITES} - {"tenants.audit.record"}
UNNAMED = {
    f"{module}.{node.name}": called(node)
    for module, tree in modules()
    if module.endswith("services")
    for node in tree.body
    if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
}


def test_services_are_found():
    assert {"tenants.services.create_project", "tenants.key_services.revoke_key"} <= WRITERS


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_service_that_changes_something_for_an_actor_records_it(name):
    assert FOUND[name] & (RECORDERS | {"audit.record"}), f"{name} changes data and calls no audit.record"


def test_a_service_of_an_organization_has_an_actor_or_a_reason_for_none():
    """A new function in a services module that writes and takes no actor must be listed, with its reason."""
    without = {name for name, calls in UNNAMED.items() if calls & WRITES and name not in FOUND and name not in EXEMPT}

    assert without == set(), "take actor= and record, or say in EXEMPT why nobody needs to know"


def test_every_exemption_is_still_about_something():
    assert set(EXEMPT) <= set(UNNAMED)
