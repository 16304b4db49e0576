"""A form of messaging that is sent twice, by a double tap or a retry: one thing, and the same page after it."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from community_ops.common.models import AuditEntry, IdempotencyRecord
from messaging import services
from messaging.inbound_models import RawEvent
from messaging.models import Assignee, Endpoint, FoundChat, FrequencyCap, Holiday, HumanTask, QuietHours, SandboxPost
from messaging.webhook_models import WebhookSubscription
from tests.common.test_pictures import drawn
from tests.factories.people import SYSTEM
from tests.members.makers import make_community, make_group
from tests.messaging.conftest import make_endpoint
from tests.messaging.test_rule_pages import KINDS
from tests.moments import NOON
from tests.races import at_once

pytestmark = pytest.mark.django_db
KEY = re.compile(r'name="once_key" value="(\w{32})"')
MOMENTS = {"title": "发圈", "text": "今晚八点", "due_at": "2026-11-21T20:00"}


@pytest.fixture
def tab(signed_in, owner):
    client = signed_in(owner)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def at(workspace):
    return lambda name, *args: reverse(f"messaging:{name}", args=[workspace.slug, *args])


def key_on(client, url: str) -> dict[str, str]:
    """The key a page's first creating form was drawn with; another one each time."""
    found, again = (KEY.search(client.get(url).content.decode()) for _ in range(2))
    assert found
    assert again
    assert found[1] != again[1]
    return {"once_key": found[1]}


def sent_twice(client, page: str, facts: dict, *, to: str = ""):
    """Both answers to a form as it stands on `page`, sent `to` an address."""
    facts = facts | key_on(client, page)
    return [client.post(to or page, facts, follow=True) for _ in range(2)]


def where(answer):
    return answer.redirect_chain, answer.status_code, [str(one) for one in answer.context["messages"]]


@pytest.mark.parametrize("kind", ["moments", "private"])
def test_a_card_is_made_once(tab, at, person, kind) -> None:
    facts = MOMENTS | {"assignee": person.pk, "names": "李姐"}
    first, again = sent_twice(tab, at("task_new", kind), facts)
    assert (HumanTask.objects.count(), AuditEntry.objects.filter(verb="task.created").count()) == (1, 1)
    assert where(again) == where(first)
    assert where(first)[0] == [(at("tasks"), 302)]


def test_a_card_with_a_picture_is_made_once(tab, at, person) -> None:
    key = key_on(tab, at("task_new", "moments"))
    for width, count in ((40, 1), (40, 1), (50, 2)):
        picture = SimpleUploadedFile("a.png", drawn(size=(width, 30)), "image/png")
        tab.post(at("task_new", "moments"), MOMENTS | key | {"assignee": person.pk, "image": picture})
        assert HumanTask.objects.filter(image__isnull=False).count() == count


def test_a_form_somebody_went_back_to_and_changed_is_another_one(tab, at, person) -> None:
    facts = MOMENTS | key_on(tab, at("task_new", "moments")) | {"assignee": person.pk}
    for title in ("发圈", "再发一条"):
        tab.post(at("task_new", "moments"), facts | {"title": title})
    assert HumanTask.objects.count() == 2


@pytest.mark.parametrize("key", [{}, {"once_key": "x" * 65}, {"once_key": "a\tb"}])
def test_without_a_key_each_is_another_one(tab, at, person, key) -> None:
    for _ in range(2):
        tab.post(at("task_new", "moments"), MOMENTS | key | {"assignee": person.pk})
    assert (HumanTask.objects.count(), IdempotencyRecord.objects.count()) == (2, 0)


def test_the_key_of_somebody_else_is_another_one(tab, at, person, signed_in, teammate) -> None:
    facts = MOMENTS | key_on(tab, at("task_new", "moments")) | {"assignee": person.pk}
    for client in (tab, signed_in(teammate)):
        client.post(at("task_new", "moments"), facts)
    assert HumanTask.objects.count() == 2


