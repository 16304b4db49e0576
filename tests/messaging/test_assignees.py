"""People who work by hand: what is refused about them, their channel, and their personal link."""

from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput, InvalidTransition
from community_ops.common.models import AuditEntry
from groups.models import ChatGroup, Community
from groups.services import bind_endpoint
from messaging import assignee_links, services, task_selectors
from messaging.errors import AssigneeBusy, EndpointInUse
from messaging.models import Assignee, Endpoint
from messaging.task_policies import link_digest
from tests.factories.people import SYSTEM
from tests.messaging.conftest import make_endpoint
from tests.moments import NOON


def change(person: Assignee, **facts) -> Assignee:
    names = ("name", "user", "deputy", "notice_endpoint", "mention")
    known = {name: getattr(person, name) for name in names}
    return services.update_assignee(assignee=person, **(known | facts), actor=SYSTEM, now=NOON)


def code_of(person: Assignee) -> str:
    code = services.issue_link(assignee=person, actor=SYSTEM, now=NOON)
    person.refresh_from_db()
    return code


def asks_with(response: HttpResponse):
    request = RequestFactory().get("/t/")
    request.COOKIES = {name: cookie.value for name, cookie in response.cookies.items()}
    return request


def test_a_person_comes_with_her_channel(person) -> None:
    assert person.endpoint.connection.platform == "assisted"
    assert Endpoint.objects.get().address == {"assignee": person.pk}
    assert AuditEntry.objects.get().verb == "assignee.created"


def test_a_person_is_refused_and_nothing_is_made(person, new_person, workspace, owner, stranger, room) -> None:
    other = services.create_assignee(workspace_id=stranger.workspace.pk, name="外人", actor=SYSTEM, now=NOON)
    new_person("小周", user=owner.user)
    services.archive_endpoint(endpoint=room, actor=SYSTEM, now=NOON)
    before = Assignee.objects.count(), Endpoint.objects.count(), AuditEntry.objects.count()
    wrong = [
        ("name", {"name": ""}), ("name", {"name": "阿May"}), ("user", {"name": "甲", "user": stranger.user}),
        ("user", {"name": "甲", "user": owner.user}), ("deputy", {"name": "甲", "deputy": other}),
        ("notice_endpoint", {"name": "甲", "notice_endpoint": person.endpoint}),
        ("notice_endpoint", {"name": "甲", "notice_endpoint": room}), ("mention", {"name": "甲", "mention": "a b"}),
    ]  # fmt: skip
    for field, facts in wrong:
        with pytest.raises(InvalidInput) as caught:
            services.create_assignee(workspace_id=workspace.pk, **facts, actor=SYSTEM, now=NOON)
        assert caught.value.field == field
    assert (Assignee.objects.count(), Endpoint.objects.count(), AuditEntry.objects.count()) == before


def test_a_change_is_recorded_once(person, new_person, room) -> None:
    deputy = new_person("小周")
    for _ in range(2):
        changed = change(person, name="阿美", deputy=deputy, notice_endpoint=room, mention="amei")
    assert (changed.name, changed.deputy, changed.notice_endpoint, changed.endpoint.name) == (
        "阿美",
        deputy,
        room,
        "阿美",
    )
    entry = AuditEntry.objects.get(verb="assignee.changed")
    assert entry.before == {"name": "阿May", "deputy": None, "notice_endpoint": None, "mention": ""}


def test_nobody_is_her_own_deputy(person) -> None:
    with pytest.raises(InvalidInput) as caught:
        change(person, deputy=person)
    assert caught.value.field == "deputy"


def test_archiving_waits_for_open_cards_and_planned_messages(card, person, plan) -> None:
    with pytest.raises(AssigneeBusy):
        services.archive_assignee(assignee=person, actor=SYSTEM, now=NOON)
    services.withdraw_task(task=card, actor=SYSTEM, now=NOON)
    later = plan(person.endpoint, due_at=NOON + timedelta(hours=1))
    with pytest.raises(EndpointInUse):
        services.archive_assignee(assignee=person, actor=SYSTEM, now=NOON)
    person.refresh_from_db()
    assert person.archived_at is None
    services.cancel_delivery(delivery=later, actor=SYSTEM, now=NOON)
    for _ in range(2):
        services.archive_assignee(assignee=person, actor=SYSTEM, now=NOON)
    person.refresh_from_db()
    assert (person.archived_at, Endpoint.objects.get(pk=person.endpoint_id).archived_at) == (NOON, NOON)
    assert AuditEntry.objects.filter(verb="assignee.archived").count() == 1


