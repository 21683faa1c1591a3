"""Every format read back by a reader that is not ours."""

import csv
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spreadsheets import plain
from dashboards.exports.writers import writer
from dashboards.exports.writers.types import Column, Content, Kind, WriteError
from dashboards.exports.writers.xlsx import MOST_ROWS

COLUMNS = (
    Column("id", Kind.TEXT),
    Column("timestamp", Kind.MOMENT),
    Column("input_tokens", Kind.INTEGER),
    Column("latency_ms", Kind.NUMBER),
    Column("cost_usd", Kind.MONEY),
    Column("stream", Kind.FLAG),
    Column("tags", Kind.JSON),
)
ABOUT = (("Organization", "acme"), ("Filter", "range=7d&model=gpt-4o"))
CONTENT = Content(COLUMNS, ABOUT)
ROWS = (
    '"a, ""b""\nc",2026-07-31T14:00:00.123456Z,9007199254740993,12.5,0.000000123456789,true,'
    '"{""team"": ""ä""}"\n'.encode(),
    b"second,2026-07-31T14:00:01.000000Z,0,,,false,{}\n",
)
FIRST = datetime(2026, 7, 31, 14, 0, 0, 123000, UTC).replace(tzinfo=None)  # cells have no zone
SECOND = datetime(2026, 7, 31, 14, 0, 1, tzinfo=UTC).replace(tzinfo=None)
NAMES = [column.name for column in COLUMNS]


def made(form: str, pages: tuple[bytes, ...] = ROWS, content: Content = CONTENT) -> bytes:
    """A file of one page after the other, each written by a writer that knows only the state of the last."""
    one = writer(form, content)
    file = one.begin()
    for page in pages:
        one = writer(form, content, json.loads(json.dumps(one.state)))
        file += one.rows(page)
    one = writer(form, content, json.loads(json.dumps(one.state)))
    return file + one.end(lambda start, end: file[start:end])


def sheet(file: bytes) -> list[tuple[object, ...]]:
    return list(openpyxl.load_workbook(io.BytesIO(file), read_only=True)["Rows"].iter_rows(values_only=True))


# --- CSV ---


def test_csv_is_what_a_csv_reader_reads():
    found = list(csv.reader(io.StringIO(made("csv").decode(), newline="")))

    assert found == [
        NAMES,
        ['a, "b"\nc', "2026-07-31T14:00:00.123456Z", "9007199254740993", "12.5", "0.000000123456789", "true",
         '{"team": "ä"}'],
        ["second", "2026-07-31T14:00:01.000000Z", "0", "", "", "false", "{}"],
    ]  # fmt: skip


def test_csv_begins_with_a_line_about_itself_only_where_that_was_asked_for():
    content = Content(COLUMNS, (("Filter", "a\nb"), ("To", "now")), note=True)

    assert made("csv", content=content).splitlines()[:2] == [
        b"# Filter: a b \xc2\xb7 To: now",
        ",".join(NAMES).encode(),
    ]
    assert made("csv").startswith(b"id,")


# --- JSON, NDJSON ---

LINES = (b'{"id":"a\\nb","cost_usd":"0.000000123456789"}\n', b'{"id":"c","cost_usd":null}\n{"id":"d"}\n')
READ = [{"id": "a\nb", "cost_usd": "0.000000123456789"}, {"id": "c", "cost_usd": None}, {"id": "d"}]


def test_json_is_one_object_that_says_what_it_is():
    assert json.loads(made("json", LINES)) == {"about": dict(ABOUT), "rows": READ}


@pytest.mark.parametrize("pages", [(), (b"",), (b"", b"")])
def test_json_without_rows_is_json(pages):
    assert json.loads(made("json", pages)) == {"about": dict(ABOUT), "rows": []}


def test_json_goes_on_after_a_page_without_rows():
    assert json.loads(made("json", (b"", LINES[0], b"", LINES[1])))["rows"] == READ


def test_ndjson_is_one_object_a_line():
    assert [json.loads(line) for line in made("ndjson", LINES).splitlines()] == READ


def test_ndjson_says_what_it_is_only_where_that_was_asked_for():
    first = made("ndjson", LINES, Content(COLUMNS, ABOUT, note=True)).splitlines()[0]

    assert json.loads(first) == {"about": dict(ABOUT)}


# --- XLSX ---


def test_a_workbook_has_the_rows_with_their_types_and_says_what_they_are():
    file = made("xlsx")

    assert sheet(file) == [
        tuple(NAMES),
        ('a, "b"\nc', FIRST, 9007199254740993, 12.5, 1.23456789e-07, True,
         '{"team": "ä"}'),
        ("second", SECOND, 0, None, None, False, "{}"),
    ]  # fmt: skip
    about = openpyxl.load_workbook(io.BytesIO(file))["About"]
    assert list(about.iter_rows(values_only=True)) == list(ABOUT)


def test_a_workbook_holds_every_digit_of_an_amount():
    with zipfile.ZipFile(io.BytesIO(made("xlsx"))) as archive:
        assert archive.testzip() is None
        assert b"<v>0.000000123456789</v>" in archive.read("xl/worksheets/sheet1.xml")


def test_a_workbook_of_nothing_opens():
    assert sheet(made("xlsx", ())) == [tuple(NAMES)]


def test_the_same_rows_make_the_same_workbook():
    assert made("xlsx") == made("xlsx")


