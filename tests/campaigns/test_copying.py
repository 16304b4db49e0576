"""A message that did not go out, or any other, is copied as a new draft."""

from datetime import date, timedelta

import pytest
from django.urls import reverse

from campaigns import services
from campaigns.models import Announcement
from community_ops.common.errors import InvalidInput
from community_ops.common.models import AuditEntry
from messaging.models import Delivery
from messaging.services import deliver_due
from messaging.services.send_rules import RULES
from tests.campaigns.conftest import schedule, text_of
from tests.factories.people import SYSTEM
from tests.messaging.test_send_rules import holiday, quiet
from tests.moments import NOON

pytestmark = pytest.mark.usefixtures("at_noon", "in_english")
HOUR = timedelta(hours=1)


def copied(announcement, groups, now=NOON) -> Announcement:
    return services.copy_announcement(announcement=announcement, groups=groups, actor=SYSTEM, now=now)


def test_a_copy_says_the_same_to_the_same_groups_and_sends_nothing(write, group, second_group) -> None:
    first = write(group, second_group, due_at=NOON + 5 * HOUR)
    schedule(first)
    before = Delivery.objects.count()
    copy = copied(first, [group, second_group])
    assert (copy.state, copy.text, copy.due_at) == ("draft", first.text, first.due_at)
    assert [target.group_id for target in copy.targets.order_by("group_id")] == [group.pk, second_group.pk]
    assert Delivery.objects.count() == before
    entry = AuditEntry.objects.get(verb="announcement.copied")
    assert (entry.target_id, entry.after["draft"]) == (str(first.pk), copy.pk)


def test_what_is_past_begins_in_an_hour_and_its_latest_moment_moves_along(write, group) -> None:
    first = write(group)
    first.latest_at = first.due_at + 2 * HOUR
    copy = copied(first, [group], now=NOON + 9 * HOUR)
    assert (copy.due_at, copy.latest_at) == (NOON + 10 * HOUR, NOON + 12 * HOUR)


def test_groups_that_are_archived_by_now_are_left_out(write, group, second_group) -> None:
    first = write(group, second_group)
    second_group.archived_at = NOON
    assert [target.group_id for target in copied(first, [group, second_group]).targets.all()] == [group.pk]
    with pytest.raises(InvalidInput):
        copied(first, [second_group])
    assert Announcement.objects.count() == 2


@pytest.fixture
def kept(workspace, write, group, second_group) -> Delivery:
    """Of a message to two groups, the one that the quiet hours kept."""
    quiet(workspace, 19, 22)
    holiday(workspace, date(2026, 12, 24))
    RULES.forget()
    schedule(write(group, second_group))
    deliver_due(worker="w", now=NOON + HOUR)
    return Delivery.objects.get(target_id=group.pk)


def test_the_record_names_the_rule_that_kept_it_with_its_place(workspace, signed_in, owner, kept) -> None:
    assert (kept.state, kept.reason) == ("cancelled", "quiet_hours")
    address = reverse("messaging:delivery", args=[workspace.slug, kept.pk])
    answer = signed_in(owner).get(address, headers={"accept-language": "en"})
    (rule,) = answer.context["blocked_by"]
    assert rule["label"] == "Quiet hours"
    assert rule["text"].startswith("19:00 – 22:00 · from ")
    assert rule["url"] == reverse("messaging:send_rules", args=[workspace.slug]) + "#quiet-hours"
    assert f'href="{rule["url"]}"' in text_of(answer)


def test_the_record_offers_a_copy_for_the_group_that_did_not_get_it(workspace, signed_in, owner, kept, group) -> None:
    client = signed_in(owner)
    address = reverse("campaigns:announcement_copy", args=[workspace.slug, kept.origin_id])
    page = client.get(reverse("messaging:delivery", args=[workspace.slug, kept.pk])).content.decode()
    assert f'action="{address}"' in page
    answer = client.post(address, {"group": kept.target_id})
    copy = Announcement.objects.latest("id")
    assert answer.url == reverse("campaigns:announcement_edit", args=[workspace.slug, copy.pk])
    assert [target.group_id for target in copy.targets.all()] == [group.pk]


def test_the_announcement_offers_a_copy_to_all_its_groups(workspace, signed_in, owner, kept) -> None:
    address = reverse("campaigns:announcement_copy", args=[workspace.slug, kept.origin_id])
    client = signed_in(owner)
    page = client.get(reverse("campaigns:announcement", args=[workspace.slug, kept.origin_id])).content.decode()
    assert f'action="{address}"' in page
    client.post(address)
    assert Announcement.objects.latest("id").targets.count() == 2


def test_who_may_not_write_copies_nothing(workspace, signed_in, viewer, kept) -> None:
    address = reverse("campaigns:announcement_copy", args=[workspace.slug, kept.origin_id])
    client = signed_in(viewer)
    assert client.post(address).status_code == 403
    page = client.get(reverse("messaging:delivery", args=[workspace.slug, kept.pk])).content.decode()
    assert address not in page
    assert Announcement.objects.count() == 1


def test_a_tool_copies_it_to_some_of_its_groups(api, write, group, second_group) -> None:
    first = write(group, second_group)
    answer = api.post(f"/api/v1/announcements/{first.pk}/copy/", {"groups": [second_group.pk]})
    assert answer.status_code == 201
    assert (answer.json()["groups"], answer.json()["state"]) == ([second_group.pk], "draft")
    assert api.post(f"/api/v1/announcements/{first.pk}/copy/").json()["groups"] == [group.pk, second_group.pk]
    assert api.post(f"/api/v1/announcements/{first.pk}/copy/", {"groups": [0]}).status_code == 400
