"""待发清单 as the team sees it: the list, a card, new cards, colleagues and their links, who kept to what."""

import io
import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from community_ops.common import clock
from community_ops.common.models import AuditEntry
from groups.services import assign_staff, create_group
from messaging import services
from messaging.models import Assignee, Delivery, HumanTask, TaskItem, TaskKind
from messaging.services import NewItem
from messaging.task_wording import ABOUT
from tests.conversion.conftest import make_community
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
FACTS = {
    "red_packet": {"count": "20", "amount": "50.00", "currency": "CNY"},
    "payment": {"order": "#1024", "amount": "798.00", "currency": "CNY"},
}


@pytest.fixture(autouse=True)
def at(monkeypatch):
    """The product's clock: at noon, and set by calling it."""
    now = [NOON]
    monkeypatch.setattr(clock, "now", lambda: now[0])

    def go(**delta: float) -> None:
        now[0] = NOON + timedelta(**delta)

    return go


@pytest.fixture
def url(workspace):
    return lambda name, *args: reverse(f"messaging:{name}", args=[workspace.slug, *args])


@pytest.fixture
def tab(signed_in, owner):
    return english(signed_in(owner))


def english(client):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def told(person, room) -> Assignee:
    """She can be told."""
    Assignee.objects.filter(pk=person.pk).update(notice_endpoint=room)
    return Assignee.objects.get(pk=person.pk)


def text_of(answer) -> str:
    return answer.content.decode()


def states(task: HumanTask) -> list[str]:
    return list(task.items.order_by("pk").values_list("state", flat=True))


# --- the list ----------------------------------------------------------------------------------------


def test_without_anybody_the_list_says_what_to_do_first(tab, url) -> None:
    page = text_of(tab.get(url("tasks")))
    assert "Nobody works by hand yet" in page
    assert url("assignee_new") in page


def test_the_list_shows_cards_by_person_with_late_ones_first(tab, url, told, card, at) -> None:
    early = services.create_task(
        assignee=told, kind="moments", title="朋友圈", text="快来", due_at=NOON - timedelta(hours=1),
        latest_at=NOON + timedelta(hours=3), actor=SYSTEM, now=NOON,
    )  # fmt: skip
    HumanTask.objects.filter(pk=early.pk).update(due_at=NOON + timedelta(minutes=5))
    at(minutes=12)
    answer = tab.get(url("tasks"))
    (one,) = answer.context["people"]
    assert [row["task"].pk for row in one["rows"]] == [card.pk, early.pk]
    assert "12 minutes late" in text_of(answer)
    assert "1 late" in text_of(answer)
    assert "No way to tell her" not in text_of(answer)
    assert "No personal link yet" in text_of(answer)


def test_the_list_says_who_cannot_be_told_and_offers_no_nudge(tab, url, card) -> None:
    page = text_of(tab.get(url("tasks")))
    assert "No way to tell her" in page
    assert f'<a href="{url("assignee_edit", card.assignee_id)}">Choose how she is told</a>' in page
    assert url("task_nudge", card.pk) not in page


def test_who_cannot_be_told_is_not_said_to_be_told_later(tab, url, card, room) -> None:
    for address in (url("tasks"), url("task", card.pk)):
        page = text_of(tab.get(address))
        assert ("no way to tell her" in page, "not told yet" in page) == (True, False)
    Assignee.objects.update(notice_endpoint=room)
    for address in (url("tasks"), url("task", card.pk)):
        page = text_of(tab.get(address))
        assert ("no way to tell her" in page, "not told yet" in page) == (False, True)


def test_a_nudge_is_one_tap_and_a_second_one_is_refused_in_words(tab, url, told, card) -> None:
    page = text_of(tab.post(url("task_nudge", card.pk), {"back": "board"}, follow=True))
    assert "阿May is told once more." in page
    assert Delivery.objects.filter(origin="task").count() == 1
    page = text_of(tab.post(url("task_nudge", card.pk), {"back": "board"}, follow=True))
    assert "less than a minute ago" in page
    assert Delivery.objects.filter(origin="task").count() == 1


