"""Reading tables, whatever tool wrote them."""

import io

import pytest

from members.errors import UnreadableFile
from members.importing.tables import Target, guess_mapping, missing_targets, read_table
from members.importing.times import iso_time


def rows_of(content: bytes) -> list[dict[str, object]]:
    return [row.values for row in read_table(io.BytesIO(content)).rows]


PEOPLE = "name,phone\n李姐,138\n"


@pytest.mark.parametrize(
    "content",
    [
        PEOPLE.encode(),
        PEOPLE.encode("utf-8-sig"),
        PEOPLE.encode("gb18030"),
        PEOPLE.encode("utf-16"),
        PEOPLE.replace("\n", "\r\n").encode(),
        PEOPLE.replace(",", ";").encode(),
        PEOPLE.replace(",", "\t").encode("gb18030"),
        b'{"name": "\xe6\x9d\x8e\xe5\xa7\x90", "phone": "138"}\n',
        b'\xef\xbb\xbf{"name": "\\u674e\\u59d0", "phone": "138"}',
    ],
)
def test_one_table_in_many_dresses(content) -> None:
    assert rows_of(content) == [{"name": "李姐", "phone": "138"}]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"  \n ",
        b"PK\x03\x04rest",
        b"%PDF-1.7",
        b"\x89PNG....",
        b"\xd0\xcf\x11\xe0old excel",
        b"name\n\xff\xff\xff",
    ],
)
def test_what_is_no_table_is_refused(content) -> None:
    with pytest.raises(UnreadableFile):
        read_table(io.BytesIO(content))


def test_a_header_alone_has_no_rows() -> None:
    assert rows_of(b"name,phone\n") == []


def test_lines_are_counted_as_an_editor_does() -> None:
    table = read_table(io.BytesIO(b'name\n"two\nlines"\n\nlast\n'))
    assert [(row.line, row.values) for row in table.rows] == [(2, {"name": "two\nlines"}), (5, {"name": "last"})]


def test_a_bad_line_is_named_and_the_next_one_read() -> None:
    table = read_table(io.BytesIO(b'{"a": 1}\nnonsense\n[1]\n{"a": 2}\n'))
    assert [(row.line, row.problem and row.problem.code) for row in table.rows] == [
        (1, None),
        (2, "malformed_json"),
        (3, "malformed_json"),
        (4, None),
    ]


def test_more_cells_than_columns_are_named() -> None:
    (row,) = read_table(io.BytesIO(b"name\na,b\n")).rows
    assert row.problem
    assert row.problem.code == "too_many_cells"


def test_a_cell_without_end_does_not_swallow_the_file() -> None:
    content = b'name\n"open ' + b"x" * 300_000 + b"\nlast\n"
    codes = [row.problem and row.problem.code for row in read_table(io.BytesIO(content)).rows]
    assert "malformed_csv" in codes


def test_too_many_columns_are_refused() -> None:
    with pytest.raises(UnreadableFile):
        read_table(io.BytesIO(",".join(map(str, range(201))).encode() + b"\n"))


def test_columns_are_guessed_by_name_and_chosen_by_hand() -> None:
    targets = (Target("name", "", ("name", "姓名"), is_required=True), Target("phone", "", ("phone", "手机号")))
    assert guess_mapping(["手机号", "姓名 "], targets, {}) == {"name": "姓名 ", "phone": "手机号"}
    assert guess_mapping(["wer", "phone"], targets, {"name": "wer", "phone": ""}) == {"name": "wer"}
    assert [target.name for target in missing_targets({}, targets)] == ["name"]
    assert guess_mapping(["phone"], targets, {"name": "gone"}) == {"phone": "phone"}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-03-05T08:05:00", "2026-03-05T08:05:00"),
        ("2026/3/5 8:05", "2026-03-05T08:05"),
        ("2026.03.05", "2026-03-05T00:00"),
        ("2026年3月5日 08:05", "2026-03-05T08:05"),
        ("2026-03-05", "2026-03-05T00:00"),
        (1_772_697_600, "2026-03-05T08:00:00+00:00"),
        ("1772697600", "2026-03-05T08:00:00+00:00"),
        ("someday", "someday"),
        (None, None),
    ],
)
def test_times_as_tools_write_them(written, read) -> None:
    assert iso_time(written) == read
