"""With the real engine of messaging and sandbox rooms: what members see, and what they do not."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from campaigns import services
from campaigns.models import Playbook
from groups.models import ChatGroup
from messaging import ports
from messaging.models import Delivery, SandboxPost
from messaging.services import deliver_due
from tests.campaigns.conftest import Start, Write
from tests.factories.people import SYSTEM
from tests.moments import NOON

MINUTE = timedelta(minutes=1)


class Wool(ports.OneByOne):
    """True values of a subject kind of its own, as a higher app would give them."""

    def names(self) -> set[str]:
        return set(self.values(1, "group", 1, NOON))

    def values(self, subject_id: int, target_kind: str, target_id: int, now: datetime) -> dict[str, str]:
        return {
            "product": "羊毛衫", "price": "¥399.00", "stock": "30", "left": "12", "sold": "18", "link": "http://x/s/1",
            "starts_at": "11月21日 20:00", "ends_at": "11月21日 20:10", "start_time": "20:00", "end_time": "20:10",
            "minutes_left": "3", "as_of": "20:01",
        }  # fmt: skip

    def check(self, delivery: Delivery, now: datetime) -> ports.Verdict:
        return ports.ALLOWED


@pytest.fixture(autouse=True)
def wool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ports.text_contexts._answers, "flash_sale", Wool())
    monkeypatch.setitem(ports.subject_guards._answers, "flash_sale", Wool())


def at(moment: datetime) -> list[str]:
    """Let the engine work at `moment`; what the rooms show then, oldest first."""
    deliver_due(worker="tests", now=moment)
    return list(SandboxPost.objects.order_by("id").values_list("text", flat=True))


def schedule(write: Write, *groups: ChatGroup, **facts: datetime) -> None:
    announcement = write(*groups, **facts)
    services.schedule_announcement(announcement=announcement, actor=SYSTEM, now=NOON)


def test_rooms_show_the_announcement_at_its_time_once(write: Write, group: ChatGroup, second_group: ChatGroup) -> None:
    schedule(write, group, second_group, due_at=NOON + MINUTE)
    assert at(NOON) == []
    assert at(NOON + MINUTE) == ["晚上八点见"] * 2
    assert at(NOON + 2 * MINUTE) == ["晚上八点见"] * 2
    assert set(Delivery.objects.values_list("state", flat=True)) == {"accepted"}


def test_group_without_endpoint_fails_honestly(write: Write, silent_group: ChatGroup) -> None:
    schedule(write, silent_group, due_at=NOON)
    assert at(NOON) == []
    assert Delivery.objects.values_list("state", "reason").get() == ("failed", "no_endpoint")


def test_nothing_is_shown_when_the_group_was_archived_meanwhile(write: Write, group: ChatGroup) -> None:
    schedule(write, due_at=NOON)
    ChatGroup.objects.filter(pk=group.pk).update(archived_at=NOON)
    assert at(NOON) == []
    assert Delivery.objects.values_list("state", "reason").get() == ("cancelled", "group_closed")


@pytest.fixture
def quick_sale(start: Start, minute_ladder: Playbook) -> Callable[[], object]:
    """A sale in four minutes that lasts ten, with the ladder in minutes."""

    def begin() -> object:
        return start(starts_at=NOON + 4 * MINUTE, ends_at=NOON + 14 * MINUTE, playbook=minute_ladder)

    return begin


def test_newcomer_sees_the_ladder_run_within_five_minutes(quick_sale: Callable[[], object]) -> None:
    quick_sale()
    shown: list[str] = []
    for minute in range(6):
        shown = at(NOON + minute * MINUTE)
    assert [text[:5] for text in shown] == ["马上有一场", "还有 1 ", "开抢了！羊"]
    assert "30 件，20:00 开始" in shown[0]


def test_touch_that_comes_too_late_is_not_sent(quick_sale: Callable[[], object]) -> None:
    quick_sale()
    shown = at(NOON + 5 * MINUTE + timedelta(seconds=1))  # nobody worked until a minute after the start
    assert shown == []
    assert set(Delivery.objects.filter(due_at__lte=NOON + 5 * MINUTE).values_list("state", flat=True)) == {"expired"}


def test_sold_out_is_the_last_that_is_said(quick_sale: Callable[[], object], group: ChatGroup) -> None:
    quick_sale()
    at(NOON + 4 * MINUTE)
    for condition, minute in (("half_sold", 5), ("sold_out", 6)):
        services.meet_condition(
            workspace_id=group.workspace_id, subject_kind="flash_sale", subject_id=1, condition=condition,
            now=NOON + minute * MINUTE,
        )  # fmt: skip
        at(NOON + minute * MINUTE)
    shown = at(NOON + 30 * MINUTE)
    assert shown[-2:] == [
        "羊毛衫 已经卖出 18 件，还剩 12 件（截至 20:01）：http://x/s/1",
        "羊毛衫 抢光了，18 件全部卖完，谢谢大家！",
    ]
