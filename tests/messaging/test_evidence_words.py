"""What "accepted" means is said by the evidence the platform declares, wherever a message's state is read."""

from dataclasses import replace

import pytest
from django.urls import reverse
from django.utils import translation

from campaigns import services as campaigns
from campaigns import wording as plan_words
from campaigns.selectors import states_of_announcement
from messaging.models import Delivery
from messaging.platforms import registry
from messaging.platforms.base import Evidence
from messaging.platforms.sandbox.adapter import SandboxAdapter
from tests.campaigns.conftest import make_community, make_group
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
ACCEPTED = {"state": "accepted", "accepted_at": NOON, "platform_code": "0", "platform_text": "ok"}
IN_ENGLISH = {"accept-language": "en"}
SAID = {
    Evidence.PLATFORM_CODE: ("The platform answered success", "Whether the group shows it is up to the platform."),
    Evidence.HTTP_STATUS: ("The receiver answered success", "What it did with the message only the receiver knows."),
    Evidence.MAIL_SERVER: ("The mail server took it", "Whether it reaches the inbox cannot be seen here."),
    Evidence.LIBRARY: (
        "The apprise library reports success",
        "How it knows, and whether it is shown, it does not say.",
    ),
    Evidence.PERSON: ("A person says that she sent it", ""),
    Evidence.ROOM: ("It is shown in the sandbox room", ""),
}


@pytest.fixture(params=Evidence)
def evidence(request, monkeypatch) -> Evidence:
    """The sandbox as a platform whose "accepted" rests on this."""
    monkeypatch.setattr(SandboxAdapter, "capabilities", replace(SandboxAdapter.capabilities, evidence=request.param))
    return request.param


def sentence(evidence: Evidence, *, at: str = "") -> str:
    first, then = SAID[evidence]
    return f"{first}{at}. {then}".strip()


@pytest.mark.parametrize(
    ("platform", "declared"),
    [
        ("sandbox", Evidence.ROOM),
        ("webhook", Evidence.HTTP_STATUS),
        ("email", Evidence.MAIL_SERVER),
        ("apprise", Evidence.LIBRARY),
        ("assisted", Evidence.PERSON),
        ("wecom_robot", Evidence.PLATFORM_CODE),
        ("telegram", Evidence.PLATFORM_CODE),
    ],
)
def test_each_platform_declares_what_its_yes_rests_on(platform, declared) -> None:
    assert registry.get(platform).capabilities.evidence is declared


def test_the_record_says_it_of_each_row_and_in_the_badges_title(evidence, plan, room, signed_in, owner) -> None:
    delivery = plan(room)
    Delivery.objects.update(**ACCEPTED)
    slug, tab = owner.workspace.slug, signed_in(owner)
    for page in (reverse("messaging:deliveries", args=[slug]), reverse("messaging:delivery", args=[slug, delivery.pk])):
        shown = tab.get(page, headers=IN_ENGLISH).content.decode()
        assert sentence(evidence, at=" (20:00:00)") in shown
        assert f'title="{sentence(evidence)}"' in shown
        others = [first for kind, (first, _then) in SAID.items() if kind is not evidence]
        assert not [first for first in others if first in shown]


def test_an_announcement_says_it_of_each_group(evidence, workspace, owner, signed_in) -> None:
    group = make_group(make_community(workspace), "1 群")
    draft = campaigns.AnnouncementDraft(groups=[group], text="今晚八点见", due_at=NOON)
    made = campaigns.create_announcement(workspace_id=workspace.pk, draft=draft, actor=SYSTEM, now=NOON)
    campaigns.schedule_announcement(announcement=made, actor=SYSTEM, now=NOON)
    Delivery.objects.update(**ACCEPTED)
    page = reverse("campaigns:announcement", args=[workspace.slug, made.pk])
    assert sentence(evidence) in signed_in(owner).get(page, headers=IN_ENGLISH).content.decode()


def test_one_badge_for_groups_on_different_platforms_claims_the_evidence_of_neither(workspace, owner) -> None:
    community = make_community(workspace)
    groups = [make_group(community, f"{number} 群") for number in (1, 2)]
    draft = campaigns.AnnouncementDraft(groups=groups, text="今晚八点见", due_at=NOON)
    made = campaigns.create_announcement(workspace_id=workspace.pk, draft=draft, actor=SYSTEM, now=NOON)
    campaigns.schedule_announcement(announcement=made, actor=SYSTEM, now=NOON)
    Delivery.objects.update(**ACCEPTED)
    with translation.override("en"):
        (alike,) = plan_words.badges_of(states_of_announcement(made, owner.actor, now=NOON))
        account = groups[1].endpoint.connection
        account.platform = "email"
        account.save(update_fields=["platform"])
        (mixed,) = plan_words.badges_of(states_of_announcement(made, owner.actor, now=NOON))
        assert (alike.count, str(alike.help)) == (2, "It is shown in the sandbox room.")
        assert (mixed.count, str(mixed.help)[:54]) == (2, "The other side answered success. What that proves diff")
