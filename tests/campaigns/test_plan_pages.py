"""Pages: 排期, 群SOP and its runs."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns import selectors, services
from campaigns.models import Playbook, PlaybookRun
from community_ops.common import clock
from community_ops.common.templatetags.reason_words import reason_words
from groups.models import ChatGroup
from messaging.models import Delivery
from tests.campaigns.conftest import HTMX, UNREACHED, Page, SignIn, Start, Write, make_group, schedule, text_of
from tests.factories.people import SYSTEM, Someone
from tests.moments import NOON

pytestmark = pytest.mark.usefixtures("at_noon", "in_english")


def test_calendar_shows_announcements_and_touches_with_their_states(page: Page, write: Write, start: Start) -> None:
    schedule(write(text="今天的消息"))
    start(starts_at=NOON + timedelta(minutes=30), ends_at=NOON + timedelta(hours=2))
    shown = text_of(page("calendar/", {"days": 7}))
    assert "今天的消息" in shown
    assert "羊毛衫限时抢购" in shown
    assert "Skipped" in shown
    assert "When half is sold" in shown
    assert "1 hour before" in shown


def test_calendar_is_narrowed_to_a_group(
    page: Page, write: Write, group: ChatGroup, second_group: ChatGroup, foreign_group: ChatGroup
) -> None:
    schedule(write(group, text="给一群"))
    schedule(write(second_group, text="给二群"))
    shown = text_of(page("calendar/", {"group": second_group.pk}))
    assert "给二群" in shown
    assert "给一群" not in shown
    assert page("calendar/", {"group": foreign_group.pk}).status_code == 404


@pytest.mark.parametrize(
    "query", [{"from": "x", "days": "x"}, {"days": "9" * 40}, {"from": "9999-12-31"}, {"days": "0"}]
)
def test_calendar_takes_nonsense_in_its_address(page: Page, query: dict[str, str]) -> None:
    text_of(page("calendar/", query))


def test_calendar_of_another_week_is_empty(page: Page, write: Write) -> None:
    schedule(write(text="今天的消息"))
    assert "今天的消息" not in text_of(page("calendar/", {"from": "2027-01-01"}))


def test_calendar_asks_the_database_the_same_number_of_times(page: Page, write: Write, start: Start) -> None:
    schedule(write())
    start(starts_at=NOON + timedelta(minutes=30), ends_at=NOON + timedelta(hours=2))
    page("calendar/")
    with CaptureQueriesContext(connection) as few:
        page("calendar/")
    for number in range(2, 12):
        schedule(write())
        start(starts_at=NOON + timedelta(hours=number), ends_at=NOON + timedelta(days=1), subject_id=number)
    with CaptureQueriesContext(connection) as many:
        page("calendar/")
    assert len(many) == len(few)


def test_helper_sees_only_her_groups_in_the_calendar(
    write: Write, group: ChatGroup, second_group: ChatGroup, helper: Someone, signed_in: SignIn
) -> None:
    group.staff.create(workspace=group.workspace, user=helper.user, role="helper")
    schedule(write(group, text="给一群"))
    schedule(write(second_group, text="给二群"))
    shown = text_of(signed_in(helper).get(f"/w/{helper.workspace.slug}/calendar/"))
    assert "给一群" in shown
    assert "给二群" not in shown


def test_playbooks_and_runs_are_listed(page: Page, minute_ladder: Playbook, start: Start) -> None:
    start()
    shown = text_of(page("playbooks/"))
    assert "Flash sale: ladder in minutes" in shown
    assert "羊毛衫限时抢购" in shown


def test_playbook_shows_steps_words_and_what_they_need(page: Page, ladder: Playbook) -> None:
    shown = text_of(page(f"playbooks/{ladder.pk}/"))
    for words in ("3 days before, 10:00", "10 minutes before the end", "When half is sold", "on the day, 09:00"):
        assert words in shown
    assert "Somebody sends a round of red packets" in shown
    assert "开抢了" in shown


def test_playbook_names_what_is_filled_in(page: Page, ladder: Playbook) -> None:
    words = [one["text"] for step in page(f"playbooks/{ladder.pk}/").context["steps"] for one in step["texts"]]
    assert any("[" in text for text in words)
    assert not any("{" in text for text in words)


def test_playbook_shows_what_it_would_do(page: Page, ladder: Playbook, group: ChatGroup) -> None:
    query = {"starts_at": "2026-11-21T20:30", "ends_at": "2026-11-21T22:00", "groups": group.pk}
    shown = text_of(page(f"playbooks/{ladder.pk}/", query))
    assert "Its time was past already." in shown
    assert not PlaybookRun.objects.exists()
    assert not Delivery.objects.exists()


def test_playbook_says_when_the_end_comes_first(page: Page, ladder: Playbook, group: ChatGroup) -> None:
    query = {"starts_at": "2026-11-21T20:30", "ends_at": "2026-11-21T20:30", "groups": group.pk}
    assert "The end must be after the start." in text_of(page(f"playbooks/{ladder.pk}/", query))


def test_run_shows_each_touch_in_each_group(
    page: Page, start: Start, group: ChatGroup, second_group: ChatGroup, silent_group: ChatGroup
) -> None:
    run = start(group, second_group, silent_group)
    shown = text_of(page(f"runs/{run.pk}/"))
    for chosen in (group, second_group, silent_group):
        assert chosen.name in shown
    assert shown.count(">Planned</span>") == 21  # the run's own badge and ten touches in two groups
    assert "The group has no delivery channel." in shown
    services.stop_run(run=run, reason="sale_cancelled", actor=SYSTEM, now=NOON)
    shown = text_of(page(f"runs/{run.pk}/", **HTMX))
    assert "The sale was cancelled." in shown
    assert shown.count(">Cancelled</span>") == 24  # touches and deliveries have one word
    assert "Called off" not in shown


def test_run_of_many_groups_counts_them(page: Page, start: Start, community: Any) -> None:
    run = start(*[make_group(community, f"{number}群") for number in range(8)])
    assert "In 8 groups" in text_of(page(f"runs/{run.pk}/"))


def test_run_asks_the_database_the_same_number_of_times(page: Page, start: Start, community: Any) -> None:
    few_groups = start(make_group(community))
    many_groups = start(*[make_group(community, f"{number}群") for number in range(6)], subject_id=2)
    page(f"runs/{few_groups.pk}/")
    with CaptureQueriesContext(connection) as few:
        page(f"runs/{few_groups.pk}/")
    with CaptureQueriesContext(connection) as many:
        page(f"runs/{many_groups.pk}/")
    assert len(many) == len(few)


def test_a_touch_that_came_too_late_also_tells_the_last_failure(page: Page, start: Start) -> None:
    run = start()
    first = Delivery.objects.order_by("due_at").first()
    assert first is not None
    Delivery.objects.filter(pk=first.pk).update(state="expired", reason="too_late", **UNREACHED)
    shown = text_of(page(f"runs/{run.pk}/"))
    assert "Its latest moment had passed. The other side could not be reached; nothing was sent." in shown


def test_a_condition_that_never_came_did_not_happen(
    page: Page, start: Start, owner: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(starts_at=NOON + timedelta(minutes=30), ends_at=NOON + timedelta(hours=2))
    for path in ("calendar/?days=7", f"runs/{run.pk}/"):
        assert "Waits for its condition" in text_of(page(path))
        assert "Did not happen" not in text_of(page(path))
    monkeypatch.setattr(clock, "now", lambda: NOON + timedelta(hours=2))
    for path in ("calendar/?days=7", f"runs/{run.pk}/"):
        assert "Waits for its condition" not in text_of(page(path))
        assert "Did not happen" in text_of(page(path))
    item = next(
        item
        for item in selectors.calendar_items(owner.actor, NOON, NOON + timedelta(days=1), now=clock.now())
        if item.condition
    )
    assert not item.is_open


def test_groups_that_failed_for_different_reasons_share_one_badge_with_their_number(
    page: Page, write: Write, group: ChatGroup, second_group: ChatGroup
) -> None:
    schedule(write(group, second_group))
    Delivery.objects.filter(target_id=group.pk).update(state="failed", reason="refused")
    Delivery.objects.filter(target_id=second_group.pk).update(state="failed", reason="file_lost")
    (line,) = [line for day in page("calendar/").context["days"] for line in day.lines]
    (badge,) = line["badges"]
    assert (str(badge.label), badge.count) == ("Failed", 2)
    assert str(reason_words("refused")) in badge.help
    assert str(reason_words("file_lost")) in badge.help