def test_her_name_and_her_place_as_deputy_are_free_when_she_is_archived(person, new_person) -> None:
    colleague = new_person("小周", deputy=person)
    services.archive_assignee(assignee=person, actor=SYSTEM, now=NOON)
    colleague.refresh_from_db()
    assert colleague.deputy is None
    assert new_person("阿May").pk != person.pk
    with pytest.raises(InvalidTransition):
        change(person, name="阿美")
    with pytest.raises(InvalidTransition):
        services.issue_link(assignee=person, actor=SYSTEM, now=NOON)


def test_only_the_digest_of_a_link_is_stored(person) -> None:
    code = code_of(person)
    assert len(code) >= 22  # 128 bits
    assert person.link_digest == link_digest(code)
    assert code not in str(AuditEntry.objects.filter(verb="assignee.link_issued").values())
    assert task_selectors.find_by_code(code) == person
    assert task_selectors.find_by_code("wrong") is None
    assert task_selectors.find_by_code("") is None


def test_a_new_link_ends_the_old_one_and_its_cookies(person) -> None:
    old, response = code_of(person), HttpResponse()
    assignee_links.remember_link(response, person)
    assert assignee_links.current_assignee(asks_with(response)) == person
    new = code_of(person)
    assert assignee_links.current_assignee(asks_with(response)) is None
    assert (task_selectors.find_by_code(old), task_selectors.find_by_code(new)) == (None, person)


def test_revoking_ends_the_cookie_at_once(person) -> None:
    code, response = code_of(person), HttpResponse()
    assignee_links.remember_link(response, person)
    assert services.revoke_link(assignee=person, actor=SYSTEM, now=NOON)
    assert not services.revoke_link(assignee=person, actor=SYSTEM, now=NOON)
    assert assignee_links.current_assignee(asks_with(response)) is None
    assert task_selectors.find_by_code(code) is None
    assert AuditEntry.objects.filter(verb="assignee.link_revoked").count() == 1


@pytest.mark.parametrize("value", ["", "x", "[1,2]", "WzEsICIiXQ:1tq:abc"])
def test_a_cookie_that_was_not_signed_here_is_nobody(person, value) -> None:
    code_of(person)
    request = RequestFactory().get("/t/")
    request.COOKIES[assignee_links.COOKIE] = value
    assert assignee_links.current_assignee(request) is None


def test_using_a_link_is_noted_at_most_once_in_ten_minutes(person) -> None:
    for minutes in (0, 9, 11):
        services.note_link_use(assignee=person, now=NOON + timedelta(minutes=minutes))
        person.refresh_from_db()
        assert person.link_seen_at == NOON + timedelta(minutes=11 if minutes == 11 else 0)


def test_groups_of_one_person_share_her_channel_without_a_warning(person, room, workspace) -> None:
    community = Community.objects.create(
        workspace=workspace, name="晨跑", shared_task="一起跑", kind="interest", timezone="Asia/Shanghai"
    )
    facts = {"workspace": workspace, "community": community, "kind": "long_term"}
    first, second = (ChatGroup.objects.create(name=name, **facts) for name in ("一群", "二群"))
    codes = {}
    for endpoint in (person.endpoint, room):
        bind_endpoint(group=first, endpoint=endpoint, actor=SYSTEM, now=NOON)
        warnings = bind_endpoint(group=second, endpoint=endpoint, actor=SYSTEM, now=NOON)
        codes[endpoint.name] = [one["code"] for one in warnings]
    assert codes == {"阿May": [], room.name: ["endpoint_shared"]}


def test_people_are_seen_by_their_team_and_a_helper_sees_herself(
    person, new_person, owner, viewer, helper, stranger
) -> None:
    mine = new_person("小周", user=helper.user)
    for who in (owner, viewer):
        assert list(task_selectors.assignees_visible_to(who.actor)) == [mine, person]
    assert list(task_selectors.assignees_visible_to(helper.actor)) == [mine]
    assert not task_selectors.assignees_visible_to(stranger.actor).exists()
    link = Actor.assignee(person.pk, name=person.name, workspace_id=person.workspace_id)
    assert not task_selectors.assignees_visible_to(link).exists()
    assert (task_selectors.assignee_of(helper.actor), task_selectors.assignee_of(link)) == (mine, person)


def test_her_deputy_comes_first_among_the_colleagues(new_person) -> None:
    first, deputy = new_person("一"), new_person("二")
    person = new_person("三", deputy=deputy)
    assert task_selectors.colleagues_of(person) == [deputy, first]


def test_a_robot_cannot_be_taken_from_another_team(person, stranger) -> None:
    foreign = make_endpoint(stranger.workspace, "sandbox")
    with pytest.raises(InvalidInput) as caught:
        change(person, notice_endpoint=foreign)
    assert caught.value.field == "notice_endpoint"
