"""One Chinese word per idea: the rules of the glossary that can be held mechanically."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext

from community_ops.common.errors import DomainError

ROOT = Path(settings.BASE_DIR)
LOCALE = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
FORBIDDEN = [
    "端点", "细分", "洞察", "控制室", "持有", "就绪度", "阶梯", "剧本",
    "辅助发送", "结果未知", "已送达", "您", "工作台",
]  # fmt: skip
NOT_FOR_MEMBERS = ["裂变", "诱饵", "成员", "群托", "鱼塘", "割韭菜"]
# The English idea and its one Chinese word.
GLOSSARY = {
    "Today": "今日", "Groups": "群", "Members": "成员", "Build": "建群", "Acquire": "拉新",
    "Activate": "促活", "Retain": "留存", "Convert": "转化", "Culture": "文化", "Calendar": "排期",
    "Insight": "数据", "Settings": "设置", "Workspace": "团队", "Community": "社群",
    "Community Ops": "社群运营台", "Needs you": "待我处理", "Snooze": "晚点提醒", "Undo": "撤销",
    "Audit log": "操作记录", "Reason (required)": "原因（必填）", "Not enough data yet": "数据还不够",
    "Owner": "负责人", "Operator": "运营", "Moderator": "审核员", "Helper": "客服", "Viewer": "只读",
    "Shared task": "我们一起做的事", "Long-term group": "长期群", "Short-term group": "短期群(快闪群)",
    "Transit group": "中转群", "VIP group": "VIP 群", "Announcement": "群消息", "Announcements": "群消息",
    "Endpoint": "发送通道", "Sandbox room": "模拟群", "Flash sale": "限时抢购", "Flash sales": "限时抢购",
    "Sale control room": "抢购现场", "Products": "商品", "Orders": "订单", "Segment": "人群",
    "Segments": "人群", "Dry run": "预演", "Watchdog": "系统值守", "Planned": "已排期", "Due": "到点待发",
    "Sending": "发送中", "Accepted by the platform": "平台已接收", "Confirmed in the group": "已发到群",
    "To be checked": "待核实", "Too late, not sent": "过时未发", "Paid": "已付款",
    "Waiting for payment": "待付款", "Left": "还剩", "Sold out": "已抢光", "Waiting list": "候补",
    "Import": "导入",
}  # fmt: skip
CJK = r"[\u4e00-\u9fff]"


def entries() -> list[polib.POEntry]:
    return [entry for entry in polib.pofile(str(LOCALE)) if not entry.obsolete]


def chinese(entry: polib.POEntry) -> str:
    return entry.msgstr or " ".join(entry.msgstr_plural.values())


def plain(words: str) -> str:
    """Without the difference between full and half width brackets."""
    return unicodedata.normalize("NFKC", words)


def sources() -> Iterator[Path]:
    apps = [
        "community_ops",
        "messaging",
        "groups",
        "members",
        "campaigns",
        "conversion",
        "retention",
        "culture",
        "dashboard",
        "templates",
    ]
    for app in apps:
        yield from (path for ending in ("html", "py", "json", "js") for path in (ROOT / app).rglob(f"*.{ending}"))


def msgids_of(folder: Path) -> set[str]:
    found: set[str] = set()
    for path in folder.rglob("*.html"):
        found.update(re.findall(r"""\{% trans(?:late)? "([^"]+)\"""", path.read_text()))
    return found


@pytest.mark.parametrize("word", FORBIDDEN)
def test_no_page_or_message_uses_a_word_the_glossary_forbids(word: str) -> None:
    assert [chinese(entry) for entry in entries() if word in chinese(entry)] == []
    assert [str(path.relative_to(ROOT)) for path in sources() if word in path.read_text()] == []


def test_each_idea_has_its_one_word() -> None:
    said = {entry.msgid: plain(chinese(entry)) for entry in entries() if not entry.msgctxt and entry.msgid in GLOSSARY}

    assert said == {msgid: plain(GLOSSARY[msgid]) for msgid in said}


def test_a_member_is_not_called_a_card_holder() -> None:
    wrong = [entry.msgid for entry in entries() if "会员" in chinese(entry)]

    assert [msgid for msgid in wrong if not re.search(r"paid|card|subscri", msgid, re.IGNORECASE)] == []


def test_pages_of_members_speak_their_language() -> None:
    read_by_members = msgids_of(ROOT / "templates" / "public")

    texts = [chinese(entry) for entry in entries() if entry.msgid in read_by_members]
    assert [text for text in texts if any(word in text for word in NOT_FOR_MEMBERS)] == []


def test_staff_are_not_addressed_with_a_pronoun() -> None:
    read_by_members = msgids_of(ROOT / "templates" / "public")
    read_by_staff = msgids_of(ROOT / "templates") - read_by_members

    assert [chinese(entry) for entry in entries() if entry.msgid in read_by_staff and "你" in chinese(entry)] == []


def test_chinese_sentences_have_chinese_commas() -> None:
    half = re.compile(rf"{CJK}[,;!?]|{CJK}:(?!\S*%|//)|[,;!?]{CJK}")

    assert [chinese(entry) for entry in entries() if half.search(chinese(entry))] == []


def test_every_string_is_translated() -> None:
    assert [entry.msgid for entry in entries() if not chinese(entry) or entry.fuzzy] == []


def refusals(family: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    yield family
    for kind in family.__subclasses__():
        yield from refusals(kind)


def test_every_refusal_speaks_chinese() -> None:
    with translation.override("zh-hans"):
        english = {kind.__name__ for kind in refusals() if kind.message and gettext(kind.message) == kind.message}
    assert english == set()