def test_what_is_no_number_in_excel_is_a_text():
    assert [row[3] for row in sheet(made("xlsx", (b"a,,,NaN,,,\nb,,,-Infinity,,,\n",)))[1:]] == ["NaN", "-Infinity"]


@pytest.mark.parametrize("form", ["xlsx", "parquet"])
def test_a_row_of_one_empty_field_is_a_row(form):
    file = made(form, (b"a\n\nb\n",), Content((Column("team", Kind.TEXT),), ()))

    if form == "xlsx":
        assert sheet(file) == [("team",), ("a",), (), ("b",)]
    else:
        assert pq.ParquetFile(io.BytesIO(file)).read().column("team").to_pylist() == ["a", None, "b"]


def test_a_workbook_refuses_the_row_after_the_last():
    one = writer("xlsx", CONTENT)
    one.begin()
    one.state["row"] = MOST_ROWS

    assert one.rows(b"last,,,,,,\n")
    with pytest.raises(WriteError, match="1,048,575"):
        one.rows(b"one more,,,,,,\n")


def test_a_workbook_refuses_more_than_its_archive_holds():
    one = writer("xlsx", CONTENT)
    one.begin()
    state = one.state | {"member": one.state["member"] | {"size": 2**32 - 2**20}}

    with pytest.raises(WriteError, match="fewer columns"):
        writer("xlsx", CONTENT, state).rows(ROWS[0])


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60))
def test_any_text_comes_back_from_a_workbook(text):
    line = io.StringIO()
    csv.writer(line).writerow([text, *[""] * 6])

    cell = sheet(made("xlsx", (line.getvalue().encode(),)))[1][0]

    assert lines(openpyxl.utils.escape.unescape(str(cell))) == lines(text)


def lines(text: str) -> str:
    """XML knows one kind of line break."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


# --- Parquet ---


def test_parquet_has_typed_columns_exact_amounts_and_the_filter():
    file = pq.ParquetFile(io.BytesIO(made("parquet")))

    assert file.metadata.num_row_groups == 2
    assert {field.name: str(field.type) for field in file.schema_arrow} == {
        "id": "string",
        "timestamp": "timestamp[us, tz=UTC]",
        "input_tokens": "int64",
        "latency_ms": "double",
        "cost_usd": "decimal128(38, 20)",
        "stream": "bool",
        "tags": "string",
    }
    assert file.schema_arrow.metadata[b"tokenops.Filter"] == b"range=7d&model=gpt-4o"
    first, second = file.read().to_pylist()
    assert first == {
        "id": 'a, "b"\nc',
        "timestamp": datetime(2026, 7, 31, 14, tzinfo=UTC) + timedelta(microseconds=123456),
        "input_tokens": 9007199254740993,
        "latency_ms": 12.5,
        "cost_usd": Decimal("0.000000123456789"),
        "stream": True,
        "tags": '{"team": "ä"}',
    }
    assert (second["cost_usd"], second["latency_ms"], second["stream"]) == (None, None, False)


def test_parquet_tells_nothing_from_an_empty_text():
    file = pq.ParquetFile(io.BytesIO(made("parquet", (b'"",,,,,,\n,,,,,,\n',))))

    assert file.read().column("id").to_pylist() == ["", None]


def test_parquet_of_nothing_has_its_columns():
    file = pq.ParquetFile(io.BytesIO(made("parquet", ())))

    assert (file.metadata.num_rows, file.schema_arrow.names) == (0, NAMES)


def test_parquet_of_many_parts_lies_behind_what_nobody_reads_twice():
    rows = 40
    file = made("parquet", tuple(f"{number},,{number},,,,\n".encode() for number in range(rows)))

    found = pq.ParquetFile(io.BytesIO(file))
    assert found.metadata.num_row_groups == rows
    assert found.read().column("input_tokens").to_pylist() == list(range(rows))
    assert found.read_row_group(39).column("id").to_pylist() == ["39"]


@pytest.mark.parametrize("row", [b"a,,,,-1234567890123456789.5,,\n", b"a,,99999999999999999999,,,,\n"])
def test_parquet_refuses_what_its_columns_cannot_hold(row):
    with pytest.raises(WriteError, match="CSV or JSON"):
        writer("parquet", CONTENT).rows(row)


def test_parquet_holds_the_largest_amount_it_takes():
    file = made("parquet", (b"a,,,,-123456789012345678.12345678901234567890,,\n",))

    assert pq.ParquetFile(io.BytesIO(file)).read().column("cost_usd").to_pylist() == [
        Decimal("-123456789012345678.12345678901234567890")
    ]


# --- What all have in common ---


def test_a_page_costs_what_it_holds_however_much_was_written():
    """Nothing of earlier pages is kept but a few numbers."""
    for form, page in (("csv", ROWS[1]), ("json", LINES[0]), ("ndjson", LINES[0]), ("xlsx", ROWS[1])):
        one = writer(form, CONTENT)
        one.begin()
        one.rows(page)
        before = len(json.dumps(one.state))
        for _ in range(200):
            one.rows(page)

        assert len(json.dumps(one.state)) <= before + 20, form


@given(st.text(alphabet="=+-@\t\r'\"abc,\n", max_size=12))
def test_the_rule_for_formulas_leaves_nothing_that_begins_one(text):
    assert not plain(text).startswith(("=", "+", "-", "@", "\t", "\r"))
