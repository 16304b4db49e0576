"""群: list, detail, new community, new group, channel, archive."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from community_ops.accounts.models import WorkspaceRole
from community_ops.common.models import AuditEntry, OutboxEvent
from groups import services
from groups.models import ChatGroup, Community
from groups.subscribers import unbind_archived
from messaging import services as messaging
from messaging.events import EndpointArchived
from messaging.models import Delivery
from messaging.services import PlannedSend, plan_deliveries
from tests.factories.people import SYSTEM
from tests.members.makers import event, ingest, make_community, make_endpoint, make_group, make_member
from tests.moments import NOON

pytestmark = pytest.mark.django_db


def url(workspace, rest: str = "") -> str:
    return f"/w/{workspace.slug}/groups/{rest}"


def test_the_list_shows_groups_with_their_figures(signed_in, owner, workspace, group) -> None:
    ingest(group, event(group, author="李姐"), event(group, author="王哥"))
    page = signed_in(owner).get(url(workspace))
    assert page.status_code == 200
    (row,) = page.context["rows"]
    assert (row["group"], row["member_count"]) == (group, 2)
    assert "1 群" in page.content.decode()


def test_the_list_is_filtered_by_the_address(signed_in, owner, workspace, group) -> None:
    other = make_group(make_community(workspace, name="读书会"), "读书群")
    page = signed_in(owner).get(url(workspace) + f"?community={other.community_id}")
    assert [row["group"] for row in page.context["rows"]] == [other]


def test_htmx_gets_the_table_alone(signed_in, owner, workspace, group) -> None:
    page = signed_in(owner).get(url(workspace), headers={"HX-Request": "true"})
    assert "<html" not in page.content.decode()
    assert "1 群" in page.content.decode()


def test_an_empty_workspace_names_the_next_step(signed_in, owner, workspace) -> None:
    assert f"/w/{workspace.slug}/groups/new/" in signed_in(owner).get(url(workspace)).content.decode()


def test_a_helper_finds_only_her_groups(signed_in, helper, workspace, group, second_group) -> None:
    services.assign_staff(group=second_group, user=helper.user, role="helper", actor=SYSTEM, now=NOON)
    client = signed_in(helper)
    assert [row["group"] for row in client.get(url(workspace)).context["rows"]] == [second_group]
    assert client.get(url(workspace, f"{group.pk}/")).status_code == 404
    assert client.get(url(workspace, f"{second_group.pk}/")).status_code == 200


def test_a_stranger_finds_nothing(signed_in, stranger, workspace, group) -> None:
    client = signed_in(stranger)
    for rest in ("", f"{group.pk}/", "new/"):
        assert client.get(url(workspace, rest)).status_code == 404
    assert client.get(f"/w/{stranger.workspace.slug}/groups/{group.pk}/").status_code == 404


def test_the_page_of_a_group_shows_who_came_and_how_lively_it_is(signed_in, owner, workspace, group) -> None:
    member = make_member(group.community, "李姐")
    ingest(group, event(group, author="王哥", text="<b>早</b>"))
    page = signed_in(owner).get(url(workspace, f"{group.pk}/"))
    text = page.content.decode()
    assert page.status_code == 200
    assert "王哥" in text
    assert member.display_name not in text  # in the community, not in the group
    assert "<b>早</b>" not in text


def queries_of(client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(
        connection,
    ) as context:
        assert client.get(address).status_code == 200
    return len(context)


def test_the_list_asks_the_same_number_of_queries_for_1_and_20(signed_in, owner, workspace, group) -> None:
    client = signed_in(owner)
    ingest(group, event(group))
    before = queries_of(client, url(workspace))
    for number in range(19):
        more = make_group(group.community, f"{number} 群", endpoint=make_endpoint(workspace, f"{number}"))
        ingest(more, event(more))
    assert queries_of(client, url(workspace)) == before


def test_the_page_asks_the_same_number_of_queries_for_1_and_20(signed_in, owner, workspace, group) -> None:
    client = signed_in(owner)
    ingest(group, event(group))
    before = queries_of(client, url(workspace, f"{group.pk}/"))
    ingest(group, *(event(group, author=f"群友 {number}") for number in range(19)))
    assert queries_of(client, url(workspace, f"{group.pk}/")) == before


def test_a_community_is_founded_and_its_first_group_is_next(signed_in, owner, workspace) -> None:
    form = {
        "name": "晨跑社", "shared_task": "每天跑步", "kind": "interest",
        "timezone": "Asia/Shanghai", "currency": "CNY", "locale": "zh-hans",
    }  # fmt: skip
    answer = signed_in(owner).post(f"/w/{workspace.slug}/communities/new/", form)
    community = Community.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == url(workspace, f"new/?community={community.pk}")


@pytest.mark.parametrize("name", ["", "x" * 101, "a\x00b", "\u202eevil"])
def test_a_bad_name_is_shown_at_its_field(signed_in, owner, workspace, name) -> None:
    form = {"name": name, "shared_task": "x", "kind": "interest", "timezone": "UTC", "currency": "CNY", "locale": "en"}
    answer = signed_in(owner).post(f"/w/{workspace.slug}/communities/new/", form)
    assert answer.status_code == 422
    assert "name" in answer.context["form"].errors
    assert not Community.objects.exists()


def group_form(community, **changes):
    return {
        "community": community.pk, "name": "1 群", "kind": "long_term", "comfortable_size": 200, "member_cap": 500,
        "channel": "sandbox",
    } | changes  # fmt: skip


def test_a_group_is_made_with_its_sandbox_room(signed_in, owner, workspace, community) -> None:
    answer = signed_in(owner).post(url(workspace, "new/"), group_form(community))
    group = ChatGroup.objects.get()
    assert answer["Location"] == url(workspace, f"{group.pk}/")
    assert group.endpoint.connection.platform == "sandbox"


def test_a_group_is_bound_to_an_existing_channel(signed_in, owner, workspace, community) -> None:
    endpoint = make_endpoint(workspace)
    form = group_form(community, channel="existing", endpoint=endpoint.pk)
    signed_in(owner).post(url(workspace, "new/"), form)
    assert ChatGroup.objects.get().endpoint == endpoint


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"channel": "existing"}, "endpoint"),
        ({"channel": "webhook", "url": "nonsense", "secret": "s"}, "url"),
        ({"channel": "webhook", "url": "https://example.com/in"}, "secret"),
        ({"channel": "wecom_robot", "key": ""}, "key"),
        ({"comfortable_size": 0}, "comfortable_size"),
        ({"comfortable_size": 600}, "comfortable_size"),
    ],
)
def test_a_group_form_that_cannot_work_changes_nothing(signed_in, owner, workspace, community, changes, field) -> None:
    answer = signed_in(owner).post(url(workspace, "new/"), group_form(community, **changes))
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert not ChatGroup.objects.exists()


def test_foreign_communities_and_channels_cannot_be_chosen(
    signed_in, owner, workspace, community, foreign_community
) -> None:
    endpoint = make_endpoint(foreign_community.workspace)
    client = signed_in(owner)
    for form in (
        group_form(foreign_community),
        group_form(community, channel="existing", endpoint=endpoint.pk),
    ):
        assert client.post(url(workspace, "new/"), form).status_code == 422
    assert not ChatGroup.objects.exists()


def test_a_webhook_keeps_that_its_receiver_drops_repeats(signed_in, owner, workspace, community) -> None:
    client = signed_in(owner)
    webhook = {"channel": "webhook", "url": "https://example.com/in", "secret": "a-long-signing-secret"}
    for more in ({}, {"drops_repeats": "on"}):
        client.post(url(workspace, "new/"), group_form(community, key="of another kind", **webhook, **more))
    kept = [group.endpoint for group in ChatGroup.objects.order_by("id")]
    assert [endpoint.drops_repeats for endpoint in kept] == [False, True]
    assert "key" not in kept[0].connection.secret


def test_a_colleague_is_offered_as_a_channel_and_called_one(signed_in, owner, workspace, group) -> None:
    person = messaging.create_assignee(workspace_id=workspace.pk, name="小林", actor=SYSTEM, now=NOON)
    make_endpoint(workspace, "机器人")
    client = signed_in(owner)
    client.cookies["django_language"] = "en"
    for address in (url(workspace, "new/"), url(workspace, f"{group.pk}/")):
        text = client.get(address).content.decode()
        assert f'<option value="{person.endpoint_id}">Sent by hand · 小林</option>' in text
        assert ">机器人</option>" in text
        assert f'href="{reverse("messaging:assignees", args=[workspace.slug])}">No robot?' in text


def test_the_fields_of_a_channel_stand_under_its_kind(signed_in, owner, workspace, community) -> None:
    page = signed_in(owner).get(url(workspace, "new/"))
    parts = {part["kind"]: [field.name for field in part["fields"]] for part in page.context["form"].channel_parts()}
    assert parts == {"webhook": ["url", "secret", "drops_repeats"], "wecom_robot": ["key"], "existing": ["endpoint"]}
    text = page.content.decode()
    for kind in parts:
        assert f"channel-part-{kind}" in text
    assert text.count('name="secret"') == text.count('name="channel" value="webhook"') == 1


def test_without_a_community_a_new_group_says_what_comes_first(signed_in, owner, workspace) -> None:
    client = signed_in(owner)
    client.cookies["django_language"] = "en"
    answer = client.get(url(workspace, "new/"), follow=True)
    assert answer.redirect_chain == [(f"/w/{workspace.slug}/communities/new/", 302)]
    assert "Found a community first" in answer.content.decode()


def test_the_page_of_a_group_leads_to_what_can_be_done_for_it(signed_in, owner, viewer, workspace, group) -> None:
    links = [f"/w/{workspace.slug}/{page}/new/?group={group.pk}" for page in ("announcements", "members")]
    text = signed_in(owner).get(url(workspace, f"{group.pk}/")).content.decode()
    assert [link in text for link in links] == [True, True]
    seen = signed_in(viewer).get(url(workspace, f"{group.pk}/")).content.decode()
    assert [link in seen for link in links] == [False, False]
    services.archive_group(group=group, reason="完成使命", actor=SYSTEM, now=NOON)
    archived = signed_in(owner).get(url(workspace, f"{group.pk}/")).content.decode()
    assert [link in archived for link in links] == [False, False]


def test_a_group_without_a_channel_asks_for_one(signed_in, owner, workspace, group) -> None:
    client = signed_in(owner)
    client.cookies["django_language"] = "en"
    text = client.get(url(workspace, f"{group.pk}/")).content.decode()
    assert "<summary>Choose a channel</summary>" in text
    assert "<details open>" in text
    assert "There is no channel to choose yet" in text
    assert 'name="endpoint"' not in text
    endpoint = make_endpoint(workspace)
    assert 'name="endpoint"' in client.get(url(workspace, f"{group.pk}/")).content.decode()
    services.bind_endpoint(group=group, endpoint=endpoint, actor=SYSTEM, now=NOON)
    bound = client.get(url(workspace, f"{group.pk}/")).content.decode()
    assert "<summary>Change the channel</summary>" in bound
    assert "<details open>" not in bound


def test_the_messages_of_a_group_stand_by_their_time(signed_in, owner, workspace, group) -> None:
    services.bind_endpoint(group=group, endpoint=make_endpoint(workspace), actor=SYSTEM, now=NOON)
    for key, hours in (("tomorrow", 24), ("sent early", 1), ("today", 2)):
        planned = PlannedSend(
            source_key=key, endpoint_id=group.endpoint_id, text=key, due_at=NOON + timedelta(hours=hours),
            origin="test", origin_id=1, target_id=group.pk, target_label=group.name,
        )  # fmt: skip
        plan_deliveries(workspace_id=workspace.pk, plans=[planned], actor=SYSTEM, now=NOON)
    Delivery.objects.filter(source_key="sent early").update(accepted_at=NOON + timedelta(hours=5))
    page = signed_in(owner).get(url(workspace, f"{group.pk}/"))
    assert [row["at"] - NOON for row in page.context["timeline"]] == [timedelta(hours=h) for h in (24, 5, 2)]


@pytest.mark.parametrize("rest", ["new/", "{pk}/channel/", "{pk}/archive/"])
@pytest.mark.parametrize("who", ["viewer", "helper"])
def test_roles_that_may_not_manage_are_refused(request, signed_in, workspace, group, rest, who) -> None:
    someone = request.getfixturevalue(who)
    answer = signed_in(someone).post(url(workspace, rest.format(pk=group.pk)), {"reason": "x"})
    assert answer.status_code == 403
    assert ChatGroup.objects.get().archived_at is None


def test_the_channel_is_changed_and_taken_away(signed_in, owner, workspace, group) -> None:
    endpoint = make_endpoint(workspace)
    client = signed_in(owner)
    client.post(url(workspace, f"{group.pk}/channel/"), {"endpoint": endpoint.pk})
    assert ChatGroup.objects.get().endpoint == endpoint
    client.post(url(workspace, f"{group.pk}/channel/"), {"endpoint": ""})
    assert ChatGroup.objects.get().endpoint is None


def test_archiving_needs_a_reason(signed_in, owner, workspace, group) -> None:
    client = signed_in(owner)
    client.post(url(workspace, f"{group.pk}/archive/"), {"reason": ""})
    assert ChatGroup.objects.get().archived_at is None
    client.post(url(workspace, f"{group.pk}/archive/"), {"reason": "完成使命"})
    assert ChatGroup.objects.get().archived_at is not None
    assert client.get(url(workspace, f"{group.pk}/")).status_code == 200


@pytest.mark.parametrize("odd", ["999999999", "9" * 30])
def test_odd_ids_are_404(signed_in, owner, workspace, odd) -> None:
    assert signed_in(owner).get(url(workspace, f"{odd}/")).status_code == 404


def test_whoever_is_assigned_on_the_page_finds_the_group(signed_in, owner, helper, workspace, group) -> None:
    tab, person = signed_in(owner), WorkspaceRole.objects.get(user=helper.user)
    for _twice in range(2):
        tab.post(url(workspace, f"{group.pk}/staff/"), {"person": person.pk, "role": "helper"})
    assert group.staff.get().user == helper.user
    assert signed_in(helper).get(url(workspace, f"{group.pk}/")).status_code == 200
    for _twice in range(2):
        tab.post(url(workspace, f"{group.pk}/staff/{helper.user.pk}/remove/"))
    assert not group.staff.exists()
    assert signed_in(helper).get(url(workspace, f"{group.pk}/")).status_code == 404


def test_nobody_from_elsewhere_is_assigned(signed_in, owner, stranger, workspace, group) -> None:
    foreign = WorkspaceRole.objects.get(user=stranger.user)
    for wrong in (foreign.pk, 999_999_999, "x"):
        signed_in(owner).post(url(workspace, f"{group.pk}/staff/"), {"person": wrong, "role": "helper"})
    assert not group.staff.exists()


def test_only_those_who_manage_groups_assign(signed_in, viewer, helper, workspace, group) -> None:
    group.staff.create(workspace=workspace, user=helper.user, role="helper")
    for someone in (viewer, helper):
        tab = signed_in(someone)
        assert tab.post(url(workspace, f"{group.pk}/staff/"), {"person": 1, "role": "helper"}).status_code == 403
        assert tab.post(url(workspace, f"{group.pk}/staff/{helper.user.pk}/remove/")).status_code == 403
    assert group.staff.get().user == helper.user


def test_a_person_that_cannot_be_is_not_taken_away(signed_in, owner, workspace, group, helper) -> None:
    group.staff.create(workspace=workspace, user=helper.user, role="helper")
    answer = signed_in(owner).post(url(workspace, f"{group.pk}/staff/{2**63}/remove/"))
    assert answer.status_code == 302
    assert group.staff.count() == 1


def test_a_reason_with_marks_nobody_sees_archives_nothing(signed_in, owner, workspace, group) -> None:
    signed_in(owner).post(url(workspace, f"{group.pk}/archive/"), {"reason": "a\u202eb"})
    assert ChatGroup.objects.get(pk=group.pk).archived_at is None


def test_groups_of_an_archived_channel_have_none(workspace, group, owner) -> None:
    endpoint = make_endpoint(workspace)
    services.bind_endpoint(group=group, endpoint=endpoint, actor=SYSTEM, now=NOON)
    messaging.archive_endpoint(endpoint=endpoint, actor=owner.actor, now=NOON)
    for _twice in range(2):
        unbind_archived(EndpointArchived(workspace_id=workspace.pk, endpoint_id=endpoint.pk))
    assert OutboxEvent.objects.filter(name=EndpointArchived.name).count() == 1
    assert ChatGroup.objects.get(pk=group.pk).endpoint is None
    assert AuditEntry.objects.filter(verb="group.endpoint_bound").count() == 2
