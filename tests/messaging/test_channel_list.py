"""发送通道: the list says what a new channel can be and which ones fail; a month is told without promises."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from community_ops.common import dbtime
from community_ops.common.models import AuditEntry
from messaging.last_results import last_results
from messaging.models import Delivery, SendBudget, SendLimit, SendSlot
from messaging.ports import task_places
from tests.factories.people import make_person
from tests.members.makers import make_community, make_group
from tests.messaging.conftest import ROBOT_KEY, make_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def shown(signed_in, workspace):
    """The list as somebody of this role sees it, in English."""

    def show(role: str = "owner") -> str:
        client = signed_in(make_person(workspace, role))
        url = reverse("messaging:endpoints", args=[workspace.slug])
        return client.get(url, headers={"Accept-Language": "en"}).content.decode()

    return show


def test_a_colleague_is_a_way_to_send_too(shown, workspace) -> None:
    new = reverse("messaging:assignee_new", args=[workspace.slug])
    assert (new in shown(), new in shown("viewer")) == (True, False)


REFUSED = {"state": "failed", "reason": "refused", "platform_code": "93000", "platform_text": "<i>gone</i>"}


def test_a_channel_that_fails_says_so_until_something_is_accepted(shown, plan, hook) -> None:
    assert "Failing now" not in shown()
    failed = plan(hook)
    Delivery.objects.filter(pk=failed.pk).update(sending_at=NOON, **REFUSED)
    page = shown()
    assert ("Failing now" in page, "The platform said: 93000 &lt;i&gt;gone" in page) == (True, True)
    Delivery.objects.filter(pk=plan(hook).pk).update(state="accepted", accepted_at=NOON + timedelta(minutes=1))
    assert "Failing now" not in shown()


def test_the_list_asks_as_often_for_twenty_failing_channels_as_for_one(signed_in, owner, workspace, plan) -> None:
    client, url = signed_in(owner), reverse("messaging:endpoints", args=[workspace.slug])

    def queries(count: int) -> int:
        for _number in range(count):
            failed = plan(make_endpoint(workspace, "webhook", url="https://example.com/", secret="s" * 32))
            Delivery.objects.filter(pk=failed.pk).update(sending_at=NOON, **REFUSED)
        client.get(url)
        with CaptureQueriesContext(connection) as asked:
            client.get(url)
        return len(asked)

    assert queries(1) == queries(19)


@pytest.fixture
def used(workspace):
    """Let calls of an account have ended just now."""

    def use(endpoint, count: int) -> None:
        budget = SendBudget.objects.create(
            workspace=workspace, scope="connection", scope_id=endpoint.connection.identity_id
        )
        facts = {"workspace": workspace, "budget": budget, "started_at": dbtime.now(), "ended_at": dbtime.now()}
        SendSlot.objects.bulk_create(SendSlot(**facts) for _number in range(count))

    return use


def test_a_row_says_how_much_of_its_fullest_limit_is_used_now(shown, workspace, room, used) -> None:
    used(make_endpoint(workspace, "wecom_robot", key=ROBOT_KEY), 14)
    busy = make_endpoint(workspace, "wecom_robot", key=f"1{ROBOT_KEY[1:]}")
    used(busy, 3)
    SendLimit.objects.create(workspace=workspace, scope="endpoint", scope_id=busy.identity_id, count=4, seconds=3600)
    day = SendLimit.objects.create(
        workspace=workspace, scope="connection", scope_id=busy.connection.identity_id, count=4, seconds=86_400
    )
    page = shown()
    assert "14 of 20 used in this minute" in page
    assert "3 of 4 used in the last 24 hours" in page
    assert "used in this hour" not in page
    assert page.count("used in ") == 2  # a room has no limit
    day.delete()
    assert "3 of 20 used in this minute" in shown()


def test_the_list_asks_as_often_for_the_limits_of_twelve_channels_as_of_one(signed_in, owner, workspace, used) -> None:
    client, url = signed_in(owner), reverse("messaging:endpoints", args=[workspace.slug])

    def queries(count: int) -> int:
        for number in range(count):
            endpoint = make_endpoint(workspace, "wecom_robot", key=f"{count:02}{number:02}{ROBOT_KEY[4:]}")
            used(endpoint, 2)
            SendLimit.objects.create(
                workspace=workspace, scope="endpoint", scope_id=endpoint.identity_id, count=4, seconds=3600
            )
        client.get(url)
        with CaptureQueriesContext(connection) as asked:
            client.get(url)
        return len(asked)

    assert queries(1) == queries(11)


def test_a_channel_names_the_groups_it_serves(shown, workspace, room, hook) -> None:
    community = make_community(workspace)
    for number in range(5):
        make_group(community, name=f"晨跑 {number} 群", endpoint_id=room.pk)
    make_group(community, name="关了的群", endpoint_id=room.pk, archived_at=NOON)
    page = shown()
    assert "晨跑 0 群, 晨跑 1 群, 晨跑 2 群 and 2 more" in page
    assert ("关了的群" in page, page.count("No group yet")) == (False, 1)


def test_before_a_channel_is_archived_it_names_the_groups_that_lose_it_and_what_is_planned(
    signed_in, owner, workspace, plan, room, hook
) -> None:
    community = make_community(workspace)
    make_group(community, name="晨跑 1 群", endpoint_id=room.pk)
    plan(room)
    Delivery.objects.filter(pk=plan(room).pk).update(state="accepted")
    plan(hook)
    client, english = signed_in(owner), {"Accept-Language": "en"}
    page = client.get(reverse("messaging:endpoints", args=[workspace.slug]), headers=english).content.decode()
    question = page.split(f'id="archive-{room.pk}"')[1].split("</dialog>")[0]
    assert "<dt>Groups that lose it</dt><dd>1</dd>" in question
    assert "<li>晨跑 1 群</li>" in question
    assert "These groups have no channel then" in question
    assert "While messages are still to go through it, it cannot be archived." in question
    record = f"{reverse('messaging:deliveries', args=[workspace.slug])}?channel={room.pk}"
    assert f'<a href="{record}">1</a>' in question
    other = page.split(f'id="archive-{hook.pk}"')[1].split("</dialog>")[0]
    assert "Groups that lose it" not in other
    assert "<dt>Still to go through it</dt>" in other

    shown = client.get(record, headers=english)
    assert {row["delivery"].endpoint_id for row in shown.context["rows"]} == {room.pk}
    assert len(shown.context["rows"]) == 2
    assert (
        f'<span class="tag">{room.name}</span>' in shown.content.decode(),
        "Show all channels" in shown.content.decode(),
    ) == (True, True)


def test_a_helper_reads_the_names_of_her_groups_only(signed_in, workspace, room) -> None:
    community = make_community(workspace)
    mine = make_group(community, name="我的群", endpoint_id=room.pk)
    make_group(community, name="别人的群", endpoint_id=room.pk)
    helper = make_person(workspace, "helper")
    mine.staff.create(workspace=workspace, user=helper.user, role="helper")
    assert task_places.get("group").bound_to(helper.actor, [room.pk]) == {room.pk: ["我的群"]}


def test_a_channel_says_when_it_was_used_last_and_how_that_stands(workspace, plan, hook, room) -> None:
    for _number in range(room.pk + hook.pk):  # ids of messages and of channels are not the same
        plan(room)
    earlier, planned, later = plan(hook), plan(hook), plan(hook)
    Delivery.objects.filter(pk=later.pk).update(state="accepted", sending_at=NOON, accepted_at=NOON)
    Delivery.objects.filter(pk=earlier.pk).update(sending_at=NOON + timedelta(minutes=1), **REFUSED)
    found = last_results(workspace_id=workspace.pk, endpoint_ids=[hook.pk, room.pk], now=NOON)
    assert {pk: (one.delivery_id, one.at) for pk, one in found.items()} == {
        hook.pk: (earlier.pk, NOON + timedelta(minutes=1))
    }
    assert (found[hook.pk].badge.tone, planned.sending_at) == ("bad", None)


def test_a_test_message_is_a_result_too(shown, workspace, plan, hook) -> None:
    assert shown().count("Nothing sent yet") == 1
    Delivery.objects.filter(pk=plan(hook).pk).update(state="accepted", sending_at=NOON, accepted_at=NOON)
    assert "Accepted by the platform" in shown()
    AuditEntry.objects.create(
        workspace=workspace, target_kind="messaging.endpoint", target_id=str(hook.pk), verb="endpoint.tested",
        after={"outcome": "refused", "code": "93000", "text": "gone"}, at=NOON + timedelta(hours=1),
    )  # fmt: skip
    page = shown()
    assert ("Test refused" in page, "Accepted by the platform" in page) == (True, False)


def test_a_month_speaks_of_accepted_not_of_sent(signed_in, owner, workspace, plan, hook) -> None:
    Delivery.objects.filter(pk=plan(hook).pk).update(state="accepted", accepted_at=NOON)
    url = reverse("messaging:endpoint_edit", args=[workspace.slug, hook.pk])
    page = signed_in(owner).get(url, headers={"Accept-Language": "en"})
    assert page.context["month"]["series"][0]["name"] == "Accepted by the platform"
    assert page.context["month"]["source"] == "platform"


def test_a_persons_word_is_not_told_as_the_platforms(signed_in, owner, workspace, plan, hook) -> None:
    Delivery.objects.filter(pk=plan(hook).pk).update(state="confirmed")
    url = reverse("messaging:endpoint_edit", args=[workspace.slug, hook.pk])
    page = signed_in(owner).get(url, headers={"Accept-Language": "en"})
    sums = {one["name"]: sum(one["values"]) for one in page.context["month"]["series"]}
    assert sums == {"Accepted by the platform": 0, "Confirmed by a person": 1, "Did not go out": 0, "To be checked": 0}
    assert "Platform, Confirmed by a person" in page.content.decode()
