"""待我处理 offers in the row only what its reader may do."""

import pytest
from django.utils import translation

from campaigns import services as campaigns
from community_ops.accounts.models import Role
from community_ops.accounts.policies import may
from dashboard.needs import needs_in_short
from messaging.models import Delivery
from tests.campaigns.conftest import make_community, make_group
from tests.factories.people import SYSTEM, make_person
from tests.moments import NOON

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", [Role.OWNER, Role.OPERATOR, Role.MODERATOR, Role.VIEWER])
def test_a_message_in_doubt_is_decided_in_the_row_by_whoever_may(workspace, role) -> None:
    group = make_group(make_community(workspace), "1 群")
    draft = campaigns.AnnouncementDraft(groups=[group], text="今晚八点见", due_at=NOON)
    announcement = campaigns.create_announcement(workspace_id=workspace.pk, draft=draft, actor=SYSTEM, now=NOON)
    campaigns.schedule_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    Delivery.objects.update(state="unknown")
    actor = make_person(workspace, role).actor
    (need,) = needs_in_short(actor, workspace.slug, now=NOON).lines
    assert bool(need.decide_url) is may(actor, "deliveries.decide")
    assert (role == Role.VIEWER) is not bool(need.decide_url)


def test_a_doubt_about_one_part_says_so_where_it_is_decided(workspace) -> None:
    group = make_group(make_community(workspace), "1 群")
    draft = campaigns.AnnouncementDraft(groups=[group], text="今晚八点见", due_at=NOON)
    announcement = campaigns.create_announcement(workspace_id=workspace.pk, draft=draft, actor=SYSTEM, now=NOON)
    campaigns.schedule_announcement(announcement=announcement, actor=SYSTEM, now=NOON)
    Delivery.objects.update(state="unknown", parts_sent=1, part_count=3)
    with translation.override("en"):
        (need,) = needs_in_short(make_person(workspace, Role.OWNER).actor, workspace.slug, now=NOON).lines
    assert "The doubt is about message 2 of 3." in need.text
    assert "After “Sent” the last 1 follows at once" in need.text
