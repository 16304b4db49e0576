"""Who is told of her cards, when, in how many messages; and when there is silence."""

import email
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default as modern

import pytest
from django.utils import translation

from community_ops.common.errors import InvalidTransition
from messaging import services
from messaging.errors import NoNoticeChannel, NudgedTooSoon
from messaging.models import Delivery, HumanTask, SandboxPost
from messaging.ports import origin_guards
from messaging.tasks import tell_assignees
from tests.factories.people import SYSTEM
from tests.messaging.conftest import make_endpoint
from tests.messaging.platforms.mail_server import USER, real_server
from tests.moments import NOON

SETTLED = NOON + timedelta(seconds=2)


@pytest.fixture(autouse=True)
def _in_english(settings) -> None:
    settings.LANGUAGE_CODE = "en"
    settings.PUBLIC_URL = "https://ops.example"


@pytest.fixture
def told_by(workspace):
    return make_endpoint(workspace, "sandbox")


@pytest.fixture
def person(new_person, told_by):
    return new_person("阿May", notice_endpoint=told_by, mention="amei")


def tell(*, minutes: float = 0, seconds: float = 2) -> int:
    return services.tell_assignees(now=NOON + timedelta(minutes=minutes, seconds=seconds))


def words() -> list[str]:
    return list(SandboxPost.objects.order_by("pk").values_list("text", flat=True))


def test_one_message_tells_of_a_card_and_all_its_groups(card, deliver) -> None:
    assert tell(seconds=1) == 0  # the other groups of the touch may still come
    assert (tell(), tell()) == (1, 0)
    deliver(SETTLED)
    assert words() == ["@[阿May](amei) 1 card to do: 12:00 今晚八点开抢 · 3 groups → https://ops.example/t/"]
    card.refresh_from_db()
    assert (card.told_at, card.told_count, card.telling.target_kind) == (SETTLED, 1, "staff")
    assert (card.telling.exemption, card.telling.endpoint.name) == (
        "staff",
        card.telling.message.deliveries.get().endpoint.name,
    )


def test_cards_of_the_same_moment_are_told_in_one_message(card, person, plan, deliver) -> None:
    plan(person.endpoint, text="红包雨开始了", origin_id=78)
    deliver()
    assert tell() == 1
    deliver(SETTLED)
    assert words()[0].splitlines() == [
        "@[阿May](amei) 2 cards to do → https://ops.example/t/",
        "12:00 今晚八点开抢 · 3 groups",
        "12:00 红包雨开始了 · 1 group",
    ]
    assert set(HumanTask.objects.values_list("told_count", flat=True)) == {1}


def test_each_person_is_told_by_her_own_channel(card, new_person, plan, deliver, workspace) -> None:
    colleague = new_person("小周", notice_endpoint=make_endpoint(workspace, "sandbox"))
    plan(colleague.endpoint, origin_id=77)
    deliver()
    assert tell() == 2
    deliver(SETTLED)
    assert SandboxPost.objects.values("endpoint").distinct().count() == 2


def test_she_is_told_three_times_and_then_there_is_silence(card) -> None:
    told = [minutes for minutes in range(61) if tell(minutes=minutes)]
    assert told == [0, 5, 10]
    card.refresh_from_db()
    assert (card.next_tell_at, card.told_count) == (None, 3)


def test_who_has_looked_is_told_again_only_when_it_is_late(card) -> None:
    tell()
    for _ in range(2):
        services.open_card(task=card, now=NOON + timedelta(minutes=1))
    assert [minutes for minutes in range(1, 61) if tell(minutes=minutes)] == [10]


def test_a_late_card_says_how_late_it_is(card, deliver) -> None:
    for minutes in (0, 5, 12):
        tell(minutes=minutes)
    deliver(NOON + timedelta(minutes=12, seconds=2))
    assert "12:00 (12 min late) 今晚八点开抢" in words()[-1]


