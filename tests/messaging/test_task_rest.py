"""Work by hand over REST: made, read, nudged, handed on and taken back by tools; ticked by people only."""

from datetime import timedelta

import pytest
from django.conf import settings

from community_ops.common import clock
from community_ops.common.models import AuditEntry
from groups.services import create_group
from messaging import services
from messaging.models import Assignee, Delivery, HumanTask
from tests.conversion.conftest import make_community
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
BODY = {"kind": "message", "title": "晚上的事", "text": "快来", "due_at": "2026-11-21T20:30:00+08:00"}


@pytest.fixture(autouse=True)
def at(monkeypatch):
    """The product's clock: at noon, and set by calling it."""
    now = [NOON]
    monkeypatch.setattr(clock, "now", lambda: now[0])

    def go(**delta: float) -> None:
        now[0] = NOON + timedelta(**delta)

    return go


@pytest.fixture
def group(workspace):
    return create_group(
        community=make_community(workspace), name="晨跑 1 群", kind="long_term", actor=SYSTEM, now=NOON
    )[0]


def path(task: HumanTask, action: str = "") -> str:
    return f"/api/v1/tasks/{task.pk}/{action}"


def test_a_colleague_is_made_and_read_without_her_link(api, room) -> None:
    answer = api.post("/api/v1/assignees/", {"name": "阿May", "notice_endpoint": room.pk, "mention": "may"})
    assert answer.status_code == 201
    person = Assignee.objects.get()
    assert (person.name, person.notice_endpoint, person.mention) == ("阿May", room, "may")
    code = services.issue_link(assignee=person, actor=SYSTEM, now=NOON)
    for read in (api.get("/api/v1/assignees/").json()["results"][0], api.get(f"/api/v1/assignees/{person.pk}/").json()):
        assert (read["id"], read["endpoint"], read["has_link"]) == (person.pk, person.endpoint_id, True)
        assert code not in str(read)
        assert person.link_digest not in str(read) or not person.link_digest


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({}, "name"),
        ({"name": "a", "deputy": 10**9}, "deputy"),
        ({"name": "a", "mention": "a b"}, "mention"),
    ],
)
def test_a_refused_colleague_names_the_field(api, body, field) -> None:
    answer = api.post("/api/v1/assignees/", body)
    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert not Assignee.objects.exists()


