"""Pages: deciding about a doubt where the announcement is read; what was called off in the calendar."""

from datetime import timedelta

import pytest

from campaigns import services
from dashboard.needs import needs_in_short
from groups.models import ChatGroup
from messaging.models import Delivery
from tests.campaigns.conftest import HTMX, Page, SignIn, Start, Write, schedule, text_of
from tests.factories.people import SYSTEM, Someone
from tests.moments import NOON

pytestmark = pytest.mark.usefixtures("at_noon", "in_english")
LIST = {"days": 7}
SOON = {"starts_at": NOON + timedelta(minutes=90), "ends_at": NOON + timedelta(hours=3)}
CANCELLED = ">Cancelled</span>"


def test_a_doubt_is_settled_on_the_announcements_page(
    page: Page, write: Write, group: ChatGroup, second_group: ChatGroup
) -> None:
    announcement = write(group, second_group)
    schedule(announcement)
    doubt = Delivery.objects.get(target_id=group.pk)
    Delivery.objects.filter(pk=doubt.pk).update(state="unknown", reason="no_answer")
    for headers in ({}, HTMX):
        shown = page(f"announcements/{announcement.pk}/", **headers).content.decode()
        assert shown.count('name="verdict" value="sent"') == 1
        assert f"deliveries/{doubt.pk}/decide/?verdict=again" in shown
    assert "<dialog" not in shown  # of the refreshed part: an open question stays
    back = f"/w/{group.workspace.slug}/announcements/{announcement.pk}/"
    assert f'name="back" value="{back}"' in shown
    answer = page(f"deliveries/{doubt.pk}/decide/", {"verdict": "sent", "back": back}, method="post")
    assert (answer["Location"], Delivery.objects.get(pk=doubt.pk).state) == (back, "confirmed")


def test_the_announcements_page_says_how_much_of_a_message_is_in_each_group(
    page: Page, write: Write, group: ChatGroup, second_group: ChatGroup
) -> None:
    announcement = write(group, second_group)
    schedule(announcement)
    parts = {"parts_sent": 1, "part_count": 2}
    Delivery.objects.filter(target_id=group.pk).update(state="unknown", reason="no_answer", **parts)
    Delivery.objects.filter(target_id=second_group.pk).update(state="failed", reason="refused", **parts)
    shown = text_of(page(f"announcements/{announcement.pk}/"))
    assert "The doubt is about message 2 of 2." in shown
    assert "1 of 2 messages went out; the rest was not sent." in shown


def test_a_cancelled_announcement_that_is_half_out_says_so(page: Page, write: Write, group: ChatGroup) -> None:
    announcement = write(group)
    schedule(announcement)
    Delivery.objects.update(parts_sent=1, part_count=2)
    services.cancel_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    shown = page(f"announcements/{announcement.pk}/")
    assert shown.context["counts"] == {"partly_sent": 1}
    assert "Cancelled · 1 of 2 sent</span>" in text_of(shown)
    assert text_of(shown).count(">Partly sent</span>") == 2  # of the whole, and how many groups
    listed = text_of(page("announcements/"))
    assert ">Partly sent</span>" in listed
    assert CANCELLED not in listed


def test_a_touch_that_is_half_out_is_not_called_off(page: Page, start: Start) -> None:
    start(**SOON)
    Delivery.objects.update(state="cancelled", reason="cancelled_by_person", parts_sent=1, part_count=2)
    answer = page("calendar/")
    assert answer.context["called_off_count"] == 0
    assert ">Partly sent</span>" in text_of(answer)


def test_who_may_not_decide_reads_of_the_doubt_only(
    write: Write, group: ChatGroup, viewer: Someone, signed_in: SignIn
) -> None:
    announcement = write()
    schedule(announcement)
    Delivery.objects.update(state="unknown", reason="no_answer")
    shown = text_of(signed_in(viewer).get(f"/w/{group.workspace.slug}/announcements/{announcement.pk}/"))
    assert "verdict" not in shown
    assert "delivery-question" not in shown


def test_what_was_called_off_is_counted_and_shown_on_demand(page: Page, write: Write, start: Start) -> None:
    schedule(write(text="还会发的消息"))
    run = start(**SOON)
    assert "羊毛衫限时抢购" in text_of(page("calendar/", LIST))
    services.stop_run(run=run, reason="sale_cancelled", actor=SYSTEM, now=NOON)
    answer = page("calendar/", LIST)
    count = answer.context["called_off_count"]
    assert count >= 7
    assert f'href="?days=7&amp;cancelled=1">Show what was cancelled ({count})</a>' in text_of(answer)
    assert "羊毛衫限时抢购" not in text_of(answer)
    assert "还会发的消息" in text_of(answer)
    shown = text_of(page("calendar/", LIST | {"cancelled": 1}))
    assert CANCELLED in shown
    assert "Hide what was cancelled" in shown
    assert shown.count("羊毛衫限时抢购") == count


def test_what_one_group_still_gets_stays_in_the_calendar(
    page: Page, start: Start, group: ChatGroup, second_group: ChatGroup
) -> None:
    start(group, second_group, **SOON)
    Delivery.objects.filter(target_id=group.pk).update(state="cancelled", reason="cancelled_by_person")
    answer = page("calendar/")
    assert answer.context["called_off_count"] == 0
    assert CANCELLED in text_of(answer)


def test_a_touch_without_a_time_is_not_set_yet(page: Page, start: Start) -> None:
    start(**SOON)
    shown = text_of(page("calendar/", LIST))
    assert "not set yet" in shown
    assert ">open<" not in shown


def test_a_line_of_today_is_not_cut_within_an_address(write: Write, owner: Someone) -> None:
    schedule(write(text="还有 10 分钟开抢，提前点开入口，别错过，名额有限：http://127.0.0.1:8000/g/abc"))
    Delivery.objects.update(state="expired", reason="too_late", updated_at=NOON)
    found = needs_in_short(owner.actor, owner.workspace.slug, now=NOON).lines
    (need,) = [one for one in found if one.kind == "expired"]
    assert need.text.endswith("名额有限：")
