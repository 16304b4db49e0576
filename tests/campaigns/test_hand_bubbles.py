"""What a colleague posts by hand is shown as hers: no robot, and no mention that nobody makes."""

import pytest
from django.urls import reverse

from messaging import services as messaging
from messaging.models import Delivery
from tests.campaigns.conftest import make_group, schedule
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.usefixtures("at_noon", "in_english")


@pytest.fixture
def by_hand(workspace, community):
    may = messaging.create_assignee(workspace_id=workspace.pk, name="阿May", actor=SYSTEM, now=NOON)
    group = make_group(community, "人工群", platform="")
    group.endpoint = may.endpoint
    group.save(update_fields=["endpoint", "updated_at"])
    return group


def marks(bubble) -> list[tuple[str, str]]:
    return [(span["mark"], span["text"]) for line in bubble["parts"][0]["lines"] for span in line["spans"]]


def test_its_bubble_is_the_colleagues_with_plain_names(signed_in, owner, workspace, write, by_hand, group) -> None:
    announcement = write(by_hand, group, text="@[李姐](li) 看看")
    address = reverse("campaigns:announcement", args=[workspace.slug, announcement.pk])
    bubbles = signed_in(owner).get(address, headers={"accept-language": "en"}).context["bubbles"]
    hers = next(one for one in bubbles if one["group"] == "人工群")
    assert (hers["sender"], hers["avatar"]) == ("Posted by 阿May", "阿")
    assert marks(hers) == [("text", "@李姐 看看")]
    robots = next(one for one in bubbles if one["group"] == group.name)
    assert robots["sender"] == "Group assistant"
    assert ("mention", "李姐") in marks(robots)


def test_so_is_the_bubble_of_its_record(signed_in, owner, workspace, write, by_hand) -> None:
    schedule(write(by_hand))
    address = reverse("messaging:delivery", args=[workspace.slug, Delivery.objects.get().pk])
    bubble = signed_in(owner).get(address, headers={"accept-language": "en"}).context["bubble"]
    assert (bubble["sender"], bubble["avatar"]) == ("Posted by 阿May", "阿")