def test_a_card_is_handed_on_and_taken_back_from_the_list(tab, url, card, new_person) -> None:
    colleague = new_person("小周")
    assert url("task_hand_on", card.pk) in text_of(tab.get(url("tasks")))
    tab.post(url("task_hand_on", card.pk), {"to": colleague.pk, "back": "board"})
    hers = HumanTask.objects.get(assignee=colleague)
    assert states(hers) == ["open"] * 3
    page = tab.post(url("task_withdraw", hers.pk), {"note": "说错了", "back": "board"}, follow=True)
    assert "nobody has to do it any more" in text_of(page)
    assert states(hers) == ["withdrawn"] * 3
    assert AuditEntry.objects.get(verb="task.withdrawn").reason == "说错了"
    assert set(Delivery.objects.values_list("state", "reason")) == {("cancelled", "taken_back")}


def test_handing_on_to_nobody_changes_nothing(tab, url, card) -> None:
    page = tab.post(url("task_hand_on", card.pk), {"to": card.assignee_id}, follow=True)
    assert "Choose a colleague." in text_of(page)
    assert states(card) == ["open"] * 3


def test_the_list_costs_as_much_with_many_cards(tab, url, person, django_assert_max_num_queries) -> None:
    for number in range(20):
        services.create_task(
            assignee=person, kind="moments", title=f"第 {number} 张", text="x", due_at=NOON, actor=SYSTEM, now=NOON
        )
    with django_assert_max_num_queries(14):
        tab.get(url("tasks"))


def test_the_list_is_asked_for_again_as_a_piece(tab, url, card) -> None:
    piece = text_of(tab.get(url("tasks"), headers={"HX-Request": "true"}))
    assert "<html" not in piece
    assert "<dialog" not in piece
    assert url("task", card.pk) in piece


# --- a card ------------------------------------------------------------------------------------------


def test_a_card_is_ticked_for_a_colleague_and_taken_back(tab, url, card) -> None:
    items = list(card.items.order_by("pk").values_list("pk", flat=True))
    assert tab.post(url("task_done", card.pk)).status_code == 422
    tab.post(url("task_done", card.pk), {"items": items[:2]})
    assert states(card) == ["done", "done", "open"]
    tab.post(url("task_undo", card.pk), {"items": items[0]})
    assert states(card) == ["open", "done", "open"]
    assert tab.post(url("task_leave_out", card.pk), {"leave-reason": "0"}).status_code == 422
    tab.post(url("task_leave_out", card.pk), {"leave-items": items[:1], "leave-reason": "0"})
    assert states(card) == ["left_out", "done", "open"]
    tab.post(url("task_leave_out", card.pk), {"leave-reason": "0"})
    assert states(card) == ["left_out", "done", "left_out"]
    page = text_of(tab.get(url("task", card.pk)))
    for words in ("Ticked: 2", "Undone: it is open again.", "Left out", "Came onto the list"):
        assert words in page


def test_a_delivery_tells_from_whom_to_whom_it_was_handed_on(tab, url, card, new_person) -> None:
    colleague = new_person("小张")
    page = text_of(tab.post(url("task_hand_on", card.pk), {"to": colleague.pk}, follow=True))
    assert "Handed on to 小张, who has no personal link yet and is not told." in page
    page = text_of(tab.get(url("delivery", Delivery.objects.first().pk)))
    assert "Handed on from 阿May to 小张" in page


def test_a_refused_reason_stands_on_the_card(tab, url, card) -> None:
    answer = tab.post(url("task_leave_out", card.pk), {"leave-reason": "other"})
    assert answer.status_code == 422
    assert "Please say why." in text_of(answer)
    assert states(card) == ["open"] * 3


