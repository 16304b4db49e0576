"""Cutting texts that are longer than a platform takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import markup
from messaging.splitting import split


def at_most(count: int):
    return lambda piece: len(piece) <= count


def bytes_at_most(count: int):
    return lambda piece: len(piece.encode()) <= count


def test_what_fits_is_one_piece() -> None:
    assert split("今晚八点开抢", at_most(6)) == ["今晚八点开抢"]


@pytest.mark.parametrize(
    ("text", "most", "pieces"),
    [
        ("第一句。第二句！第三句？", 8, ["第一句。第二句！", "第三句？"]),
        ("第一行\n第二行\n第三行", 8, ["第一行\n第二行", "第三行"]),
        ("一段。还是它。\n\n另一段。", 12, ["一段。还是它。", "另一段。"]),
        ("他说：“好。”我也说好。", 8, ["他说：“好。”", "我也说好。"]),
        ("one two three", 8, ["one two", "three"]),
        ("没有标点的一长串字", 4, ["没有标点", "的一长串", "字"]),
        ("3.14 是圆周率. 真的", 12, ["3.14 是圆周率.", "真的"]),
    ],
)
def test_a_text_is_cut_where_a_sentence_ends(text, most, pieces) -> None:
    assert split(text, at_most(most)) == pieces


@pytest.mark.parametrize("sign", ["👍🏽", "👨‍👩‍👧‍👦", "🇨🇳", "e\u0301", "1\ufe0f\u20e3"])
def test_no_sign_is_cut_by_a_limit_in_bytes(sign) -> None:
    size = len(sign.encode())
    pieces = split(sign * 3, bytes_at_most(size + 2))
    assert pieces == [sign] * 3


def test_a_sign_that_is_larger_than_the_limit_goes_alone() -> None:
    assert split("👨‍👩‍👧‍👦a", bytes_at_most(3)) == ["👨‍👩‍👧‍👦", "a"]


def test_a_link_and_a_mention_are_not_cut() -> None:
    text = "去看 [我们的新款羊毛衫](https://example.com/sweater) 吧，@[阿May](u_1) 在"
    whole = list(markup.marked_ranges(text, is_markdown=True))
    pieces = split(text, at_most(44), kept_whole=whole)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")
    assert any("[我们的新款羊毛衫](https://example.com/sweater)" in piece for piece in pieces)
    assert any("@[阿May](u_1)" in piece for piece in pieces)


@given(st.text(alphabet="字a。 \n👍🏽，", max_size=200), st.integers(min_value=1, max_value=40))
def test_every_piece_fits_and_nothing_is_lost(text, most) -> None:
    pieces = split(text, at_most(most))
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(len(piece) <= most or len(split(piece, at_most(1))) == 1 for piece in pieces)  # or one single sign
    assert all(piece == piece.strip() for piece in pieces)