def test_there_is_silence_when_a_card_is_done(card) -> None:
    tell()
    services.finish_items(task=card, actor=SYSTEM, now=NOON + timedelta(minutes=1))
    assert not any(tell(minutes=minutes) for minutes in range(2, 30))


def test_a_word_that_was_not_sent_yet_is_dropped_when_its_cards_are_closed(card, deliver) -> None:
    tell()
    services.withdraw_task(task=card, actor=SYSTEM, now=SETTLED)
    deliver(SETTLED)
    assert (Delivery.objects.get(origin="task").state, Delivery.objects.get(origin="task").reason) == (
        "cancelled",
        "card_closed",
    )
    assert words() == []


def test_each_card_has_its_own_rhythm(card, person, plan, deliver) -> None:
    """The fourth touch of a day is told like the first: there is no cap."""
    for number in (1, 2, 3):
        plan(person.endpoint, text=f"第 {number} 条", due_at=NOON + timedelta(hours=number))
        deliver(NOON + timedelta(hours=number))
    told = [minutes for minutes in range(240) if tell(minutes=minutes)]
    assert told == [0, 5, 10, 60, 65, 70, 120, 125, 130, 180, 185, 190]


def test_who_has_no_channel_is_passed_over_and_told_once_she_has_one(new_person, plan, deliver, told_by) -> None:
    person = new_person("阿May")
    plan(person.endpoint)
    deliver()
    assert tell() == 0
    assert not Delivery.objects.filter(origin="task").exists()
    facts = {"name": "阿May", "user": None, "deputy": None, "notice_endpoint": told_by, "mention": ""}
    services.update_assignee(assignee=person, **facts, actor=SYSTEM, now=NOON)
    assert tell(minutes=30) == 1


def test_work_made_for_tomorrow_is_told_tomorrow(person, deliver) -> None:
    tomorrow = NOON + timedelta(days=1)
    facts = {"assignee": person, "kind": "new_group", "title": "建 3 群", "due_at": tomorrow}
    services.create_task(**facts, zone="UTC", actor=SYSTEM, now=NOON)
    assert tell() == 0
    assert services.tell_assignees(now=tomorrow) == 1
    deliver(tomorrow)
    assert words() == ["@[阿May](amei) 1 card to do: 12:00 建 3 群 → https://ops.example/t/"]


def test_a_nudge_is_sent_at_most_once_a_minute(card, deliver) -> None:
    tell()
    with pytest.raises(NudgedTooSoon):
        services.nudge_card(task=card, actor=SYSTEM, now=NOON + timedelta(seconds=61))
    at = NOON + timedelta(seconds=62)
    services.nudge_card(task=card, actor=SYSTEM, now=at)
    with pytest.raises(NudgedTooSoon):
        services.nudge_card(task=card, actor=SYSTEM, now=at)
    deliver(at)
    assert Delivery.objects.filter(origin="task").count() == 2
    assert len(words()) == 1  # the first one was overtaken by the nudge before it went out
    assert [minutes for minutes in range(2, 30) if tell(minutes=minutes)] == [5, 10]  # the rhythm goes on


def test_a_nudge_is_refused_when_nobody_can_be_told_or_nothing_is_open(card, new_person, plan, deliver) -> None:
    silent = new_person("小周")
    plan(silent.endpoint, origin_id=77)
    deliver()
    with pytest.raises(NoNoticeChannel):
        services.nudge_card(task=HumanTask.objects.get(assignee=silent), actor=SYSTEM, now=NOON)
    services.finish_items(task=card, actor=SYSTEM, now=NOON)
    with pytest.raises(InvalidTransition):
        services.nudge_card(task=card, actor=SYSTEM, now=NOON)
    assert not Delivery.objects.filter(origin="task").exists()


