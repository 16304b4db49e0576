"""events/, members/ and memberships/ over REST: what the contract test does not say."""

import pytest

from community_ops.common.models import OutboxEvent
from members.models import Member, Membership
from messaging.models import InboundEvent
from tests.members.makers import event, make_community, make_group

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("body", [{}, {"events": None}, {"events": {}}, {"events": "x"}, [], "x"])
def test_what_is_no_list_is_400_naming_events(api, body) -> None:
    answer = api.post("/api/v1/events/", body, format="json")
    assert (answer.status_code, list(answer.json())) == (400, ["events"])


def test_a_thousand_events_are_taken_in_one_request(api, group) -> None:
    answer = api.post("/api/v1/events/", {"events": [event(group) for _ in range(1000)]}, format="json")
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1000)
    assert OutboxEvent.objects.filter(name="members.EventsIngested").count() == 1


def test_413_has_the_shape_of_errors(api, group) -> None:
    answer = api.post("/api/v1/events/", {"events": [event(group)] * 1001}, format="json")
    assert (answer.status_code, answer.json()["code"], answer.json()["extra"]) == (
        413,
        "too_many_events",
        {"limit": 1000},
    )
    assert not InboundEvent.objects.exists()


def test_a_rejected_row_says_where_and_why(api, group) -> None:
    answer = api.post("/api/v1/events/", {"events": [event(group, text="a\x00b")]}, format="json")
    (row,) = answer.json()["rejected"]
    assert (row["index"], row["code"], row["field"]) == (0, "invalid", "text")
    assert row["message"].startswith("text: ")


@pytest.mark.parametrize("role", ["viewer"])
def test_a_role_that_may_not_is_403_and_changes_nothing(api_of, workspace, group, role) -> None:
    answer = api_of(workspace, role).post("/api/v1/events/", {"events": [event(group)]}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert not Member.objects.exists()


def test_there_is_nothing_to_get_under_events(api) -> None:
    assert api.get("/api/v1/events/").status_code == 405


def test_the_same_key_takes_events_once(api, group) -> None:
    body = {"events": [event(group)]}
    answers = [api.post("/api/v1/events/", body, format="json", headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.json()["accepted"] for answer in answers] == [1, 1]
    assert answers[0].content == answers[1].content
    assert InboundEvent.objects.count() == 1


def test_a_membership_says_when_the_group_is_too_large(api, community) -> None:
    group = make_group(community, comfortable_size=1)
    for name in ("李姐", "王哥"):
        member = api.post("/api/v1/members/", {"community": community.pk, "name": name}).json()
        answer = api.post("/api/v1/memberships/", {"member": member["id"], "group": group.pk})
    assert answer.status_code == 201
    assert [warning["code"] for warning in answer.json()["warnings"]] == ["above_comfortable_size"]


def test_a_membership_across_communities_is_400_naming_the_group(api, workspace, member) -> None:
    other = make_group(make_community(workspace, name="读书会"))
    answer = api.post("/api/v1/memberships/", {"member": member.pk, "group": other.pk})
    assert (answer.status_code, list(answer.json())) == (400, ["group"])
    assert not Membership.objects.exists()


@pytest.mark.parametrize("field", ["member", "group"])
def test_foreign_ids_are_400_naming_the_field(api, member, group, foreign_member, foreign_group, field) -> None:
    body = {"member": member.pk, "group": group.pk}
    for wrong in ({"member": foreign_member, "group": foreign_group}[field].pk, 999_999_999):
        answer = api.post("/api/v1/memberships/", body | {field: wrong})
        assert (answer.status_code, list(answer.json())) == (400, [field])
    assert not Membership.objects.exists()


def test_a_phone_never_comes_back(api, community) -> None:
    body = {"community": community.pk, "name": "李姐", "phone": "13812341234"}
    answer = api.post("/api/v1/members/", body)
    assert answer.status_code == 201
    assert "1381234" not in answer.content.decode() + api.get("/api/v1/members/").content.decode()
    again = api.post("/api/v1/members/", body)
    assert (again.status_code, again.json()["code"]) == (409, "phone_registered")
    assert Member.objects.count() == 1


def test_members_and_memberships_are_filtered(api, member, group, foreign_member) -> None:
    api.post("/api/v1/memberships/", {"member": member.pk, "group": group.pk})
    assert len(api.get(f"/api/v1/memberships/?group={group.pk}").json()["results"]) == 1
    assert len(api.get(f"/api/v1/memberships/?member={member.pk}").json()["results"]) == 1
    assert len(api.get(f"/api/v1/members/?community={group.community_id}").json()["results"]) == 1
    for wrong in (foreign_member.pk, 999_999_999, "x"):
        answer = api.get(f"/api/v1/memberships/?member={wrong}")
        assert (answer.status_code, list(answer.json())) == (400, ["member"])


@pytest.mark.parametrize("path", ["members", "memberships"])
def test_lists_ask_the_same_number_of_queries_for_1_and_20(api, group, path, django_assert_num_queries) -> None:
    def add(count: int) -> None:
        for _ in range(count):
            member = api.post("/api/v1/members/", {"community": group.community_id, "name": "群友"}).json()
            api.post("/api/v1/memberships/", {"member": member["id"], "group": group.pk})

    add(1)
    with django_assert_num_queries(2):
        api.get(f"/api/v1/{path}/")
    add(19)
    with django_assert_num_queries(2):
        assert len(api.get(f"/api/v1/{path}/").json()["results"]) == 20