def test_a_card_is_made_once_per_source_key(api, person, group) -> None:
    items = [{"target_kind": "group", "target_id": group.pk}, {"label": "老客群"}]
    body = BODY | {"assignee": person.pk, "items": items, "source_key": "crm:7:1", "zone": "Asia/Shanghai"}
    first, second = (api.post("/api/v1/tasks/", body) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"] == HumanTask.objects.get().pk
    made = first.json()
    assert (made["state"], made["item_count"], made["open_count"], made["is_late"]) == ("open", 2, 2, False)
    assert made["due_at"] == "2026-11-21T12:30:00Z"
    found = api.get("/api/v1/task-items/", {"task": made["id"]}).json()["results"]
    assert [(one["label"], one["target_kind"], one["target_id"]) for one in found] == [
        ("晨跑 1 群", "group", group.pk),
        ("老客群", "", None),
    ]


def test_times_are_told_by_the_clock_of_the_first_group_or_of_the_installation(api, person, group) -> None:
    group.community.timezone = "Europe/Berlin"
    group.community.save(update_fields=["timezone"])
    items = [{"label": "老客群"}, {"target_kind": "group", "target_id": group.pk}]

    bodies = [BODY | {"assignee": person.pk} | more for more in ({"items": items}, {}, {"zone": "Asia/Tokyo"})]
    zones = [api.post("/api/v1/tasks/", body).json()["zone"] for body in bodies]

    assert zones == ["Europe/Berlin", settings.DEFAULT_COMMUNITY_TIMEZONE, "Asia/Tokyo"]


def test_amounts_are_major_units_outside(api, person) -> None:
    facts = {"count": 20, "amount": "50.00", "currency": "CNY"}
    made = api.post("/api/v1/tasks/", BODY | {"assignee": person.pk, "kind": "red_packet", "facts": facts}).json()
    assert made["facts"] == facts
    task = HumanTask.objects.get()
    assert task.facts["amount"] == 5000
    item = task.items.get()
    services.finish_items(task=task, answers={item.pk: {"count": 18, "amount": "45.5"}}, actor=SYSTEM, now=NOON)
    assert api.get(f"/api/v1/task-items/{item.pk}/").json()["answers"] == {"count": 18, "amount": "45.50"}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"kind": "dance"}, "kind"),
        ({"title": " "}, "title"),
        ({"text": ""}, "text"),
        ({"assignee": 10**9}, "assignee"),
        ({"due_at": "2026-11-21T20:30:00"}, "due_at"),
        ({"latest_at": "2026-11-21T20:00:00+08:00"}, "latest_at"),
        ({"items": [{}]}, "items"),
        ({"items": [{"target_kind": "group", "target_id": 10**9}]}, "items"),
        ({"items": [{"target_kind": "group", "label": "a"}]}, "items"),
        ({"items": [{"target_kind": "member", "target_id": 1, "label": "a"}]}, "items"),
        ({"items": [{"label": "a"}] * 501}, "items"),
        ({"kind": "red_packet", "facts": {"count": 0, "amount": "1.00", "currency": "CNY"}}, "count"),
        ({"kind": "red_packet", "facts": {"count": 1, "amount": "1.001", "currency": "CNY"}}, "amount"),
        ({"facts": {"colour": "red"}}, "colour"),
        ({"zone": "Mars/Base"}, "zone"),
    ],
)
def test_a_refused_card_names_the_field(api, person, wrong, field) -> None:
    answer = api.post("/api/v1/tasks/", BODY | {"assignee": person.pk} | wrong)
    assert (answer.status_code, list(answer.json())) == (400, [field]), answer.content
    assert not HumanTask.objects.exists()


def test_a_group_of_another_workspace_is_no_place(api, person, stranger) -> None:
    foreign = create_group(
        community=make_community(stranger.workspace), name="别家的群", kind="long_term", actor=SYSTEM, now=NOON
    )[0]
    items = [{"target_kind": "group", "target_id": foreign.pk}]
    answer = api.post("/api/v1/tasks/", BODY | {"assignee": person.pk, "items": items})
    assert answer.status_code == 400
    assert "别家的群" not in answer.content.decode()


def test_cards_are_narrowed_by_state_kind_and_person(api, person, card, new_person) -> None:
    other = services.create_task(
        assignee=new_person("小周"), kind="moments", title="a", text="b", due_at=NOON, actor=SYSTEM, now=NOON
    )
    services.finish_items(task=other, actor=SYSTEM, now=NOON)

    def found(**query) -> list[int]:
        return [one["id"] for one in api.get("/api/v1/tasks/", query).json()["results"]]

    assert found() == [card.pk, other.pk]
    assert found(state="done") == found(kind="moments") == found(assignee=other.assignee_id) == [other.pk]
    assert api.get("/api/v1/tasks/", {"assignee": 10**9}).status_code == 400


def test_a_card_is_nudged_once_a_minute(api, person, room, card, at) -> None:
    assert api.post(path(card, "nudge/")).json()["code"] == "no_notice_channel"
    Assignee.objects.update(notice_endpoint=room)
    answer = api.post(path(card, "nudge/"))
    assert (answer.status_code, answer.json()["told_count"]) == (200, 1)
    answer = api.post(path(card, "nudge/"))
    assert (answer.status_code, answer.json()["code"]) == (409, "nudged_too_soon")
    at(minutes=1)
    assert api.post(path(card, "nudge/")).json()["told_count"] == 2