def test_the_text_is_copied_on_the_teams_page_too(tab, url, card) -> None:
    page = tab.post(url("task_copy", card.pk), follow=True)
    assert ">今晚八点开抢</textarea>" in text_of(page)
    piece = tab.post(url("task_copy", card.pk), headers={"X-Fragment": "1"})
    assert "<html" not in text_of(piece)


def test_a_late_card_stands_on_today_with_one_tap(tab, url, told, card, workspace, at) -> None:
    at(minutes=12)
    today = reverse("dashboard:today", args=[workspace.slug])
    page = text_of(tab.get(today))
    assert "阿May by hand: 今晚八点开抢" in page
    assert "12 minutes late" in page
    assert url("task_nudge", card.pk) in page
    answer = tab.post(url("task_nudge", card.pk), {"back": "today"})
    assert answer.url == today
    services.finish_items(task=card, actor=SYSTEM, now=NOON + timedelta(minutes=12))
    assert url("task", card.pk) not in text_of(tab.get(today))


def test_many_late_cards_of_a_person_are_one_line_on_today(tab, url, told, card, workspace, at) -> None:
    for number in range(15):
        services.create_task(
            assignee=told, kind="moments", title=f"第 {number} 张", text="x", due_at=NOON, actor=SYSTEM, now=NOON
        )
    at(minutes=12)
    page = text_of(tab.get(reverse("dashboard:today", args=[workspace.slug])))
    assert page.count("by hand:") == 1
    assert "and 15 more" in page


# --- who may -----------------------------------------------------------------------------------------


def test_a_viewer_looks_and_changes_nothing(signed_in, viewer, url, told, card, new_person) -> None:
    new_person("小周")
    client = english(signed_in(viewer))
    for page in ("tasks", "tasks_kept_to", "assignees"):
        shown = text_of(client.get(url(page)))
        assert 'method="post" action="/w/' not in shown
    shown = text_of(client.get(url("task", card.pk)))
    assert 'method="post" action="/w/' not in shown
    before = AuditEntry.objects.count()
    for name in ("nudge", "hand_on", "withdraw", "copy", "done", "undo", "leave_out"):
        assert client.post(url(f"task_{name}", card.pk), {}).status_code == 403
    for name in ("task_kinds", "assignee_new"):
        assert client.get(url(name)).status_code == 403
    for name in ("assignee_edit", "assignee_link", "assignee_unlink", "assignee_archive"):
        assert client.post(url(name, told.pk)).status_code == 403
    assert AuditEntry.objects.count() == before


def test_a_helper_does_her_own_cards_only(signed_in, helper, url, card, person, new_person) -> None:
    hers = new_person("小周", user=helper.user)
    own = services.create_task(
        assignee=hers, kind="moments", title="朋友圈", text="快来", due_at=NOON, actor=SYSTEM, now=NOON
    )
    client = english(signed_in(helper))
    answer = client.get(url("tasks"))
    assert [one["assignee"] for one in answer.context["people"]] == [hers]
    assert "阿May" not in text_of(client.get(url("assignees")))
    assert client.get(url("task", card.pk)).status_code == 404
    for name in ("copy", "done", "undo", "leave_out", "hand_on"):
        assert client.post(url(f"task_{name}", card.pk)).status_code == 404
    assert client.post(url("task_withdraw", own.pk)).status_code == 403
    client.post(url("task_done", own.pk))
    assert states(own) == ["done"]
    assert TaskItem.objects.get(task=own).done_by == hers
    assert states(card) == ["open"] * 3


def test_a_helper_sees_her_own_record_only(signed_in, helper, url, card, new_person, at) -> None:
    new_person("小周", user=helper.user)
    at(hours=1)
    assert text_of(english(signed_in(helper)).get(url("tasks_kept_to"))).count("阿May") == 0


# --- where else they stand ---------------------------------------------------------------------------


