"""What becomes of a message on a platform, said before it is sent: the pieces, and what does not come along."""

from collections.abc import Iterator

import pytest
from django.utils import translation

from messaging.arrival import Arrival, arrival, has_words, is_open_to_everybody
from messaging.platforms import registry
from messaging.platforms.base import MAX_PARTS, Content, Unit

pytestmark = pytest.mark.usefixtures("_in_english")


@pytest.fixture
def _in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


def look(platform: str, text: str, *, may_split: bool = True, **how: bool) -> Arrival:
    return arrival(platform, Content(text=text, **how), may_split=may_split)


def codes(found: Arrival) -> list[str]:
    return [note.code for note in found.notes]


def words(found: Arrival) -> list[str]:
    """The text of each message, as it is shown."""
    return ["\n".join("".join(span["text"] for span in line["spans"]) for line in part.lines) for part in found.parts]


def test_a_text_that_fits_arrives_as_it_is_and_nothing_is_said() -> None:
    for platform in registry.names():
        found = look(platform, "今晚八点见", may_split=False)
        assert (words(found), codes(found), found.is_refused) == (["今晚八点见"], [], False)


def test_a_long_text_is_shown_in_the_pieces_that_are_sent() -> None:
    text = "".join(f"第{number}句话讲一件事。" for number in range(100))
    found = look("wecom_robot", text)
    assert words(found) == [part.text for part in registry.get("wecom_robot").parts(Content(text=text))]
    assert len(found.parts) == 2
    assert [note.message for note in found.notes] == ["WeCom group robot: the text is cut into 2 messages."]


@pytest.mark.parametrize(("text", "may_split"), [("字" * 683, False), ("字" * 683 * (MAX_PARTS + 1), True)])
def test_what_is_refused_is_shown_in_one_piece_without_a_word_of_cutting(text: str, may_split: bool) -> None:
    found = look("wecom_robot", text, may_split=may_split)
    assert (found.is_refused, words(found), codes(found)) == (True, [text], [])
    assert found.size == len(text) * 3


@pytest.mark.parametrize(
    ("platform", "unit", "size"),
    [
        ("wecom_robot", Unit.BYTES, 7),
        ("telegram", Unit.UTF16, 3),
        ("discord", Unit.CHARACTERS, 2),
        ("feishu_robot", Unit.BYTES, None),
    ],
)
def test_sizes_are_in_the_platforms_own_unit(platform: str, unit: Unit, size: int | None) -> None:
    found = look(platform, "字👍")
    assert found.limit.unit is unit
    assert found.size == (size if size is not None else registry.get(platform).size_of("字👍", is_markdown=False))


def test_a_limit_that_falls_into_an_emoji_cuts_before_it() -> None:
    family = "👨‍👩‍👧"
    found = look("wecom_robot", "x" * 2040 + family + "y")
    assert words(found) == ["x" * 2040, f"{family}y"]


@pytest.mark.parametrize(
    ("platform", "is_markdown", "said", "has_image"),
    [
        ("feishu_robot", False, ["no_picture"], [False]),
        ("apprise", False, ["no_picture"], [False]),
        ("wecom_robot", False, ["picture_apart"], [True, False]),
        ("telegram", False, [], [True]),
        ("sandbox", False, [], [True]),
        ("dingtalk_robot", False, ["picture_apart", "picture_by_link"], [True, False]),
        ("dingtalk_robot", True, ["picture_by_link"], [True]),
        ("webhook", False, ["picture_by_link"], [True]),
    ],
)
def test_a_picture_is_shown_where_it_arrives_and_said_where_it_does_not(
    platform: str, is_markdown: bool, said: list[str], has_image: list[bool]
) -> None:
    found = look(platform, "今晚见", has_image=True, is_markdown=is_markdown)
    assert (codes(found), [part.has_image for part in found.parts]) == (said, has_image)


def test_a_picture_that_is_fetched_needs_an_address_open_to_everybody(settings) -> None:
    settings.PUBLIC_URL = "https://club.example"
    assert codes(look("webhook", "x", has_image=True)) == []
    settings.PUBLIC_URL = "http://club.example"
    (note,) = look("webhook", "x", has_image=True).notes
    assert "http://club.example" in note.message
    assert "Signed webhook" in note.message


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        ("https://club.example", True),
        ("https://club.example:8443/x", True),
        ("http://club.example", False),
        ("https://localhost", False),
        ("https://127.0.0.1:8000", False),
        ("https://192.168.1.7", False),
        ("https://[::1]", False),
        ("https://", False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_addresses_that_others_may_fetch_from(address: str, is_open: bool) -> None:
    assert is_open_to_everybody(address) is is_open


def test_marks_arrive_as_plain_words_where_a_platform_knows_none() -> None:
    found = look("apprise", "**今晚** [看](https://a.example)", is_markdown=True)
    assert (codes(found), words(found)) == (["plain_words"], ["今晚 看 https://a.example"])
    assert codes(look("apprise", "今晚", is_markdown=True)) == []  # nothing is lost
    marked = look("wecom_robot", "**今晚**", is_markdown=True)
    assert (codes(marked), marked.parts[0].lines[0]["spans"][0]["mark"]) == ([], "bold")


@pytest.mark.parametrize(
    ("platform", "text", "named"),
    [
        ("telegram", "@[所有人](all) 看这里", "@所有人"),
        ("telegram", "@[李姐](lijie) @[小周](123456)", "@李姐"),
        ("discord", "@[李姐](lijie) @[所有人](all)", "@李姐"),
        ("slack", "@[李姐](lijie) @[小周](U024BE7LH)", "@李姐"),
        ("email", "@[李姐](lijie)，@[所有人](all)", "@李姐, @所有人"),
        ("email", "**@[李姐](lijie)**", "@李姐"),
    ],
)
def test_a_mention_that_cannot_be_made_is_named(platform: str, text: str, named: str) -> None:
    (note,) = look(platform, text, is_markdown="**" in text).notes
    assert note.code == "no_mention"
    assert f": {named} cannot be mentioned there" in note.message


@pytest.mark.parametrize("platform", ["wecom_robot", "dingtalk_robot", "feishu_robot", "webhook", "sandbox"])
def test_a_mention_that_can_be_made_is_not_spoken_of(platform: str) -> None:
    assert codes(look(platform, "@[李姐](lijie) @[所有人](all)")) == []


@pytest.mark.parametrize("platform", ["wecom_robot", "sandbox", "telegram"])
def test_what_is_not_written_yet_is_one_empty_message(platform: str) -> None:
    for text in ("", " \n"):
        found = look(platform, text)
        assert (len(found.parts), codes(found), found.is_refused) == (1, [], False)


def test_everybody_is_called_in_a_message_of_its_own_where_marks_leave_no_other_way() -> None:
    found = look("wecom_robot", "**今晚** @[所有人](all)", is_markdown=True)
    assert (codes(found), len(found.parts)) == (["mention_apart"], 2)
    assert words(found)[1] == "everybody"


@pytest.mark.parametrize(
    ("text", "is_markdown", "expected"),
    [
        ("**", True, False),
        ("> ", True, False),
        ("# \n> \n- - -", True, False),
        ("****", True, False),
        ("**\u200b**", True, False),
        ("**", False, True),
        ("---", False, True),
        ("**好**", True, True),
        ("> 👍", True, True),
        ("?!", True, True),
        ("@[所有人](all)", True, True),
    ],
)
def test_a_text_of_marks_alone_has_no_words(text: str, is_markdown: bool, expected: bool) -> None:
    assert has_words(text, is_markdown=is_markdown) is expected