def test_a_card_is_handed_on_and_answered_as_hers(api, card, new_person) -> None:
    colleague = new_person("小周")
    answer = api.post(path(card, "hand-on/"), {"to": colleague.pk})
    assert (answer.status_code, answer.json()["assignee"], answer.json()["open_count"]) == (200, colleague.pk, 3)
    again = api.post(path(card, "hand-on/"), {"to": card.assignee_id})  # she has it no more, and it was hers
    assert (again.status_code, list(again.json())) == (400, ["to"])
    assert api.post(path(card, "hand-on/"), {}).status_code == 400


def test_a_card_is_taken_back_once(api, card) -> None:
    for _ in range(2):
        answer = api.post(path(card, "withdraw/"), {"note": "说错了"})
        assert (answer.status_code, answer.json()["state"], answer.json()["reason"]) == (200, "withdrawn", "taken_back")
    assert set(Delivery.objects.values_list("state", flat=True)) == {"cancelled"}


def test_a_late_card_says_so(api, card, at) -> None:
    assert api.get(path(card)).json()["is_late"] is False
    at(minutes=10, seconds=1)
    assert api.get(path(card)).json()["is_late"] is True


def test_no_tool_ticks_a_card(api, card) -> None:
    for action in ("done/", "undo/", "leave-out/", "copy/"):
        assert api.post(path(card, action)).status_code == 404
    item = card.items.first()
    assert api.post(f"/api/v1/task-items/{item.pk}/", {"state": "done"}).status_code == 405
    assert set(card.items.values_list("state", flat=True)) == {"open"}


def test_a_tool_that_only_reads_changes_nothing(api_of, workspace, card) -> None:
    reader = api_of(workspace, "viewer")
    assert reader.get(path(card)).status_code == 200
    for action in ("nudge/", "withdraw/", "hand-on/"):
        assert reader.post(path(card, action)).status_code == 403
    assert reader.post("/api/v1/tasks/", BODY).status_code == 403
    assert reader.post("/api/v1/assignees/", {"name": "a"}).status_code == 403
    assert HumanTask.objects.get().state == "open"


def test_another_workspaces_tool_finds_nothing(foreign_api, card, person) -> None:
    item = card.items.first()
    for address in (path(card), f"/api/v1/assignees/{person.pk}/", f"/api/v1/task-items/{item.pk}/"):
        assert foreign_api.get(address).status_code == 404
    for action in ("nudge/", "withdraw/", "hand-on/"):
        assert foreign_api.post(path(card, action)).status_code == 404
    assert foreign_api.get("/api/v1/tasks/").json()["results"] == []
    answer = foreign_api.post("/api/v1/tasks/", BODY | {"assignee": person.pk})
    assert (answer.status_code, list(answer.json())) == (400, ["assignee"])
    assert HumanTask.objects.count() == 1


def test_a_placeholder_nobody_fills_is_refused(api, person) -> None:
    answer = api.post("/api/v1/tasks/", BODY | {"assignee": person.pk, "text": "亲爱的{name}"})
    assert (answer.status_code, list(answer.json())) == (400, ["text"])
    assert not HumanTask.objects.exists()


# --- colleagues changed ----------------------------------------------------------------------------------


def of(person: Assignee, action: str) -> str:
    return f"/api/v1/assignees/{person.pk}/{action}/"


def test_what_is_left_out_of_a_change_stays(api, new_person, room, teammate) -> None:
    person = new_person("阿May", user=teammate.user, notice_endpoint=room, mention="may")
    deputy = new_person("小周")
    for _twice in range(2):
        answer = api.post(of(person, "change"), {"deputy": deputy.pk}, format="json")
        assert (answer.status_code, answer.json()["deputy"], answer.json()["mention"]) == (200, deputy.pk, "may")
    changed = Assignee.objects.get(pk=person.pk)
    assert (changed.name, changed.user, changed.notice_endpoint) == ("阿May", teammate.user, room)
    assert api.post(of(person, "change"), {"deputy": None}, format="json").json()["deputy"] is None
    assert AuditEntry.objects.filter(verb="assignee.changed").count() == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "小周"}, "name"),
        ({"deputy": 10**9}, "deputy"),
        ({"mention": "a b"}, "mention"),
    ],
)
def test_a_refused_change_of_a_colleague_changes_nothing(api, person, new_person, body, field) -> None:
    new_person("小周")
    before = Assignee.objects.filter(pk=person.pk).values().get()
    answer = api.post(of(person, "change"), body, format="json")
    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert Assignee.objects.filter(pk=person.pk).values().get() == before


