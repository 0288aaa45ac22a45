"""CSV: what goes in comes out again, and no cell begins like a formula."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.export.csv_format import NotCsv, guard, parse_csv, render_csv, unguard
from collector.export.tables import Table

cells = st.text(st.characters(codec="utf-8"), max_size=12)
risky = st.sampled_from(["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r", "\n=1", "＝1", "'=1", "''"])


@given(st.lists(st.tuples(cells | risky, cells | risky), max_size=20), st.booleans())
def test_every_table_comes_back_as_it_was(rows, has_bom):
    table = Table("t", ("a", "b"), rows)

    assert parse_csv("t", render_csv(table, has_bom=has_bom)) == table


@given(cells | risky)
def test_no_cell_in_the_file_begins_like_a_formula(cell):
    file = render_csv(Table("t", ("a", "b"), [(cell, "x")]), has_bom=False).decode()

    written = list(csv.reader(io.StringIO(file, newline="")))[1][0]
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    assert unguard(written) == cell


def test_an_ordinary_cell_is_left_alone():
    assert guard("一号窗口 3301-7") == "一号窗口 3301-7"
    assert guard("") == ""


def test_lines_end_with_crlf_and_a_byte_order_mark_comes_first():
    file = render_csv(Table("t", ("a",), [("一",)]), has_bom=True)

    assert file == b"\xef\xbb\xbfa\r\n\xe4\xb8\x80\r\n"


@pytest.mark.parametrize("content", [b"", b"a,b\r\n1\r\n", b"\xff", b'a\r\n"x'])
def test_other_bytes_are_refused_by_name(content):
    with pytest.raises(NotCsv, match=r"^t: "):
        parse_csv("t", content)
