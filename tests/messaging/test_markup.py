"""The small markdown of chat messages, and its spelling for a platform."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import markup, showing
from messaging.markup import Dialect, Mark


class Tags(Dialect):
    """Says what it was told, so that a test can read it."""

    def text(self, text: str) -> str:
        return text.replace("<", "&lt;")

    def bold(self, inner: str) -> str:
        return f"<b>{inner}</b>"

    def italic(self, inner: str) -> str:
        return f"<i>{inner}</i>"

    def code(self, text: str) -> str:
        return f"<c>{text}</c>"

    def link(self, label: str, url: str) -> str:
        return f"<a {url}>{label}</a>"

    def mention(self, name: str, target: str) -> str:
        return f"<at {target}>{name}</at>"

    def heading(self, inner: str, level: int) -> str:
        return f"<h{level}>{inner}</h{level}>"

    def quote(self, inner: str) -> str:
        return f"<q>{inner}</q>"

    def item(self, inner: str) -> str:
        return f"<li>{inner}</li>"


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("**注意：**今晚八点", "<b>注意：</b>今晚八点"),
        ("原价 *399* 现价 **199**", "原价 <i>399</i> 现价 <b>199</b>"),
        ("**看 `L` 码**", "<b>看 <c>L</c> 码</b>"),
        ("[去看看](https://example.com/a?b=1)吧", "<a https://example.com/a?b=1>去看看</a>吧"),
        (
            "# 标题\n## 小标题\n> 引用\n- 一\n* 二",
            "<h1>标题</h1>\n<h2>小标题</h2>\n<q>引用</q>\n<li>一</li>\n<li>二</li>",
        ),
        ("@[阿May](u_1) 看 @[所有人](all)", "<at u_1>阿May</at> 看 <at all>所有人</at>"),
        ("2 * 3 * 4 = 24", "2 * 3 * 4 = 24"),
        ("a*b*c", "a*b*c"),
        ("**没有关上", "**没有关上"),
        ("[不是地址](javascript:alert(1))", "[不是地址](javascript:alert(1))"),
        ("#话题# 不是标题", "#话题# 不是标题"),
        ("1 < 2", "1 &lt; 2"),
    ],
)
def test_a_markdown_text_is_spelled_by_the_dialect(text, spelled) -> None:
    assert markup.render(text, is_markdown=True, dialect=Tags()) == spelled


def test_a_plain_text_has_mentions_and_no_marks() -> None:
    text = "**原样** [x](https://e.com) @[小周](7)\n# 原样"
    assert (
        markup.render(text, is_markdown=False, dialect=Tags()) == "**原样** [x](https://e.com) <at 7>小周</at>\n# 原样"
    )


def test_without_a_dialect_a_text_reads_well_anywhere() -> None:
    text = "# 今晚\n- **羊毛衫** [看看](https://e.com)\n@[所有人](all)"
    assert markup.render(text, is_markdown=True) == "今晚\n• 羊毛衫 看看 https://e.com\n@所有人"


def test_everybody_who_is_mentioned_is_named_once_in_order() -> None:
    assert markup.mentions("@[甲](a) **@[乙](b)** @[甲](a) @[x]()", is_markdown=True) == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "例子：`@[所有人](all)` 这样写",
        "**看 `@[所有人](all)`**",
        "```\n@[所有人](all)\n```",
        "```text\n一\n@[所有人](all)\n```\n后",
    ],
)
def test_a_mention_in_code_mentions_nobody(text) -> None:
    assert markup.mentions(text, is_markdown=True) == []
    assert markup.mentions(text, is_markdown=False) == ["all"]
    assert "<at" not in markup.render(text, is_markdown=True, dialect=Tags())
    assert [showing.is_mentioned("王", text, is_markdown=marked) for marked in (True, False)] == [False, True]


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("前\n```\n# 一 **二**\n\n> 三\n```\n# 后", "前\n<c># 一 **二**</c>\n\n<c>> 三</c>\n<h1>后</h1>"),
        ("```py\na`b<\n```", "a`b&lt;"),
        ("```\n没有关上 **粗**", "```\n没有关上 <b>粗</b>"),
    ],
)
def test_each_line_of_a_block_of_code_is_code(text, spelled) -> None:
    assert markup.render(text, is_markdown=True, dialect=Tags()) == spelled


@given(st.text(alphabet="ab*`[]()#> -\n@_:/。h", max_size=60))
def test_no_sign_of_a_text_is_lost_whatever_it_looks_like(text) -> None:
    """Marks may go, words may not: every letter of the text stands in what is shown, in order."""
    shown = markup.render(text, is_markdown=True)
    assert [sign for sign in shown if sign in "ab。"] == [sign for sign in text if sign in "ab。"] or "](" in text


@given(st.text(max_size=80))
def test_a_plain_text_without_mentions_stays_as_it_is(text) -> None:
    if not markup.mentions(text, is_markdown=False):
        assert markup.render(text, is_markdown=False) == text


def test_a_mark_knows_what_it_holds() -> None:
    (line,) = markup.parse("**看 `L` 码**", is_markdown=True)
    (bold,) = line.spans
    assert (bold.mark, [span.mark for span in bold.inner]) == (Mark.BOLD, [Mark.TEXT, Mark.CODE, Mark.TEXT])