def test_the_delivery_record_says_with_whom_it_is(tab, signed_in, helper, url, card, workspace) -> None:
    delivery = Delivery.objects.order_by("pk").first()
    page = text_of(tab.get(url("delivery", delivery.pk)))
    assert f'<a href="{url("task", card.pk)}">阿May</a>' in page
    group, _ = create_group(
        community=make_community(workspace), name="晨跑 1 群", kind="long_term", actor=SYSTEM, now=NOON
    )
    assign_staff(group=group, user=helper.user, role="helper", actor=SYSTEM, now=NOON)
    Delivery.objects.filter(pk=delivery.pk).update(target_id=group.pk)
    page = text_of(english(signed_in(helper)).get(url("delivery", delivery.pk)))
    assert "阿May" in page
    assert url("task", card.pk) not in page


def test_a_colleagues_channel_is_kept_on_her_page(tab, url, person) -> None:
    channels = text_of(tab.get(url("endpoints")))
    assert url("endpoint_edit", person.endpoint_id) in channels
    assert url("endpoint_archive", person.endpoint_id) not in channels
    assert url("endpoint_new", "assisted") not in channels
    assert tab.get(url("endpoint_edit", person.endpoint_id)).url == url("assignee_edit", person.pk)
    assert tab.post(url("endpoint_archive", person.endpoint_id)).url == url("assignee_edit", person.pk)
    assert Assignee.objects.get().endpoint.archived_at is None


# --- a new card --------------------------------------------------------------------------------------


def test_every_kind_is_explained_and_has_its_form(tab, url, person) -> None:
    page = text_of(tab.get(url("task_kinds")))
    assert set(ABOUT) == set(TaskKind)
    for kind in TaskKind.values:
        assert url("task_new", kind) in page
        assert tab.get(url("task_new", kind)).status_code == 200
    assert tab.get(url("task_new", "nonsense")).status_code == 404


def test_without_anybody_no_kind_is_offered(tab, url) -> None:
    page = text_of(tab.get(url("task_kinds")))
    assert "Nobody works by hand yet" in page
    assert url("task_new", "message") not in page


@pytest.mark.parametrize("kind", TaskKind.values)
def test_a_card_of_every_kind_is_made_by_its_form(tab, url, workspace, person, kind) -> None:
    group, _ = create_group(
        community=make_community(workspace), name="晨跑 1 群", kind="long_term", actor=SYSTEM, now=NOON
    )
    form = {
        "title": "晚上的事", "assignee": person.pk, "due_at": "2026-11-21T20:30", "latest_at": "2026-11-21T20:50",
        "text": "快来", "groups": [group.pk], "names": "李姐\n王哥\n\n", **FACTS.get(kind, {}),
    }  # fmt: skip
    answer = tab.post(url("task_new", kind), form, follow=True)
    assert "is on the list of 阿May" in text_of(answer)
    task = HumanTask.objects.get()
    assert (task.kind, task.assignee, task.zone) == (kind, person, "Asia/Shanghai")
    assert (task.due_at, task.latest_at) == (NOON + timedelta(minutes=30), NOON + timedelta(minutes=50))
    places = [(item.label, item.target_kind, item.target_id) for item in task.items.order_by("pk")]
    if kind in ("private", "pull_in"):
        assert places == [("李姐", "", None), ("王哥", "", None)]
    elif kind in ("moments", "new_group", "payment"):
        assert places == [("晚上的事", "", None)]
    else:
        assert places == [("晨跑 1 群", "group", group.pk)]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"title": ""}, "title"),
        ({"text": ""}, "text"),
        ({"due_at": "soon"}, "due_at"),
        ({"latest_at": "2026-11-21T20:00"}, "latest_at"),
        ({"assignee": "0"}, "assignee"),
        ({"groups": ["999999999"]}, "groups"),
        ({"title": "a\u202eb"}, "title"),
        ({"text": "亲爱的{name}"}, "text"),
    ],
)
def test_a_refused_card_stands_in_its_form_again(tab, url, workspace, person, wrong, field) -> None:
    create_group(community=make_community(workspace), name="晨跑 1 群", kind="long_term", actor=SYSTEM, now=NOON)
    form = {"title": "晚上的事", "assignee": person.pk, "due_at": "2026-11-21T20:30", "text": "快来一起"} | wrong
    answer = tab.post(url("task_new", "message"), form)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert ("快来一起" in text_of(answer)) == (field != "text")
    assert not HumanTask.objects.exists()