def test_a_link_is_ended_and_ending_it_again_is_harmless(api, person) -> None:
    services.issue_link(assignee=person, actor=SYSTEM, now=NOON)
    for _twice in range(2):
        answer = api.post(of(person, "revoke-link"))
        assert (answer.status_code, answer.json()["has_link"], answer.json()["link_made_at"]) == (200, False, None)
    assert AuditEntry.objects.filter(verb="assignee.link_revoked").count() == 1


def test_a_colleague_is_archived_once_her_cards_are_over(api, person, card) -> None:
    busy = api.post(of(person, "archive"))
    assert (busy.status_code, busy.json()["code"]) == (409, "assignee_busy")
    assert Assignee.objects.get().archived_at is None
    services.withdraw_task(task=card, actor=SYSTEM, now=NOON)
    for _twice in range(2):
        assert api.post(of(person, "archive")).status_code == 200
    assert Assignee.objects.get().archived_at == NOON
    assert api.post(of(person, "change"), {"name": "x"}).status_code == 404


@pytest.mark.parametrize("action", ["change", "archive", "revoke-link"])
def test_who_may_not_manage_changes_no_colleague(workspace, api_of, foreign_api, person, action) -> None:
    services.issue_link(assignee=person, actor=SYSTEM, now=NOON)
    before = Assignee.objects.values().get()
    tools = [*(api_of(workspace, role) for role in ("moderator", "helper", "viewer")), foreign_api]
    assert [tool.post(of(person, action), {"name": "x"}).status_code for tool in tools] == [403, 403, 403, 404]
    assert Assignee.objects.values().get() == before


# --- kept to -----------------------------------------------------------------------------------------


def test_a_tool_reads_who_kept_to_what_by_person_and_by_group(api, card, person, at) -> None:
    first, second, _third = card.items.order_by("pk")
    services.finish_items(task=card, item_ids=[first.pk], actor=SYSTEM, now=NOON)
    services.leave_out(task=card, item_ids=[second.pk], note="群主不让发", actor=SYSTEM, now=NOON)
    at(hours=1)
    found = api.get("/api/v1/tasks/kept-to/").json()
    assert found["people"] == [
        {
            "name": "阿May", "due_count": 3, "on_time": 1, "late": 0, "left_out": 1, "not_done": 1, "rate": 1 / 3,
            "reasons": [{"note": "群主不让发", "count": 1}], "assignee": person.pk,
        }
    ]  # fmt: skip
    assert [(row["group"], row["name"], row["rate"]) for row in found["groups"]] == [
        (1, "晨跑 1 群", 1.0), (2, "晨跑 2 群", 0.0), (3, "晨跑 3 群", 0.0),
    ]  # fmt: skip
    assert (found["since"], found["until"]) == ("2026-11-14T13:00:00Z", "2026-11-21T13:00:00Z")


def test_another_workspaces_cards_are_not_counted(foreign_api, card, at) -> None:
    at(hours=1)
    found = foreign_api.get("/api/v1/tasks/kept-to/", {"days": 92}).json()
    assert (found["people"], found["groups"]) == ([], [])


@pytest.mark.parametrize("days", ["0", "93", "x", "1.5", "9" * 30])
def test_a_wrong_window_is_400_naming_it(api, days) -> None:
    answer = api.get("/api/v1/tasks/kept-to/", {"days": days})
    assert (answer.status_code, list(answer.json())) == (400, ["days"])


def test_others_read_no_rate_of_this_team(workspace, api_of, foreign_api, card, at) -> None:
    at(hours=1)
    tools = [api_of(workspace, "viewer"), api_of(workspace, "helper"), foreign_api]
    assert [len(tool.get("/api/v1/tasks/kept-to/").json()["people"]) for tool in tools] == [1, 0, 0]
