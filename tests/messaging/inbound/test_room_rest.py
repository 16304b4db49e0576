"""REST: a sandbox room is read, and spoken in as one of its members."""

import pytest
from rest_framework.test import APIClient

from community_ops.common import clock
from messaging.inbound_models import RawEvent
from messaging.models import InboundEvent, SandboxPost
from tests.members.makers import make_community, make_group
from tests.moments import NOON

pytestmark = pytest.mark.django_db
URL = "/api/v1/rooms/"


@pytest.fixture(autouse=True)
def at_noon(monkeypatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)


def test_rooms_are_the_sandbox_channels_and_no_others(api, room, hook) -> None:
    assert [one["id"] for one in api.get(URL).json()["results"]] == [room.pk]
    assert api.get(f"{URL}{room.pk}/").json()["name"] == room.name
    for action in ("", "posts/"):
        assert api.get(f"{URL}{hook.pk}/{action}").status_code == 404
    assert api.post(f"{URL}{hook.pk}/say/", {"author": "李姐", "words": "在吗"}, format="json").status_code == 404


def test_what_stands_there_is_read_in_order_and_in_pages(api, room, plan, deliver) -> None:
    delivery = plan(room, text="**开抢啦**", is_markdown=True)
    deliver()
    said = api.post(f"{URL}{room.pk}/say/", {"author": "李姐", "words": "在吗"}, format="json")
    assert said.status_code == 201
    first = api.get(f"{URL}{room.pk}/posts/?page_size=1").json()
    ours = first["results"][0]
    assert (ours["author"], ours["text"], ours["is_markdown"], ours["delivery"]) == (
        "", "**开抢啦**", True, delivery.pk,
    )  # fmt: skip
    (hers,) = api.get(first["next"]).json()["results"]
    assert hers == said.json()
    assert (hers["author"], hers["text"], hers["delivery"]) == ("李姐", "在吗", None)


def test_what_is_said_is_heard_as_on_the_page(api, room, workspace, read) -> None:
    group = make_group(make_community(workspace), endpoint_id=room.pk)
    for action, body in (("join", {}), ("say", {"words": "在吗"}), ("leave", {})):
        answer = api.post(f"{URL}{room.pk}/{action}/", {"author": "李姐"} | body, format="json")
        assert answer.status_code == (201 if action == "say" else 200)
    read()
    events = InboundEvent.objects.order_by("id").values_list("kind", "source", "target_id")
    assert sorted(events) == sorted((kind, "sandbox", group.pk) for kind in ("join", "leave", "message"))


def test_the_same_key_says_it_once(api, room) -> None:
    body = {"author": "李姐", "words": "在吗"}
    for _twice in range(2):
        answer = api.post(f"{URL}{room.pk}/say/", body, format="json", headers={"Idempotency-Key": "k1"})
        assert answer.status_code == 201
    assert SandboxPost.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"words": "x"}, "author"),
        ({"author": "", "words": "x"}, "author"),
        ({"author": "李" * 101, "words": "x"}, "author"),
        ({"author": 7, "words": "x"}, "author"),
        ({"author": "李姐"}, "words"),
        ({"author": "李姐", "words": " "}, "words"),
        ({"author": "李姐", "words": "字" * 10_001}, "words"),
    ],
)
def test_a_wrong_word_is_400_naming_it_and_nothing_is_said(api, room, body, field) -> None:
    answer = api.post(f"{URL}{room.pk}/say/", body, format="json")
    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert (SandboxPost.objects.count(), RawEvent.objects.count()) == (0, 0)


def test_an_operator_reads_and_speaks(api_of, workspace, room) -> None:
    client: APIClient = api_of(workspace, "operator")
    assert client.get(f"{URL}{room.pk}/posts/").status_code == 200
    assert client.post(f"{URL}{room.pk}/say/", {"author": "a", "words": "b"}, format="json").status_code == 201


@pytest.mark.parametrize("role", ["viewer", "helper", "moderator"])
def test_whoever_may_not_see_the_room_on_its_page_neither_reads_nor_speaks(api_of, workspace, room, role) -> None:
    client: APIClient = api_of(workspace, role)
    assert client.get(f"{URL}{room.pk}/posts/").status_code == 403
    for action in ("say", "join", "leave"):
        answer = client.post(f"{URL}{room.pk}/{action}/", {"author": "a", "words": "b"}, format="json")
        assert answer.status_code == 403
    assert not SandboxPost.objects.exists()


def test_another_teams_room_does_not_exist(api, stranger) -> None:
    from tests.messaging.conftest import make_endpoint

    theirs = make_endpoint(stranger.workspace, "sandbox")
    assert api.get(f"{URL}{theirs.pk}/posts/").status_code == 404
    assert api.post(f"{URL}{theirs.pk}/say/", {"author": "a", "words": "b"}, format="json").status_code == 404