def test_what_was_refused_can_be_sent_again(tab, at, person) -> None:
    page = at("assignee_new")
    facts = {"name": person.name} | key_on(tab, page)
    assert [tab.post(page, facts).status_code for _ in range(2)] == [422, 422]
    assert not IdempotencyRecord.objects.exists()
    services.archive_assignee(assignee=person, actor=SYSTEM, now=NOON)
    assert tab.post(page, facts).status_code == 302


def test_a_colleague_is_added_once(tab, at) -> None:
    first, again = sent_twice(tab, at("assignee_new"), {"name": "阿May"})
    assert Assignee.objects.count() == 1
    assert where(again) == where(first)
    assert where(first)[0] == [(at("assignee_edit", Assignee.objects.get().pk), 302)]


def test_a_channel_is_made_once(tab, at) -> None:
    first, again = sent_twice(tab, at("endpoint_new", "sandbox"), {"name": "群"})
    assert Endpoint.objects.count() == 1
    assert where(again) == where(first)


def test_a_webhook_is_made_once_and_its_secret_shown_again(tab, at) -> None:
    facts = {"name": "记账", "url": "https://tools.example/hook", "everything": "on"}
    first, again = sent_twice(tab, at("webhook_new"), facts)
    key = WebhookSubscription.objects.get().secret["keys"][0]["key"]
    for answer in (first, again):
        assert (key in answer.content.decode(), answer["Cache-Control"]) == (True, "no-store")
    assert key.encode() not in bytes(IdempotencyRecord.objects.get().answer)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_is_added_once(tab, at, kind) -> None:
    model, facts = KINDS[kind]
    first, again = sent_twice(tab, at("send_rules"), facts, to=at("send_rule_new", kind))
    assert (model.objects.count(), where(again)) == (1, where(first))
    assert model in (QuietHours, Holiday, FrequencyCap)


@pytest.fixture
def account(workspace):
    return make_endpoint(workspace, "telegram", token="123456:" + "a" * 35, chat="-100").connection


def test_a_chat_that_somebody_typed_is_added_once(tab, at, account) -> None:
    first, again = sent_twice(tab, at("connection_chats", account.pk), {"name": "晨跑", "chat": "-200"})
    assert (account.endpoints.count(), where(again)) == (2, where(first))


def test_a_found_chat_is_bound_once(tab, at, account) -> None:
    chat = FoundChat.objects.create(
        workspace=account.workspace, connection=account, chat="-300", title="夜跑", kind="chat", seen_at=NOON
    )
    first, again = (tab.post(at("chat_bind", chat.pk), follow=True) for _ in range(2))
    assert (account.endpoints.count(), where(again)) == (2, where(first))


def test_a_word_in_the_room_is_said_once(tab, at, room) -> None:
    page, facts = at("room", room.pk), {"author": "李姐", "words": "在"}
    first, again = sent_twice(tab, page, facts | {"action": "say"}, to=at("room_say", room.pk))
    assert (SandboxPost.objects.count(), where(again)) == (1, where(first))
    sent_twice(tab, page, facts | {"action": "join"}, to=at("room_say", room.pk))
    assert RawEvent.objects.count() == 2


def test_a_pasted_text_is_recorded_once_and_said_to_be(client, workspace, person) -> None:
    group = make_group(make_community(workspace), name="晨跑 5 群", endpoint_id=person.endpoint_id)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    client.get(f"/t/{services.issue_link(assignee=person, actor=SYSTEM, now=NOON)}")
    facts = {"kind": "introduction", "group": group.pk, "author": "李姐", "words": "大家好"}
    first, again = sent_twice(client, "/t/paste/", facts)
    assert (RawEvent.objects.count(), where(again)) == (1, where(first))
    assert where(first)[2][0].startswith("Recorded in the activity")


@pytest.mark.django_db(transaction=True)
def test_two_at_the_same_moment_make_one_card(signed_in, owner, at, person) -> None:
    clients = [signed_in(owner) for _ in range(4)]
    facts = MOMENTS | key_on(clients[0], at("task_new", "moments")) | {"assignee": person.pk}
    answers = at_once([lambda tab=tab: tab.post(at("task_new", "moments"), facts) for tab in clients])
    assert [answer.status_code for answer in answers] == [302] * 4
    assert HumanTask.objects.count() == 1
