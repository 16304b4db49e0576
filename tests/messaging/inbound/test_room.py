"""The sandbox room: who came in and who left stands in it as it was heard, between what was said."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from messaging.inbound_models import RawEvent
from messaging.inbound_selectors import moves_in_room
from tests.campaigns.conftest import make_endpoint
from tests.moments import NOON

pytestmark = pytest.mark.django_db


def test_the_room_tells_who_came_in_and_who_left_once_it_was_heard(signed_in, owner, room, workspace, read) -> None:
    say, tab = reverse("messaging:room_say", args=[workspace.slug, room.pk]), signed_in(owner)
    url, english = reverse("messaging:room", args=[workspace.slug, room.pk]), {"Accept-Language": "en"}
    for action, words in (("join", ""), ("say", "在吗"), ("leave", "")):
        tab.post(say, {"author": "李姐", "words": words, "action": action})
    before = tab.get(url, headers=english)
    assert "came in" not in before.content.decode()
    read()
    poll = tab.get(url, {"seen": before.context["last"]}, headers=english | {"HX-Request": "true"})
    shown = poll.content.decode()
    assert shown.index("李姐 came in") < shown.index("在吗") < shown.index("李姐 left")
    again = tab.get(url, {"seen": poll.context["last"]}, headers=english | {"HX-Request": "true"})
    assert again.status_code == 204
    RawEvent.objects.update(body="", person_name="")  # as it is a week later
    shown = tab.get(url, headers=english).content.decode()
    assert ("Somebody came in" in shown, "Somebody left" in shown, "李姐 left" in shown) == (True, True, False)


def test_the_room_tells_nothing_of_what_was_not_read_or_was_elsewhere(room, workspace) -> None:
    other = make_endpoint(workspace)
    facts = {"workspace": workspace, "way": "room", "received_at": NOON, "next_try_at": NOON, "person_name": "李姐"}
    for number, (endpoint, state, kind) in enumerate(
        ((room, "pending", "join"), (room, "ignored", "join"), (other, "read", "join"), (room, "read", "message"))
    ):
        RawEvent.objects.create(
            external_id=str(number),
            connection=endpoint.connection,
            endpoint=endpoint,
            state=state,
            said_kind=kind,
            **facts,
        )
    assert moves_in_room(room) == []


def test_a_room_in_which_somebody_just_came_in_does_not_say_that_nothing_happened(
    signed_in, owner, room, workspace, read
) -> None:
    url, tab = reverse("messaging:room", args=[workspace.slug, room.pk]), signed_in(owner)
    assert tab.get(url, headers={"Accept-Language": "en"}).context["empty"]["title"] == "Nothing was posted here yet"
    tab.post(reverse("messaging:room_say", args=[workspace.slug, room.pk]), {"author": "王哥", "action": "join"})
    assert tab.get(url, headers={"Accept-Language": "en"}).context["empty"]["title"] == "Just heard"
    read()
    assert "empty" not in tab.get(url).context


def test_what_is_missing_is_said_in_its_own_words(signed_in, owner, room, workspace) -> None:
    say = reverse("messaging:room_say", args=[workspace.slug, room.pk])
    answer = signed_in(owner).post(say, {"author": "", "words": ""}, headers={"Accept-Language": "en"})
    assert answer.context["form"].errors == {
        "author": ["Give the name of the member who does this."],
        "words": ["Write what she says."],
    }


def test_who_came_in_can_be_looked_as(signed_in, owner, room, workspace, read) -> None:
    url, tab = reverse("messaging:room", args=[workspace.slug, room.pk]), signed_in(owner)
    tab.post(reverse("messaging:room_say", args=[workspace.slug, room.pk]), {"author": "王哥", "action": "join"})
    read()
    assert [face["name"] for face in tab.get(url, headers={"Accept-Language": "en"}).context["faces"]] == [
        "Nobody",
        "王哥",
    ]


def test_the_room_costs_the_same_however_much_was_said(signed_in, owner, room, workspace, read) -> None:
    url, tab = reverse("messaging:room", args=[workspace.slug, room.pk]), signed_in(owner)
    say = reverse("messaging:room_say", args=[workspace.slug, room.pk])

    def queries(times: int) -> int:
        for _number in range(times):
            for action in ("join", "say", "leave"):
                tab.post(say, {"author": "李姐", "words": "在吗", "action": action})
        read()
        tab.get(url)
        with CaptureQueriesContext(connection) as asked:
            tab.get(url)
        return len(asked)

    assert queries(1) == queries(8)
