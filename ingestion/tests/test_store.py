import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion import store

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
ROWS = [
    ("plain", 1, None, True, 1.5),
    ('say "hi", \\ and \\n', -7, "2026-11-22", False, 0.1),
    ("line\nbreak\ttab\r\x01\x1f", 10**15, "", None, None),
    ("null", None, "{}", None, 1e300),
]
COLUMNS = "a text, b bigint, c text, d boolean, e double precision"


def through_copy(rows, columns):
    with connection.cursor() as cursor:
        cursor.execute(f"create temporary table line_test ({columns}) on commit drop")
        statement = "copy line_test from stdin with (format csv, quote '\"', escape '\\', null 'null')"
        with cursor.copy(statement) as copy:
            copy.write(store.csv(store.csv_line(row) for row in rows))
        cursor.execute("select * from line_test")
        found = cursor.fetchall()
        cursor.execute("drop table line_test")
    return found


@pytest.mark.django_db
def test_rows_survive_csv():
    assert through_copy(ROWS, COLUMNS) == ROWS


@pytest.mark.django_db
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=20))
def test_any_text_survives_csv(rows):
    assert through_copy(rows, "a text, b text") == rows


@pytest.mark.django_db
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.none() | texts, min_size=1, max_size=20))
def test_any_text_survives_an_array(values):
    with connection.cursor() as cursor:
        cursor.execute("select %s::text[]", [store.array_literal(values)])
        assert cursor.fetchone()[0] == values


@pytest.mark.django_db
def test_numbers_dates_and_moments_survive_an_array():
    moment = datetime(2026, 11, 22, 21, 0, 0, 123456, tzinfo=UTC)
    columns = [
        ("numeric", [Decimal("0.000000000000000000000000000001"), Decimal("1E+5"), Decimal(0)]),
        ("timestamptz", [moment]),
        ("date", [date(2026, 11, 22)]),
        ("bigint", [0, 2**62]),
        ("float8", [0.1, 1e-9]),
    ]
    with connection.cursor() as cursor:
        for kind, values in columns:
            cursor.execute(f"select %s::{kind}[]", [store.array_literal(values)])
            assert cursor.fetchone()[0] == values


def test_columns_of_rows_are_turned_into_arrays():
    assert store.array_literals([(1, "a"), (2, None)]) == ["{1,2}", '{"a",null}']


def test_a_partition_is_named_by_its_day():
    assert store.leaf(date(2026, 1, 9)) == "calls_20260109"


def test_extra_units_are_exact_json():
    assert store.units_text({"web_searches": Decimal("0.1"), "pages": Decimal(3)}) == '{"web_searches":0.1,"pages":3}'
    assert store.units_text({}) is None
    assert store.units_text(None) is None


@pytest.mark.django_db
def test_the_columns_written_are_those_of_the_tables():
    with connection.cursor() as cursor:
        for table, columns in (
            ("calls", store.CALL_COLUMNS),
            ("cloud_samples", store.SAMPLE_COLUMNS),
            (store.HOURLY, store.rollup_columns(store.HOURLY)),
            (store.DAILY, store.rollup_columns(store.DAILY)),
        ):
            cursor.execute("select attname from pg_attribute where attrelid = %s::regclass and attnum > 0", [table])
            assert sorted(columns) == sorted(name for (name,) in cursor.fetchall())


def test_rows_as_text_hold_no_content_of_other_rows():
    assert [json.loads(b"[%s]" % line) for line in map(store.csv_line, [("a",), ('b"',)])] == [["a"], ['b"']]
