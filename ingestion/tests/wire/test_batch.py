from ingestion.tests.wire.builders import UUID7, parse
from ingestion.wire.batch import FieldError, FieldWarning, Rejection


def test_calls_only_the_caller_can_refuse_become_rejections_in_order():
    good = {"model": "m", "id": UUID7}
    batch = parse([good | {"project": "nowhere"}, {}, good, good | {"project": "nowhere"}])
    unknown = FieldError("project", "is not a project of this organization")

    batch.refuse_calls({0: unknown, 3: unknown})

    assert [index for index, _ in batch.calls] == [2]
    assert batch.rejected == [
        Rejection(0, UUID7, [unknown]),
        Rejection(1, None, [FieldError("model", "is required")]),
        Rejection(3, UUID7, [unknown]),
    ]


def test_refusing_nothing_changes_nothing():
    batch = parse([{"model": "m", "id": UUID7}])

    batch.refuse_calls({})

    assert ([index for index, _ in batch.calls], batch.rejected) == ([0], [])


def test_the_caller_may_add_a_warning():
    batch = parse([{"model": "m", "id": UUID7}])

    batch.warn(0, "team", "is not a team yet")

    assert batch.warnings == [FieldWarning(0, "team", "is not a team yet")]
