"""The seven steps of an empty workspace: what counts, where each leads, and that the list stays open."""

import pytest
from django.urls import reverse

from dashboard.start_list import start_list
from tests.members.makers import make_community, make_endpoint, make_group

pytestmark = pytest.mark.django_db


def channel_step(owner):
    return start_list(owner.actor, owner.workspace.slug)[2]


def test_the_steps_stand_in_the_order_of_doing(owner) -> None:
    steps = start_list(owner.actor, owner.workspace.slug)
    assert len(steps) == 7
    assert [step["is_current"] for step in steps] == [True] + [False] * 6
    assert all(step["title"] and step["text"] and step["url"] for step in steps)


def test_a_channel_counts_once_a_group_sends_through_it(owner, workspace) -> None:
    channels = reverse("messaging:endpoints", args=[workspace.slug])
    endpoint = make_endpoint(workspace)
    assert (channel_step(owner)["is_done"], channel_step(owner)["url"]) == (False, channels)
    group = make_group(make_community(workspace))
    page = reverse("groups:group_detail", args=[workspace.slug, group.pk])
    assert (channel_step(owner)["is_done"], channel_step(owner)["url"]) == (False, f"{page}#channel")
    group.endpoint = endpoint
    group.save()
    assert channel_step(owner)["is_done"]


def test_the_list_stays_open_while_steps_are_missing(owner, workspace, signed_in) -> None:
    make_group(make_community(workspace), endpoint=make_endpoint(workspace))
    client = signed_in(owner)
    client.cookies["django_language"] = "en"
    page = client.get(reverse("dashboard:today", args=[workspace.slug])).content.decode()
    assert page.count("3 of 7 done") == 1
    assert page.count("Seven steps to a living community") == 1
    assert '<details class="panel stack" open>' in page
    assert "<summary>Show or fold the steps</summary>" in page
