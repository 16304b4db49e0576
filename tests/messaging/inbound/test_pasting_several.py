"""Several messages in one paste: how a text is read, that she sees it first, and what is stored."""

import re

import pytest

from community_ops.common.errors import InvalidInput
from members.models import Member
from messaging.inbound_models import RawEvent
from messaging.models import InboundEvent
from messaging.pasted_text import MOST, Pasted, several
from messaging.services import receiving
from tests.moments import NOON

URL = "/t/paste/"
IN_ENGLISH = {"Accept-Language": "en"}
TWO = "李姐：大家好，我是李姐\n住在朝阳\n王哥: 新人报到"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (TWO, [("李姐", "大家好，我是李姐\n住在朝阳"), ("王哥", "新人报到")]),
        (
            "李姐 10:32\n大家好\n时间：八点\n\n王哥 2026/11/21 10:33:02\n在",
            [("李姐", "大家好\n时间：八点"), ("王哥", "在")],
        ),
        ("李姐 昨天 下午3:05\n在", [("李姐", "在")]),
        ("李 姐 2026年11月20日 09:00\n早", [("李 姐", "早")]),
        ("李姐:\n你好\n王哥:\n\n在吗", [("李姐", "你好"), ("王哥", "在吗")]),
        ("李姐：看 https://example.com/a:b", [("李姐", "看 https://example.com/a:b")]),
        ("李姐：\n王哥：在", [("王哥", "在")]),
    ],
)
def test_messages_are_read_by_the_names_they_begin_with(text, read) -> None:
    assert several(text) == [Pasted(*one) for one in read]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "大家好",
        "大家好\n李姐：在",
        "https://example.com",
        "10:32 开始",
        "10:32",
        "1. 李姐 红 L\n2. 王哥 蓝 M",
        "：在",
    ],
)
def test_what_does_not_begin_with_a_name_is_read_as_nothing(text) -> None:
    assert several(text) == []


def pasted(group, **changes):
    return {"kind": "introduction", "group": group.pk, "author": "", "words": TWO} | changes


def seen_in(page: str) -> str:
    (seen,) = re.findall(r'name="seen" value="(\w+)"', page)
    return seen


@pytest.mark.django_db
def test_she_sees_how_it_was_read_before_anything_is_stored(phone, hers) -> None:
    answer = phone.post(URL, pasted(hers), headers=IN_ENGLISH)
    page = answer.content.decode()
    assert (answer.status_code, RawEvent.objects.count()) == (200, 0)
    for words in (
        "Read as 2 messages",
        "<b>李姐</b>",
        "大家好，我是李姐<br>住在朝阳",
        "<b>王哥</b>",
        "Take in 2 messages",
    ):
        assert words in page
    assert TWO in page  # the text stands there to be changed


@pytest.mark.django_db
def test_what_she_has_seen_is_stored_message_by_message(phone, hers, read) -> None:
    seen = seen_in(phone.post(URL, pasted(hers)).content.decode())
    page = phone.post(URL, pasted(hers, seen=seen), follow=True, headers=IN_ENGLISH).content.decode()
    assert "2 messages recorded in the activity of “晨跑 5 群”." in page
    read()
    assert set(InboundEvent.objects.values_list("text", "source", "target_id")) == {
        ("大家好，我是李姐\n住在朝阳", "paste", hers.pk), ("新人报到", "paste", hers.pk),
    }  # fmt: skip
    assert set(Member.objects.values_list("display_name", flat=True)) == {"李姐", "王哥"}

    more = TWO + "\n小赵：我也来了"
    seen = seen_in(phone.post(URL, pasted(hers, words=more)).content.decode())
    page = phone.post(URL, pasted(hers, words=more, seen=seen), follow=True, headers=IN_ENGLISH).content.decode()
    assert "1 message recorded" in page
    assert "2 were pasted today already; they count once." in page
    assert RawEvent.objects.count() == 3


@pytest.mark.django_db
def test_a_text_that_was_changed_after_it_was_shown_is_shown_again(phone, hers) -> None:
    seen = seen_in(phone.post(URL, pasted(hers)).content.decode())
    page = phone.post(URL, pasted(hers, words="李姐：别的", seen=seen), headers=IN_ENGLISH).content.decode()
    assert ("Read as 1 message" in page, RawEvent.objects.count()) == (True, 0)


@pytest.mark.django_db
def test_with_an_author_named_the_text_is_one_message_whatever_it_looks_like(phone, hers, read) -> None:
    introduction = "姓名：李姐\n职业：老师"
    assert phone.post(URL, pasted(hers, author="李姐", words=introduction)).status_code == 302
    read()
    assert InboundEvent.objects.get().text == introduction


@pytest.mark.django_db
@pytest.mark.parametrize("words", ["大家好", "https://example.com", "  "])
def test_without_author_and_names_it_is_refused_in_words(phone, hers, words) -> None:
    answer = phone.post(URL, pasted(hers, words=words), headers=IN_ENGLISH)
    assert (answer.status_code, RawEvent.objects.count()) == (422, 0)
    assert ("Say who wrote it" in answer.content.decode()) is bool(words.strip())


@pytest.mark.django_db
def test_too_many_at_once_are_refused_and_none_is_stored(phone, hers) -> None:
    words = "\n".join(f"群友{number}：在" for number in range(MOST + 1))
    answer = phone.post(URL, pasted(hers, words=words), headers=IN_ENGLISH)
    assert (answer.status_code, RawEvent.objects.count()) == (422, 0)
    assert "At most 50 messages at once." in answer.content.decode()


@pytest.mark.django_db
def test_the_service_takes_all_or_none(hers) -> None:
    facts = {
        "workspace_id": hers.workspace_id, "kind": "message", "target_kind": "group", "target_id": hers.pk,
        "pasted_by": "阿May", "day": "2026-11-21", "now": NOON,
    }  # fmt: skip
    for wrong in ([Pasted("李姐", "在")] * (MOST + 1), [Pasted("李姐", "在"), Pasted("\u200e", "在")]):
        with pytest.raises(InvalidInput):
            receiving.paste_all(messages=wrong, **facts)
    assert not RawEvent.objects.exists()
