"""Pages: 群消息, 排期, 群SOP, and the admin."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from campaigns import selectors, services
from campaigns.models import Announcement, Playbook, PlaybookRun
from community_ops.accounts.models import Workspace
from community_ops.common import clock
from groups.models import ChatGroup
from messaging.models import Delivery
from tests.campaigns.conftest import Start, Write, make_community, make_group
from tests.factories.people import SYSTEM, Someone
from tests.moments import NOON

HTMX = {"HX-Request": "true"}
SignIn = Callable[[Someone], Client]


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def page(owner: Someone, signed_in: SignIn) -> Callable[..., HttpResponse]:
    """Open a page of the workspace as its owner, in English."""
    client = signed_in(owner)

    def open_page(path: str, data: dict[str, Any] | None = None, method: str = "get", **headers: str) -> HttpResponse:
        headers = {"Accept-Language": "en"} | headers
        return getattr(client, method)(f"/w/{owner.workspace.slug}/{path}", data or {}, headers=headers)

    return open_page


Page = Callable[..., HttpResponse]


def text_of(answer: HttpResponse) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def schedule(announcement: Announcement) -> None:
    services.schedule_announcement(announcement=announcement, actor=SYSTEM, now=NOON)


def test_list_says_what_became_of_each(page: Page, write: Write, group: ChatGroup, second_group: ChatGroup) -> None:
    write(text="还是草稿")
    sent = write(group, second_group, text="已经排好")
    schedule(sent)
    Delivery.objects.filter(target_id=group.pk).update(state="accepted")
    shown = text_of(page("announcements/"))
    assert shown.index("已经排好") < shown.index("还是草稿")
    assert "Accepted by the platform" in shown
    assert "Planned" in shown
    assert "Draft" in shown


def test_empty_list_names_the_next_step(page: Page) -> None:
    assert "announcements/new/" in text_of(page("announcements/"))


def test_list_asks_the_database_the_same_number_of_times(page: Page, write: Write) -> None:
    schedule(write())
    page("announcements/")
    with CaptureQueriesContext(connection) as few:
        page("announcements/")
    for _ in range(12):
        schedule(write())
    with CaptureQueriesContext(connection) as many:
        page("announcements/")
    assert len(many) == len(few)


def test_next_page_goes_on_where_the_first_ended(page: Page, write: Write) -> None:
    first = write(text="最早的一条")
    for _ in range(50):
        write()
    answer = page("announcements/")
    assert first.text not in text_of(answer)
    assert first.text in text_of(page("announcements/" + answer.context["pager"]["next_url"]))


@pytest.mark.parametrize("cursor", ["7", "x_7", "2026-11-21T12:00:00_7", "2026-11-21T12:00:00+00:00_x", "_"])
def test_a_cursor_that_nobody_wrote_is_the_first_page(page: Page, write: Write, cursor: str) -> None:
    write(text="最早的一条")
    assert "最早的一条" in text_of(page("announcements/", {"cursor": cursor}))


def test_list_is_in_the_order_of_send_times(page: Page, write: Write) -> None:
    for number in (3, 1, 2):
        write(text=f"第{number}条", due_at=NOON + timedelta(hours=number))
    shown = text_of(page("announcements/"))
    assert shown.index("第3条") < shown.index("第2条") < shown.index("第1条")


def fill(*groups: ChatGroup, **change: Any) -> dict[str, Any]:
    due_at = "2026-11-21T21:30"  # in Shanghai
    return {"groups": [group.pk for group in groups], "text": "今晚见", "due_at": due_at} | change


def test_composer_writes_a_draft_in_the_communitys_time(page: Page, group: ChatGroup) -> None:
    answer = page("announcements/new/", fill(group), method="post")
    draft = Announcement.objects.get()
    assert (answer.status_code, answer["Location"]) == (
        302, f"/w/{group.workspace.slug}/announcements/{draft.pk}/"
    )  # fmt: skip
    assert (draft.state, draft.text, draft.due_at) == ("draft", "今晚见", NOON + timedelta(minutes=90))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"groups": []}, "Choose at least one group."),
        ({"groups": ["999999"]}, "There is no such object."),
        ({"groups": ["x"]}, "x"),
        ({"text": ""}, "This field is required."),
        ({"text": "a\x00b"}, "Null characters are not allowed."),
        ({"text": "a\u202eb"}, "invisible direction marks"),
        ({"text": "字" * 100_000}, "at most 20000 characters"),
        ({"text": "{name}"}, "Unknown placeholder"),
        ({"due_at": "2020-01-01T10:00"}, "This time is past."),
        ({"due_at": "gestern"}, "Choose a day and a time."),
        ({"due_at": "9999-12-31T23:59"}, "Choose a day and a time."),
        ({"due_at": ""}, "This field is required."),
    ],
)
def test_composer_names_what_is_wrong(page: Page, group: ChatGroup, change: dict[str, Any], words: str) -> None:
    answer = page("announcements/new/", fill(group, **change), method="post")
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Announcement.objects.exists()


def test_composer_refuses_what_a_platform_cannot_take(page: Page, community: Any) -> None:
    robot = make_group(community, "机器人群", platform="wecom_robot")
    answer = page("announcements/new/", fill(robot, text="字" * 700), method="post")
    assert "2048" in answer.content.decode()
    assert not Announcement.objects.exists()


def test_composer_does_not_offer_other_workspaces_groups(
    page: Page, group: ChatGroup, foreign_group: ChatGroup
) -> None:
    assert foreign_group.name not in text_of(page("announcements/new/"))
    assert page("announcements/new/", fill(foreign_group), method="post").status_code == 422
    assert not Announcement.objects.exists()


def test_preview_counts_bytes_for_each_platform_and_saves_nothing(page: Page, group: ChatGroup, community: Any) -> None:
    robot = make_group(community, "机器人群", platform="wecom_robot")
    shown = text_of(page("announcements/new/", fill(group, robot, text="你好<b>"), method="post", **HTMX))
    assert "2,048" in shown
    assert "32,768" in shown
    assert "data-size>9</span>" in shown
    assert "你好&lt;b&gt;" in shown
    assert not Announcement.objects.exists()


def test_preview_of_nonsense_is_no_error(page: Page, db: None) -> None:
    text_of(page("announcements/new/", {"groups": ["x", "9" * 30], "text": "a\x00"}, method="post", **HTMX))


def test_draft_is_written_anew(page: Page, write: Write, second_group: ChatGroup) -> None:
    draft = write()
    assert "晚上八点见" in text_of(page(f"announcements/{draft.pk}/edit/"))
    page(f"announcements/{draft.pk}/edit/", fill(second_group), method="post")
    draft.refresh_from_db()
    assert (draft.text, [row.group_id for row in draft.targets.all()]) == ("今晚见", [second_group.pk])


def test_scheduled_announcement_is_not_written_anew(page: Page, write: Write, group: ChatGroup) -> None:
    announcement = write()
    schedule(announcement)
    answer = page(f"announcements/{announcement.pk}/edit/", fill(group), method="post")
    assert "Only a draft can be changed." in answer.content.decode()
    assert Announcement.objects.get().text == "晚上八点见"


def test_draft_shows_whom_it_goes_to_before_it_is_scheduled(page: Page, write: Write, silent_group: ChatGroup) -> None:
    shown = text_of(page(f"announcements/{write(silent_group).pk}/"))
    assert "dialog-schedule" in shown
    assert "没接通的群 has no delivery channel" in shown


@pytest.mark.parametrize(
    ("action", "data", "due_at"),
    [
        ("schedule", {}, NOON + timedelta(hours=1)),
        ("send_now", {}, NOON),
    ],
)
def test_page_plans_the_deliveries(
    page: Page, write: Write, action: str, data: dict[str, str], due_at: datetime
) -> None:
    draft = write()
    page(f"announcements/{draft.pk}/{action}/", data, method="post")
    assert Delivery.objects.get().due_at == due_at


def test_page_moves_and_cancels(page: Page, write: Write) -> None:
    announcement = write()
    schedule(announcement)
    page(f"announcements/{announcement.pk}/move/", {"due_at": "2026-11-22T09:00"}, method="post")
    assert Delivery.objects.get().due_at == NOON + timedelta(hours=13)
    page(f"announcements/{announcement.pk}/cancel/", method="post")
    assert Delivery.objects.get().state == "cancelled"


@pytest.mark.parametrize("due_at", ["", "x", "2020-01-01T10:00"])
def test_bad_time_moves_nothing_and_is_said(page: Page, write: Write, due_at: str) -> None:
    announcement = write()
    schedule(announcement)
    answer = page(f"announcements/{announcement.pk}/move/", {"due_at": due_at}, method="post")
    assert answer.status_code == 302
    assert "toast" in text_of(page(f"announcements/{announcement.pk}/"))
    assert Delivery.objects.get().due_at == NOON + timedelta(hours=1)


def test_refusal_is_said_on_the_next_page(page: Page, write: Write) -> None:
    announcement = write()
    services.cancel_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    page(f"announcements/{announcement.pk}/schedule/", method="post")
    assert "This announcement was cancelled." in text_of(page(f"announcements/{announcement.pk}/"))


def test_detail_shows_the_honest_state_of_each_group(page: Page, write: Write, group: ChatGroup) -> None:
    announcement = write()
    schedule(announcement)
    Delivery.objects.update(state="accepted", accepted_at=NOON, platform_code="0", platform_text="ok")
    answer = page(f"announcements/{announcement.pk}/", **HTMX)
    shown = answer.content.decode()
    assert answer.status_code == 286  # nothing more to ask for
    assert "<html" not in shown
    assert "Whether the group shows it is up to the platform." in shown
    assert "0 ok" not in shown
    assert group.name in shown


UNREACHED = {"platform_code": "not_sent", "platform_text": "the name could not be resolved"}
PARKED = {"state": "failed", "reason": "gave_up", "attempt_count": 7} | UNREACHED
IN_A_MOMENT = NOON + timedelta(seconds=45)
RETRIED = {"reason": "retrying", "attempt_count": 3, "due_at": NOON, "next_try_at": IN_A_MOMENT} | UNREACHED


def test_a_failed_try_is_told_in_words_and_one_state_has_one_name(page: Page, write: Write) -> None:
    announcement = write()
    schedule(announcement)
    Delivery.objects.update(**PARKED)
    detail, listed = text_of(page(f"announcements/{announcement.pk}/")), text_of(page("announcements/"))
    assert "The other side could not be reached; nothing was sent." in detail
    assert "not_sent" not in detail
    assert "the name could not be resolved" not in detail
    for shown in (detail, listed):
        assert "Failed several times, parked" in shown
        assert ">Failed</span>" not in shown


def test_what_is_being_retried_says_so_and_when(page: Page, write: Write) -> None:
    announcement = write()
    schedule(announcement)
    Delivery.objects.update(**RETRIED)
    shown = text_of(page(f"announcements/{announcement.pk}/"))
    assert "Retrying" in shown
    assert "The next one is at 20:00:45." in shown
    assert "dialog-cancel" in shown
    assert "Retrying" in text_of(page("announcements/"))


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
    for path in ("calendar/", f"runs/{run.pk}/"):
        assert "Waits for its condition" in text_of(page(path))
        assert "Did not happen" not in text_of(page(path))
    monkeypatch.setattr(clock, "now", lambda: NOON + timedelta(hours=2))
    for path in ("calendar/", f"runs/{run.pk}/"):
        assert "Waits for its condition" not in text_of(page(path))
        assert "Did not happen" in text_of(page(path))
    item = next(
        item
        for item in selectors.calendar_items(owner.actor, NOON, NOON + timedelta(days=1), now=clock.now())
        if item.condition
    )
    assert not item.is_open


def test_dialogs_name_time_groups_and_words(page: Page, write: Write, group: ChatGroup) -> None:
    draft = write(text="晚上八点见，" + "很长" * 60)
    dialogs = page(f"announcements/{draft.pk}/").context["dialogs"]
    for kind, when in (("schedule", "21 Nov, 21:00 (Asia/Shanghai)"), ("send_now", "At once")):
        facts = {fact["label"]: fact["value"] for fact in dialogs[kind]["facts"]}
        assert (facts["When"], facts["Groups"]) == (when, "1")
        assert facts["Text"].startswith("晚上八点见")
        assert len(facts["Text"]) <= 60
        assert dialogs[kind]["names"] == [group.name]


def test_the_way_out_of_a_dialog_does_not_read_like_its_action(page: Page, write: Write) -> None:
    draft = write()
    shown = text_of(page(f"announcements/{draft.pk}/")).split('id="dialog-cancel"')[1].split("</dialog>")[0]
    assert ">Back</a>" in shown
    assert ">Cancel this announcement</button>" in shown
    assert ">Cancel</a>" not in shown


@pytest.mark.parametrize(
    ("facts", "is_offered"),
    [
        ({}, True),
        ({"due_at": NOON}, False),  # just sent now
        ({"state": "sending"}, False),
        ({"state": "accepted"}, False),
        (PARKED, False),
        (RETRIED, True),
    ],
)
def test_time_and_cancel_are_offered_while_there_is_something_to_change(
    page: Page, write: Write, facts: dict[str, Any], is_offered: bool
) -> None:
    announcement = write()
    schedule(announcement)
    Delivery.objects.update(**facts)
    Announcement.objects.update(due_at=facts.get("due_at", announcement.due_at))
    for headers in ({}, HTMX):
        shown = page(f"announcements/{announcement.pk}/", **headers).content.decode()
        for kind in ("move", "cancel"):
            assert (f'data-dialog-open="dialog-{kind}"' in shown) is is_offered
    assert 'id="announcement-actions" hx-swap-oob="true"' in shown


def test_what_is_due_and_hangs_can_still_be_cancelled(page: Page, write: Write) -> None:
    announcement = write()
    schedule(announcement)
    late = NOON - timedelta(minutes=1)
    Delivery.objects.update(due_at=late)
    Announcement.objects.update(due_at=late)
    assert "dialog-cancel" in text_of(page(f"announcements/{announcement.pk}/"))


def test_a_helper_reads_that_an_operator_schedules_the_draft(
    page: Page, write: Write, group: ChatGroup, helper: Someone, signed_in: SignIn
) -> None:
    group.staff.create(workspace=group.workspace, user=helper.user, role="helper")
    draft = write()
    words = "nothing goes out until an operator or the owner schedules it"
    url = f"/w/{helper.workspace.slug}/announcements/{draft.pk}/"
    hers = text_of(signed_in(helper).get(url, headers={"Accept-Language": "en"}))
    assert words in hers
    assert "dialog-schedule" not in hers
    assert words not in text_of(page(f"announcements/{draft.pk}/"))
    schedule(draft)
    assert words not in signed_in(helper).get(url, headers={"Accept-Language": "en"}).content.decode()


def test_a_helper_counts_only_deliveries_of_her_groups(
    write: Write, group: ChatGroup, second_group: ChatGroup, helper: Someone, owner: Someone, signed_in: SignIn
) -> None:
    group.staff.create(workspace=group.workspace, user=helper.user, role="helper")
    schedule(write(group, second_group))
    url = f"/w/{helper.workspace.slug}/announcements/"
    assert signed_in(helper).get(url).context["rows"][0]["counts"] == {"planned": 1}
    assert signed_in(owner).get(url).context["rows"][0]["counts"] == {"planned": 2}


def test_without_a_group_the_composer_names_the_next_step(page: Page, helper: Someone, signed_in: SignIn) -> None:
    root = f"/w/{helper.workspace.slug}/"
    shown = text_of(page("announcements/new/"))
    assert "No group yet" in shown
    assert f'href="{root}groups/new/"' in shown
    assert "<textarea" not in shown
    hers = signed_in(helper).get(f"{root}announcements/new/", headers={"Accept-Language": "en"}).content.decode()
    assert "No group yet" in hers
    assert f'<a class="button button-primary" href="{root}groups/new/"' not in hers


def test_the_group_of_the_address_is_chosen_already(page: Page, group: ChatGroup, second_group: ChatGroup) -> None:
    answer = page("announcements/new/", {"group": second_group.pk})
    chosen = [str(box.data["value"]) for box in answer.context["form"]["groups"] if box.data["selected"]]
    assert chosen == [str(second_group.pk)]
    assert second_group.name in answer.context["bubbles"][0]["group"]
    assert page("announcements/new/", {"group": "x"}).status_code == 200


def test_calendar_shows_announcements_and_touches_with_their_states(page: Page, write: Write, start: Start) -> None:
    schedule(write(text="今天的消息"))
    start(starts_at=NOON + timedelta(minutes=30), ends_at=NOON + timedelta(hours=2))
    shown = text_of(page("calendar/"))
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
    assert "Called off" in shown


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


PATHS = [
    "announcements/{announcement}/", "announcements/{announcement}/edit/", "playbooks/{playbook}/", "runs/{run}/",
]  # fmt: skip
ACTIONS = ["schedule", "send_now", "move", "cancel"]


@pytest.fixture
def ids(write: Write, start: Start, ladder: Playbook) -> dict[str, int]:
    return {"announcement": write().pk, "playbook": ladder.pk, "run": start().pk}


@pytest.mark.parametrize("path", PATHS)
def test_strangers_ids_and_unknown_ids_are_404(
    ids: dict[str, int], workspace: Workspace, stranger: Someone, signed_in: SignIn, path: str
) -> None:
    client = signed_in(stranger)
    assert client.get(f"/w/{workspace.slug}/{path.format(**ids)}").status_code == 404
    assert client.get(f"/w/{stranger.workspace.slug}/{path.format(**ids)}").status_code == 404
    huge = dict.fromkeys(ids, 10**30)
    assert client.get(f"/w/{stranger.workspace.slug}/{path.format(**huge)}").status_code == 404


@pytest.mark.parametrize("action", ACTIONS)
def test_stranger_changes_nothing(ids: dict[str, int], stranger: Someone, signed_in: SignIn, action: str) -> None:
    url = f"/w/{stranger.workspace.slug}/announcements/{ids['announcement']}/{action}/"
    assert signed_in(stranger).post(url, {"due_at": "2026-11-22T09:00"}).status_code == 404
    assert Announcement.objects.get().state == "draft"


def test_roles_of_the_pages(ids: dict[str, int], viewer: Someone, helper: Someone, signed_in: SignIn) -> None:
    root = f"/w/{viewer.workspace.slug}/"
    for path in ("announcements/", "calendar/", "playbooks/"):
        assert signed_in(viewer).get(root + path).status_code == 200
    assert signed_in(viewer).get(f"{root}announcements/new/").status_code == 403
    assert signed_in(helper).get(f"{root}announcements/new/").status_code == 200
    for someone in (viewer, helper):
        assert signed_in(someone).post(f"{root}announcements/{ids['announcement']}/cancel/").status_code in (403, 404)
    assert Announcement.objects.get().state == "draft"


def test_helper_sees_only_her_groups_in_the_calendar(
    write: Write, group: ChatGroup, second_group: ChatGroup, helper: Someone, signed_in: SignIn
) -> None:
    group.staff.create(workspace=group.workspace, user=helper.user, role="helper")
    schedule(write(group, text="给一群"))
    schedule(write(second_group, text="给二群"))
    shown = text_of(signed_in(helper).get(f"/w/{helper.workspace.slug}/calendar/"))
    assert "给一群" in shown
    assert "给二群" not in shown


ADMIN = ["announcement", "occurrence", "playbook", "playbookrun", "touch"]


@pytest.mark.parametrize("model", ADMIN)
def test_admin_shows_own_rows_only(
    ids: dict[str, int], owner: Someone, stranger: Someone, signed_in: SignIn, model: str
) -> None:
    assert signed_in(owner).get(f"/admin/campaigns/{model}/").status_code == 200
    shown = signed_in(stranger).get(f"/admin/campaigns/{model}/").content.decode()
    assert "羊毛衫" not in shown
    assert "晚上八点见" not in shown


def test_admin_cancels_through_the_service(write: Write, owner: Someone, signed_in: SignIn) -> None:
    announcement = write()
    schedule(announcement)
    data = {"action": "cancel", "_selected_action": [announcement.pk]}
    signed_in(owner).post("/admin/campaigns/announcement/", data)
    assert Delivery.objects.get().state == "cancelled"


def test_admin_stops_a_run_through_the_service(start: Start, owner: Someone, signed_in: SignIn) -> None:
    run = start()
    signed_in(owner).post("/admin/campaigns/playbookrun/", {"action": "stop", "_selected_action": [run.pk]})
    assert set(Delivery.objects.values_list("state", flat=True)) == {"cancelled"}


def test_admin_action_of_a_viewer_changes_nothing(write: Write, viewer: Someone, signed_in: SignIn) -> None:
    announcement = write()
    schedule(announcement)
    data = {"action": "cancel", "_selected_action": [announcement.pk]}
    signed_in(viewer).post("/admin/campaigns/announcement/", data)
    assert Delivery.objects.get().state == "planned"


def test_admin_shows_a_playbooks_steps(ladder: Playbook, owner: Someone, signed_in: SignIn) -> None:
    answer = signed_in(owner).get(f"/admin/campaigns/playbook/{ladder.pk}/change/")
    assert "minutes-before-10" in answer.content.decode()


def test_times_are_those_of_the_groups_zone(page: Page, workspace: Workspace) -> None:
    london = make_group(make_community(workspace, timezone="Europe/London"), "Knitters")
    draft = services.create_announcement(
        workspace_id=workspace.pk, groups=[london], text="Hello", due_at=NOON, actor=SYSTEM, now=NOON
    )
    assert "21 Nov, 12:00" in text_of(page(f"announcements/{draft.pk}/"))


def test_helper_finds_and_settles_the_deliveries_of_her_groups_only(
    write: Write, group: ChatGroup, second_group: ChatGroup, helper: Someone, signed_in: SignIn
) -> None:
    group.staff.create(workspace=group.workspace, user=helper.user, role="helper")
    schedule(write(group, second_group))
    Delivery.objects.update(state="unknown")
    tab, root = signed_in(helper), f"/w/{helper.workspace.slug}/deliveries/"
    hers, other = Delivery.objects.get(target_id=group.pk), Delivery.objects.get(target_id=second_group.pk)
    assert [row["delivery"].pk for row in tab.get(root).context["rows"]] == [hers.pk]
    for delivery, status in ((hers, 302), (other, 404)):
        assert tab.post(f"{root}{delivery.pk}/decide/", {"verdict": "sent"}).status_code == status
    assert dict(Delivery.objects.values_list("pk", "state")) == {hers.pk: "confirmed", other.pk: "unknown"}
