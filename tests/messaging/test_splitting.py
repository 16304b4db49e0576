"""Cutting texts that are longer than a platform takes."""

import re
from bisect import bisect_left
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import markup
from messaging.platforms import registry
from messaging.platforms.base import Content
from messaging.splitting import shortened, split

ADDRESS = "https://shop.example.com/sale/20261128?from=group&code=abcdefghijkl"
PLATFORMS = [*registry.names(), "assisted"]


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


@pytest.mark.parametrize("sign", ["👍🏽", "👨‍👩‍👧‍👦", "🇨🇳", "e\u0301", "1\ufe0f\u20e3"])
def test_a_text_is_shortened_between_signs(sign) -> None:
    text = f"字{sign}后"
    assert [shortened(text, length) for length in range(1, 1 + len(sign))] == ["字"] * len(sign)
    assert (shortened(text, 1 + len(sign)), shortened(text, 99)) == (f"字{sign}", text)


def test_a_sign_that_is_larger_than_the_limit_goes_alone() -> None:
    assert split("👨‍👩‍👧‍👦a", bytes_at_most(3)) == ["👨‍👩‍👧‍👦", "a"]


def test_a_link_and_a_mention_are_not_cut() -> None:
    text = "去看 [我们的新款羊毛衫](https://example.com/sweater) 吧，@[阿May](u_1) 在"
    whole = list(markup.marked_ranges(text, is_markdown=True))
    pieces = split(text, at_most(44), kept_whole=whole)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")
    assert any("[我们的新款羊毛衫](https://example.com/sweater)" in piece for piece in pieces)
    assert any("@[阿May](u_1)" in piece for piece in pieces)
    for most in range(len(ADDRESS), len(ADDRESS) + 20):
        assert any(ADDRESS in piece for piece in split(f"链接{ADDRESS}点进去就能看到", at_most(most)))


@pytest.mark.parametrize(
    "piece",
    [
        "www.example.com/a?b=1,2&c=3:4",
        "shop.example.com/a?b=1",
        "weixin://dl/business/?t=a:b",
        "li.jie+group@mail.example.com",
        "20:37",
        "11：11",
        "1,000件",
        "¥1,999.00元",
        "3.5折",
        "2026-11-28",
        "2026/11/28",
        "50%",
        "A618-22",
    ],
)
def test_an_address_or_a_number_is_not_cut(piece) -> None:
    for most in range(len(piece), len(piece) + 12):
        assert any(piece in part for part in split(f"今晚的活动到{piece}后面还有很多说明文字", at_most(most)))


def test_an_address_ends_where_the_sentence_goes_on() -> None:
    assert split("链接https://a.cn/b，然后", at_most(17)) == ["链接https://a.cn/b，", "然后"]
    assert split("看(https://a.cn/b?c):好", at_most(20)) == ["看(https://a.cn/b?c):", "好"]


def test_an_address_that_is_longer_than_a_part_is_cut_all_the_same() -> None:
    assert split(f"看{ADDRESS}", at_most(40)) == [
        "看https://shop.example.com/sale/20261128?",
        "from=group&code=abcdefghijkl",
    ]


@pytest.mark.parametrize("is_markdown", [False, True])
@pytest.mark.parametrize("platform", [name for name in PLATFORMS if name != "apprise"])
def test_on_no_platform_an_address_or_a_number_is_cut(platform, is_markdown) -> None:
    adapter = registry.get(platform)
    limit = adapter.capabilities.size(is_markdown=is_markdown).limit
    most = bisect_left(range(limit), limit, key=lambda count: adapter.size_of("字" * count, is_markdown=is_markdown))
    for piece in (ADDRESS, "2026-11-28", "1,000件"):
        for room in (1, 2, 4, 8):
            content = Content(text="字" * (most - room) + piece + "后面还有说明文字" * 5, is_markdown=is_markdown)
            parts = [part.text for part in adapter.parts(content)]
            assert len(parts) == 2
            assert any(piece in part for part in parts), (piece, room)


SIGNS = st.sampled_from([*"字a。 \n，?:/.,&=0123456789", "👍🏽"])
WHOLES = st.sampled_from(
    ["https://a.cn/a?b=1&c=2", "www.a.cn/?a:1", "may@a.cn", "20:37", "1,000", "3.5", "2026-11-28", "https://a.cn/123"]
)
TEXTS = st.lists(SIGNS | WHOLES.map("字{}".format), max_size=120).map("".join)
ADDRESSES = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]{0,19}://|(?<![A-Za-z0-9])www\.)[!-~]+")
NUMBERS = re.compile(r"[0-9]+(?:[.,:/-][0-9]+)*")


def whole_in(text: str) -> Iterator[tuple[int, int]]:
    """Addresses without the sentence's signs at their end, and the numbers outside them."""
    end = 0
    for match in ADDRESSES.finditer(text):
        yield match.start(), match.start() + len(match[0].rstrip("?:.,"))
        yield from (number.span() for number in NUMBERS.finditer(text, end, match.start()))
        end = match.end()
    yield from (number.span() for number in NUMBERS.finditer(text, end))


def places_of(pieces: list[str], text: str) -> Iterator[tuple[int, int]]:
    end = 0
    for piece in pieces:
        start = text.index(piece, end)
        end = start + len(piece)
        yield start, end


@given(TEXTS, st.integers(min_value=1, max_value=60))
def test_every_piece_fits_and_nothing_is_lost(text, most) -> None:
    pieces = split(text, at_most(most))
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(len(piece) <= most or len(split(piece, at_most(1))) == 1 for piece in pieces)  # or one single sign
    assert all(piece == piece.strip() for piece in pieces)


@given(TEXTS, st.integers(min_value=1, max_value=60))
def test_an_address_or_number_is_only_cut_where_it_alone_is_longer_than_a_part(text, most) -> None:
    pieces = split(text, at_most(most))
    cuts = {end for _, end in places_of(pieces, text)}
    broken = [text[begin:end] for begin, end in whole_in(text) if any(begin < cut < end for cut in cuts)]
    assert [one for one in broken if len(one) <= most] == []
