import csv

import pytest

from core.spreadsheets import csv_lines, plain


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_what_looks_like_a_formula_becomes_a_text(cell):
    assert plain(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "a=b", "2026-11-26", "'quoted", "ü"])
def test_other_text_stays_as_it_is(cell):
    assert plain(cell) == cell


def test_rows_are_read_back_as_they_were():
    rows = [["a", 'say "b"', "c,d"], ["line\nbreak", "", "=1"]]

    read = list(csv.reader("".join(csv_lines(rows)).splitlines(keepends=True)))

    assert read == [["a", 'say "b"', "c,d"], ["line\nbreak", "", "'=1"]]