def test_quiet_hours_do_not_hold_a_word_to_a_colleague(card, deliver, workspace) -> None:
    day = {"from_on": NOON.date(), "until_on": None}
    facts = {"workspace_id": workspace.pk, "begins": NOON.time(), "ends": (NOON + timedelta(hours=1)).time()}
    services.create_quiet_hours(**facts, **day, actor=SYSTEM, now=NOON)
    tell()
    deliver(SETTLED)
    assert len(words()) == 1


def test_she_is_told_in_the_language_of_her_account(card, person, owner, deliver) -> None:
    owner.user.language = "zh-hans"
    owner.user.save()
    facts = {"name": "阿May", "deputy": None, "notice_endpoint": person.notice_endpoint, "mention": ""}
    services.update_assignee(assignee=person, user=owner.user, **facts, actor=SYSTEM, now=NOON)
    tell()
    deliver(SETTLED)
    with translation.override("zh-hans"):
        expected = translation.gettext("%(count)s: %(what)s → %(url)s")
    assert words()[0].endswith("https://ops.example/t/")
    assert expected.partition("%(what)s")[0].partition("%(count)s")[2] in words()[0]


def test_the_tick_tells_once_however_often_it_runs(card, time_machine) -> None:
    time_machine.move_to(SETTLED)
    for _ in range(2):
        tell_assignees()
    assert Delivery.objects.filter(origin="task").count() == 1


# --- by mail ---------------------------------------------------------------------------------------------


@pytest.fixture
def mail_server():
    with real_server() as server:
        yield server


def mails(server) -> list[EmailMessage]:
    envelopes = server.handler.envelopes
    return [email.message_from_bytes(envelope.original_content, policy=modern) for envelope in envelopes]


@pytest.fixture
def by_mail(new_person, workspace, mail_server):
    """A colleague who is told by mail."""
    config = {"host": "127.0.0.1", "security": "none", "sender": USER, "chat": "zhou@example.org"}
    return new_person("小周", notice_endpoint=make_endpoint(workspace, "email", **config, port=mail_server.port))


def test_a_colleague_is_told_by_mail_and_once_more_by_a_nudge(by_mail, mail_server, plan, deliver) -> None:
    for number in (1, 2):
        plan(by_mail.endpoint, origin_id=79, target_id=number)
    deliver()
    assert tell() == 1
    deliver(SETTLED)
    (mail,) = mails(mail_server)
    assert (mail["To"], mail["Auto-Submitted"]) == ("zhou@example.org", "auto-generated")
    assert mail["Subject"] == "1 card to do: 12:00 今晚八点开抢 · 2 groups"
    assert mail.get_content().strip() == "1 card to do: 12:00 今晚八点开抢 · 2 groups → https://ops.example/t/"
    services.nudge_card(task=HumanTask.objects.get(), actor=SYSTEM, now=NOON + timedelta(minutes=2))
    deliver(NOON + timedelta(minutes=2))
    assert [mail["To"] for mail in mails(mail_server)] == ["zhou@example.org"] * 2
    assert {row.state for row in Delivery.objects.filter(target_kind="staff")} == {"accepted"}
    assert mails(mail_server)[0]["Message-ID"] != mails(mail_server)[1]["Message-ID"]


def test_a_card_done_before_its_mail_went_out_sends_none(by_mail, mail_server, plan, deliver) -> None:
    plan(by_mail.endpoint, origin_id=79)
    deliver()
    tell()
    services.finish_items(task=HumanTask.objects.get(), actor=SYSTEM, now=SETTLED)
    deliver(SETTLED)
    assert mails(mail_server) == []
    assert Delivery.objects.get(target_kind="staff").reason == "card_closed"


def test_many_words_are_looked_at_with_one_question(card, django_assert_num_queries) -> None:
    tell()
    told = Delivery.objects.get(target_kind="staff")
    others = [Delivery(pk=told.pk + number, origin="task") for number in range(1, 6)]
    with django_assert_num_queries(1):
        found = origin_guards.get("task").check_all([told, *others], SETTLED)
    assert [one.reason for one in found] == ["", *["card_closed"] * 5]
