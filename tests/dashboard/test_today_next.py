"""What is next on Today says which of it will not be sent as things are."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from campaigns import services as campaigns
from dashboard import today
from messaging.models import Endpoint
from messaging.services.send_rules import RULES
from tests.campaigns.conftest import make_community, make_group
from tests.factories.people import SYSTEM
from tests.messaging.test_send_rules import cap, quiet
from tests.moments import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _in_english():
    with translation.override("en"):
        yield


@pytest.fixture
def community(workspace):
    return make_community(workspace)


@pytest.fixture
def groups(community):
    return [make_group(community, f"{number} 群") for number in (1, 2)]


def planned(groups, due_at, text="晚安"):
    draft = campaigns.AnnouncementDraft(groups=groups, text=text, due_at=due_at)
    made = campaigns.create_announcement(workspace_id=groups[0].workspace_id, draft=draft, actor=SYSTEM, now=NOON)
    campaigns.schedule_announcement(announcement=made, actor=SYSTEM, now=NOON)


def doomed(someone) -> list[list[str]]:
    RULES.forget()
    return [line["doomed"] for line in today.live(someone.actor, someone.workspace.slug, now=NOON)["next_sends"]]


def test_what_a_rule_holds_altogether_is_said_and_the_rest_is_not_marked(workspace, owner, groups) -> None:
    quiet(workspace, 22, 8)
    planned(groups, NOON + HOUR)
    planned(groups, NOON + 3 * HOUR)
    assert doomed(owner) == [[], ["Will not be sent. The quiet hours hold back 2 messages"]]


def test_some_of_it_is_counted_by_reason(workspace, owner, community, groups) -> None:
    cap(workspace, 1)
    planned(groups[:1], NOON + HOUR)
    silent = make_group(community, "没接通的群", platform="")
    planned([*groups, silent], NOON + 2 * HOUR)
    assert doomed(owner)[1] == ["The limit holds back 1 message", "1 group has no delivery channel"]


def test_an_archived_channel_carries_nothing(owner, groups) -> None:
    planned(groups, NOON + HOUR)
    Endpoint.objects.filter(pk=groups[0].endpoint_id).update(archived_at=NOON)
    assert doomed(owner) == [["The channel of 1 group is archived"]]


def test_more_groups_and_more_messages_ask_no_more_questions(
    workspace, owner, community, groups, django_assert_max_num_queries
) -> None:
    quiet(workspace, 22, 8)
    cap(workspace, 5)
    planned(groups[:1], NOON + HOUR)
    with CaptureQueriesContext(connection) as few:
        doomed(owner)
    many = [make_group(community, f"{number} 群") for number in range(3, 12)]
    for number in range(4):
        planned([*groups, *many], NOON + (number + 1) * HOUR / 4)
    with django_assert_max_num_queries(len(few)):
        doomed(owner)