def test_a_group_of_another_workspace_cannot_be_chosen(tab, url, person, stranger) -> None:
    foreign, _ = create_group(
        community=make_community(stranger.workspace), name="别家的群", kind="long_term", actor=SYSTEM, now=NOON
    )
    form = {"title": "a", "assignee": person.pk, "due_at": "2026-11-21T20:30", "text": "b", "groups": [foreign.pk]}
    answer = tab.post(url("task_new", "message"), form, follow=True)
    assert "别家的群" not in text_of(answer)
    assert not TaskItem.objects.filter(target_id=foreign.pk).exists()


def test_a_picture_goes_with_the_card(tab, url, person) -> None:
    data = io.BytesIO()
    Image.new("RGB", (60, 60), "red").save(data, "PNG")
    upload = SimpleUploadedFile("poster.png", data.getvalue(), content_type="image/png")
    form = {"title": "发图", "assignee": person.pk, "due_at": "2026-11-21T20:30", "image": upload}
    tab.post(url("task_new", "moments"), form)
    task = HumanTask.objects.get()
    assert task.image is not None
    assert "bubble-image" in text_of(tab.get(url("task", task.pk)))


KEPT = {  # what a card says of its answers, and where the team reads them: no app does anything with them
    "red_packet": ("it is kept with the card, where the team sees it", {"count": "20", "amount": "48.50"}, "48.50"),
    "payment": ("It is kept with the card and changes no order.", {"received": "no", "note": "还没到"}, "还没到"),
}


@pytest.mark.parametrize("kind", KEPT)
def test_a_card_promises_of_its_answers_only_what_the_team_then_reads(workspace, person, tab, url, kind) -> None:
    words, answers, read = KEPT[kind]
    facts = {"title": "晚上的事", "facts": FACTS[kind], "due_at": NOON, "items": [NewItem("老客群")]}
    task = services.create_task(assignee=person, kind=kind, actor=SYSTEM, now=NOON, **facts)
    phone = Client(headers={"accept-language": "en"})
    phone.get(f"/t/{services.issue_link(assignee=person, actor=SYSTEM, now=NOON)}")
    assert words in text_of(phone.get(f"/t/{task.pk}/"))
    item = task.items.get()
    services.finish_items(task=task, answers={item.pk: answers}, actor=SYSTEM, now=NOON)
    assert read in text_of(tab.get(url("task", task.pk)))


# --- colleagues --------------------------------------------------------------------------------------


def test_a_colleague_is_added_and_her_link_is_shown_once(tab, url, client, room) -> None:
    answer = tab.post(url("assignee_new"), {"name": "阿May", "notice_endpoint": room.pk, "mention": "may"}, follow=True)
    person = Assignee.objects.get()
    assert (person.name, person.notice_endpoint, person.mention) == ("阿May", room, "may")
    assert "Next: her personal link" in text_of(answer)
    page = text_of(tab.post(url("assignee_link", person.pk)))
    path = re.search(r"<code>https?://[^/]+(/t/[^<]+)</code>", page)
    assert path is not None
    assert 'src="data:image/svg+xml' in page
    assert client.get(path[1]).url == "/t/"
    assert path[1] not in text_of(tab.get(url("assignees"))) + text_of(tab.get(url("assignee_edit", person.pk)))
    tab.post(url("assignee_unlink", person.pk))
    assert client.get(path[1]).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"name": ""}, "name"), ({"name": "阿May"}, "name"), ({"mention": "a b"}, "mention"), ({"deputy": "0"}, "deputy")],
)
def test_a_refused_colleague_stands_in_the_form_again(tab, url, person, wrong, field) -> None:
    answer = tab.post(url("assignee_new"), {"name": "小周", "mention": "zhou"} | wrong)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert Assignee.objects.count() == 1


def test_a_colleague_is_changed(tab, url, person, new_person, helper) -> None:
    deputy = new_person("小周")
    form = {"name": "May 姐", "deputy": deputy.pk, "user": helper.user.pk}
    tab.post(url("assignee_edit", person.pk), form)
    changed = Assignee.objects.get(pk=person.pk)
    assert (changed.name, changed.deputy, changed.user) == ("May 姐", deputy, helper.user)


def test_neither_hand_channels_nor_herself_are_offered(tab, url, person, room, stranger) -> None:
    form = tab.get(url("assignee_edit", person.pk)).context["form"]
    assert list(form.fields["notice_endpoint"].queryset) == [room]
    assert list(form.fields["deputy"].queryset) == []
    assert stranger.user not in form.fields["user"].queryset


def test_archiving_is_refused_in_words_while_cards_are_open(tab, url, person, card) -> None:
    page = text_of(tab.post(url("assignee_archive", person.pk), follow=True))
    assert "There are open cards." in page
    services.withdraw_task(task=card, actor=SYSTEM, now=NOON)
    tab.post(url("assignee_archive", person.pk))
    assert Assignee.objects.get().archived_at == NOON
    assert tab.get(url("assignee_edit", person.pk)).status_code == 404


# --- kept to -----------------------------------------------------------------------------------------


def test_kept_to_counts_by_person_with_reasons(tab, url, person, card, at) -> None:
    first, second, third = card.items.order_by("pk").values_list("pk", flat=True)
    services.finish_items(task=card, item_ids=[first], actor=SYSTEM, now=NOON + timedelta(minutes=10))
    services.finish_items(task=card, item_ids=[second], actor=SYSTEM, now=NOON + timedelta(minutes=11))
    services.leave_out(task=card, item_ids=[third], note="群主不让发", actor=SYSTEM, now=NOON + timedelta(minutes=12))
    at(hours=1)
    answer = tab.get(url("tasks_kept_to"))
    (row,) = answer.context["rows"]
    assert (row["kept"].on_time, row["kept"].late, row["kept"].left_out) == (1, 1, 1)
    assert "33%" in text_of(answer)
    assert "群主不让发" in text_of(answer)


@pytest.mark.parametrize(("asked", "days"), [("7", 7), ("30", 30), ("9", 7), ("x", 7), ("", 7)])
def test_kept_to_looks_at_7_or_30_days(tab, url, card, at, asked, days) -> None:
    at(days=8)
    answer = tab.get(url("tasks_kept_to"), {"days": asked})
    assert answer.context["days"] == days
    assert bool(answer.context["rows"]) == (days == 30)
    assert ("Nothing was due in this time" in text_of(answer)) == (days == 7)


def test_labels_with_marks_are_shown_as_they_are(tab, url, person) -> None:
    task = services.create_task(
        assignee=person, kind="message", title="<b>x</b>", text="<i>y</i>", items=[NewItem("<u>z</u>")], due_at=NOON,
        actor=SYSTEM, now=NOON,
    )  # fmt: skip
    page = text_of(tab.get(url("task", task.pk)))
    for raw in ("<b>x</b>", "<i>y</i>", "<u>z</u>"):
        assert raw not in page


def test_kept_to_counts_by_group_below(tab, url, card, at) -> None:
    services.finish_items(task=card, actor=SYSTEM, now=NOON)
    at(hours=1)
    answer = tab.get(url("tasks_kept_to"))
    assert [(row["kept"].name, row["kept"].rate) for row in answer.context["in_groups"]] == [
        ("晨跑 1 群", 1.0), ("晨跑 2 群", 1.0), ("晨跑 3 群", 1.0),
    ]  # fmt: skip
    page = text_of(answer)
    assert page.index("By group") < page.index("晨跑 2 群")
    assert "other work without a group are not among them" in page
    at(days=40)
    assert "By group" not in text_of(tab.get(url("tasks_kept_to")))
